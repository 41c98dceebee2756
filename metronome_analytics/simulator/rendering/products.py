"""Writes products the way the API does."""

from __future__ import annotations

from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.price_list import OPENED, RENAMED_AT, RETIRED_AT, Product

AUTHOR = "billing-ops@example.com"
_KINDS = {
    "UsageProductListItem": "USAGE",
    "SubscriptionProductListItem": "SUBSCRIPTION",
    "FixedProductListItem": "FIXED",
}


def product_list_item(product: Product) -> Json:
    """A ProductListItem; the storage product was renamed once, so its first and current names differ."""
    state: Json = {
        "name": product.name,
        "created_at": offset_text(OPENED),
        "created_by": AUTHOR,
        "starting_at": offset_text(OPENED),
        "tags": list(product.tags),
    }
    if product.metric is not None:
        state["billable_metric_id"] = product.metric.id
        state["quantity_conversion"] = None
        state["quantity_rounding"] = None
    if product.groups:
        state["pricing_group_key"] = [key for key, _ in product.groups]
    if product.presentation is not None:
        state["presentation_group_key"] = [product.presentation[0]]
    initial, updates = state, list[Json]()
    if product is price_list.STORAGE:
        initial = state | {"name": "Blob storage"}
        since = offset_text(RENAMED_AT)
        updates = [{"name": product.name, "created_at": since, "created_by": AUTHOR, "starting_at": since}]
    return {
        "id": product.id,
        "type": _KINDS[product.kind],
        "initial": initial,
        "current": state,
        "updates": updates,
        "archived_at": offset_text(RETIRED_AT) if product is price_list.RETIRED else None,
        "custom_fields": {},
    }
