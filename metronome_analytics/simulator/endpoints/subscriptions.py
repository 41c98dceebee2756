"""Endpoints about subscriptions: quantities so far, who had a seat, and what is left to each seat."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup, lookup_by_code
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering import subscriptions as render
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.rendering.seat_balances import SeatBalances
from metronome_analytics.simulator.world.agreements import Contract, subscription_id, subscription_stream
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.seats import assigned_seats, seat_based, seat_ids, seat_schedule

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.parameters import Parameters
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import BalanceBook, Books
    from metronome_analytics.simulator.world.streams import Stream

SEATS_PER_PAGE = 100
SEATS_BY_DEFAULT = 25
HISTORY_PER_PAGE = 10


def _by_code(account: Account, asked: Parameters) -> tuple[Books, Contract, Stream]:
    """The subscription asked for. Raises ApiError 400 with the code of what is not there."""
    customer_id, contract_id = asked.required_uuid("customer_id"), asked.required_uuid("contract_id")
    wanted = asked.required_uuid("subscription_id")
    books = account.books(lookup_by_code(account, customer_id))
    contract = find_contract(books, contract_id, code="ContractNotFound")
    stream = subscription_stream(contract)
    if stream is None or wanted != subscription_id(contract):
        raise ApiError(400, f"Subscription not found: {wanted}", "SubscriptionNotFound")
    return books, contract, stream


def get_quantity_history(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/getSubscriptionQuantityHistory: one object."""
    books, contract, stream = _by_code(account, request.parameters)
    request.parameters.finish()
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
    asked.finish()
    if not seat_based(contract):
        raise ApiError(400, "the subscription counts seats without assigning them")
    first = covering if covering is not None else starting_at
    last = covering if covering is not None else ending_before
    chosen = [
        entry
        for entry in seat_schedule(contract, stream)
        if instant(entry[0]) <= books.now
        and (first is None or entry[1] is None or instant(entry[1]) > first)
        and (last is None or instant(entry[0]) <= last)
    ]
    return page(request, chosen, limit, lambda entry: render.seat_schedule_entry(stream, entry))


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
    asked.finish()

    stream = subscription_stream(contract) if seat_based(contract) else None
    if wanted_subscriptions and (stream is None or set(wanted_subscriptions) != {subscription_id(contract)}):
        raise ApiError(404, "a subscription id is not that of a seat-based subscription of the contract")
    seats = [] if stream is None else assigned_seats(contract, stream, books.now.toordinal())
    if wanted is not None:
        missing = sorted(set(wanted) - set(seats))
        if missing and not skip_missing:
            raise ApiError(account.switches.unknown_seat_status, f"Seat not found: {missing[0]}")
        seats = [seat for seat in seats if seat in wanted]
    shared = [] if stream is None else [book for book in books.balances if _is_shared(book, contract, bounds)]
    everyone = [] if stream is None else seat_ids(stream)

    start = (request.position or (0,))[0]
    end = start + limit
    write = SeatBalances(books, shared, everyone, included=with_balances, ledgers=with_ledgers)
    items = [dump(write.of(seat)) for seat in seats[start:end]]
    left = max(0, len(seats) - end)
    return Page(items, (end,) if left else None, seats_left=left)


_Bounds = tuple[datetime | None, datetime | None, datetime | None]


def _bounds(asked: Parameters) -> _Bounds:
    covering, starting_at = asked.instant("covering_date"), asked.instant("starting_at")
    effective_before = asked.instant("effective_before")
    if covering is not None and (starting_at is not None or effective_before is not None):
        raise ApiError(400, "covering_date excludes starting_at and effective_before")
    return covering, starting_at, effective_before


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
