"""What an account sells and measures: products, rate cards, credit types, packages, metrics, usage, audit."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.contracts import USAGE_STATEMENT_SCHEDULE
from metronome_analytics.api.wire.kinds import AMOUNT, CREDIT_TYPE, FLAG, INSTANT, JSON, MAP, NUMBER, TEXT, TEXTS

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

_ALIAS = pl.Struct({"name": TEXT, "starting_at": INSTANT, "ending_before": INSTANT})

RATE_CARD = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "created_at": INSTANT,
        "created_by": TEXT,
        "fiat_credit_type": CREDIT_TYPE,
        # `fiat_per_custom_credit` is text that holds a number, as the API sends it.
        "credit_type_conversions": pl.List(
            pl.Struct({"custom_credit_type": CREDIT_TYPE, "fiat_per_custom_credit": TEXT})
        ),
        "aliases": pl.List(_ALIAS),
        "custom_fields": MAP,
    }
)

CREDIT_TYPE_ROW = pl.Struct({"id": TEXT, "name": TEXT, "is_currency": FLAG})

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
        "aliases": pl.List(_ALIAS),
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
        "spend_threshold_configuration": JSON,
        "prepaid_balance_threshold_configuration": JSON,
    }
)

CUSTOM_FIELD_KEY = pl.Struct({"entity": TEXT, "key": TEXT, "enforce_uniqueness": FLAG})

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

PAYMENT = pl.Struct(
    {
        "id": TEXT,
        "invoice_id": TEXT,
        "customer_id": TEXT,
        "contract_id": TEXT,
        "status": TEXT,
        "amount": AMOUNT,
        "amount_paid": AMOUNT,
        "fiat_credit_type": CREDIT_TYPE,
        "payment_gateway": JSON,
        "revenue_system_payments": JSON,
        "error_message": TEXT,
        "created_at": INSTANT,
        "updated_at": INSTANT,
    }
)
