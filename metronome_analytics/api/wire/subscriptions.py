"""Subscriptions, their quantities and their seats."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import AMOUNT, FLAG, INSTANT, JSON, MAP, NAMED_REFERENCE, NUMBER, TEXT, TEXTS

_BILLING_PERIOD = pl.Struct({"starting_at": INSTANT, "ending_before": INSTANT})

SUBSCRIPTION = pl.Struct(
    {
        "id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "starting_at": INSTANT,
        "ending_before": INSTANT,
        "created_at": INSTANT,  # SDK
        "collection_schedule": TEXT,
        "product_custom_fields": MAP,  # SDK
        "subscription_rate": pl.Struct({"billing_frequency": TEXT, "product": NAMED_REFERENCE}),
        "quantity_management_mode": TEXT,
        "quantity_schedule": pl.List(pl.Struct({"quantity": NUMBER, "starting_at": INSTANT, "ending_before": INSTANT})),
        "billing_periods": pl.Struct(
            {"previous": _BILLING_PERIOD, "current": _BILLING_PERIOD, "next": _BILLING_PERIOD}
        ),
        "proration": pl.Struct({"invoice_behavior": TEXT, "is_prorated": FLAG, "rounding": JSON}),  # rounding: SDK
        "seat_config": pl.Struct({"seat_group_key": TEXT}),
        "fiat_credit_type_id": TEXT,
        "custom_credit_type_id": TEXT,  # SDK
        "billing_cycle_config": JSON,  # SDK
        "custom_fields": MAP,
    }
)

SUBSCRIPTION_QUANTITIES = pl.Struct(
    {
        "subscription_id": TEXT,
        "fiat_credit_type_id": TEXT,
        "custom_credit_type_id": TEXT,  # SDK
        "history": pl.List(
            pl.Struct(
                {
                    "starting_at": INSTANT,
                    "data": pl.List(pl.Struct({"quantity": NUMBER, "unit_price": AMOUNT, "total": AMOUNT})),
                }
            )
        ),
    }
)

SUBSCRIPTION_SEATS = pl.Struct(
    {"starting_at": INSTANT, "ending_before": INSTANT, "total_quantity": NUMBER, "assigned_seat_ids": TEXTS}
)

# Seat balances name their dates and entries otherwise than every other balance.
_SEAT_GRANT = pl.Struct(
    {
        "id": TEXT,
        "credit_type_id": TEXT,  # SDK
        "access_type": TEXT,  # SDK
        "balance": AMOUNT,
        "start_date": INSTANT,
        "end_date": INSTANT,
        "ledger_entries": pl.List(pl.Struct({"type": TEXT, "timestamp": INSTANT, "amount": AMOUNT})),
    }
)

SEAT_BALANCE = pl.Struct(
    {
        "seat_id": TEXT,
        "balances": pl.List(
            pl.Struct({"credit_type_id": TEXT, "access_type": TEXT, "balance": AMOUNT, "starting_balance": AMOUNT})
        ),
        "commits": pl.List(_SEAT_GRANT),
        "credits": pl.List(_SEAT_GRANT),
    }
)
