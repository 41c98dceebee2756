"""Commits and credits, their schedules and ledgers, and net balances.

Fields marked SDK are known to the official client and not to the OpenAPI file.
"""

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
    REFERENCE,
    TEXT,
    TEXTS,
)

LEDGER_ENTRY = pl.Struct(
    {
        "type": TEXT,
        "timestamp": INSTANT,
        "amount": AMOUNT,
        "segment_id": TEXT,
        "invoice_id": TEXT,
        "contract_id": TEXT,
        "new_contract_id": TEXT,
        "reason": TEXT,
    }
)

ACCESS_SCHEDULE = pl.Struct(
    {
        "credit_type": CREDIT_TYPE,
        "schedule_items": pl.List(
            pl.Struct({"id": TEXT, "amount": AMOUNT, "starting_at": INSTANT, "ending_before": INSTANT})
        ),
        "access_type": TEXT,  # SDK
    }
)

INVOICE_SCHEDULE = pl.Struct(
    {
        "credit_type": CREDIT_TYPE,
        "schedule_items": pl.List(
            pl.Struct(
                {
                    "id": TEXT,
                    "timestamp": INSTANT,
                    "amount": AMOUNT,
                    "unit_price": AMOUNT,
                    "quantity": NUMBER,
                    "invoice_id": TEXT,
                }
            )
        ),
        "do_not_invoice": FLAG,
    }
)

SPECIFIER = pl.Struct(
    {
        "product_id": TEXT,
        "product_tags": TEXTS,
        "pricing_group_values": MAP,
        "presentation_group_values": MAP,
        "exclude": pl.List(pl.Struct({"product_tags": TEXTS})),
    }
)

# Commits and credits come mixed from listBalances, so one schema holds the fields of both.
BALANCE = pl.Struct(
    {
        "id": TEXT,
        "type": TEXT,
        "name": TEXT,
        "description": TEXT,
        "priority": NUMBER,
        "product": NAMED_REFERENCE,
        "contract": REFERENCE,
        "invoice_contract": REFERENCE,
        "rate_type": TEXT,
        "amount": AMOUNT,
        "balance": AMOUNT,
        "cost_basis": NUMBER,  # SDK
        "rollover_fraction": NUMBER,
        "rolled_over_from": pl.Struct({"commit_id": TEXT, "credit_id": TEXT, "contract_id": TEXT}),
        "recurring_commit_id": TEXT,
        "recurring_credit_id": TEXT,
        "subscription_config": pl.Struct(
            {
                "subscription_id": TEXT,
                "allocation": TEXT,
                "apply_seat_increase_config": pl.Struct({"is_prorated": FLAG}),
            }
        ),
        "applicable_product_ids": TEXTS,
        "applicable_product_tags": TEXTS,
        "applicable_contract_ids": TEXTS,
        "specifiers": pl.List(SPECIFIER),
        "hierarchy_configuration": pl.Struct({"child_access": pl.Struct({"type": TEXT, "contract_ids": TEXTS})}),
        "spend_tracker_attributes": pl.Struct({"counts_as_discounted": FLAG}),  # SDK
        "uniqueness_key": TEXT,
        "netsuite_sales_order_id": TEXT,
        "salesforce_opportunity_id": TEXT,
        "created_at": INSTANT,
        "created_by": TEXT,  # SDK
        "archived_at": INSTANT,
        "custom_fields": MAP,
        "access_schedule": ACCESS_SCHEDULE,
        "invoice_schedule": INVOICE_SCHEDULE,
        "ledger": pl.List(LEDGER_ENTRY),
    }
)

NET_BALANCE = pl.Struct({"balance": AMOUNT, "credit_type_id": TEXT})
