"""The endpoint of spend breakdowns: usage before commits and credits, in windows, with list prices on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.spend_breakdowns import SpendWanted, Window, spend_breakdown
from metronome_analytics.simulator.world.days import DAY
from metronome_analytics.simulator.world.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Invoice


def list_spend_breakdowns(account: Account, request: Request) -> Page:
    """POST /v1/customers/{customer_id}/invoices/spend-breakdowns."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, PAGE_MAXIMUM)
    starting_on, ending_before = asked.required_instant("starting_on"), asked.required_instant("ending_before")
    whole = asked.choice("window_size", ("DAY", "NONE"), "DAY") == "NONE"
    credit_type_id = asked.uuid("credit_type_id")
    keys = asked.strings("group_keys")
    filters = _filters(asked.object("group_filters") or {})
    skip_zero = asked.flag("skip_zero_qty_line_items")
    list_prices = asked.flag("include_list_prices")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    asked.finish()

    books = account.books(index)
    invoices = [
        item
        for item in books.invoices
        if item.type == "USAGE" and item.status != "VOID" and credit_type_id in (None, item.credit_type.id)
    ]
    last = min(ending_before, books.now + DAY)
    cells = [(window, item) for item in invoices for window in _windows(item, starting_on, last, whole=whole)]
    cells.sort(key=lambda cell: cell[0][0], reverse=descending)

    wanted = SpendWanted(keys, filters, list_prices, skip_zero)

    def write(cell: tuple[Window, Invoice]) -> Json:
        window, item = cell
        return spend_breakdown(books, item, window, wanted)

    return page(request, cells, limit, write)


def _filters(given: Json) -> dict[str, list[str]]:
    for name, values in given.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ApiError(400, f"group_filters.{name} must be an array of strings")
    return {name: list(values) for name, values in given.items() if isinstance(values, list)}


def _windows(item: Invoice, begin: datetime, last: datetime, *, whole: bool) -> Iterator[Window]:
    """The days of an invoice within the bounds, or all of them as one window."""
    days = list(windows_of(item, DAY, begin, last))
    if whole and days:
        yield days[0], days[-1] + DAY
    elif not whole:
        for day in days:
            yield day, day + DAY
