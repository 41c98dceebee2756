"""What a reconciliation comes to, in one word: the same on the screen, in reports and in an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.verdicts import FAIL, NOT_CHECKED, counts, in_words
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

TIES_OUT, DIFFERS = "ties out", "does not tie out"
NOTHING, NOT_CLOSED, UNSURE = "nothing to check", "not closed", "not everything could be checked"


@dataclass(frozen=True)
class Scope:
    """Which invoices a verdict is about. `part`: some of the account's, picked; `runs_until`: their period's end."""

    invoices: int = 0
    drafts: int = 0
    void: int = 0
    part: bool = False
    runs_until: datetime | None = None

    @classmethod
    def of(cls, heads: pl.LazyFrame, *, part: bool = False, runs_until: datetime | None = None) -> Scope:
        """The scope of invoices, each id once, by their `status`."""
        status = pl.col("status")
        counted = heads.select(
            pl.len(),
            (status == InvoiceStatus.DRAFT).sum().alias("drafts"),
            (status == InvoiceStatus.VOID).sum().alias("void"),
        )
        invoices, drafts, void = counted.collect().row(0)
        return cls(invoices, drafts, void, part, runs_until)

    @classmethod
    def together(cls, scopes: Iterable[Scope]) -> Scope:
        """The scope of disjoint customers' invoices."""
        every = list(scopes)
        return cls(*(sum(getattr(each, name) for each in every) for name in ("invoices", "drafts", "void")))

    @property
    def open(self) -> str | None:
        """Why these books are not closed; None when they are.

        A whole account always has drafts of the running month, so it is open only when nothing in it is final. Some
        of its invoices (a month's) are open while one of them is a draft or their period still runs.
        """
        if self.drafts and (self.part or self.drafts == self.invoices - self.void):
            return f"{NOT_CLOSED}: {count(self.drafts, 'draft')}"
        return f"{NOT_CLOSED}: it runs until {self.runs_until:%Y-%m-%d %H:%M} UTC" if self.runs_until else None


def verdict(checks: pl.DataFrame, scope: Scope) -> str:
    """One of `TIES_OUT`, `DIFFERS`, `NOTHING`, `UNSURE`, or `NOT_CLOSED` with the number of drafts.

    A failure stands whatever else is the case. Nothing to check: no check was made, or a part of the books has no
    invoice.
    """
    found = counts(checks)
    made = checks.height - found[NOT_CHECKED]
    if found[FAIL]:
        return DIFFERS
    if not made or (scope.part and not scope.invoices):
        return NOTHING
    if scope.open is not None:
        return scope.open
    return UNSURE if found[NOT_CHECKED] else TIES_OUT


def headline(verdict: str, checks: pl.DataFrame) -> str:
    """The verdict as a sentence, with the number of checks of each kind."""
    sentence = {UNSURE: "nothing failed, but not everything could be checked"}.get(verdict, verdict)
    mark = "." if ":" in sentence else ":"
    return f"{sentence[0].upper()}{sentence[1:]}{mark} {in_words(checks)}."
