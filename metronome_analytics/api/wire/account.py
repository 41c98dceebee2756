"""What belongs to the account as a whole: credit types, custom field keys, the audit log."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import FLAG, INSTANT, JSON, TEXT, TEXTS

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

CONFIGURED_BILLING_PROVIDER = pl.Struct(
    {
        "billing_provider": TEXT,
        "delivery_method": TEXT,
        "delivery_method_id": TEXT,
        "delivery_method_configuration": JSON,
    }
)

SERVICES = pl.Struct({"services": pl.List(pl.Struct({"name": TEXT, "usage": TEXT, "ips": TEXTS}))})
