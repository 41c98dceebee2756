"""Invoices with their lines, their breakdowns and their payments.

Fields marked SDK are known to the official client and not to the OpenAPI file.
"""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import (
    AMOUNT,
    CREDIT_TYPE,
    FLAG,
    INSTANT,
    JSON,
    MAP,
    NUMBER,
    REFERENCE,
    TEXT,
    TEXTS,
)
from metronome_analytics.api.wire.rates import RATE

SUB_LINE_ITEM = pl.Struct(  # SDK: Plans only
    {
        "name": TEXT,
        "quantity": NUMBER,
        "subtotal": AMOUNT,
        "price": AMOUNT,
        "charge_id": TEXT,
        "credit_grant_id": TEXT,
        "start_date": INSTANT,
        "end_date": INSTANT,
        "custom_fields": MAP,
        "tier_period": pl.Struct({"starting_at": INSTANT, "ending_before": INSTANT}),
        "tiers": pl.List(pl.Struct({"starting_at": NUMBER, "quantity": NUMBER, "price": AMOUNT, "subtotal": AMOUNT})),
    }
)

LINE_ITEM = pl.Struct(
    {
        "name": TEXT,
        "type": TEXT,
        "quantity": NUMBER,
        "unit_price": AMOUNT,
        "total": AMOUNT,
        "credit_type": CREDIT_TYPE,
        "product_id": TEXT,
        "product_type": TEXT,
        "product_tags": TEXTS,
        "product_custom_fields": MAP,
        "starting_at": INSTANT,
        "ending_before": INSTANT,
        "commit_id": TEXT,
        "commit_segment_id": TEXT,
        "commit_type": TEXT,
        "applied_commit_or_credit": pl.Struct({"id": TEXT, "type": TEXT, "access_type": TEXT}),  # access_type: SDK
        "postpaid_commit": REFERENCE,
        "commit_custom_fields": MAP,
        "commit_netsuite_sales_order_id": TEXT,
        "commit_netsuite_item_id": TEXT,
        "netsuite_item_id": TEXT,
        "subscription_id": TEXT,
        "subscription_custom_fields": MAP,
        "is_prorated": FLAG,
        "scheduled_charge_id": TEXT,
        "scheduled_charge_custom_fields": MAP,
        "professional_service_id": TEXT,
        "professional_service_custom_fields": MAP,
        "discount_id": TEXT,
        "discount_custom_fields": MAP,
        "pricing_group_values": MAP,
        "presentation_group_values": MAP,
        # The strings of a tier hold numbers; they stay text as the API sends them.
        "tier": pl.Struct({"level": NUMBER, "starting_at": TEXT, "size": TEXT}),
        "list_price": RATE,
        "reseller_type": TEXT,
        "netsuite_invoice_billing_start": INSTANT,
        "netsuite_invoice_billing_end": INSTANT,
        "metadata": TEXT,
        "custom_fields": MAP,
        "origin": pl.Struct({"line_item_id": TEXT, "invoice_id": TEXT, "customer_id": TEXT, "contract_id": TEXT}),
        "quantity_consumed": NUMBER,  # SDK
        "group_key": TEXT,  # SDK: Plans only
        "group_value": TEXT,  # SDK: Plans only
        "sub_line_items": pl.List(SUB_LINE_ITEM),  # SDK: Plans only
    }
)

EXTERNAL_INVOICE = pl.Struct(
    {
        "billing_provider_type": TEXT,
        "invoice_id": TEXT,
        "issued_at_timestamp": INSTANT,
        "external_status": TEXT,
        "pdf_url": TEXT,
        "tax": pl.Struct({"total_tax_amount": AMOUNT, "total_taxable_amount": AMOUNT, "transaction_id": TEXT}),
        "invoiced_total": AMOUNT,
        "invoiced_sub_total": AMOUNT,
        "billing_provider_error": TEXT,
        "external_payment_id": TEXT,
    }
)

INVOICE = pl.Struct(
    {
        "id": TEXT,
        "customer_id": TEXT,
        "contract_id": TEXT,
        "type": TEXT,
        "status": TEXT,
        "credit_type": CREDIT_TYPE,
        "subtotal": AMOUNT,  # SDK: Plans only
        "total": AMOUNT,
        "start_timestamp": INSTANT,
        "end_timestamp": INSTANT,
        "issued_at": INSTANT,
        "created_at": INSTANT,  # correction invoices only
        "external_invoice": EXTERNAL_INVOICE,
        "correction_record": pl.Struct(
            {
                "reason": TEXT,
                "memo": TEXT,
                "corrected_invoice_id": TEXT,
                "corrected_external_invoice": EXTERNAL_INVOICE,
            }
        ),
        "regenerated_from_invoice_id": TEXT,  # SDK
        "constituent_invoices": pl.List(pl.Struct({"invoice_id": TEXT, "contract_id": TEXT, "customer_id": TEXT})),
        "payer": pl.Struct({"contract_id": TEXT, "customer_id": TEXT}),
        "billable_status": TEXT,
        "amendment_id": TEXT,
        "net_payment_terms_days": NUMBER,
        "netsuite_sales_order_id": TEXT,
        "salesforce_opportunity_id": TEXT,
        "revenue_system_invoices": pl.List(
            pl.Struct(
                {
                    "revenue_system_provider": TEXT,
                    "sync_status": TEXT,
                    "revenue_system_external_entity_type": TEXT,
                    "revenue_system_external_entity_id": TEXT,
                    "error_message": TEXT,
                }
            )
        ),
        "reseller_royalty": pl.Struct(
            {
                "reseller_type": TEXT,
                "netsuite_reseller_id": TEXT,
                "fraction": TEXT,
                "aws_options": pl.Struct(
                    {"aws_account_number": TEXT, "aws_payer_reference_id": TEXT, "aws_offer_id": TEXT}
                ),
                "gcp_options": pl.Struct({"gcp_account_id": TEXT, "gcp_offer_id": TEXT}),
            }
        ),
        "plan_id": TEXT,  # SDK: Plans only
        "plan_name": TEXT,  # SDK: Plans only
        "plan_custom_fields": MAP,  # SDK: Plans only
        "invoice_adjustments": pl.List(  # SDK: Plans only
            pl.Struct(
                {
                    "name": TEXT,
                    "total": AMOUNT,
                    "credit_type": CREDIT_TYPE,
                    "credit_grant_id": TEXT,
                    "credit_grant_custom_fields": MAP,
                }
            )
        ),
        "custom_fields": MAP,
        "customer_custom_fields": MAP,
        "contract_custom_fields": MAP,
        "line_items": pl.List(LINE_ITEM),
    }
)

INVOICE_BREAKDOWN = pl.Struct(
    {**dict(INVOICE), "breakdown_start_timestamp": INSTANT, "breakdown_end_timestamp": INSTANT}
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
