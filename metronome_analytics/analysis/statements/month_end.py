"""Every statement of one month, from one set of books at one moment: what a close is made of."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.analysis.frames import literal, required_instant
from metronome_analytics.analysis.statements.accrual import accrual
from metronome_analytics.analysis.statements.aging import aging
from metronome_analytics.analysis.statements.corrections_register import corrections_register
from metronome_analytics.analysis.statements.deferred_revenue import deferred_revenue
from metronome_analytics.analysis.statements.flux import flux
from metronome_analytics.analysis.statements.journal_entries import journal_entries
from metronome_analytics.analysis.statements.periods import last_months, month_end, month_start, one_month
from metronome_analytics.analysis.statements.revenue import revenue
from metronome_analytics.analysis.statements.roll_forward import roll_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.arguments import Instant

ACCOUNTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "billed": ("Receivables", "Deferred revenue"),
        "recognised_use": ("Deferred revenue", "Revenue"),
        "recognised_breakage": ("Deferred revenue", "Breakage revenue"),
        "adjusted": ("Adjustments of prepayments", "Deferred revenue"),
    }
)
"""Names to post deferred revenue to, until the user gives the accounts of their own ledger."""


def month_end_statements(
    month: str,
    balances: pl.DataFrame,
    invoices: pl.DataFrame,
    *,
    loaded_at: Instant,
    breakdowns: pl.DataFrame | None = None,
    accounts: Mapping[str, tuple[str, str]] = ACCOUNTS,
    months: int = 1,
) -> dict[str, pl.DataFrame]:
    """Every statement of `month` by name: roll_forward, deferred_revenue, revenue, flux, accrual, aging, and so on.

    `balances` (with archived ones) and `invoices` are those of the account as read at `loaded_at`; figures are of the
    month's end, or of `loaded_at` if the month still runs. `months` is how many months the first three go back.
    `breakdowns` are needed where billing periods lie on both sides of the month's end. Each frame has the columns of
    the analysis of its name; `flux` is by customer against the month before, `revenue` by product, `aging` holds what
    was issued by the end, `corrections_register` every chain there is, whenever it began, and `journal_entries` posts
    the deferred revenue to `accounts`.
    """
    name, read = one_month(month), required_instant("loaded_at", loaded_at)
    at = min(month_end(month_start(name)), read)
    span = last_months(name, months)
    past: dict[str, Any] = {"as_of": at, "loaded_at": read, "breakdowns": breakdowns}
    billed: dict[str, Any] = {"as_of": at, "breakdowns": breakdowns}
    deferred = deferred_revenue(balances, invoices, months=span, **past)
    issued = (pl.col("issued_at") < literal(at)).fill_null(value=False)
    return {
        "roll_forward": roll_forward(balances, invoices, months=span, **past),
        "deferred_revenue": deferred,
        "revenue": revenue(invoices, months=span, **billed),
        "flux": flux(invoices, months=last_months(name, 2), **billed),
        "accrual": accrual(invoices, month=name, **billed),
        "aging": aging(invoices.filter(issued), as_of=at),
        "corrections_register": corrections_register(invoices),
        "journal_entries": journal_entries(deferred.filter(pl.col("month") == name), accounts=accounts),
    }
