"""Plans, deprecated at the vendor. Not in the OpenAPI file: the Plans reference and the official client declare it."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import (
    AMOUNT,
    CREDIT_TYPE,
    FLAG,
    INSTANT,
    MAP,
    NAMED_REFERENCE,
    NUMBER,
    TEXT,
)

PLAN = pl.Struct(
    {
        "id": TEXT,
        "plan_id": TEXT,
        "plan_name": TEXT,
        "plan_description": TEXT,
        "starting_on": INSTANT,
        "ending_before": INSTANT,
        "net_payment_terms_days": NUMBER,
        "trial_info": pl.Struct(
            {
                "ending_before": INSTANT,
                "spending_caps": pl.List(
                    pl.Struct({"credit_type": CREDIT_TYPE, "amount": AMOUNT, "amount_remaining": AMOUNT})
                ),
            }
        ),
        "custom_fields": MAP,
    }
)

PRICE_ADJUSTMENT = pl.Struct(
    {
        "charge_id": TEXT,
        "charge_type": TEXT,
        "start_period": NUMBER,
        "quantity": NUMBER,
        "prices": pl.List(pl.Struct({"adjustment_type": TEXT, "value": AMOUNT, "quantity": NUMBER, "tier": NUMBER})),
    }
)

GRANT_ENTRY = pl.Struct(
    {
        "credit_grant_id": TEXT,
        "effective_at": INSTANT,
        "amount": AMOUNT,
        "running_balance": AMOUNT,
        "reason": TEXT,
        "created_by": TEXT,
        "invoice_id": TEXT,
    }
)

_GRANT_AMOUNT = pl.Struct({"amount": AMOUNT, "credit_type": CREDIT_TYPE})
_GRANT_BALANCE = pl.Struct({"effective_at": INSTANT, "excluding_pending": AMOUNT, "including_pending": AMOUNT})

CREDIT_GRANT = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        "name": TEXT,
        "reason": TEXT,
        "credit_grant_type": TEXT,
        "priority": NUMBER,
        "effective_at": INSTANT,
        "expires_at": INSTANT,
        "grant_amount": _GRANT_AMOUNT,
        "paid_amount": _GRANT_AMOUNT,
        "balance": _GRANT_BALANCE,
        "deductions": pl.List(GRANT_ENTRY),
        "pending_deductions": pl.List(GRANT_ENTRY),
        "products": pl.List(NAMED_REFERENCE),
        "invoice_id": TEXT,
        "uniqueness_key": TEXT,
        "custom_fields": MAP,
    }
)

CREDIT_GRANT_LEDGER = pl.Struct(
    {
        "customer_id": TEXT,
        "ledgers": pl.List(
            pl.Struct(
                {
                    "credit_type": CREDIT_TYPE,
                    "starting_balance": _GRANT_BALANCE,
                    "ending_balance": _GRANT_BALANCE,
                    "entries": pl.List(GRANT_ENTRY),
                    "pending_entries": pl.List(GRANT_ENTRY),
                }
            )
        ),
    }
)

BILLING_CONFIG = pl.Struct(
    {
        "billing_provider_customer_id": TEXT,
        "stripe_collection_method": TEXT,
        "aws_product_code": TEXT,
        "aws_region": TEXT,
        "aws_expiration_date": INSTANT,
        "aws_is_subscription_product": FLAG,
        "aws_customer_id": TEXT,  # SDK
        "aws_customer_account_id": TEXT,  # SDK
        "azure_subscription_status": TEXT,
        "azure_plan_id": TEXT,
        "azure_start_date": INSTANT,
        "azure_expiration_date": INSTANT,
    }
)
