"""The one write: a manual balance entry, with its validation, and the memory that makes retries safe."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import lookup
from metronome_analytics.simulator.endpoints.request import ApiError, Parameters, Reply, Request, canonical_uuid
from metronome_analytics.simulator.world.agreements import ManualEntry
from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import BalanceBook


def add_entry(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/addManualBalanceLedgerEntry: an empty 200; an overdraw is accepted."""
    asked = request.parameters
    customer_id = canonical_uuid(asked.required("customer_id"), "customer_id")
    balance_id = canonical_uuid(asked.required("id"), "id")
    segment_id = canonical_uuid(asked.required("segment_id"), "segment_id")
    contract_id = asked.uuid("contract_id")
    amount = _amount(asked.raw("amount"), "amount")
    reason = asked.required("reason")
    timestamp = asked.instant("timestamp")
    by_seat = _by_seat(asked, amount)
    uniqueness_key = _uniqueness_key(account, asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    index = lookup(account, customer_id)
    book = _balance(account, index, balance_id)
    if contract_id != book.balance.contract_id:
        raise ApiError(account.switches.wrong_contract_status, "contract_id does not match the balance")
    segment = next((item.segment for item in book.segments if item.segment.id == segment_id), None)
    if segment is None:
        raise ApiError(account.switches.wrong_segment_status, f"Segment not found on the balance: {segment_id}")

    when = timestamp or instant(segment.start)
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
    """The amounts per seat, which must add up; only balances that are shared among seats have a use for them."""
    groups = asked.object("per_group_amounts") or {}
    amounts = tuple((seat, _amount(value, "per_group_amounts")) for seat, value in groups.items())
    if amounts and sum(part for _, part in amounts) != amount:
        raise ApiError(400, "per_group_amounts must sum to amount")
    return amounts


def _uniqueness_key(account: Account, asked: Parameters) -> str | None:
    if not account.switches.uniqueness_key_honoured:
        asked.raw("uniqueness_key")
        return None
    key = asked.text("uniqueness_key")
    if key is not None and not 1 <= len(key) <= 128:
        raise ApiError(400, "uniqueness_key must have between 1 and 128 characters")
    return key


class Idempotency:
    """First results of writes by `Idempotency-Key`, errors included; kept as long as the simulator lives."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[str, Reply]] = {}

    def recall(self, key: str, request: Request) -> Reply | None:
        """The stored result of the same request. Raises ApiError 409 when the request was another."""
        stored = self._stored.get(key)
        if stored is None:
            return None
        if stored[0] != _digest(request):
            raise ApiError(409, "This idempotency key was used with other parameters.")
        return stored[1]

    def store(self, key: str, request: Request, reply: Reply) -> None:
        """Keep the first result."""
        self._stored.setdefault(key, (_digest(request), reply))


def _digest(request: Request) -> str:
    parts = (request.method, request.path, sorted(request.query.items()), sorted(request.body.items(), key=str))
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
