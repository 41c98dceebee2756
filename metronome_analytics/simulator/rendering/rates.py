"""Writes rate cards and rates the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.products import AUTHOR
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number, text
from metronome_analytics.simulator.world.price_list import OPENED, Group, Product, Rate, RateCard

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.agreements import Contract

RateRow = tuple[Product, Group, Rate]
"""A product, the pricing group values, and what it costs."""


def rate_card(card: RateCard) -> Json:
    """A RateCard."""
    payload: Json = {
        "id": card.id,
        "name": card.name,
        "created_at": millis_text(OPENED),
        "created_by": AUTHOR,
        "fiat_credit_type": reference(card.fiat),
        "aliases": [{"name": f"standard-{card.key}", "starting_at": millis_text(OPENED)}],
        "custom_fields": {},
    }
    if card.conversion is not None:
        rate = {"custom_credit_type": reference(card.unit), "fiat_per_custom_credit": text(card.conversion)}
        payload["credit_type_conversions"] = [rate]
    return payload


def card_rate(card: RateCard, row: RateRow) -> Json:
    """A rate of a rate card."""
    return _head(row) | {"rate": _rate(card, row)}


def contract_rate(contract: Contract, row: RateRow) -> Json:
    """A rate of a contract: the list price, and the override where there is one."""
    product, group, _ = row
    payload = _head(row) | {"rate_card_id": contract.card.id, "list_rate": _rate(contract.card, row)}
    if contract.override(product) is not None:
        payload["override_rate"] = _rate(contract.card, (product, group, contract.rate(product, group)))
    return payload


def _head(row: RateRow) -> Json:
    """What the rates of a card and of a contract have in common."""
    product, group, rate = row
    payload: Json = {
        "product_id": product.id,
        "product_name": product.name,
        "product_tags": list(product.tags),
        "product_custom_fields": {},
        "starting_at": millis_text(OPENED),
        "entitled": True,
    }
    if group:
        payload["pricing_group_values"] = dict(group)
    if product.line_type == "subscription":
        payload["billing_frequency"] = "MONTHLY"
    else:
        payload["commit_rate"] = {"rate_type": "FLAT", "price": number(rate.commit_price)}
    return payload


def _rate(card: RateCard, row: RateRow) -> Json:
    """A Rate."""
    product, group, rate = row
    payload: Json = {"credit_type": reference(card.unit)}
    if group:
        payload["pricing_group_values"] = dict(group)
    if product.line_type == "subscription":
        return payload | {"rate_type": "SUBSCRIPTION", "price": number(rate.price), "quantity": 1, "is_prorated": False}
    if not rate.tiers:
        return payload | {"rate_type": "FLAT", "price": number(rate.price)}
    tiers: list[Json] = []
    for level, (start, price) in enumerate(rate.tiers):
        tier: Json = {"price": number(price)}
        if level + 1 < len(rate.tiers):  # the last tier has no end
            tier["size"] = number(rate.tiers[level + 1][0] - start)
        tiers.append(tier)
    return payload | {"rate_type": "TIERED", "tiers": tiers}
