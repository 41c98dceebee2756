"""Writes spend breakdowns: usage before commits and credits, in windows, with list prices on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import period, product_line, reference
from metronome_analytics.simulator.rendering.scalars import Json, number, offset_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.simulator.world.books import Books, Invoice
    from metronome_analytics.simulator.world.streams import Stream

Window = tuple["datetime", "datetime"]
_Line = tuple[str, int, int, tuple[tuple[str, str | None], ...]]
"""What makes a line: product, tier, price, the values of the group keys."""


@dataclass(frozen=True, slots=True)
class SpendWanted:
    """What a request wants of each window."""

    keys: list[str] | None
    filters: dict[str, list[str]]
    list_prices: bool
    skip_zero: bool


def spend_breakdown(books: Books, item: Invoice, window: Window, wanted: SpendWanted) -> Json:
    """The usage of one window of an invoice; there is no total."""
    lines = [line for line in _lines(item, window, wanted) if line["quantity"] or not wanted.skip_zero]
    return _head(books, item, window) | {"line_items": lines}


def _head(books: Books, item: Invoice, window: Window) -> Json:
    """Everything but the lines."""
    payload: Json = {
        "id": item.id,
        "customer_id": books.agreements.customer_id,
        "contract_id": item.contract.id,
        "type": item.type,
        "status": item.status,
        "credit_type": reference(item.credit_type),
        "issued_at": offset_text(item.issued_at),
        "breakdown_start_timestamp": offset_text(window[0]),
        "breakdown_end_timestamp": offset_text(window[1]),
    }
    return payload | period(item, "start_timestamp", "end_timestamp")


def _lines(item: Invoice, window: Window, wanted: SpendWanted) -> Iterator[Json]:
    """The usage of a window, whoever pays for it; with `wanted.keys` only those tell lines apart."""
    sums: dict[_Line, list[int]] = {}
    streams: dict[_Line, Stream] = {}
    for day in range(window[0].toordinal(), window[1].toordinal()):
        for piece in item.pieces_of(day):
            stream = item.contract.streams[piece.stream]
            values = stream.properties()
            if any(values.get(name) not in allowed for name, allowed in wanted.filters.items() if allowed):
                continue
            groups = tuple(
                (name, value) for name, value in values.items() if wanted.keys is None or name in wanted.keys
            )
            key = (stream.product.id, piece.tier, piece.price, groups)
            entry = sums.setdefault(key, [0, 0])
            entry[0] += piece.quantity
            entry[1] += piece.amount
            streams[key] = stream
    for key, (quantity, amount) in sorted(sums.items(), key=lambda pair: repr(pair[0])):
        yield _line(item, streams[key], key, quantity, amount, list_prices=wanted.list_prices)


def _line(item: Invoice, stream: Stream, key: _Line, quantity: int, amount: int, *, list_prices: bool) -> Json:
    product = stream.product
    _, tier, price, groups = key
    line = product_line(product, item.contract.card.unit, quantity=quantity, price=price, amount=amount)
    priced = {name for name, _ in product.groups}
    by_price = {name: value for name, value in groups if name in priced}
    shown = {name: value for name, value in groups if name not in priced}
    if by_price:
        line["pricing_group_values"] = by_price
    if shown:
        line["presentation_group_values"] = shown
    if list_prices:
        # The list price is the rate card's: before overrides, and before the commit rate.
        rate = item.contract.card.rates[product.key, stream.group]
        listed = rate.of_tier(tier)
        line["list_price"] = {"rate_type": "FLAT", "price": number(listed), "credit_type": line["credit_type"]}
    return line
