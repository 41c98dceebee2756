"""What a reconciliation found: its checks, the verdict, the rows behind them, and the money that differs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks import invoices as of_invoices
from metronome_analytics.analysis.checks.external import MISSING_THERE
from metronome_analytics.analysis.checks.verdicts import FAIL, NOT_CHECKED, PASS, WARNING, WORDS, in_words
from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.analysis.schemas import Checks, CheckSummary
from metronome_analytics.analysis.tie_out import tie_out
from metronome_analytics.analysis.verdict import Scope, headline
from metronome_analytics.analysis.verdict import verdict as verdict_of
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import ledger, line_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CHECKS = (
    *("invoice_total", "counted_once", "consolidated", "corrections", "billing_provider"),
    *("drawdown", "true_up", "prepaid_purchase"),
    *("ledger_signs", "access_schedule", "ledger_balance", "net_balance", "external"),
)
"""Every check, in the order of the result."""

_STANDING = ("ledger_signs", "access_schedule", "ledger_balance", "net_balance")
"""The checks of a balance as it stands, whatever invoice they name."""

_UNIT = ("credit_type_id", "credit_type_name")

_NAMES = ("customer_id", "invoice_id", "balance_id", "external_id")
"""What a row of a check may be about; without any it says that the check could not be made."""


@dataclass(frozen=True)
class Reconciliation:
    """What a reconciliation found.

    checks: one row per check and what it looked at, the columns of `Checks`.
    exceptions: those that failed, a bill for a void invoice above all else. summary: counts per check and credit type,
    the columns of `CheckSummary`. loaded: the frames that `account.reconcile()` loaded, by name; empty where frames
    were given. `loaded["invoices"]` are all of them, `month` (as "2026-10") says which the checks are about.

    >>> october = account.reconcile("2026-10")
    >>> october.verdict
    'ties out'
    >>> october.exceptions.height
    0
    """

    checks: pl.DataFrame
    exceptions: pl.DataFrame
    summary: pl.DataFrame
    loaded: Mapping[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    month: str | None = None
    _scope: Scope = field(default=Scope(), repr=False)
    _about: pl.Series | None = field(default=None, repr=False)
    _invoices: Given | None = field(default=None, repr=False)
    _balances: Given | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        checks: pl.DataFrame,
        invoices: Given | None = None,
        balances: Given | None = None,
        *,
        scope: Scope | None = None,
        about: pl.Series | None = None,
    ) -> Reconciliation:
        """Made of its checks, of what they are about, and of the frames that `rows` and `about` look into."""
        gravest = pl.col("causes").list.first().eq_missing(of_invoices.BILL_WITHOUT_INVOICE)
        failed = checks.filter(pl.col("verdict") == FAIL).sort(gravest, descending=True, maintain_order=True)
        return cls(
            checks,
            failed,
            _summary(checks),
            _scope=scope or Scope(),
            _about=about,
            _invoices=invoices,
            _balances=balances,
        )

    def with_loaded(self, loaded: Mapping[str, pl.DataFrame], month: str | None = None) -> Reconciliation:
        """The same, with the frames it was made of, and the month it is about."""
        return replace(self, month=month, loaded=dict(loaded))

    @classmethod
    def together(cls, parts: Sequence[Reconciliation]) -> Reconciliation:
        """The reconciliations of disjoint customers as one: their checks by name, of each name in the order of `parts`.

        What could not be checked at all, for want of a frame, is said once. Where a parent's invoice or commit
        concerns a child customer in another part, that part says that it is not in the frame: not checked.
        """
        checks = pl.concat([Checks.create_empty(), *(part.checks for part in parts)])
        named = pl.any_horizontal(pl.col(_NAMES).is_not_null())
        checks = pl.concat([checks.filter(named), checks.filter(~named).unique("check", maintain_order=True)])
        checks = pl.concat(checks.filter(pl.col("check") == name) for name in CHECKS)
        behind = [(part._invoices, part._balances) for part in parts]  # noqa: SLF001  # its own kind
        scope = Scope.together(part._scope for part in parts)  # noqa: SLF001  # as above
        about = [part._about for part in parts if part._about is not None]  # noqa: SLF001  # as above
        return cls.of(
            checks,
            *(_concat(frames) for frames in zip(*behind, strict=True)),
            scope=scope,
            about=pl.concat(about) if about else None,
        )

    @property
    def ok(self) -> bool:
        """Whether nothing failed. What could not be checked does not fail: see `complete`."""
        return self.exceptions.is_empty()

    @property
    def complete(self) -> bool:
        """Whether everything could be checked."""
        return not (self.checks["verdict"] == NOT_CHECKED).any()

    @property
    def verdict(self) -> str:
        """What it comes to.

        "ties out", "does not tie out" (something failed), "nothing to check" (no check was made, or `about` no
        invoice), "not closed: 3 drafts", or "not everything could be checked".
        """
        return verdict_of(self.checks, self._scope)

    @property
    def headline(self) -> str:
        """The verdict as a sentence, with the number of checks of each kind."""
        return headline(self.verdict, self.checks)

    def about(self, invoices: Given, *, runs_until: Instant | None = None) -> Reconciliation:
        """What was found about `invoices` (those of one month, say) and about what belongs to no invoice.

        Reconcile the whole account and take a part of the result, not the other way round: the ledger that an invoice
        is checked against holds every month. What is said of a balance as it stands stays, and so do rows of the other
        system, whichever of our invoices they match. `runs_until` is the end of a period that is not over: while it
        runs, or one of `invoices` is a draft, the verdict is that the books are not closed.
        """
        given = checked(invoices, "invoices", "id", "status").select("id", "status").unique("id").collect()
        scope = Scope.of(given.lazy(), part=True, runs_until=instant("runs_until", runs_until))
        ids = given["id"]
        known = ids if self._invoices is None else self._invoices.lazy().select("id").collect().to_series()
        elsewhere = pl.col("invoice_id").is_in(known.implode()) & ~pl.col("invoice_id").is_in(ids.implode())
        theirs = (pl.col("check") == "external") & ~pl.col("detail").eq_missing(MISSING_THERE)
        checks = self.checks.filter(pl.col("check").is_in(_STANDING) | theirs | ~elsewhere.fill_null(False))
        part = Reconciliation.of(checks, self._invoices, self._balances, scope=scope, about=ids)
        return replace(part, loaded=self.loaded, month=self.month)

    def statement(self) -> pl.DataFrame:
        """The reconciliation with the other system (`external=`) in money: the columns of `TieOut`, lines by currency.

        What Metronome invoiced, what the other system has, the difference, and the items it is made of, which foot to
        it: "unexplained" is zero. Amounts are Decimal(38, 10) in the API's unit (see `ma.major_units`), never added
        across currencies. Of a month (see `about`), Metronome's side is the month's invoices, and what the other
        system has for invoices of other months is timing. Without another system there are no rows; what the billing
        provider told Metronome is the check `billing_provider`.
        """
        return tie_out(self.checks, self._about)

    def rows(self, *, invoice_id: str | None = None, balance_id: str | None = None) -> dict[str, pl.DataFrame]:
        """The rows behind a check: `line_items` of the invoice and `ledger` entries of the balance.

        With both, only the lines and entries that concern each other.
        """
        found: dict[str, pl.DataFrame] = {}
        if invoice_id is not None and self._invoices is not None:
            lines = line_items(self._invoices.lazy().filter(pl.col("id") == invoice_id))
            found["line_items"] = _only(lines, "commit_id", balance_id).collect()
        if balance_id is not None and self._balances is not None:
            booked = ledger(self._balances.lazy().filter(pl.col("id") == balance_id))
            found["ledger"] = _only(booked, "invoice_id", invoice_id).collect()
        return found

    def __repr__(self) -> str:
        return f"Reconciliation({self.verdict}; {in_words(self.checks)})"

    def _repr_html_(self) -> str:
        counts = self.checks.group_by("check", maintain_order=True).agg(
            (pl.col("verdict") == verdict).sum().alias(word) for verdict, word in WORDS.items()
        )
        heads = "".join(f"<th>{escape(name)}</th>" for name in counts.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(f'{x:,}' if isinstance(x, int) else str(x))}</td>" for x in row) + "</tr>"
            for row in counts.iter_rows()
        )
        return (
            f"<div><strong>Reconciliation</strong>: {escape(self.headline)}<table><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


def _concat(frames: Iterable[Given | None]) -> pl.LazyFrame | None:
    given = [frame.lazy() for frame in frames if frame is not None]
    return pl.concat(given) if given else None


def _only(rows: pl.LazyFrame, column: str, value: str | None) -> pl.LazyFrame:
    return rows if value is None else rows.filter(pl.col(column) == value)


def _summary(checks: pl.DataFrame) -> pl.DataFrame:
    """Counts per check and credit type, in the order of the checks; one known by id alone counts with its name.

    Net balances alone have no name: that of a customer without a balance would stand apart from its own currency.
    Streamed, and without a `filter` inside of a group: either way polars would hold the groups' rows.
    """
    verdict = pl.col("verdict")
    kinds = {"passed": PASS, "failed": FAIL, "warnings": WARNING, "not_checked": NOT_CHECKED}
    counted = (
        checks.lazy()
        .group_by("check", *_UNIT, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            *((verdict == each).sum().cast(pl.Int64).alias(name) for name, each in kinds.items()),
            pl.when(verdict == FAIL).then(pl.col("difference").abs()).sum(),
        )
        .collect(engine="streaming")
    )
    known = counted.group_by("credit_type_id").agg(pl.col("credit_type_name").min().alias("known"))
    return (
        counted.join(known, on="credit_type_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("credit_type_name", "known").alias("credit_type_name"))
        .drop("known")
        .group_by("check", *_UNIT, maintain_order=True)
        .agg(pl.all().sum())
        .select(CheckSummary.column_names())
    )
