"""Billable metrics, and what they measured."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import FLAG, INSTANT, MAP, NAMED_REFERENCE, NUMBER, TEXT, TEXTS

_FILTER = pl.Struct({"in_values": TEXTS, "not_in_values": TEXTS})

# The customer's own list adds what is deprecated: aggregate, aggregate_keys, filter, group_by.
BILLABLE_METRIC = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "aggregation_type": TEXT,
        "aggregation_key": TEXT,
        "event_type_filter": _FILTER,
        "property_filters": pl.List(
            pl.Struct({"name": TEXT, "exists": FLAG, "in_values": TEXTS, "not_in_values": TEXTS})
        ),
        "group_keys": pl.List(TEXTS),
        "sql": TEXT,
        "archived_at": INSTANT,
        "custom_fields": MAP,
        "aggregate": TEXT,
        "aggregate_keys": TEXTS,
        "filter": MAP,
        "group_by": TEXTS,
    }
)

USAGE = pl.Struct(
    {
        "customer_id": TEXT,
        "billable_metric_id": TEXT,
        "billable_metric_name": TEXT,
        "start_timestamp": INSTANT,
        "end_timestamp": INSTANT,
        "value": NUMBER,
        "groups": pl.Map(TEXT, NUMBER),
    }
)

USAGE_GROUP = pl.Struct(
    {
        "starting_on": INSTANT,
        "ending_before": INSTANT,
        "group_key": TEXT,
        "group_value": TEXT,
        "group": MAP,
        "value": NUMBER,
    }
)

SEAT_USAGE = pl.Struct({"starting_on": INSTANT, "ending_before": INSTANT, "value": NUMBER})

PURCHASED_SEATS = pl.Struct({"charge_id": TEXT, "seat_count": NUMBER})

EVENT = pl.Struct(
    {
        "id": TEXT,
        "transaction_id": TEXT,
        "customer_id": TEXT,
        "event_type": TEXT,
        "timestamp": INSTANT,
        "properties": MAP,
        "is_duplicate": FLAG,
        "processed_at": INSTANT,
        "matched_customer": NAMED_REFERENCE,
        "matched_billable_metrics": pl.List(BILLABLE_METRIC),
    }
)
