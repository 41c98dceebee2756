"""Endpoints about subscriptions: quantities so far, who had a seat, and what is left to each seat."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.contracts import find_contract, lookup_by_code
from metronome_analytics.simulator.endpoints.customers import lookup
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Parameters, Reply, Request, data, page
from metronome_analytics.simulator.rendering import subscriptions as render
from metronome_analytics.simulator.rendering.scalars import Json, dump, millis_text, number
from metronome_analytics.simulator.world.agreements import Contract, Stream, subscription_id
from metronome_analytics.simulator.world.books import BalanceBook, Books
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account

SEATS_PER_PAGE = 100
SEATS_BY_DEFAULT = 25
HISTORY_PER_PAGE = 10


def _by_code(account: Account, asked: Parameters) -> tuple[Books, Contract, Stream]:
    """The subscription asked for. Raises ApiError 400 with the code of what is not there."""
    customer_id, contract_id = asked.required_uuid("customer_id"), asked.required_uuid("contract_id")
    wanted = asked.required_uuid("subscription_id")
    books = account.books(lookup_by_code(account, customer_id))
    contract = find_contract(books, contract_id, code="ContractNotFound")
    stream = render.subscription_stream(contract)
    if stream is None or wanted != subscription_id(contract):
        raise ApiError(400, f"Subscription not found: {wanted}", "SubscriptionNotFound")
    return books, contract, stream


def get_quantity_history(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/getSubscriptionQuantityHistory: one object."""
    books, contract, stream = _by_code(account, request.parameters)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return data(render.quantity_history(books, contract, stream))


def get_seats_history(account: Account, request: Request) -> Page:
    """POST /v1/contracts/getSubscriptionSeatsHistory: every bad argument has a code here."""
    try:
        return _seats_history(account, request)
    except ApiError as problem:
        raise ApiError(problem.status, problem.message, problem.code or "InvalidArgument") from None


def _seats_history(account: Account, request: Request) -> Page:
    asked = request.parameters
    limit = asked.limit(HISTORY_PER_PAGE, HISTORY_PER_PAGE)
    covering, starting_at = asked.instant("covering_date"), asked.instant("starting_at")
    ending_before = asked.instant("ending_before")
    if covering is not None and (starting_at is not None or ending_before is not None):
        raise ApiError(400, "covering_date excludes starting_at and ending_before")
    books, contract, stream = _by_code(account, asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    if not render.seat_based(contract):
        raise ApiError(400, "the subscription counts seats without assigning them")
    first = covering if covering is not None else starting_at
    last = covering if covering is not None else ending_before
    chosen = [
        entry
        for entry in render.seat_schedule(contract, stream)
        if instant(entry[0]) <= books.now
        and (first is None or entry[1] is None or instant(entry[1]) > first)
        and (last is None or instant(entry[0]) <= last)
    ]
    return page(request, chosen, limit, lambda entry: _schedule_entry(stream, entry))


def _schedule_entry(stream: Stream, entry: tuple[int, int | None, list[str]]) -> Json:
    start, end, seats = entry
    return {
        "starting_at": millis_text(instant(start)),
        "ending_before": None if end is None else millis_text(instant(end)),
        "total_quantity": stream.base,
        "assigned_seat_ids": seats,
    }


def list_seat_balances(account: Account, request: Request) -> Page:
    """POST /v1/contracts/seatBalances/list: what each assigned seat has of the balances shared among seats."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    books = account.books(index)
    contract = find_contract(books, asked.required_uuid("contract_id"))
    limit = asked.limit(SEATS_PER_PAGE, SEATS_BY_DEFAULT)
    wanted_subscriptions = asked.uuids("subscription_ids")
    wanted = asked.strings("seat_ids")
    skip_missing = asked.flag("skip_missing_seat_ids")
    with_balances = asked.flag("include_credits_and_commits")
    with_ledgers = asked.flag("include_ledgers") and with_balances
    bounds = _bounds(asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    stream = render.subscription_stream(contract) if render.seat_based(contract) else None
    if wanted_subscriptions and (stream is None or set(wanted_subscriptions) != {subscription_id(contract)}):
        raise ApiError(404, "a subscription id is not that of a seat-based subscription of the contract")
    seats = [] if stream is None else _assigned(books, contract, stream)
    if wanted is not None:
        missing = sorted(set(wanted) - set(seats))
        if missing and not skip_missing:
            raise ApiError(account.switches.unknown_seat_status, f"Seat not found: {missing[0]}")
        seats = [seat for seat in seats if seat in wanted]
    shared = [] if stream is None else [book for book in books.balances if _is_shared(book, contract, bounds)]
    everyone = [] if stream is None else render.seat_ids(stream)

    start = (request.position or (0,))[0]
    end = start + limit
    items: list[str] = []
    for seat in seats[start:end]:
        parts = [_part(books, book, seat, everyone, ledgers=with_ledgers) for book in shared]
        payload: Json = {"seat_id": seat, "balances": _sums(parts)}
        if with_balances:
            payload["commits"] = [part for book, part, _, _ in parts if book.balance.type != "CREDIT"]
            payload["credits"] = [part for book, part, _, _ in parts if book.balance.type == "CREDIT"]
        items.append(dump(payload))
    left = max(0, len(seats) - end)
    return Page(items, (end,) if left else None, seats_left=left)


_Bounds = tuple[datetime | None, datetime | None, datetime | None]


def _bounds(asked: Parameters) -> _Bounds:
    covering, starting_at = asked.instant("covering_date"), asked.instant("starting_at")
    effective_before = asked.instant("effective_before")
    if covering is not None and (starting_at is not None or effective_before is not None):
        raise ApiError(400, "covering_date excludes starting_at and effective_before")
    return covering, starting_at, effective_before


def _assigned(books: Books, contract: Contract, stream: Stream) -> list[str]:
    """The seats in use now."""
    today = books.now.toordinal()
    schedule = render.seat_schedule(contract, stream)
    return next((seats for start, end, seats in schedule if start <= today and (end is None or today < end)), [])


def _is_shared(book: BalanceBook, contract: Contract, bounds: _Bounds) -> bool:
    """Whether a balance is shared among the contract's seats, and has access when asked for; by default now."""
    covering, starting_at, effective_before = bounds
    if book.balance.allocated_to != subscription_id(contract):
        return False
    start, end = instant(book.segments[0].segment.start), instant(book.segments[-1].segment.end)
    return (
        (covering is None or start <= covering < end)
        and (starting_at is None or end > starting_at)
        and (effective_before is None or start <= effective_before)
    )


_Part = tuple[BalanceBook, Json, int, int]


def _part(books: Books, book: BalanceBook, seat: str, everyone: list[str], *, ledgers: bool) -> _Part:
    """One seat's share of a balance, with its amounts: what is left now, and what it started with."""
    seats, place = len(everyone), everyone.index(seat)
    active = [segment for segment in book.segments if segment.active(books.now)]
    own = [entry for segment in active for entry in segment.manual if entry.by_seat]
    equal = sum(segment.remaining() for segment in active) - sum(entry.amount for entry in own)
    mine = sum(amount for entry in own for name, amount in entry.by_seat if name == seat)
    left = max(0, render.share(equal, place, seats) + mine)
    granted = render.share(sum(segment.amount for segment in book.segments), place, seats)
    payload: Json = {
        "id": book.balance.id,
        "balance": number(left),
        "start_date": millis_text(instant(book.segments[0].segment.start)),
        "end_date": millis_text(instant(book.segments[-1].segment.end)),
    }
    if ledgers:
        rows: list[Json] = []
        for entry in book.ledger(books.now):
            share = dict(entry.by_seat).get(seat, 0) if entry.by_seat else render.share(entry.amount, place, seats)
            if share or not entry.by_seat:
                when = millis_text(entry.timestamp)
                rows.append({"type": entry.type, "amount": number(share), "timestamp": when})
        payload["ledger_entries"] = rows
    return book, payload, left, granted


def _sums(parts: list[_Part]) -> list[Json]:
    """A seat's balance per credit type."""
    sums: dict[str, list[int]] = {}
    for book, _, left, granted in parts:
        entry = sums.setdefault(book.balance.credit_type.id, [0, 0])
        entry[0] += left
        entry[1] += granted
    return [
        {"credit_type_id": key, "balance": number(left), "starting_balance": number(granted)}
        for key, (left, granted) in sums.items()
    ]
