"""Alerts, as they stand for each customer."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import AMOUNT, CREDIT_TYPE, FLAG, INSTANT, JSON, TEXT, TEXTS

CUSTOMER_ALERT = pl.Struct(
    {
        "customer_status": TEXT,
        "triggered_by": TEXT,
        "alert": pl.Struct(
            {
                "id": TEXT,
                "name": TEXT,
                "type": TEXT,
                "status": TEXT,
                "threshold": AMOUNT,
                "credit_type": CREDIT_TYPE,
                "updated_at": INSTANT,
                "uniqueness_key": TEXT,
                "access_type": TEXT,  # SDK
                "credit_grant_type_filters": TEXTS,
                "invoice_types_filter": TEXTS,
                "custom_field_filters": JSON,
                "group_key_filter": JSON,
                "group_values": JSON,
                "seat_filter": JSON,
                "alert_specifiers": JSON,  # SDK
            }
        ),
    }
)

# Those at an offset from an event have an id, those of the system do not; only the system's say whether they are on.
NOTIFICATION = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "type": TEXT,
        "policy": pl.Struct({"type": TEXT, "offset": TEXT}),
        "is_enabled": FLAG,
        "environment_type": TEXT,
        "created_at": INSTANT,
        "created_by": TEXT,
        "archived_at": INSTANT,
    }
)
