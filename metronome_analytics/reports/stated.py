"""The statements of a page: one section each, a table for each currency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from metronome_analytics.analysis.statements.aging import BUCKETS
from metronome_analytics.reports.tables import by_currency, section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.reports.report import Report


class _Section(NamedTuple):
    """How a statement is shown: its keys and amounts with their headings, and what it says."""

    title: str
    note: str
    keys: Mapping[str, str]
    amounts: Mapping[str, str]
    counts: Mapping[str, str] = {}
    total: bool = False
    sparse: bool = False


_SECTIONS = {
    "reconciliation": _Section(
        "Reconciliation with the other system",
        "Per Metronome, per the other system, the difference, and the items that it is made of; they foot to it.",
        {"line": "Line"},
        {"amount": "Amount"},
        {"rows": "Invoices"},
    ),
    "revenue": _Section(
        "Revenue by product",
        "What was billed for the month. Coverage is negative; purchases are prepayments, and earned by use.",
        {"product_name": "Product"},
        {
            "gross": "Usage",
            "fixed": "Fixed",
            "covered_prepaid": "By prepaid",
            "covered_credit": "By credits",
            "purchases": "Purchases",
            "net": "Billed",
        },
        total=True,
        sparse=True,
    ),
    "flux": _Section(
        "Flux by customer",
        "Why what was billed moved from the month before: the parts add up to the change.",
        {"customer": "Customer"},
        {
            "before": "Before",
            "after": "After",
            "volume": "Volume",
            "price": "Price",
            "new": "New",
            "gone": "Gone",
            "coverage": "Coverage",
            "fixed": "Fixed",
            "one_off": "One-off",
            "change": "Change",
        },
        total=True,
        sparse=True,
    ),
    "deferred_revenue": _Section(
        "Deferred revenue",
        "What was billed for prepaid commits and not yet earned: opening, billed, earned by use and expiry, closing.",
        {"month": "Month"},
        {
            "opening": "Opening",
            "billed": "Billed",
            "recognised_use": "By use",
            "recognised_breakage": "By expiry",
            "adjusted": "Adjusted",
            "closing": "Closing",
            "current": "Current",
            "non_current": "Non-current",
        },
    ),
    "roll_forward": _Section(
        "Roll-forward of balances",
        "What commits and credits held, what moved them and what they hold. A POSTPAID commit is no money left.",
        {"balance_type": "Type"},
        {
            "opening": "Opening",
            "granted": "Granted",
            "used": "Used",
            "expired": "Expired",
            "rolled_over": "Rolled over",
            "adjusted": "Adjusted",
            "trued_up": "Trued up",
            "closing": "Closing",
        },
    ),
    "accrual": _Section(
        "Used and not billed",
        "Drafts at the month's end, the part issued since, and what came late. True-ups are an outlook and no accrual.",
        {"customer": "Customer"},
        {
            "unbilled": "Not billed at the end",
            "issued_since": "Issued since",
            "late": "Late",
            "true_up_outlook": "True-up outlook",
        },
        total=True,
        sparse=True,
    ),
    "aging": _Section(
        "Unpaid invoices by age",
        "Final invoices that the billing provider does not call paid; unknown: it tells nothing.",
        {"bucket": "Past due", "status": "Status"},
        {"amount": "Amount"},
        {"invoices": "Invoices"},
        total=True,
    ),
    "corrections_register": _Section(
        "Corrections",
        "Chains of void, regenerated and corrected invoices, and what each changed.",
        {"customer": "Customer", "first": "First invoice", "last": "Last invoice", "last_status": "Its status"},
        {"first_total": "First total", "standing_total": "What stands", "net_effect": "Net effect"},
    ),
}


def statements(report: Report) -> list[str]:
    """A section for each statement that was given."""
    body = []
    for name, how in _SECTIONS.items():
        frame = report.statements.get(name)
        if frame is None or (frame.is_empty() and name == "reconciliation"):
            continue
        shown = by_currency(
            name.replace("_", "-"),
            _shown(name, frame),
            how.keys,
            how.amounts,
            counts=how.counts,
            total=how.total,
            sparse=how.sparse,
        )
        body += section(how.title, how.note, shown)
    return body


def _shown(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` as it is shown: unpaid invoices by age, what moved most first, customers by their names."""
    if name == "aging":
        ages = frame.group_by("unit", "credit_type_name", "bucket", "status").agg(
            pl.col("amount").sum(), pl.len().alias("invoices")
        )
        order = pl.col("bucket").replace_strict(list(BUCKETS), list(range(len(BUCKETS))), return_dtype=pl.Int64)
        return ages.sort("unit", order, "status")
    if name == "revenue":
        moves = pl.any_horizontal(pl.col("gross", "fixed", "purchases", "net") != 0)
        return frame.filter(moves).with_columns(pl.col("product_name").fill_null("(no product)"))
    if "customer_id" in frame.columns:
        named = pl.coalesce("customer_name", "customer_id").alias("customer")
        ranked = {"flux": "change", "accrual": "unbilled"}.get(name)
        amounts = pl.col([column for column in _SECTIONS[name].amounts if column in frame.columns])
        with_names = frame.with_columns(named).filter(pl.any_horizontal((amounts != 0).fill_null(value=False)))
        return (
            with_names
            if ranked is None
            else with_names.sort(pl.col(ranked).abs(), descending=True, maintain_order=True)
        )
    return frame
