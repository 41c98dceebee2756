"""Billable metrics and what they measured."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import usage as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "BillableMetrics",
    "Events",
    "PurchasedSeats",
    "SeatUsage",
    "Usage",
    "UsageGroups",
]


class BillableMetrics(dy.Schema):
    """One row per billable metric, of the account or of each customer. Key: `id`, `customer_id`.

    `customer_id` is null in the account's own list. `aggregate`, `aggregate_keys`, `filter` and `group_by` are
    deprecated and come with customers only.
    """

    id = c.in_key(c.text())
    customer_id = c.in_key(c.text())
    name = c.text()
    aggregation_type = c.text()
    aggregation_key = c.text()
    event_type_filter = c.nested(wire.BILLABLE_METRIC, "event_type_filter")
    property_filters = c.nested(wire.BILLABLE_METRIC, "property_filters")
    group_keys = c.nested(wire.BILLABLE_METRIC, "group_keys")
    sql = c.text()
    archived_at = c.instant()
    custom_fields = c.mapping()
    aggregate = c.text()
    aggregate_keys = c.nested(wire.BILLABLE_METRIC, "aggregate_keys")
    filter_ = c.mapping(alias="filter")  # dataframely has a method of that name
    group_by = c.nested(wire.BILLABLE_METRIC, "group_by")


class Usage(dy.Schema):
    """One row per customer, metric and window. Key: `customer_id`, `billable_metric_id`, `start_timestamp`.

    `value` is a quantity of the metric, null where nothing can be said; `groups` splits it where a grouping was asked
    for.
    """

    customer_id = c.key()
    billable_metric_id = c.key()
    billable_metric_name = c.text()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    value = c.number()
    groups = c.nested(wire.USAGE, "groups")


class UsageGroups(dy.Schema):
    """One row per window and group of one customer's metric.

    Key: `customer_id`, `billable_metric_id`, `starting_on`, `group` (which may be null). `group` has
    every key and value; `group_key` and `group_value` are deprecated.
    """

    customer_id = c.in_key(c.text())
    billable_metric_id = c.in_key(c.text())
    starting_on = c.in_key(c.instant())
    ending_before = c.instant()
    group_key = c.text()
    group_value = c.text()
    group = c.in_key(c.mapping())
    value = c.number()


class SeatUsage(dy.Schema):
    """One row per window of one customer's seats. Key: `customer_id`, `seat_metric_id`, `starting_on`.

    `value` is how many seats, at most or at the end of the window as it was asked for; null where nothing can be said.
    """

    customer_id = c.key()
    seat_metric_id = c.key()
    starting_on = c.instant(primary_key=True)
    ending_before = c.instant()
    value = c.number()


class PurchasedSeats(dy.Schema):
    """One row per seat charge of a customer. Key: `customer_id`, `charge_id`. `seat_count` is what was bought."""

    customer_id = c.key()
    charge_id = c.key()
    seat_count = c.number()


class Events(dy.Schema):
    """One row per ingested event. Key: `id`.

    `customer_id` is what the event named, an id or an ingest alias; `matched_customer_id` is whom it was counted for.
    `is_duplicate` tells an event whose `transaction_id` had come before: it does not count.
    """

    id = c.key()
    transaction_id = c.text()
    customer_id = c.text()
    event_type = c.text()
    timestamp = c.instant()
    properties = c.mapping()
    is_duplicate = c.flag()
    processed_at = c.instant()
    matched_customer_id = c.text("matched_customer.id")
    matched_customer_name = c.text("matched_customer.name")
    matched_billable_metrics = c.nested(wire.EVENT, "matched_billable_metrics")
