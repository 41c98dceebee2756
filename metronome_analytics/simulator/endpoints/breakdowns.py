"""The endpoint of invoice breakdowns: usage invoices cut into days or hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find
from metronome_analytics.simulator.rendering import invoices as render
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.world.days import DAY, HOUR
from metronome_analytics.simulator.world.windows import pieces_of_window, windows_of

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

DAYS_PER_RESPONSE = 35
HOURS_PER_RESPONSE = 24


def list_breakdowns(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/invoices/breakdowns: usage invoices cut into days or hours."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, PAGE_MAXIMUM)
    hourly = asked.choice("window_size", ("DAY", "HOUR"), "DAY") == "HOUR"
    status = asked.choice("status", ("DRAFT", "FINALIZED"), "")
    credit_type_id = asked.uuid("credit_type_id")
    skip_zero = asked.flag("skip_zero_qty_line_items")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    starting_on, ending_before = asked.required_instant("starting_on"), asked.required_instant("ending_before")
    asked.finish()

    books = account.books(index)
    invoices = [
        item
        for item in books.invoices
        if item.type == "USAGE"
        and item.status in ((status,) if status else ("DRAFT", "FINALIZED"))
        and credit_type_id in (None, item.credit_type.id)
    ]
    size = HOUR if hourly else DAY
    cells = [
        (begin, item)
        for item in invoices
        for begin in windows_of(item, size, starting_on, min(ending_before, books.now + size))
    ]
    cells.sort(key=lambda cell: cell[0], reverse=descending)
    start = (request.position or (0,))[0]
    end = min(start + limit, len(cells))
    if start < end:
        # A response covers a limited stretch of time from its first window on, whatever the limit.
        reach = HOUR * HOURS_PER_RESPONSE if hourly else DAY * DAYS_PER_RESPONSE
        first = cells[start][0]
        end = next((n for n in range(start, end) if abs(cells[n][0] - first) >= reach), end)
    who = account.customer(index)
    items = []
    for begin, item in cells[start:end]:
        pieces = pieces_of_window(books, item, begin, hourly=hourly)
        bounds = (begin, begin + size)
        payload = render.window(books, item, who, account.switches, pieces=pieces, bounds=bounds, skip_zero=skip_zero)
        items.append(dump(payload))
    return Page(items, (end,) if end < len(cells) else None)
