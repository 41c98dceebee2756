"""Customers, and how each is billed."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import INSTANT, JSON, MAP, TEXT, TEXTS

CUSTOMER = pl.Struct(
    {
        "id": TEXT,
        "external_id": TEXT,
        "ingest_aliases": TEXTS,
        "name": TEXT,
        "customer_config": pl.Struct({"salesforce_account_id": TEXT}),
        "custom_fields": MAP,
        "created_at": INSTANT,
        "updated_at": INSTANT,
        "archived_at": INSTANT,
        "current_billable_status": pl.Struct({"value": TEXT, "effective_at": INSTANT}),
    }
)

BILLING_CONFIGURATION = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        "billing_provider": TEXT,
        "delivery_method": TEXT,
        "delivery_method_id": TEXT,
        "configuration": JSON,
        "delivery_method_configuration": JSON,
        "archived_at": INSTANT,
    }
)

REVENUE_SYSTEM_CONFIGURATION = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        "provider": TEXT,
        "delivery_method": TEXT,
        "delivery_method_id": TEXT,
        "configuration": JSON,
        "delivery_method_configuration": JSON,
        "archived_at": INSTANT,
    }
)
