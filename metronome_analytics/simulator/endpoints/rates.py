"""Endpoints about prices: the rates of a rate card, and the rates of a contract with its overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.contracts import find_contract
from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM, lookup
from metronome_analytics.simulator.endpoints.products import card_of
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Parameters, Request, page
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number
from metronome_analytics.simulator.world.price_list import OPENED, PRODUCTS, Group, Product, Rate, RateCard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract

_Row = tuple[Product, Group, Rate]


def get_rates(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/getRates: the rates of a card at an instant."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    card_id = asked.required_uuid("rate_card_id")
    at = asked.required_instant("at")
    return _card_page(account, request, card_id, limit, in_force=at >= OPENED)


def get_rate_schedule(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/getRateSchedule: the rates of a card between two instants."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    card_id = asked.required_uuid("rate_card_id")
    asked.required_instant("starting_at")
    ending_before = asked.instant("ending_before")
    return _card_page(account, request, card_id, limit, in_force=ending_before is None or ending_before > OPENED)


def _card_page(account: Account, request: Request, card_id: str, limit: int, *, in_force: bool) -> Page:
    """Rates of a card; each has been the same since the card was written."""
    selected = _Selectors(request.parameters)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    card = card_of(card_id)
    rows = [row for row in _rows(card) if in_force and selected.fits(row)]
    return page(request, rows, limit, lambda row: _head(row) | {"rate": _rate(card, row)})


def get_contract_rate_schedule(account: Account, request: Request) -> Page:
    """POST /v1/contracts/getContractRateSchedule: list price, override and commit rate of all that is entitled."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    index = lookup(account, asked.required_uuid("customer_id"))
    contract_id = asked.required_uuid("contract_id")
    at = asked.instant("at") or account.clock.now
    selected = _Selectors(asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    contract = find_contract(account.books(index), contract_id)
    # Before its start and after its end a contract has no rates.
    rows = [row for row in _rows(contract.card) if contract.covers(at) and selected.fits(row)]
    return page(request, rows, limit, lambda row: _contract_rate(contract, row))


def _contract_rate(contract: Contract, row: _Row) -> Json:
    product, group, _ = row
    payload = _head(row) | {"rate_card_id": contract.card.id, "list_rate": _rate(contract.card, row)}
    if contract.override(product) is not None:
        payload["override_rate"] = _rate(contract.card, (product, group, contract.rate(product, group)))
    return payload


def _rows(card: RateCard) -> Iterator[_Row]:
    products = {product.key: product for product in PRODUCTS}
    for (key, group), rate in card.rates.items():
        yield products[key], group, rate


def _head(row: _Row) -> Json:
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


def _rate(card: RateCard, row: _Row) -> Json:
    """A Rate."""
    product, group, rate = row
    payload: Json = {"credit_type": card.unit.payload()}
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


class _Selectors:
    """What a request asks for: OR between the selectors, AND inside one; none means everything."""

    def __init__(self, asked: Parameters) -> None:
        self._selectors = [_Selector(Parameters(item)) for item in asked.objects("selectors") or []]

    def fits(self, row: _Row) -> bool:
        """Whether a rate is asked for."""
        return not self._selectors or any(selector.fits(row) for selector in self._selectors)


class _Selector:
    """One selector."""

    def __init__(self, asked: Parameters) -> None:
        self.product_id = asked.uuid("product_id")
        self.tags = asked.strings("product_tags")
        self.exact = asked.object("pricing_group_values")
        self.partial = asked.object("partial_pricing_group_values")
        self.frequency = asked.choice("billing_frequency", ("MONTHLY", "QUARTERLY", "ANNUAL", "WEEKLY"), "")
        if self.exact is not None and self.partial is not None:
            raise ApiError(400, "pricing_group_values and partial_pricing_group_values exclude each other")

    def fits(self, row: _Row) -> bool:
        """Whether everything the selector names is true of a rate."""
        product, group, _ = row
        frequency = "MONTHLY" if product.line_type == "subscription" else ""
        return (
            self.product_id in (None, product.id)
            and (not self.tags or bool(set(self.tags) & set(product.tags)))
            and (self.exact is None or self.exact == dict(group))
            and (self.partial is None or self.partial.items() <= dict(group).items())
            and self.frequency in ("", frequency)
        )
