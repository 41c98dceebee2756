"""What an account sells: products, and packages of them."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.contracts import USAGE_STATEMENT_SCHEDULE
from metronome_analytics.api.wire.kinds import FLAG, INSTANT, JSON, MAP, NUMBER, TEXT, TEXTS
from metronome_analytics.api.wire.rates import ALIAS

_PRODUCT_STATE = {
    "name": TEXT,
    "created_at": INSTANT,
    "created_by": TEXT,
    "starting_at": INSTANT,
    "billable_metric_id": TEXT,
    "tags": TEXTS,
    "pricing_group_key": TEXTS,
    "presentation_group_key": TEXTS,
    "quantity_conversion": pl.Struct({"name": TEXT, "operation": TEXT, "conversion_factor": NUMBER}),
    "quantity_rounding": pl.Struct({"rounding_method": TEXT, "decimal_places": NUMBER}),
    "composite_product_ids": TEXTS,
    "composite_scope": TEXT,
    "composite_tags": TEXTS,
    "exclude_free_usage": FLAG,
    "include_composite_spend": FLAG,  # SDK
    "is_refundable": FLAG,
    "netsuite_internal_item_id": TEXT,
    "netsuite_overage_item_id": TEXT,
}

PRODUCT = pl.Struct(
    {
        "id": TEXT,
        "type": TEXT,
        "current": pl.Struct(_PRODUCT_STATE),
        "initial": pl.Struct(_PRODUCT_STATE),
        "updates": pl.List(pl.Struct(_PRODUCT_STATE)),
        "archived_at": INSTANT,
        "custom_fields": MAP,
    }
)

PACKAGE = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "contract_name": TEXT,
        "rate_card_id": TEXT,
        "created_at": INSTANT,
        "created_by": TEXT,
        "archived_at": INSTANT,
        "duration": pl.Struct({"value": NUMBER, "unit": TEXT}),
        "aliases": pl.List(ALIAS),
        "billing_provider": TEXT,
        "delivery_method": TEXT,
        "net_payment_terms_days": NUMBER,
        "usage_statement_schedule": pl.Struct({**dict(USAGE_STATEMENT_SCHEDULE), "day": TEXT}),
        "multiplier_override_prioritization": TEXT,
        "scheduled_charges_on_usage_invoices": TEXT,
        "uniqueness_key": TEXT,
        # A package is a template: amounts with durations instead of dates, which no table adds up.
        "commits": JSON,
        "credits": JSON,
        "recurring_commits": JSON,
        "recurring_credits": JSON,
        "overrides": JSON,
        "scheduled_charges": JSON,
        "subscriptions": JSON,
        "spend_trackers": JSON,  # SDK
        "spend_threshold_configuration": JSON,
        "prepaid_balance_threshold_configuration": JSON,
    }
)

PACKAGE_CONTRACT = pl.Struct(
    {
        "customer_id": TEXT,
        "contract_id": TEXT,
        "starting_at": INSTANT,
        "ending_before": INSTANT,
        "archived_at": INSTANT,
    }
)
