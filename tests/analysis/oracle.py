"""The definitions, slow and obvious: plain Python over plain records, sharing no code with the package.

A balance is made of segments of access and a ledger of signed entries. At an instant `at`:

- An entry without a segment belongs to the segment whose access contains its date (closing entries: that ends there),
  of several the one that started last, else the last to start before.
- A deduction with windows is one row per window, dated at the window's end or its own date, whichever is first, and a
  rest at its own date; without, it is one row.
- The books of a customer are `past` if they were loaded after `at`. Not told when, they give it away by a deduction
  dated after `at` whose invoice is final, or whose usage starts at `at` or later: the period or window does, or the
  same contract drew on the segment for another date not before `at`; or by a third date ahead of no named contract.
- In the books is: what is dated until `at`; dated later, a deduction whose usage began before `at`; and unless past,
  whatever is dated later in a segment that has started, except starts and closings. Past, a deduction dated later
  counts by its windows only, no rest; a void invoice's counts nothing; one without windows cannot be answered.
- A segment counts its sum, at least zero, and zero once its end or the archiving is reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

FAR = datetime(9999, 1, 1, tzinfo=UTC)
CLOSING = ("rollover", "true_up", "expiration")
RANK = {
    "segment_start": 0,
    "manual": 1,
    "seat_adjustment": 1,
    "deduction": 3,
    "rollover": 4,
    "true_up": 5,
    "expiration": 6,
}
NOTHING = Decimal(0)


class Unanswerable(Exception):  # noqa: N818  # what happened, not an error of the program
    """The books do not tell what was drawn by then."""


class Segment(NamedTuple):
    """Access to an amount from a start until an end."""

    id: str
    amount: Decimal
    start: datetime
    end: datetime


class Entry(NamedTuple):
    """A signed ledger entry, its type in the words of the field."""

    event: str
    at: datetime
    amount: Decimal
    segment: str | None = None
    invoice: str | None = None
    contract: str | None = None


@dataclass(frozen=True)
class Balance:
    """A commit or credit; `entries` is None where the API hides the ledger."""

    customer: str
    id: str
    kind: str
    unit: str
    segments: tuple[Segment, ...]
    entries: tuple[Entry, ...] | None
    contract: str | None = None
    archived: datetime | None = None
    priority: float | None = None
    cost: float | None = None
    products: int = 0
    values: int = 0
    contracts: int = 0
    source: str | None = None


class Bill(NamedTuple):
    """An invoice: its status and where its period starts."""

    id: str
    status: str
    start: datetime


class Window(NamedTuple):
    """A day of an invoice: what it drew on a balance's segment."""

    bill: Bill
    start: datetime
    end: datetime
    balance: str
    segment: str
    drawn: Decimal


class History(NamedTuple):
    """What an account's books hold, and when they were read."""

    balances: tuple[Balance, ...]
    bills: tuple[Bill, ...]
    windows: tuple[Window, ...]
    loaded: datetime


@dataclass(frozen=True)
class Row:
    """One thing that happened to a balance; `booked` is the date of its entry."""

    event: str
    at: datetime
    change: Decimal
    booked: datetime
    balance: str
    segment: str | None
    source: str = "ledger"
    index: int | None = None
    bill: Bill | None = None
    used: datetime | None = None
    contract: str | None = None
    invoice: str | None = None
    pending: bool = False
    left: Decimal = NOTHING


@dataclass
class Books:
    """A balance's rows in the books, and the starts still to come."""

    rows: list[Row] = field(default_factory=list)
    coming: list[Row] = field(default_factory=list)


def segment_of(balance: Balance, row: Row | Entry) -> Segment | None:
    """The segment an entry belongs to."""
    if row.segment is not None:
        return next((each for each in balance.segments if each.id == row.segment), None)
    closes = row.event in CLOSING

    def suits(segment: Segment) -> tuple[bool, bool, datetime]:
        inside = segment.start < row.at <= segment.end if closes else segment.start <= row.at < segment.end
        return inside, segment.start <= row.at, segment.start

    return max(balance.segments, key=suits)


def rows_of(balance: Balance, history: History, *, windows: bool, bills: bool) -> list[Row]:
    """Every row of the ledger, deductions by window where windows are given."""
    shown = {window.bill.id: window.bill for window in history.windows} if windows else {}
    shown |= {bill.id: bill for bill in history.bills} if bills else {}
    rows = []
    for index, entry in enumerate(balance.entries or ()):
        segment = segment_of(balance, entry)
        name = segment.id if segment else entry.segment
        bill = shown.get(entry.invoice or "")
        used = (
            max(bill.start, segment.start if segment else bill.start) if bill and entry.event == "deduction" else None
        )
        whole = Row(
            *(entry.event, entry.at, entry.amount, entry.at, balance.id, name, "ledger", index, bill, used),
            *(entry.contract or balance.contract, entry.invoice),
        )
        days: dict[tuple[datetime, datetime], Decimal] = {}
        for each in history.windows if windows and entry.event == "deduction" else ():
            if (each.bill.id, each.balance, each.segment) == (entry.invoice, balance.id, name):
                days[each.start, each.end] = days.get((each.start, each.end), NOTHING) + each.drawn
        drawn = {day: amount for day, amount in days.items() if amount}
        if not drawn:
            rows.append(whole)
            continue
        for (start, end), amount in sorted(drawn.items()):
            rows.append(replace(whole, at=min(end, entry.at), change=amount, source="breakdown", used=start))
        if rest := entry.amount - sum(drawn.values()):
            rows.append(replace(whole, change=rest, source="rest"))
    return rows


def is_past(rows: list[Row], at: datetime, loaded: datetime | None) -> bool:
    """Whether a customer's books were read after `at`."""
    if loaded is not None:
        return at < loaded
    drawn = [row for row in rows if row.event == "deduction" and row.invoice and row.booked > at]
    return any(
        (row.bill and row.bill.status == "FINALIZED")
        or (row.used and row.used >= at)
        or later_period(row, rows, at)
        or (not row.contract and len({other.booked for other in drawn if _same_place(row, other)}) > 2)
        for row in drawn
    )


def later_period(row: Row, rows: list[Row], at: datetime) -> bool:
    """Whether the contract drew on the segment for another date that is not before `at` and earlier than the row's."""
    return bool(row.contract and row.invoice and row.event == "deduction") and any(
        other.event == "deduction" and other.invoice and _same_place(row, other) and at <= other.booked < row.booked
        for other in rows
    )


def _same_place(row: Row, other: Row) -> bool:
    return (row.balance, row.segment, row.contract) == (other.balance, other.segment, other.contract)


def books(
    history: History, at: datetime, *, windows: bool = False, bills: bool = False, loaded: datetime | None = None
) -> dict[tuple[str, str], Books]:
    """What stood in the books of each balance at `at`; Unanswerable where they cannot tell."""
    every = {balance: rows_of(balance, history, windows=windows, bills=bills) for balance in history.balances}
    told = {}
    for balance, rows in every.items():
        if balance.entries is None:
            continue
        of_customer = [row for other in every if other.customer == balance.customer for row in every[other]]
        past = is_past(of_customer, at, loaded)
        told[balance.customer, balance.id] = _books(balance, rows, at, past=past)
    return told


def _books(balance: Balance, rows: list[Row], at: datetime, *, past: bool) -> Books:
    kept = Books()
    never = balance.archived is not None and balance.archived <= at
    listed = {row.segment for row in rows if row.event == "segment_start"}
    for segment in balance.segments:
        if segment.start > at and segment.id not in listed and not never:
            start = Row(
                "segment_start", segment.start, segment.amount, segment.start, balance.id, segment.id, "schedule"
            )
            kept.coming.append(start)
    for row in rows:
        of = segment_of(balance, row)
        ahead, drawn = row.booked > at, row.event == "deduction"
        if of and of.start > at:
            grants = not drawn and row.event not in CLOSING and (not past or not ahead or row.event == "segment_start")
            kept.coming += [row] if grants and not never else []
        elif not ahead:
            kept.rows.append(replace(row, pending=_is_draft(row)))
        elif drawn and _used_later(row, rows, at, past=past):
            continue
        elif not past and row.event not in ("segment_start", *CLOSING):
            kept.rows.append(replace(row, pending=True))
        elif past and drawn and row.invoice and row.source != "rest" and not (row.bill and row.bill.status == "VOID"):
            if row.source == "ledger" and row.change:
                raise Unanswerable(balance.id, row.invoice)
            kept.rows.append(replace(row, pending=True))
    kept.rows = _walked(balance, kept.rows, at)
    return kept


def _is_draft(row: Row) -> bool:
    return row.bill is not None and row.bill.status == "DRAFT"


def _used_later(row: Row, rows: list[Row], at: datetime, *, past: bool) -> bool:
    return (row.used is not None and row.used >= at) or (past and later_period(row, rows, at))


def _key(balance: Balance, row: Row) -> tuple[object, ...]:
    segment = segment_of(balance, row)
    place = 1_000_000 if row.index is None else row.index
    return (row.at, segment.start if segment else FAR, RANK.get(row.event, 2), place, row.used or FAR, row.source)


def _walked(balance: Balance, rows: list[Row], at: datetime) -> list[Row]:
    """In order of time, each segment floored at zero and closed when it is over, with what is left after each."""
    sums: dict[str | None, Decimal] = {}
    latest: dict[str | None, datetime] = {}
    keyed: list[tuple[tuple[object, ...], Row]] = []
    for row in sorted(rows, key=lambda row: _key(balance, row)):
        before = max(sums.get(row.segment, NOTHING), NOTHING)
        sums[row.segment] = sums.get(row.segment, NOTHING) + row.change
        latest[row.segment] = row.at
        keyed.append(((*_key(balance, row), 0), row))
        if gap := max(sums[row.segment], NOTHING) - before - row.change:
            made = replace(row, event="overdraft", source="schedule", change=gap)
            keyed.append(((*_key(balance, row), 1), made))
    for segment in balance.segments:
        over = min(segment.end, balance.archived or FAR)
        if segment.id in sums and over <= at and sums[segment.id] > 0:
            when = max(latest[segment.id], over)
            closing = Row(
                "expiration", when, -sums[segment.id], when, balance.id, segment.id, "schedule", pending=when > at
            )
            keyed.append(((when, segment.start, 9, 0, FAR, "", 2), closing))
    left, walked = NOTHING, []
    for _, row in sorted(keyed, key=lambda pair: pair[0]):
        left += row.change
        walked.append(replace(row, left=left))
    return walked


class Use(NamedTuple):
    """What became of a balance: granted, used, expired, rolled over, trued up, adjusted, overdraft, to come, left."""

    granted: Decimal
    used: Decimal
    expired: Decimal
    rolled_over: Decimal
    trued_up: Decimal
    adjusted: Decimal
    overdraft: Decimal
    not_started: Decimal
    pending: Decimal
    remaining: Decimal


def use(kept: Books) -> Use:
    """The flows of one balance. What is to come is granted, and not started."""
    every = [*kept.rows, *kept.coming]
    # Coming segments are floored like others.
    coming: dict[str | None, Decimal] = {}
    for row in kept.coming:
        coming[row.segment] = coming.get(row.segment, NOTHING) + row.change
    debts = sum((max(-amount, NOTHING) for amount in coming.values()), NOTHING)

    def total(*events: str) -> Decimal:
        return sum((row.change for row in every if row.event in events), NOTHING)

    flows = ("segment_start", "deduction", "expiration", "rollover", "true_up", "overdraft")
    return Use(
        granted=total("segment_start"),
        used=-total("deduction"),
        expired=-total("expiration"),
        rolled_over=-total("rollover"),
        trued_up=-total("true_up"),
        adjusted=sum((row.change for row in every if row.event not in flows), NOTHING),
        overdraft=total("overdraft") + debts,
        not_started=sum(coming.values(), NOTHING) + debts,
        pending=-sum((row.change for row in kept.rows if row.event == "deduction" and row.pending), NOTHING),
        remaining=kept.rows[-1].left if kept.rows else NOTHING,
    )
