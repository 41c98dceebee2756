"""The books of one customer at one instant: invoices, and balances with what was drawn on them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.days import DAY, instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements, Balance, Contract, ManualEntry, Segment
    from metronome_analytics.simulator.world.price_list import CreditType, Product

GRACE = DAY
"""How long after its period a usage invoice stays DRAFT, and a true-up after its commit."""

Mode = Literal["FINALIZED_AND_DRAFT", "FINALIZED"]


class Piece(NamedTuple):
    """Some usage of one stream at one price, covered by one segment or by none."""

    stream: int
    tier: int
    segment: SegmentBook | None
    price: int
    quantity: int
    amount: int
    hour: int | None = None
    """For late usage the one hour it was used in; other usage is spread over the day."""


@dataclass(slots=True, eq=False)
class Line:
    """The usage of a period that makes one line, part by part: the day, a serial number, the quantity, the amount.

    The parts are kept as columns of integers: there are thousands, and each object costs garbage collection.
    """

    stream: int
    tier: int
    segment: SegmentBook | None
    price: int
    days: list[int] = field(default_factory=list)
    serials: list[int] = field(default_factory=list)
    quantities: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    hours: dict[int, int] = field(default_factory=dict)
    """The hours of late usage, by serial number."""

    def add(self, day: int, serial: int, quantity: int, amount: int) -> None:
        """Add a part behind all others of its day: usage that comes late is of an earlier day than the last one."""
        if not self.days or day >= self.days[-1]:
            self.days.append(day)
            self.serials.append(serial)
            self.quantities.append(quantity)
            self.amounts.append(amount)
            return
        place = bisect_right(self.days, day)
        self.days.insert(place, day)
        self.serials.insert(place, serial)
        self.quantities.insert(place, quantity)
        self.amounts.insert(place, amount)

    def piece(self, quantity: int, amount: int, hour: int | None = None) -> Piece:
        """Some of the line."""
        return Piece(self.stream, self.tier, self.segment, self.price, quantity, amount, hour)

    def total(self) -> Piece:
        """All of the line."""
        return self.piece(sum(self.quantities), sum(self.amounts))


def payable(pieces: Iterable[Piece]) -> int:
    """What is to be paid for usage, in the unit of its prices: what nothing covers, and what is paid later anyway."""
    return sum(p.amount for p in pieces if p.segment is None or p.segment.balance.type == "POSTPAID")


def with_conversion(amount: int, contract: Contract) -> int:
    """An amount in the unit of a contract's prices as what the invoice is paid in."""
    conversion = contract.card.conversion
    return amount if conversion is None else amount * conversion // SCALE


LineKey = tuple[int, int, "SegmentBook | None", int]
"""What makes a line: stream, tier, segment, price."""


@dataclass(frozen=True, slots=True)
class FixedLine:
    """A line of a SCHEDULED invoice."""

    type: str
    product: Product
    name: str
    amount: int
    commit: Balance | None = None
    segment_id: str | None = None
    charge_id: str | None = None
    service_id: str | None = None
    metadata: str | None = None


@dataclass(slots=True)
class Invoice:
    """An invoice; `lines` are its usage, `fixed` its other lines, `late` is usage that came when it was final."""

    id: str
    type: str
    status: str
    credit_type: CreditType
    contract: Contract
    issued_at: datetime
    start: int | None = None
    end: int | None = None
    total: int = 0
    lines: dict[LineKey, Line] = field(default_factory=dict)
    fixed: tuple[FixedLine, ...] = ()
    late: dict[LineKey, Line] = field(default_factory=dict)
    regenerated_from: str | None = None
    corrects: Invoice | None = None
    correction: tuple[str, str] | None = None
    created_at: datetime | None = None

    def covers(self, day: int) -> bool:
        """Whether a day is part of the billing period."""
        return self.start is not None and self.end is not None and self.start <= day < self.end

    def pieces(self) -> list[Piece]:
        """The usage of the whole period."""
        return [line.total() for line in self.lines.values()]

    def pieces_of(self, day: int) -> list[Piece]:
        """The usage of one day in the order it was metered, with what came too late for the invoice."""
        found: list[tuple[int, Piece]] = []
        for line in (*self.lines.values(), *self.late.values()):
            for n in range(bisect_left(line.days, day), bisect_right(line.days, day)):
                serial = line.serials[n]
                found.append((serial, line.piece(line.quantities[n], line.amounts[n], line.hours.get(serial))))
        found.sort(key=itemgetter(0))
        return [piece for _, piece in found]


@dataclass(slots=True, eq=False)
class SegmentBook:
    """One segment as it stands: what it started with, what was drawn, corrected and rolled over."""

    segment: Segment
    balance: Balance
    amount: int
    left: int
    """What usage may still draw, while the bookkeeping runs."""
    draws: list[tuple[Invoice, int]] = field(default_factory=list)
    manual: list[ManualEntry] = field(default_factory=list)
    rolled: int = 0

    def remaining(self, mode: Mode = "FINALIZED_AND_DRAFT") -> int:
        """The amount before expiration; negative when manual entries overdrew it."""
        drawn = sum(amount for invoice, amount in self.draws if mode != "FINALIZED" or invoice.status == "FINALIZED")
        return self.amount + sum(entry.amount for entry in self.manual) - drawn - self.rolled

    def settled(self, now: datetime) -> bool:
        """Whether a final true-up has counted what was drawn, so that nothing may change it any more."""
        return self.balance.type == "POSTPAID" and instant(self.segment.end) + GRACE <= now

    def active(self, now: datetime) -> bool:
        """Whether usage at this instant may draw on the segment."""
        return instant(self.segment.start) <= now < instant(self.segment.end)


class Entry(NamedTuple):
    """One ledger entry."""

    type: str
    timestamp: datetime
    amount: int
    segment_id: str | None = None
    invoice: Invoice | None = None
    new_contract_id: str | None = None
    reason: str | None = None
    by_seat: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class BalanceBook:
    """A commit or credit as it stands."""

    balance: Balance
    segments: list[SegmentBook]
    source: Balance | None = None
    """The balance this one carries on."""
    rolled_into: Contract | None = None
    true_up: Invoice | None = None

    def archived(self, now: datetime) -> bool:
        """Whether the balance is archived at this instant."""
        return self.balance.archived_at is not None and self.balance.archived_at <= now

    def available(self, now: datetime, *, clamp: str, mode: Mode = "FINALIZED_AND_DRAFT") -> int:
        """What is accessible now: segments that have expired or not started count 0, overdrawn ones too."""
        if self.archived(now):
            return 0
        rests = [segment.remaining(mode) for segment in self.segments if segment.active(now)]
        return sum(max(0, rest) for rest in rests) if clamp == "segment" else max(0, sum(rests))

    def ledger(self, now: datetime) -> list[Entry]:
        """The entries in order of time; deductions of drafts lie in the future."""
        postpaid = self.balance.type == "POSTPAID"
        prefix = "CREDIT" if self.balance.type == "CREDIT" else f"{self.balance.type}_COMMIT"
        entries: list[Entry] = []
        for book in self.segments:
            start, end = instant(book.segment.start), instant(book.segment.end)
            segment_id = book.segment.id
            if postpaid:
                entries.append(Entry(f"{prefix}_INITIAL_BALANCE", start, book.amount))
            else:
                entries.append(Entry(f"{prefix}_SEGMENT_START", start, book.amount, segment_id))
            entries.extend(
                Entry(f"{prefix}_MANUAL", entry.timestamp, entry.amount, reason=entry.reason, by_seat=entry.by_seat)
                for entry in book.manual
            )
            for invoice, amount in book.draws:
                # A segment that ends inside the billing period is deducted at its own end.
                when = min(end, instant(invoice.end)) if invoice.end else end
                entries.append(Entry(f"{prefix}_AUTOMATED_INVOICE_DEDUCTION", when, -amount, segment_id, invoice))
            if book.rolled and self.rolled_into:
                into = self.rolled_into.id
                entries.append(Entry(f"{prefix}_ROLLOVER", end, -book.rolled, segment_id, new_contract_id=into))
            rest = book.remaining()
            if rest > 0 and end <= now:
                if not postpaid:
                    entries.append(Entry(f"{prefix}_EXPIRATION", end, -rest, segment_id))
                elif self.true_up is not None:
                    entries.append(Entry(f"{prefix}_TRUEUP", end, -rest, invoice=self.true_up))
                else:
                    entries.append(Entry(f"{prefix}_EXPIRATION", end, -rest))
        entries.sort(key=lambda entry: entry.timestamp)
        return entries


@dataclass(slots=True)
class Books:
    """Everything one customer's account shows at one instant."""

    agreements: Agreements
    now: datetime
    invoices: list[Invoice]
    balances: list[BalanceBook]
    metered_today: dict[tuple[str, int], int]
    """What today will amount to, by contract and stream: only the hours gone by are billed."""

    def parts(self) -> int:
        """How many parts the lines of usage have: what the size of the books is measured in."""
        return sum(len(line.days) for item in self.invoices for line in (*item.lines.values(), *item.late.values()))

    def contracts(self) -> list[Contract]:
        """The contracts there are by now; what a customer on Plans has is none."""
        return [item for item in self.agreements.contracts if item.plan is None and item.created_at <= self.now]

    def plans(self) -> list[Contract]:
        """The plans there are by now, newest first."""
        held = [item for item in self.agreements.contracts if item.plan is not None and item.created_at <= self.now]
        return sorted(held, key=lambda item: item.start, reverse=True)

    def archived_at(self, contract: Contract) -> datetime | None:
        """When a contract was archived: by itself, with its customer, or never."""
        when = contract.archived_at or self.agreements.archived_at
        return when if when is not None and when <= self.now and contract.created_at <= when else None

    def voidable(self) -> list[Invoice]:
        """Final usage invoices that no correction or true-up counts on, and final scheduled ones that are neither."""
        corrected = {item.corrects.id for item in self.invoices if item.corrects is not None}
        true_ups = {book.true_up.id for book in self.balances if book.true_up is not None}
        return [
            item
            for item in self.invoices
            if item.type in {"USAGE", "SCHEDULED"} and item.status == "FINALIZED" and item.corrects is None
            if item.id not in corrected | true_ups
            if not any(segment is not None and segment.settled(self.now) for _, _, segment, _ in item.lines)
        ]

    def regenerable(self) -> list[Invoice]:
        """Void invoices that have no successor yet."""
        replaced = {item.regenerated_from for item in self.invoices}
        return [
            item
            for item in self.invoices
            if item.type in {"USAGE", "SCHEDULED"} and item.status == "VOID" and item.id not in replaced
        ]
