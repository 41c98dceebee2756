"""Alerts, as they stand for each customer."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import alerts as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "Alerts",
    "Notifications",
]


class Alerts(dy.Schema):
    """One row per customer and alert. Key: `customer_id`, `id`.

    `customer_status` is ok, in_alarm, evaluating, or null for an archived alert. `threshold` is in the unit of
    `credit_type_name`, or in days or percent by `alert_type`. Trap: only ENABLED alerts are listed unless asked.
    """

    customer_id = c.key()
    id = c.key("alert.id")
    customer_status = c.text()
    triggered_by = c.text()
    name = c.text("alert.name")
    alert_type = c.text("alert.type")
    status = c.text("alert.status")
    threshold = c.amount("alert.threshold")
    credit_type_id = c.text("alert.credit_type.id")
    credit_type_name = c.text("alert.credit_type.name")
    updated_at = c.instant("alert.updated_at")
    uniqueness_key = c.text("alert.uniqueness_key")
    access_type = c.text("alert.access_type")
    credit_grant_type_filters = c.nested(wire.CUSTOMER_ALERT, "alert.credit_grant_type_filters")
    invoice_types_filter = c.nested(wire.CUSTOMER_ALERT, "alert.invoice_types_filter")
    custom_field_filters = c.text("alert.custom_field_filters")
    group_key_filter = c.text("alert.group_key_filter")
    group_values = c.text("alert.group_values")
    seat_filter = c.text("alert.seat_filter")
    alert_specifiers = c.text("alert.alert_specifiers")


class Notifications(dy.Schema):
    """One row per notification of a lifecycle event, the account's own or the system's. Key: `id`, `policy_type`.

    `policy_type` is the event (`contract.start`), `policy_offset` how long before or after it, as an ISO 8601 duration
    (`P1D`). The system's notifications have neither `id` nor offset, and `is_enabled` is theirs alone.
    """

    id = c.in_key(c.text())
    policy_type = c.in_key(c.text("policy.type"))
    policy_offset = c.text("policy.offset")
    name = c.text()
    type = c.text()
    is_enabled = c.flag()
    environment_type = c.text()
    created_at = c.instant()
    created_by = c.text()
    archived_at = c.instant()
