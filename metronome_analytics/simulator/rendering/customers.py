"""Writes customers the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, offset_text

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.customers import Customer
    from metronome_analytics.simulator.world.switches import Switches


def customer_detail(customer: Customer, switches: Switches) -> Json:
    """A CustomerDetail."""
    payload: Json = {
        "id": customer.id,
        "external_id": customer.aliases[0] if customer.aliases else customer.id,
        "ingest_aliases": list(customer.aliases),
        "name": customer.name,
        "customer_config": {"salesforce_account_id": customer.salesforce_id},
        "custom_fields": dict(customer.custom_fields),
        "created_at": offset_text(customer.created_at),
        "updated_at": offset_text(customer.updated_at),
        "archived_at": customer.archived_at and offset_text(customer.archived_at),
    }
    if switches.billable_status:
        payload["current_billable_status"] = {
            "value": "billable" if customer.billable else "unbillable",
            "effective_at": None,
        }
    return payload
