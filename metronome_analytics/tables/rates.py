"""Rate cards, their rates, and the rates of a contract."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import rates as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "RateCards",
    "RateSchedule",
    "Rates",
]


class RateCards(dy.Schema):
    """One row per rate card. Key: `id`. What a custom pricing unit is worth is in `credit_type_conversions`."""

    id = c.key()
    name = c.text()
    description = c.text()
    created_at = c.instant()
    created_by = c.text()
    fiat_credit_type_id = c.text("fiat_credit_type.id")
    fiat_credit_type_name = c.text("fiat_credit_type.name")
    credit_type_conversions = c.nested(wire.RATE_CARD, "credit_type_conversions")
    aliases = c.nested(wire.RATE_CARD, "aliases")
    custom_fields = c.mapping()


class Rates(dy.Schema):
    """One row per rate of a rate card and period.

    Key: `rate_card_id`, `product_id`, `starting_at`, `pricing_group_values`, `billing_frequency` (the last two may be
    null). `price` is per unit, in the unit of `credit_type_name`.
    """

    rate_card_id = c.in_key(c.text())
    product_id = c.in_key(c.text())
    starting_at = c.in_key(c.instant())
    ending_before = c.instant()
    product_name = c.text()
    product_tags = c.nested(wire.CARD_RATE, "product_tags")
    product_custom_fields = c.mapping()
    pricing_group_values = c.in_key(c.mapping())
    billing_frequency = c.in_key(c.text())
    entitled = c.flag()
    rate_type = c.text("rate.rate_type")
    price = c.amount("rate.price")
    credit_type_id = c.text("rate.credit_type.id")
    credit_type_name = c.text("rate.credit_type.name")
    commit_rate_type = c.text("commit_rate.rate_type")
    commit_rate_price = c.amount("commit_rate.price")
    rate = c.nested(wire.CARD_RATE, "rate")
    commit_rate = c.nested(wire.CARD_RATE, "commit_rate")


class RateSchedule(dy.Schema):
    """One row per entitled rate of a contract and period.

    Key: `contract_id`, `product_id`, `starting_at`, `pricing_group_values`, `billing_frequency` (the last two may be
    null). Prices are per unit, in the unit of `credit_type_name`. An override, where there is one, is what is charged.
    """

    contract_id = c.in_key(c.text())
    product_id = c.in_key(c.text())
    starting_at = c.in_key(c.instant())
    ending_before = c.instant()
    customer_id = c.text()
    rate_card_id = c.text()
    product_name = c.text()
    product_tags = c.nested(wire.CONTRACT_RATE, "product_tags")
    product_custom_fields = c.mapping()
    pricing_group_values = c.in_key(c.mapping())
    billing_frequency = c.in_key(c.text())
    entitled = c.flag()
    credit_type_id = c.text(("override_rate.credit_type.id", "list_rate.credit_type.id"))
    credit_type_name = c.text(("override_rate.credit_type.name", "list_rate.credit_type.name"))
    list_rate_type = c.text("list_rate.rate_type")
    list_rate_price = c.amount("list_rate.price")
    override_rate_type = c.text("override_rate.rate_type")
    override_rate_price = c.amount("override_rate.price")
    commit_rate_type = c.text("commit_rate.rate_type")
    commit_rate_price = c.amount("commit_rate.price")
    list_rate = c.nested(wire.CONTRACT_RATE, "list_rate")
    override_rate = c.nested(wire.CONTRACT_RATE, "override_rate")
    commit_rate = c.nested(wire.CONTRACT_RATE, "commit_rate")
