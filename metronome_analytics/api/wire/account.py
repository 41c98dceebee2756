"""What belongs to the account as a whole: credit types, custom field keys, the audit log."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import FLAG, INSTANT, TEXT

CREDIT_TYPE_ROW = pl.Struct({"id": TEXT, "name": TEXT, "is_currency": FLAG})

CUSTOM_FIELD_KEY = pl.Struct({"entity": TEXT, "key": TEXT, "enforce_uniqueness": FLAG})

AUDIT_LOG = pl.Struct(
    {
        "id": TEXT,
        "timestamp": INSTANT,
        "action": TEXT,
        "status": TEXT,
        "description": TEXT,
        "resource_type": TEXT,
        "resource_id": TEXT,
        "actor": pl.Struct({"id": TEXT, "name": TEXT, "email": TEXT}),
        "request": pl.Struct({"id": TEXT, "ip": TEXT, "user_agent": TEXT}),
    }
)
