"""How endpoints find what a request names, and the errors they answer when it is not there."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError
from metronome_analytics.simulator.endpoints.parameters import canonical_uuid
from metronome_analytics.simulator.world import price_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.books import Books, Invoice
    from metronome_analytics.simulator.world.price_list import Metric, RateCard

PAGE_MAXIMUM = 100
"""The largest page of most lists."""


def find(account: Account, request: Request) -> int:
    """The index of the customer in the path. Raises ApiError 400 or 404."""
    return lookup(account, canonical_uuid(request.path_parameters["customer_id"], "customer_id"))


def lookup(account: Account, customer_id: str) -> int:
    """The index of a customer. Raises ApiError, 404 unless this server has it otherwise."""
    index = account.index(customer_id)
    if index is None:
        raise ApiError(account.switches.unknown_customer_status, f"Customer not found: {customer_id}")
    return index


def find_contract(books: Books, contract_id: str, *, code: str | None = None) -> Contract:
    """A contract. Raises ApiError 404, or 400 with a code where the endpoint has codes."""
    for contract in books.contracts():
        if contract.id == contract_id:
            return contract
    raise ApiError(400 if code else 404, f"Contract not found: {contract_id}", code)


def lookup_by_code(account: Account, customer_id: str) -> int:
    """The index of a customer for the endpoints that answer 400 with a code. Raises ApiError."""
    index = account.index(customer_id)
    if index is None:
        raise ApiError(400, f"Customer not found: {customer_id}", "CustomerNotFound")
    return index


def find_invoice(books: Books, invoice_id: str) -> Invoice:
    """An invoice. Raises ApiError 404."""
    item = next((item for item in books.invoices if item.id == invoice_id), None)
    if item is None:
        raise ApiError(404, f"Invoice not found: {invoice_id}")
    return item


def place_of(chosen: Sequence[int], request: Request) -> int:
    """Where a list of customers goes on; the cursor names the customer, so that none is skipped or told twice.

    Others may have joined or have been archived since the page before, even the one it names.
    """
    if request.position is None:
        return 0
    following = request.position[0]
    if len(chosen) > 1 and chosen[0] > chosen[-1]:
        return bisect_left(chosen, -following, key=lambda index: -index)
    return bisect_left(chosen, following)


def card_of(card_id: str) -> RateCard:
    """A rate card. Raises ApiError 404."""
    card = next((card for card in price_list.RATE_CARDS if card.id == card_id), None)
    if card is None:
        raise ApiError(404, f"Rate card not found: {card_id}")
    return card


def metric_of(metric_id: str) -> Metric:
    """A metric. Raises ApiError 404."""
    known = (*price_list.METRICS, *price_list.RETIRED_METRICS)
    metric = next((metric for metric in known if metric.id == metric_id), None)
    if metric is None:
        raise ApiError(404, f"Billable metric not found: {metric_id}")
    return metric
