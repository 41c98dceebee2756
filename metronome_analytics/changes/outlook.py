"""What a change does to the days ahead: which balances are drawn in which order, and when they run out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.tables import Balances
from metronome_analytics.tables.money import display
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from metronome_analytics.changes.terms import AccessItem
    from metronome_analytics.changes.view import View

_FIRST = {
    BalanceType.CREDIT: "CREDIT_SEGMENT_START",
    BalanceType.PREPAID: "PREPAID_COMMIT_SEGMENT_START",
    BalanceType.POSTPAID: "POSTPAID_COMMIT_INITIAL_BALANCE",
}
"""The ledger entry with which each type of balance begins."""


def outlook(
    view: View, customer_id: str, unit: str | None, *, now: datetime, at: datetime, new: pl.DataFrame | None = None
) -> str:
    """The customer's balances of the unit in the order in which usage `at` some time draws on them, and the forecast.

    `new` is a row of the balances that is not there yet. The analyses' own figures: `drain_order`, `forecast`.
    """
    # Analyses are imported when a plan needs one: opening an account stays quick, and starts none of polars' threads.
    from metronome_analytics.analysis.drain_order import drain_order  # noqa: PLC0415  # as said

    if view.frame is None:
        return ""
    own = view.frame.filter(
        pl.col("customer_id") == customer_id, pl.col("credit_type_name") == unit, pl.col("ledger").is_not_null()
    )
    if new is not None:
        own = pl.concat([own, new], how="diagonal_relaxed")
    names = drain_order(own, as_of=max(now, at))["balance_name"].to_list()
    order = f"drawn in this order: {', '.join(str(name) for name in names) or 'nothing'}"
    return "; ".join([order, *_forecast(own, now)])


def _forecast(own: pl.DataFrame, now: datetime) -> list[str]:
    """When all of them together run out at the present pace, or what is left of them at the end."""
    from metronome_analytics.analysis.burn_down import burn_down  # noqa: PLC0415  # as above
    from metronome_analytics.analysis.forecast import forecast  # noqa: PLC0415  # as above

    if own.is_empty():
        return []
    found = forecast(burn_down(own, as_of=now), as_of=now, by="customer", balances=own)
    return [_said(row) for row in found.iter_rows(named=True)]


def _said(row: dict[str, object]) -> str:
    runs_out, unused, unit = row["runs_out_at"], row["unused_at_end"], row["credit_type_name"]
    if runs_out is not None:
        return f"runs out on {runs_out:%Y-%m-%d}"
    left = "" if unused is None else f", {display(unused, str(unit))} unused at the end"  # type: ignore[arg-type]  # money
    return f"{row['verdict']}{left}"


def new_balance(type_: BalanceType, spans: Iterable[AccessItem], terms: Mapping[str, Any]) -> pl.DataFrame:
    """A balance that is not there yet, as the row of the balances that it will be: its `terms` are other columns."""
    names = ("amount", "starting_at", "ending_before")
    items = [{"id": f"new {n}", **{name: getattr(span, name) for name in names}} for n, span in enumerate(spans)]
    entries = [
        {"type": _FIRST[type_], "timestamp": item["starting_at"], "amount": item["amount"], "segment_id": item["id"]}
        for item in items
    ]
    row = {
        **terms,
        "id": "new",
        "type": str(type_),
        "access_schedule": {"schedule_items": items},
        "ledger": entries,
        "balance": sum((item["amount"] for item in items), start=Decimal(0)),
    }
    empty = Balances.create_empty()
    return pl.DataFrame([row], schema={name: empty.schema[name] for name in row})
