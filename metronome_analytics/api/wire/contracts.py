"""Contracts and what they embed, their edits, and named schedules."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.balances import BALANCE, INVOICE_SCHEDULE, SPECIFIER
from metronome_analytics.api.wire.kinds import (
    AMOUNT,
    FLAG,
    INSTANT,
    JSON,
    MAP,
    NAMED_REFERENCE,
    NUMBER,
    REFERENCE,
    TEXT,
    TEXTS,
)
from metronome_analytics.api.wire.rates import RATE
from metronome_analytics.api.wire.subscriptions import SUBSCRIPTION

OVERRIDE = pl.Struct(
    {
        "id": TEXT,
        "type": TEXT,
        "starting_at": INSTANT,
        "ending_before": INSTANT,
        "created_at": INSTANT,  # v2 spec
        "product": NAMED_REFERENCE,
        "applicable_product_tags": TEXTS,
        "entitled": FLAG,
        "is_commit_specific": FLAG,
        "target": TEXT,
        "priority": NUMBER,
        "multiplier": NUMBER,
        "overwrite_rate": RATE,
        "rate_type": TEXT,  # v1
        "price": AMOUNT,  # v1
        "quantity": NUMBER,  # v1
        "is_prorated": FLAG,  # v1
        "credit_type": pl.Struct({"id": TEXT, "name": TEXT}),  # v1
        "value": MAP,  # v1
        "tiers": pl.List(pl.Struct({"size": NUMBER, "price": AMOUNT})),  # v1
        "override_tiers": pl.List(pl.Struct({"multiplier": NUMBER, "size": NUMBER})),
        "override_specifiers": JSON,
    }
)

SCHEDULED_CHARGE = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "product": NAMED_REFERENCE,
        "schedule": INVOICE_SCHEDULE,
        "netsuite_sales_order_id": TEXT,
        "custom_fields": MAP,
        "archived_at": INSTANT,
    }
)

_RECURRING_AMOUNT = pl.Struct(
    {"unit_price": AMOUNT, "quantity": NUMBER, "credit_type_id": TEXT, "access_type": TEXT}  # access_type: SDK
)

RECURRING_BALANCE = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "product": NAMED_REFERENCE,
        "contract": REFERENCE,
        "priority": NUMBER,
        "rate_type": TEXT,
        "starting_at": INSTANT,
        "ending_before": INSTANT,
        "anchor_date": INSTANT,  # SDK
        "access_amount": _RECURRING_AMOUNT,
        "invoice_amount": _RECURRING_AMOUNT,
        "commit_duration": pl.Struct({"value": NUMBER, "unit": TEXT}),
        "recurrence_frequency": TEXT,
        "proration": TEXT,
        "proration_rounding": JSON,  # SDK
        "rollover_fraction": NUMBER,
        "applicable_product_ids": TEXTS,
        "applicable_product_tags": TEXTS,
        "specifiers": pl.List(SPECIFIER),
        "hierarchy_configuration": JSON,
        "subscription_config": JSON,
        "netsuite_sales_order_id": TEXT,
    }
)

TRANSITION = pl.Struct({"type": TEXT, "from_contract_id": TEXT, "to_contract_id": TEXT})

USAGE_STATEMENT_SCHEDULE = pl.Struct({"frequency": TEXT, "billing_anchor_date": INSTANT})

# What v2 has at the top level and v1 under `initial`, `current` and (in part) `amendments`.
_TERMS = {
    "name": TEXT,
    "starting_at": INSTANT,
    "ending_before": INSTANT,
    "created_at": INSTANT,
    "created_by": TEXT,
    "rate_card_id": TEXT,
    "net_payment_terms_days": NUMBER,
    "total_contract_value": AMOUNT,
    "multiplier_override_prioritization": TEXT,
    "usage_statement_schedule": USAGE_STATEMENT_SCHEDULE,
    "scheduled_charges_on_usage_invoices": TEXT,
    "commits": pl.List(BALANCE),
    "credits": pl.List(BALANCE),
    "recurring_commits": pl.List(RECURRING_BALANCE),
    "recurring_credits": pl.List(RECURRING_BALANCE),
    "overrides": pl.List(OVERRIDE),
    "scheduled_charges": pl.List(SCHEDULED_CHARGE),
    "transitions": pl.List(TRANSITION),
    "usage_filter": JSON,
    "discounts": JSON,
    "professional_services": JSON,
    "reseller_royalties": JSON,
    "spend_threshold_configuration": JSON,
    "prepaid_balance_threshold_configuration": JSON,
    "hierarchy_configuration": JSON,
    "spend_trackers": JSON,  # SDK
    "netsuite_sales_order_id": TEXT,
    "salesforce_opportunity_id": TEXT,
}

CONTRACT_V2 = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        **_TERMS,
        "archived_at": INSTANT,
        "package_id": TEXT,
        "uniqueness_key": TEXT,
        "priority": NUMBER,
        "subscriptions": pl.List(SUBSCRIPTION),
        "customer_billing_provider_configuration": JSON,
        "billing_provider_configuration_schedule": JSON,  # SDK
        "revenue_system_configuration_schedule": JSON,  # SDK
        "has_more": pl.Struct({"commits": FLAG, "credits": FLAG}),
        "custom_fields": MAP,
    }
)

# In v1 dates and terms live under `initial` and `current`; `current` is what holds now.
CONTRACT_V1 = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        "current": pl.Struct(_TERMS),
        "initial": JSON,
        "amendments": JSON,
        "archived_at": INSTANT,
        "package_id": TEXT,
        "uniqueness_key": TEXT,
        "subscriptions": pl.List(SUBSCRIPTION),
        "scheduled_charges_on_usage_invoices": TEXT,
        "spend_trackers": JSON,  # SDK
        "spend_threshold_configuration": JSON,
        "prepaid_balance_threshold_configuration": JSON,
        "customer_billing_provider_configuration": JSON,
        "custom_fields": MAP,
    }
)

# An edit is what was sent to change the contract: kept as JSON, kind by kind.
CONTRACT_EDIT = pl.Struct(
    {
        "id": TEXT,
        "timestamp": INSTANT,
        "uniqueness_key": TEXT,
        "update_contract_name": TEXT,
        "update_contract_end_date": INSTANT,
        **dict.fromkeys(
            (
                "add_commits",
                "add_credits",
                "add_discounts",
                "add_overrides",
                "add_prepaid_balance_threshold_configuration",
                "add_pro_services",
                "add_recurring_commits",
                "add_recurring_credits",
                "add_reseller_royalties",
                "add_scheduled_charges",
                "add_spend_threshold_configuration",
                "add_subscriptions",
                "add_usage_filters",
                "archive_commits",
                "archive_credits",
                "archive_scheduled_charges",
                "remove_overrides",
                "update_commits",
                "update_credits",
                "update_discounts",
                "update_prepaid_balance_threshold_configuration",
                "update_recurring_commits",
                "update_recurring_credits",
                "update_refund_invoices",
                "update_scheduled_charges",
                "update_spend_threshold_configuration",
                "update_subscriptions",
            ),
            JSON,
        ),
    }
)

NAMED_SCHEDULE_SEGMENT = pl.Struct({"starting_at": INSTANT, "ending_before": INSTANT, "value": JSON})

NAMED_SCHEDULE = pl.Struct(
    {
        "contract_id": TEXT,
        "schedule_name": TEXT,
        "properties": MAP,
        "segments": pl.List(NAMED_SCHEDULE_SEGMENT),
    }
)

# What the tables keep as JSON text, each text as an object: the rest of this module.

# Spend and prepaid balance alike; what only one of them has is null in the other.
THRESHOLD = pl.Struct(
    {
        "is_enabled": FLAG,
        "threshold_amount": AMOUNT,
        "recharge_to_amount": AMOUNT,
        "custom_credit_type_id": TEXT,
        "commit": pl.Struct(
            {
                "product_id": TEXT,
                "name": TEXT,
                "description": TEXT,
                "priority": NUMBER,
                "applicable_product_ids": TEXTS,
                "applicable_product_tags": TEXTS,
            }
        ),
        "payment_gate_config": pl.Struct(
            {
                "payment_gate_type": TEXT,
                "tax_type": TEXT,
                "stripe_config": pl.Struct({"payment_type": TEXT}),
            }
        ),
        "discount_configuration": pl.Struct({"payment_fraction": NUMBER}),
    }
)

_NODE = pl.Struct({"customer_id": TEXT, "contract_id": TEXT})

# A parent has children and what it does for them; a child has a parent and who pays.
HIERARCHY = pl.Struct(
    {
        "children": pl.List(_NODE),
        "parent_behavior": pl.Struct({"invoice_consolidation_type": TEXT}),
        "parent": _NODE,
        "payer": TEXT,
        "usage_statement_behavior": TEXT,
    }
)

FILTER = pl.Struct({"group_key": TEXT, "group_values": TEXTS, "starting_at": INSTANT, "ending_before": INSTANT})

# v2 has a list (here under `filters`), v1 what was, what followed, and what is.
USAGE_FILTER = pl.Struct({"filters": pl.List(FILTER), "initial": FILTER, "updates": pl.List(FILTER), "current": FILTER})

# A list (here under `discounts`) in both versions.
DISCOUNT = pl.Struct(
    {
        "discounts": pl.List(
            pl.Struct(
                {
                    "id": TEXT,
                    "name": TEXT,
                    "product": NAMED_REFERENCE,
                    "schedule": INVOICE_SCHEDULE,
                    "netsuite_sales_order_id": TEXT,
                    "custom_fields": MAP,
                }
            )
        )
    }
)
