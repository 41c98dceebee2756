"""A month of the books: its invoices reconciled, and everything as it stood at its end."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from metronome_analytics.analysis.closing import across, close
from metronome_analytics.analysis.reconcile import reconcile
from metronome_analytics.analysis.statements import periods
from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import External, read_file, wanted
from metronome_analytics.offers import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import polars as pl

    from metronome_analytics.analysis.checks.external import Units
    from metronome_analytics.analysis.closing import Close
    from metronome_analytics.analysis.reconciliation import Reconciliation
    from metronome_analytics.books.loading import Books
    from metronome_analytics.external import DecimalMark


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the books are compared with, and how close is close: the arguments of `ma.reconcile()`."""

    external: External | None = None
    external_units: Units = "major"
    tolerance: Decimal = Decimal("0.01")

    @classmethod
    def of(
        cls,
        external: object = None,
        *,
        external_columns: Mapping[str, str] | None = None,
        external_units: Units = "major",
        decimal: DecimalMark | None = None,
        tolerance: Decimal = Decimal("0.01"),
    ) -> Comparison:
        """Of a file's path or a frame, read before anything is loaded; ArgumentError where it does not fit."""
        if external is None and (external_columns or decimal):
            raise ArgumentError("external_columns and decimal are about external, which is not given.")
        if isinstance(external, str | Path):
            external = read_file(Path(external), wanted(external_columns))
        if external is not None and not isinstance(external, External):
            external = External.of(external, external_columns, decimal)
        return cls(external=external, external_units=external_units, tolerance=tolerance)


def reconciled(books: Books, compared: Comparison) -> Reconciliation:
    """The whole of the books against themselves and another system."""
    found = reconcile(
        books.invoices,
        books.balances,
        books.net_balances,
        compared.external,
        as_of=books.as_of,
        external_units=compared.external_units,
        tolerance=compared.tolerance,
    )
    return found.with_loaded(books.frames)


@dataclass(frozen=True)
class Month:
    """A month of the books. Its invoices are those whose period starts in it, or those issued in it (`by`)."""

    name: str
    books: Books
    compared: Comparison
    by: periods.By = "period"

    @staticmethod
    def named(name: str, by: periods.By = "period") -> str:
        """`name` if it is a month as 2026-10 and `by` a way to pick its invoices; else ArgumentError."""
        one_of("by", by, get_args(periods.By))
        return periods.one_month(name)

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return periods.month_start(self.name)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return periods.month_end(self.start)

    @property
    def over(self) -> bool:
        """Whether it was over when the books were read."""
        return self.end <= self.books.as_of

    @property
    def cut(self) -> datetime:
        """The moment its figures are of: its end, or while it runs when the books were read."""
        return min(self.end, self.books.as_of)

    @cached_property
    def invoices(self) -> pl.DataFrame:
        """Its invoices."""
        return periods.of_month(self.books.invoices, self.name, self.by)

    @property
    def which(self) -> str:
        """Which invoices are its own, in words."""
        return "issued in it" if self.by == "issued" else "whose period starts in it, or issued in it without one"

    def facts(self, external: Path | None = None) -> dict[str, str]:
        """What was selected and of when it is, in words for the reports; `external` is the other system's file."""
        read = f"{self.books.as_of:%Y-%m-%d %H:%M} UTC"
        return {
            "Account": self.books.environment or "(no label)",
            "Month": f"{self.name}, invoices {self.which}",
            **(
                {"Compared with": f"{external.name}, amounts in {self.compared.external_units} units"}
                if external is not None
                else {}
            ),
            **(
                {
                    "Balances and ledger": f"as of the end of {self.name} (24:00 UTC); what moved in it",
                    "Checks": f"of the books as read at {read}",
                }
                if self.over
                else {}
            ),
        }

    @cached_property
    def found(self) -> Reconciliation:
        """The reconciliation of the whole, about the month.

        The whole: the ledger that an invoice is checked against holds every month.
        """
        part = reconciled(self.books, self.compared).about(self.invoices, runs_until=None if self.over else self.end)
        return part.with_loaded(self.books.frames, self.name)

    @cached_property
    def days(self) -> pl.DataFrame | None:
        """Daily breakdowns of the customers whose billing periods lie on both sides of one of its ends, if any do."""
        needed = across(self.books.invoices, self.start, self.end)
        return None if needed is None else self.books.days_of(*needed)

    @cached_property
    def closed(self) -> Close | None:
        """The balances at its end and its own ledger; None while it runs."""
        if not self.over:
            return None
        return close(
            self.books.balances,
            starting=self.start,
            ending=self.end,
            loaded_at=self.books.as_of,
            invoices=self.books.invoices,
            breakdowns=self.days,
        )
