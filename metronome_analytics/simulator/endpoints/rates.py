"""Endpoints about prices: rate cards, the rates of a rate card, and the rates of a contract with its overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, card_of, find_contract, lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering.rates import RateRow, card_rate, contract_rate, rate_card
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.price_list import OPENED, PRODUCTS, RateCard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def list_rate_cards(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/list."""
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish()
    return page(request, price_list.RATE_CARDS, limit, rate_card)


def get_rate_card(_: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/rate-cards/get."""
    card_id = request.parameters.required_uuid("id")
    request.parameters.finish()
    return data(rate_card(card_of(card_id)))


def get_rates(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/getRates: the rates of a card at an instant."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    card_id = asked.required_uuid("rate_card_id")
    at = asked.required_instant("at")
    return _card_page(request, card_id, limit, in_force=at >= OPENED)


def get_rate_schedule(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/rate-cards/getRateSchedule: the rates of a card between two instants."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    card_id = asked.required_uuid("rate_card_id")
    asked.required_instant("starting_at")
    ending_before = asked.instant("ending_before")
    return _card_page(request, card_id, limit, in_force=ending_before is None or ending_before > OPENED)


def _card_page(request: Request, card_id: str, limit: int, *, in_force: bool) -> Page:
    """Rates of a card; each has been the same since the card was written."""
    selected = _Selectors(request.parameters)
    request.parameters.finish()
    card = card_of(card_id)
    rows = [row for row in _rows(card) if in_force and selected.fits(row)]
    return page(request, rows, limit, lambda row: card_rate(card, row))


def get_contract_rate_schedule(account: Account, request: Request) -> Page:
    """POST /v1/contracts/getContractRateSchedule: list price, override and commit rate of all that is entitled."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    index = lookup(account, asked.required_uuid("customer_id"))
    contract_id = asked.required_uuid("contract_id")
    at = asked.instant("at") or account.clock.now
    selected = _Selectors(asked)
    asked.finish()
    contract = find_contract(account.books(index), contract_id)
    # Before its start and after its end a contract has no rates.
    rows = [row for row in _rows(contract.card) if contract.covers(at) and selected.fits(row)]
    return page(request, rows, limit, lambda row: contract_rate(contract, row))


def _rows(card: RateCard) -> Iterator[RateRow]:
    products = {product.key: product for product in PRODUCTS}
    for (key, group), rate in card.rates.items():
        yield products[key], group, rate


class _Selectors:
    """What a request asks for: OR between the selectors, AND inside one; none means everything."""

    def __init__(self, asked: Parameters) -> None:
        self._selectors = [_Selector(Parameters(item)) for item in asked.objects("selectors") or []]

    def fits(self, row: RateRow) -> bool:
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

    def fits(self, row: RateRow) -> bool:
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
