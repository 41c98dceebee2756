"""Writes customers' plans the way the API does."""

from __future__ import annotations

from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.agreements import Contract, plan_id
from metronome_analytics.simulator.world.days import instant


def customer_plan(item: Contract) -> Json:
    """A CustomerPlan."""
    name = item.plan or ""
    payload: Json = {
        "id": item.id,
        "plan_id": plan_id(name),
        "plan_name": name,
        "plan_description": "Usage in arrears, by calendar month",
        "starting_on": offset_text(instant(item.start)),
        "net_payment_terms_days": item.net_terms,
        "custom_fields": dict(item.custom_fields),
    }
    return payload if item.end is None else payload | {"ending_before": offset_text(instant(item.end))}
