"""Reconciling and closing, on top of the loaders: what `Account.reconcile` and `Account.close_month` are."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.loaders import AllLoaders

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from metronome_analytics.analysis import Reconciliation
    from metronome_analytics.analysis.checks.external import Units
    from metronome_analytics.analysis.statements.periods import By
    from metronome_analytics.arguments import Customers
    from metronome_analytics.books.pack import ClosePack
    from metronome_analytics.external import DecimalMark


class ClosingLoaders(AllLoaders):
    """The loaders, and what checks and closes the books that they load."""

    def reconcile(
        self,
        month: str | None = None,
        customers: Customers | None = None,
        external: object = None,
        *,
        by: By = "period",
        tolerance: Decimal = Decimal("0.01"),
        external_columns: Mapping[str, str] | None = None,
        external_units: Units = "major",
        decimal: DecimalMark | None = None,
    ) -> Reconciliation:
        """Load what is needed and check it: `ma.reconcile()` of the whole account, or of what it says about one month.

        Loads every customer (or `customers`), archived ones too, all invoices and balances with archived ones, and the
        net balances in every credit type: the ledger that an invoice is checked against holds every month. What was
        loaded is in `.loaded` of the result: customers, invoices, balances, net_balances, receipts. `month` is as
        "2026-10"; its invoices are those whose period starts in it (or that have none and are issued in it), or those
        issued in it, `by="issued"`. `external` is another system's rows, a frame or the path of a CSV, .xlsx or Parquet
        file; `.statement()` then gives the difference in money. It is read before anything is loaded. The other
        arguments are those of `ma.reconcile()`.

        Raises ArgumentError for what is no month or a file that cannot be read, and what the loaders raise.

        >>> october = account.reconcile("2026-10")
        >>> october.verdict
        'ties out'
        """
        self.session.check_process()
        from metronome_analytics.books.loading import account_books  # noqa: PLC0415  # opening loads no analyses
        from metronome_analytics.books.month import Comparison, Month, reconciled  # noqa: PLC0415  # as above

        compared = Comparison.of(
            external,
            external_columns=external_columns,
            external_units=external_units,
            decimal=decimal,
            tolerance=tolerance,
        )
        if month is None:
            return reconciled(account_books(self, customers), compared)
        name = Month.named(month, by)
        return Month(name, account_books(self, customers), compared, by).found

    def close_month(
        self,
        month: str,
        folder: str | Path,
        external: object = None,
        *,
        customers: Customers | None = None,
        by: By = "period",
        tolerance: Decimal = Decimal("0.01"),
        external_columns: Mapping[str, str] | None = None,
        external_units: Units = "major",
        decimal: DecimalMark | None = None,
        accounts: Mapping[str, tuple[str, str]] | None = None,
    ) -> ClosePack:
        """Close a month into `folder`: reconcile it, draw up every statement, and write the pack; what was written.

        The files are close-MONTH.xlsx, close-MONTH.html, manifest.json, and in `statements` as Parquet and as CSV:
        reconciliation (in money), roll_forward, deferred_revenue, revenue, flux, accrual, aging, corrections_register,
        journal_entries, checks, exceptions and receipts. Figures of a month that is over are those of its end, 24:00
        UTC of its last day. Tables keep the API's unit, but for the journal entries; `accounts` maps their movements
        to (debit, credit) accounts, as in `ma.journal_entries()`. The manifest has the SHA-256 of every file, the
        receipts of the loads, and as of when it all is. The folder is tried and `external` read before anything is
        loaded, and the files come all at once: where something fails there is none. A CSV holds no formulas.

        A pack is written whatever the verdict: see its `.verdict` and `.reconciliation`. The other arguments are those
        of `reconcile()`. Raises ArgumentError for what is no month, a folder that cannot be written to, or a file that
        cannot be read, ConfigurationError without the extras `excel` and `report`, and what the loaders raise.

        >>> osprey = account.customers()["id"][0]
        >>> pack = account.close_month("2026-10", "october", customers=osprey)
        >>> pack.verdict
        'ties out'
        """
        self.session.check_process()
        from metronome_analytics.analysis.statements.month_end import ACCOUNTS  # noqa: PLC0415  # as above
        from metronome_analytics.books.loading import account_books  # noqa: PLC0415  # as above
        from metronome_analytics.books.month import Comparison, Month  # noqa: PLC0415  # as above
        from metronome_analytics.books.pack import folder_for, write_pack  # noqa: PLC0415  # as above

        compared = Comparison.of(
            external,
            external_columns=external_columns,
            external_units=external_units,
            decimal=decimal,
            tolerance=tolerance,
        )
        name, place = Month.named(month, by), folder_for(folder)
        closed = Month(name, account_books(self, customers), compared, by)
        return write_pack(closed, place, accounts or ACCOUNTS, external)
