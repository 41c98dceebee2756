"""The one write: a manual balance entry, with its validation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply
from metronome_analytics.simulator.endpoints.hours import on_the_hour
from metronome_analytics.simulator.endpoints.lookups import lookup
from metronome_analytics.simulator.world.agreements import ManualEntry, subscription_id, subscription_stream
from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.seats import assigned_seats

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.parameters import Parameters
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Segment
    from metronome_analytics.simulator.world.books import BalanceBook


def add_entry(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/addManualBalanceLedgerEntry: an empty 200; an overdraw is accepted."""
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    balance_id = asked.required_uuid("id")
    segment_id = asked.required_uuid("segment_id")
    contract_id = asked.uuid("contract_id")
    amount = _amount(asked.raw("amount"), "amount")
    reason = asked.required("reason")
    timestamp = on_the_hour(account, "timestamp", asked.instant("timestamp"))
    by_seat = _by_seat(asked, amount)
    uniqueness_key = _uniqueness_key(account, asked)
    asked.finish()

    index = lookup(account, customer_id)
    book = _balance(account, index, balance_id)
    if contract_id != book.balance.contract_id:
        raise ApiError(account.switches.wrong_contract_status, "contract_id does not match the balance")
    segment = next((item.segment for item in book.segments if item.segment.id == segment_id), None)
    if segment is None:
        raise ApiError(account.switches.wrong_segment_status, f"Segment not found on the balance: {segment_id}")

    when = timestamp or instant(segment.start)
    if by_seat:
        _within(segment, when)
        in_use = _seats_in_use(account, index, book, when)
        for seat, _ in by_seat:
            if seat not in in_use:
                raise ApiError(400, f"seat {seat} is not active at {when:%Y-%m-%dT%H:%M:%SZ}")
    entry = ManualEntry(segment_id, amount, reason, when, posted_at=account.clock.now, by_seat=by_seat)
    if uniqueness_key is not None:
        if uniqueness_key in account.uniqueness_keys:
            raise ApiError(409, "This uniqueness key has already been used.")
        account.uniqueness_keys.add(uniqueness_key)
    account.post(index, balance_id, entry)
    return Reply()


def _balance(account: Account, index: int, balance_id: str) -> BalanceBook:
    books = account.books(index)
    book = next((book for book in books.balances if book.balance.id == balance_id), None)
    if book is None or book.archived(books.now):
        raise ApiError(404, f"Commit or credit not found: {balance_id}")
    return book


def _amount(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, f"{name} must be a number")
    return scaled(value)


def _by_seat(asked: Parameters, amount: int) -> tuple[tuple[str, int], ...]:
    """The amounts per seat, which must add up."""
    groups = asked.object("per_group_amounts") or {}
    amounts = tuple((seat, _amount(value, "per_group_amounts")) for seat, value in groups.items())
    if amounts and sum(part for _, part in amounts) != amount:
        raise ApiError(400, "per_group_amounts must sum to amount")
    return amounts


def _within(segment: Segment, when: datetime) -> None:
    """Demanded of an entry for seats; an entry without is taken at any time."""
    if not instant(segment.start) <= when < instant(segment.end):
        raise ApiError(400, "timestamp must be within the segment")


def _seats_in_use(account: Account, index: int, book: BalanceBook, when: datetime) -> list[str]:
    """The seats that share the balance at an instant. Raises ApiError 400 where none ever do."""
    contracts = account.books(index).contracts()
    contract = next((each for each in contracts if subscription_id(each) == book.balance.allocated_to), None)
    stream = None if contract is None else subscription_stream(contract)
    if contract is None or stream is None:
        raise ApiError(400, "per_group_amounts needs a balance that is allocated to seats individually")
    return assigned_seats(contract, stream, when.toordinal())


def _uniqueness_key(account: Account, asked: Parameters) -> str | None:
    if not account.switches.uniqueness_key_honoured:
        asked.raw("uniqueness_key")
        return None
    key = asked.text("uniqueness_key")
    if key is not None and not 1 <= len(key) <= 128:
        raise ApiError(400, "uniqueness_key must have between 1 and 128 characters")
    return key
