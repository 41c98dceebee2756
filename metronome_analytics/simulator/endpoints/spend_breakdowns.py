"""The endpoint of spend breakdowns: usage before commits and credits, in windows, with list prices on request."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import find
from metronome_analytics.simulator.endpoints.invoices import bounds_of, windows_of
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Request, page
from metronome_analytics.simulator.rendering.scalars import Json, number, offset_text
from metronome_analytics.simulator.world.days import DAY, instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Stream
    from metronome_analytics.simulator.world.books import Books, Invoice

PAGE_MAXIMUM = 100

_Window = tuple[datetime, datetime]
_Line = tuple[str, int, int, tuple[tuple[str, str | None], ...]]
"""What makes a line: product, tier, price, the values of the group keys."""


def list_spend_breakdowns(account: Account, request: Request) -> Page:
    """POST /v1/customers/{customer_id}/invoices/spend-breakdowns."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, PAGE_MAXIMUM)
    starting_on, ending_before = bounds_of(request)
    whole = asked.choice("window_size", ("DAY", "NONE"), "DAY") == "NONE"
    credit_type_id = asked.uuid("credit_type_id")
    keys = asked.strings("group_keys")
    filters = _filters(asked.object("group_filters") or {})
    skip_zero = asked.flag("skip_zero_qty_line_items")
    list_prices = asked.flag("include_list_prices")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    books = account.books(index)
    invoices = [
        item
        for item in books.invoices
        if item.type == "USAGE" and item.status != "VOID" and credit_type_id in (None, item.credit_type.id)
    ]
    last = min(ending_before, books.now + DAY)
    cells = [(window, item) for item in invoices for window in _windows(item, starting_on, last, whole=whole)]
    cells.sort(key=lambda cell: cell[0][0], reverse=descending)

    def write(cell: tuple[_Window, Invoice]) -> Json:
        window, item = cell
        lines = list(_lines(item, window, keys, filters, list_prices=list_prices))
        kept = [line for line in lines if line["quantity"] or not skip_zero]
        return _head(books, item, window) | {"line_items": kept}

    return page(request, cells, limit, write)


def _filters(given: Json) -> dict[str, list[str]]:
    for name, values in given.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ApiError(400, f"group_filters.{name} must be an array of strings")
    return {name: list(values) for name, values in given.items() if isinstance(values, list)}


def _windows(item: Invoice, begin: datetime, last: datetime, *, whole: bool) -> Iterator[_Window]:
    """The days of an invoice within the bounds, or all of them as one window."""
    days = list(windows_of(item, DAY, begin, last))
    if whole and days:
        yield days[0], days[-1] + DAY
    elif not whole:
        for day in days:
            yield day, day + DAY


def _head(books: Books, item: Invoice, window: _Window) -> Json:
    """Everything but the lines; there is no total."""
    payload: Json = {
        "id": item.id,
        "customer_id": books.agreements.customer_id,
        "contract_id": item.contract.id,
        "type": item.type,
        "status": item.status,
        "credit_type": item.credit_type.payload(),
        "issued_at": offset_text(item.issued_at),
        "breakdown_start_timestamp": offset_text(window[0]),
        "breakdown_end_timestamp": offset_text(window[1]),
    }
    if item.start is not None and item.end is not None:
        payload["start_timestamp"] = offset_text(instant(item.start))
        payload["end_timestamp"] = offset_text(instant(item.end))
    return payload


def _lines(
    item: Invoice, window: _Window, keys: list[str] | None, filters: dict[str, list[str]], *, list_prices: bool
) -> Iterator[Json]:
    """The usage of a window, whoever pays for it; with `keys` only those tell lines apart."""
    sums: dict[_Line, list[int]] = {}
    streams: dict[_Line, Stream] = {}
    for day in range(window[0].toordinal(), window[1].toordinal()):
        for piece in item.pieces_of(day):
            stream = item.contract.streams[piece.stream]
            values: dict[str, str | None] = dict(stream.group)
            if stream.product.presentation is not None:
                values[stream.product.presentation[0]] = stream.presentation
            if any(values.get(name) not in wanted for name, wanted in filters.items() if wanted):
                continue
            told = tuple((name, value) for name, value in values.items() if keys is None or name in keys)
            key = (stream.product.id, piece.tier, piece.price, told)
            entry = sums.setdefault(key, [0, 0])
            entry[0] += piece.quantity
            entry[1] += piece.amount
            streams[key] = stream
    for key, (quantity, amount) in sorted(sums.items(), key=lambda pair: repr(pair[0])):
        yield _line(item, streams[key], key, quantity, amount, list_prices=list_prices)


def _line(item: Invoice, stream: Stream, key: _Line, quantity: int, amount: int, *, list_prices: bool) -> Json:
    product = stream.product
    _, tier, price, told = key
    unit = item.contract.card.unit.payload()
    line: Json = {
        "name": product.name,
        "type": product.line_type,
        "quantity": number(quantity),
        "unit_price": number(price),
        "total": number(amount),
        "credit_type": unit,
        "product_id": product.id,
        "product_type": product.kind,
        "product_tags": list(product.tags),
        "product_custom_fields": {},
    }
    priced = {name for name, _ in product.groups}
    by_price = {name: value for name, value in told if name in priced}
    shown = {name: value for name, value in told if name not in priced}
    if by_price:
        line["pricing_group_values"] = by_price
    if shown:
        line["presentation_group_values"] = shown
    if list_prices:
        # The list price is the rate card's: before overrides, and before the commit rate.
        rate = item.contract.card.rates[product.key, stream.group]
        listed = rate.tiers[tier][1] if rate.tiers else rate.price
        line["list_price"] = {"rate_type": "FLAT", "price": number(listed), "credit_type": unit}
    return line
