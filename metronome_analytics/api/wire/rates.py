"""Rates, the rate cards they stand on, and what a contract makes of them."""

from __future__ import annotations

import polars as pl

from metronome_analytics.api.wire.kinds import AMOUNT, CREDIT_TYPE, FLAG, INSTANT, MAP, NUMBER, TEXT, TEXTS

RATE = pl.Struct(
    {
        "rate_type": TEXT,
        "price": AMOUNT,
        "quantity": NUMBER,
        "is_prorated": FLAG,
        "tiers": pl.List(pl.Struct({"size": NUMBER, "price": AMOUNT})),
        "custom_rate": MAP,
        "pricing_group_values": MAP,
        "credit_type": CREDIT_TYPE,
        "minimum_config": pl.Struct({"minimum": AMOUNT}),
    }
)

COMMIT_RATE = pl.Struct(
    {
        "rate_type": TEXT,
        "price": AMOUNT,
        "tiers": pl.List(pl.Struct({"size": NUMBER, "price": AMOUNT})),
        "minimum_config": pl.Struct({"minimum": AMOUNT}),
    }
)

_RATED = {
    "product_id": TEXT,
    "product_name": TEXT,
    "product_tags": TEXTS,
    "product_custom_fields": MAP,
    "starting_at": INSTANT,
    "ending_before": INSTANT,
    "entitled": FLAG,
    "commit_rate": COMMIT_RATE,
    "pricing_group_values": MAP,
    "billing_frequency": TEXT,
}

CONTRACT_RATE = pl.Struct({"rate_card_id": TEXT, **_RATED, "list_rate": RATE, "override_rate": RATE})

CARD_RATE = pl.Struct({**_RATED, "rate": RATE})

ALIAS = pl.Struct({"name": TEXT, "starting_at": INSTANT, "ending_before": INSTANT})

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
        "aliases": pl.List(ALIAS),
        "custom_fields": MAP,
    }
)
