"""The endpoint of previews: the current draft with other usage, kept by the bookkeeping on a copy of the agreements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.lookups import find
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering import invoices as render
from metronome_analytics.simulator.world.amounts import SCALE, scaled
from metronome_analytics.simulator.world.bookkeeping.run import run
from metronome_analytics.simulator.world.happenings import Arrived
from metronome_analytics.simulator.world.price_list import PRODUCTS, QUANTITY_KEY, Product
from metronome_analytics.simulator.world.streams import Stream, daily_quantities

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Agreements, Contract
    from metronome_analytics.simulator.world.books import Books

MOST_EVENTS = 100

_Usage = tuple[Product, Mapping[str, object], int, int]
"""An event: the product it counts for, its properties, the day, the quantity."""


def preview_events(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/previewEvents: replace what was used, or add to it; nothing is kept."""
    index = find(account, request)
    asked = request.parameters
    replacing = asked.choice("mode", ("replace", "merge"), "replace") == "replace"
    skip_zero = asked.flag("skip_zero_qty_line_items")
    given = asked.objects("events")
    asked.finish()
    if given is None:
        raise ApiError(400, "events is required")
    if len(given) > MOST_EVENTS or not (given or replacing):
        raise ApiError(400, f"events must hold between 1 and {MOST_EVENTS} events")
    usage = _read(account, given)
    if account.customer(index).archived_at is not None:
        return data([])
    agreements, events = _with_events(account.books(index), usage)
    history = account.history(index)
    if replacing:
        history = [happening for happening in history if not isinstance(happening, Arrived)]
    books = run(
        agreements,
        account.clock.now,
        [*history, *events],
        switches=account.switches,
        quantities=_subscriptions_only if replacing else daily_quantities,
    )
    today = books.now.toordinal()
    who = account.customer(index)
    return data(
        [
            render.invoice(books, item, who, account.switches, skip_zero=skip_zero)
            for item in books.invoices
            if item.covers(today)
        ]
    )


def _subscriptions_only(stream: Stream, month: int) -> list[int]:
    """No usage at all: `replace` ignores history, but no event is needed to bill a seat."""
    days = daily_quantities(stream, month)
    return days if stream.product.line_type == "subscription" else [0] * len(days)


def _read(account: Account, given: list[Json]) -> list[_Usage]:
    """Check the events and return those that some metric counts."""
    seen: set[str] = set()
    usage: list[_Usage] = []
    for item in given:
        event = Parameters(item)
        kind = event.required("event_type")
        when = event.instant("timestamp") or account.clock.now
        transaction_id = event.text("transaction_id")
        if transaction_id is not None and transaction_id in seen:
            raise ApiError(400, f"transaction_id was used twice: {transaction_id}")
        seen |= {transaction_id} if transaction_id is not None else set()
        properties = event.object("properties") or {}
        for product in PRODUCTS:
            if product.metric is not None and product.metric.event_type == kind:
                quantity = SCALE if product.metric.aggregation == "COUNT" else _quantity(properties)
                usage.append((product, properties, when.toordinal(), quantity))
    return usage


def _quantity(properties: Mapping[str, object]) -> int:
    """What a SUM metric adds for an event; without a number it adds nothing."""
    value = properties.get(QUANTITY_KEY)
    try:
        return scaled(Decimal(str(value))) if isinstance(value, int | str | Decimal) else 0
    except InvalidOperation:
        return 0


def _with_events(books: Books, usage: list[_Usage]) -> tuple[Agreements, list[Arrived]]:
    """The agreements with a stream for every event, and the events as usage that arrives now."""
    today = books.now.toordinal()
    contracts: list[Contract] = []
    events: list[Arrived] = []
    in_force = [contract for contract in books.agreements.contracts if contract.covers(books.now)]
    for contract in books.agreements.contracts:
        streams = list(contract.streams)
        for product, properties, when, quantity in usage if contract in in_force else ():
            using = [item for item in in_force if any(stream.product is product for stream in item.streams)]
            stream = _stream(contract, product, properties)
            # The product belongs to the contracts that bill it already; to the first one when none does.
            if stream is None or contract not in (using or in_force[:1]):
                continue
            place = next((n for n, other in enumerate(streams) if _same(other, stream)), len(streams))
            if place == len(streams):
                streams.append(stream)
            month_start = max(contract.start, books.now.replace(day=1).toordinal())
            if month_start <= when and quantity:
                events.append(Arrived(books.now, contract.id, place, min(when, today), 0, quantity))
        contracts.append(replace(contract, streams=tuple(streams)))
    return replace(books.agreements, contracts=tuple(contracts)), events


def _stream(contract: Contract, product: Product, properties: Mapping[str, object]) -> Stream | None:
    """The stream an event belongs to, or None when the rate card has no price for it."""
    group = tuple((key, str(properties.get(key))) for key, _ in product.groups)
    if (product.key, group) not in contract.card.rates:
        return None
    shown = None if product.presentation is None else properties.get(product.presentation[0])
    return Stream(product, group, None if shown is None else str(shown), seed=0, base=0)


def _same(one: Stream, two: Stream) -> bool:
    return (one.product, one.group, one.presentation) == (two.product, two.group, two.presentation)
