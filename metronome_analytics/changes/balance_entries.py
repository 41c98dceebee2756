"""`balances.enter`: a manual entry in the ledger of a commit or credit. Its fields, checks, body and proof."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.changes.balance_entry import NAME, BalanceEntry, opposite_entry, same_entry
from metronome_analytics.changes.fields import (
    SHORTEST_REASON,
    is_exact,
    json_number,
    on_the_hour,
    rfc3339,
    wrong_amount,
)
from metronome_analytics.changes.operation import (
    UNREADABLE,
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Seen,
    Sighting,
    Weight,
)
from metronome_analytics.changes.records import Facts, Json, plain, token_of, with_token
from metronome_analytics.changes.seats import not_in_use
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import display, minor_of
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.changes.holdings import Balance, Segment


def prepare(entry: BalanceEntry, review: Review) -> PlannedChange | None:
    """Everything that can be known to be wrong with an entry before it is sent; or the entry, complete."""
    entry = _in_own_unit(entry, review)
    for name, problem in (*_amount(entry), *_reason(entry)):
        review.wrong(name, problem)
    balance = _balance(entry, review)
    segment = None if balance is None else _segment(entry, balance, review)
    if balance is None or segment is None:
        return None
    _seats(entry, balance, segment, review)
    same = nonce = ""
    if entry.amount.is_finite():
        same = same_entry(entry, segment.id)
        unit = balance.credit_type_name
        review.within_limits(entry.amount, unit)
        left = _left(balance, segment, review)
        if entry.amount < 0 and left + entry.amount < 0 and not review.leeway.allow_overdraw:
            drawn = display(-entry.amount, unit)
            review.wrong("amount", f"it draws {drawn} of {display(left, unit)} left in the segment")
        there = bool(balance.manual_entries(entry.amount, entry.reason.strip()))
        if review.repeats(same, "entry", there=there, where="ledger"):
            nonce = secrets.token_hex(8)
    if any(problem.row == review.row for problem in review.problems):
        return None
    return _complete(entry, balance, segment, review, same=same, nonce=nonce)


def _in_own_unit(entry: BalanceEntry, review: Review) -> BalanceEntry:
    """The entry with its amount in the unit of its balance; one of an unknown balance keeps none."""
    balance = review.view.balances.get(entry.balance_id)
    if entry.amount_major is None:
        return entry
    if not entry.amount.is_nan():
        review.wrong("amount_major", "amount and amount_major exclude each other")
        return entry
    if balance is None:
        return entry
    amount = minor_of(entry.amount_major, balance.credit_type_name)
    return entry.model_copy(update={"amount": amount, "amount_major": None})


# --- what an entry says of itself ------------------------------------------------------------------------------------


def _amount(entry: BalanceEntry) -> Iterator[tuple[str, str]]:
    if entry.amount_major is not None and entry.amount.is_nan():
        return
    if wrong := wrong_amount(entry.amount):
        yield "amount", wrong
        if not entry.amount.is_finite():
            return
    groups = entry.per_group_amounts
    if groups is None:
        return
    if wrong_parts := [name for name, part in groups.items() if not part.is_finite() or not is_exact(part)]:
        yield "per_group_amounts", f"no exact finite number for {', '.join(wrong_parts)}"
    elif (total := sum(groups.values(), start=Decimal(0))) != entry.amount:
        yield "per_group_amounts", f"they sum to {total}, not to {entry.amount}"


def _reason(entry: BalanceEntry) -> Iterator[tuple[str, str]]:
    if len(entry.reason.strip()) < SHORTEST_REASON:
        yield "reason", f"{entry.reason!r} says too little: at least {SHORTEST_REASON} characters"
    elif token_of(entry.reason) is not None:
        yield "reason", "it ends like the mark this package adds itself"


# --- what it is about ------------------------------------------------------------------------------------------------


def _balance(entry: BalanceEntry, review: Review) -> Balance | None:
    owner = review.customer(entry.customer_id)
    if owner is None:
        return None
    balance = review.view.balances.get(entry.balance_id)
    if balance is None:
        review.wrong("balance_id", f"{owner} has no balance {entry.balance_id}: unknown, or another customer's")
        return None
    if balance.customer_id != entry.customer_id:
        review.wrong("balance_id", f"{balance.id} belongs to {review.view.customers[balance.customer_id].name}")
        return None
    if balance.archived or not balance.readable:
        review.wrong("balance_id", f"{balance.title} is archived")
    if entry.contract_id not in {None, balance.contract_id}:
        level = f"of contract {balance.contract_id}" if balance.contract_id else "at customer level, of no contract"
        review.wrong("contract_id", f"{entry.contract_id} is not the balance's: it is {level}")
    return balance


def _segment(entry: BalanceEntry, balance: Balance, review: Review) -> Segment | None:
    listed = ", ".join(f"{s.id} ({s.starting_at:%Y-%m-%d} to {s.ending_before:%Y-%m-%d})" for s in balance.segments)
    if entry.segment_id is None:
        if len(balance.segments) != 1:
            review.wrong("segment_id", f"the balance has {len(balance.segments)} segments, name one: {listed}")
            return None
        segment = balance.segments[0]
    else:
        named = [segment for segment in balance.segments if segment.id == entry.segment_id]
        if not named:
            review.wrong("segment_id", f"{entry.segment_id} is none of the balance's segments: {listed}")
            return None
        segment = named[0]
    if review.now < segment.starting_at:
        review.wrong("segment_id", f"{segment.id} is not active before {segment.starting_at:%Y-%m-%d %H:%M} UTC")
    elif review.now >= segment.ending_before:
        review.wrong("segment_id", f"{segment.id} expired at {segment.ending_before:%Y-%m-%d %H:%M} UTC")
    if (at := entry.timestamp) is not None:
        if not segment.covers(at):
            review.wrong("timestamp", f"{at:%Y-%m-%d %H:%M} UTC is outside the segment")
        elif at != on_the_hour(at):
            review.wrong("timestamp", f"{at:%Y-%m-%d %H:%M:%S} UTC is not on the hour, as the API demands")
    return segment


def _seats(entry: BalanceEntry, balance: Balance, segment: Segment, review: Review) -> None:
    """The API takes an entry for a seat only of a time at which the seat is in use."""
    if not entry.per_group_amounts:
        return
    periods = review.view.seats.get(balance.id)
    if periods is None:
        review.wrong("per_group_amounts", f"{balance.title} gives no seat a part of its own")
        return
    for problem in not_in_use(periods, entry.per_group_amounts, _at(entry, segment, review)):
        review.wrong("timestamp", problem)


def _at(entry: BalanceEntry, segment: Segment, review: Review) -> datetime:
    """The time of an entry: the user's, or this hour; not before the segment's start, which is on the hour itself."""
    return entry.timestamp or max(on_the_hour(review.now), segment.starting_at)


def _left(balance: Balance, segment: Segment, review: Review) -> Decimal:
    """What is left in a segment after the entries of the plan so far."""
    return balance.available(segment) + review.taken.get((balance.id, segment.id), Decimal(0))


# --- what is planned -------------------------------------------------------------------------------------------------


def _complete(
    entry: BalanceEntry, balance: Balance, segment: Segment, review: Review, *, same: str, nonce: str
) -> PlannedChange:
    before = review.after.get(balance.id, balance.balance) if balance.balance is not None else None
    after = None if before is None else max(before + entry.amount, Decimal(0))
    warnings = tuple(_warnings(entry, balance, segment, review))
    place = (balance.id, segment.id)
    review.taken[place] = review.taken.get(place, Decimal(0)) + entry.amount
    if after is not None:
        review.after[balance.id] = after
    complete = entry.model_copy(
        update={
            "segment_id": segment.id,
            "contract_id": balance.contract_id,
            "reason": entry.reason.strip(),
            "timestamp": _at(entry, segment, review),
        }
    )
    return PlannedChange(
        change=complete,
        customer_name=review.view.customers[entry.customer_id].name,
        subject_id=balance.id,
        subject_name=balance.name,
        what=f"enter {display(entry.amount, balance.credit_type_name)} in {balance.title}",
        same=same,
        period="" if entry.timestamp is None else f"{entry.timestamp:%Y-%m-%d}",
        nonce=nonce,
        credit_type_name=balance.credit_type_name,
        amount=entry.amount,
        balance_before=before,
        balance_after=after,
        opposite=opposite_entry(complete),
        warnings=warnings,
    )


def _warnings(entry: BalanceEntry, balance: Balance, segment: Segment, review: Review) -> Iterator[str]:
    if entry.timestamp is None:
        start = f"{segment.starting_at:%Y-%m-%d}"
        yield f"timestamp set to now, on the hour; without one the API would use the segment's start, {start}"
    if balance.type == BalanceType.POSTPAID:
        yield "a postpaid commit: this changes what is billed as true-up, and no invoice of usage"
    elif entry.amount > 0:
        yield "a new credit would have a name, a product and an expiry of its own; this adds to what is there"
    else:
        yield "if usage was metered or priced wrongly, correct that and regenerate the invoice instead"
    if balance.ambiguous:
        many = f"{balance.ambiguous} manual entries name no segment"
        yield f"what is left in this segment is inferred: {many}, and are counted by their date"
    if entry.amount < 0 and _left(balance, segment, review) + entry.amount < 0:
        yield "it overdraws the segment: the API shows 0, the ledger stays negative"


def fingerprint(entry: BalanceEntry, view: View) -> str:
    """A digest of the balance as it was seen."""
    balance = view.balances.get(entry.balance_id)
    return "" if balance is None else balance.fingerprint()


# --- what is sent, and what shows it ---------------------------------------------------------------------------------


def call(entry: BalanceEntry, uniqueness_key: str, token: str) -> Call:
    """The entry as it is sent, the same at every attempt.

    `uniqueness_key` is known to the official client 4.12 and newer pages of the vendor's, not to its OpenAPI file: a
    server that ignores it is one that the doctor finds out with `--sandbox-writes`.
    """
    body: dict[str, Json] = {
        "customer_id": entry.customer_id,
        "id": entry.balance_id,
        "segment_id": entry.segment_id,
        "amount": json_number(entry.amount),
        "reason": with_token(entry.reason, token),
        "timestamp": None if entry.timestamp is None else rfc3339(entry.timestamp),
        "uniqueness_key": uniqueness_key,
    }
    if entry.contract_id is not None:
        body["contract_id"] = entry.contract_id
    if entry.per_group_amounts is not None:
        body["per_group_amounts"] = {group: json_number(amount) for group, amount in entry.per_group_amounts.items()}
    return Call("add_manual_balance_entry", entry.customer_id, body)


def sighting(facts: Facts, view: View) -> Sighting:
    """The entry by its token in the ledger; others of the same amount and reason are somebody else's."""
    balance = view.balances.get(facts.subject_id)
    # What hides its ledger (an archived balance, another account's) proves nothing by it.
    if balance is None or not balance.readable:
        return UNREADABLE
    own = [entry.amount for entry in balance.entries if entry.token == facts.token]
    amount, reason = facts.amount or Decimal(0), facts.reason or ""
    twins = sum(entry.token != facts.token for entry in balance.manual_entries(amount, reason))
    if not own:
        return UNREADABLE if balance.archived else Sighting(Seen.ABSENT, twins=twins)
    there = ", ".join(plain(each) for each in own)
    differs = "" if own == [amount] else f"it has {there} where {plain(amount)} was sent"
    return Sighting(Seen.THERE, differs, twins)


ENTER = Operation(
    name=NAME,
    endpoint="add_manual_balance_entry",
    change=BalanceEntry,
    verb="apply",
    noun=("entry", "entries"),
    looks=frozenset({Look.CUSTOMERS, Look.BALANCES}),
    proof_looks=frozenset({Look.BALANCES}),
    prepare=prepare,
    fingerprint=fingerprint,
    call=call,
    sighting=sighting,
    once=OnceBy.KEY,
    proof=Proof.MARK,
    undo="balances.enter of the opposite amount",
    weight=Weight.BILLING,
)
