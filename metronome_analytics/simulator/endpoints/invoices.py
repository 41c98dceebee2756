"""Endpoints about invoices: list, retrieve, breakdowns, and the costs of customers on Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM, find
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Reply, Request, canonical_uuid
from metronome_analytics.simulator.rendering import invoices as render
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.world.agreements import used_by
from metronome_analytics.simulator.world.days import DAY, HOUR, instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Books, Invoice, Piece
    from metronome_analytics.simulator.world.switches import Switches

DAYS_PER_RESPONSE = 35
HOURS_PER_RESPONSE = 24


def list_invoices(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/invoices."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    status = asked.text("status")
    kind = asked.choice("type", ("USAGE", "USAGE_CONSOLIDATED", "SCHEDULED"), "")
    credit_type_id = asked.uuid("credit_type_id")
    contract_id = asked.uuid("contract_id")
    starting_on = asked.instant("starting_on")
    ending_before = asked.instant("ending_before")
    skip_zero = asked.flag("skip_zero_qty_line_items")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    books = account.books(index)
    chosen = [
        item
        for item in books.invoices
        if (status is None or item.status == status.upper())
        and kind in ("", item.type)
        and credit_type_id in (None, item.credit_type.id)
        and contract_id in (None, item.contract.id)
        and _in_period(item, starting_on, ending_before, account.switches)
    ]
    if descending:
        chosen.reverse()
    start = (request.position or (0,))[0]
    items = [_text(account, books, index, item, skip_zero=skip_zero) for item in chosen[start : start + limit]]
    return Page(items, (start + limit,) if start + limit < len(chosen) else None)


def _in_period(item: Invoice, starting_on: datetime | None, ending_before: datetime | None, switches: Switches) -> bool:
    """Compare the billing period: it must start on or after the one and end before the other."""
    if item.start is None or item.end is None:
        return switches.scheduled_in_date_filters or (starting_on is None and ending_before is None)
    if starting_on is not None and instant(item.start) < starting_on:
        return False
    return ending_before is None or instant(item.end) < ending_before


def _text(account: Account, books: Books, index: int, item: Invoice, *, skip_zero: bool) -> str:
    """An invoice as JSON text, kept with the books."""
    key = (item.id, skip_zero)
    text = books.rendered.get(key)
    if text is None:
        payload = render.invoice(books, item, account.customer(index), account.switches, skip_zero=skip_zero)
        text = books.rendered[key] = dump(payload)
    return text


def get_invoice(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/invoices/{invoice_id}."""
    index = find(account, request)
    invoice_id = canonical_uuid(request.path_parameters["invoice_id"], "invoice_id")
    skip_zero = request.parameters.flag("skip_zero_qty_line_items")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    books = account.books(index)
    item = next((item for item in books.invoices if item.id == invoice_id), None)
    if item is None:
        raise ApiError(404, f"Invoice not found: {invoice_id}")
    return Reply(f'{{"data":{_text(account, books, index, item, skip_zero=skip_zero)}}}')


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
    starting_on, ending_before = bounds_of(request)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

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
        pieces = _pieces(books, item, begin, hourly=hourly)
        bounds = (begin, begin + size)
        payload = render.window(books, item, who, account.switches, pieces=pieces, bounds=bounds, skip_zero=skip_zero)
        items.append(dump(payload))
    return Page(items, (end,) if end < len(cells) else None)


def bounds_of(request: Request) -> tuple[datetime, datetime]:
    """The two dates that must be there."""
    bounds = []
    for name in ("starting_on", "ending_before"):
        value = request.parameters.instant(name)
        if value is None:
            raise ApiError(400, f"{name} is required")
        bounds.append(value)
    return bounds[0], bounds[1]


def windows_of(item: Invoice, size: timedelta, starting_on: datetime, ending_before: datetime) -> Iterator[datetime]:
    """The starts of the invoice's windows that lie within the bounds, in order."""
    if item.start is None or item.end is None:
        return
    begin = instant(item.start)
    if starting_on > begin:
        begin += -((begin - starting_on) // size) * size
    last = min(instant(item.end), ending_before)
    while begin + size <= last:
        yield begin
        begin += size


def _pieces(books: Books, item: Invoice, begin: datetime, *, hourly: bool) -> list[Piece]:
    """The usage of one window. Within a day the covered part of a line is what was used first."""
    of_day = item.pieces_of(begin.toordinal())
    return list(_hour(books, item, of_day, begin)) if hourly else of_day


def _hour(books: Books, item: Invoice, of_day: list[Piece], begin: datetime) -> Iterator[Piece]:
    """One hour's share of a day's pieces, which are consumed in order by the hours' usage."""
    yield from (piece for piece in of_day if piece.hour == begin.hour)
    of_day = [piece for piece in of_day if piece.hour is None]
    totals: dict[int, int] = {}
    for piece in of_day:
        totals[piece.stream] = totals.get(piece.stream, 0) + piece.quantity
    if begin.date() == books.now.date():
        totals = {stream: books.metered_today[item.contract.id, stream] for stream in totals}
    seen: dict[int, int] = {}
    for piece in of_day:
        stream = item.contract.streams[piece.stream]
        total, before = totals[piece.stream], seen.get(piece.stream, 0)
        seen[piece.stream] = before + piece.quantity
        opening, closing = (
            min(max(used_by(total, edge, stream) - before, 0), piece.quantity) for edge in (begin.hour, begin.hour + 1)
        )
        if closing > opening:
            amount = _share(piece, closing) - _share(piece, opening)
            yield piece._replace(quantity=closing - opening, amount=amount)


def _share(piece: Piece, quantity: int) -> int:
    """The amount of the first part of a piece; the whole piece has exactly its amount."""
    return piece.amount * quantity // piece.quantity


def list_costs(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/costs: days of a customer on Plans; a customer on contracts has none."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    starting_on, ending_before = bounds_of(request)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    books = account.books(index)
    periods = [item for item in books.invoices if item.type == "PLAN_ARREARS"]
    days: list[int] = sorted(
        {
            begin.toordinal()
            for item in periods
            for begin in windows_of(item, DAY, starting_on, min(ending_before, books.now + DAY))
        }
    )
    start = (request.position or (0,))[0]
    items = [dump(render.day_costs(books, day)) for day in days[start : start + limit]]
    return Page(items, (start + limit,) if start + limit < len(days) else None)
