"""Writes billable metrics the way the API does."""

from __future__ import annotations

from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.price_list import QUANTITY_KEY, RETIRED, RETIRED_AT, Metric


def billable_metric(metric: Metric) -> Json:
    """A BillableMetricV1."""
    payload: Json = {
        "id": metric.id,
        "name": metric.name,
        "aggregation_type": metric.aggregation,
        "event_type_filter": {"in_values": [metric.event_type]},
        "property_filters": [{"name": key, "exists": True} for key in metric.group_keys],
        "group_keys": metric.group_definitions(),
        "custom_fields": {},
    }
    if metric.aggregation == "SUM":
        payload["aggregation_key"] = QUANTITY_KEY
    if metric is RETIRED.metric:
        payload["archived_at"] = offset_text(RETIRED_AT)
    return payload


def customer_metric(metric: Metric) -> Json:
    """A metric with the deprecated twins of its fields."""
    payload = billable_metric(metric)
    payload["aggregate"] = metric.aggregation.lower()
    payload["aggregate_keys"] = [QUANTITY_KEY] if metric.aggregation == "SUM" else []
    payload["filter"] = {"event_type": metric.event_type}
    payload["group_by"] = list(metric.group_keys)
    return payload
