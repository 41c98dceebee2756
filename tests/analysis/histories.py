"""Random histories of accounts with the ugly cases in them, as the oracle's records and as the package's frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import polars as pl
from hypothesis import strategies as st

from metronome_analytics.tables import InvoiceBreakdowns, Invoices
from tests.analysis import oracle, support

UNITS = {"USD": support.USD, "EUR": support.EUR}
_TYPES = {
    "segment_start": "SEGMENT_START",
    "deduction": "AUTOMATED_INVOICE_DEDUCTION",
    "manual": "MANUAL",
    "seat_adjustment": "SEAT_BASED_ADJUSTMENT",
    "rollover": "ROLLOVER",
    "credited": "CREDITED",
    "true_up": "TRUEUP",
    "expiration": "EXPIRATION",
    "haircut": "HAIRCUT",
}
_DAY = timedelta(days=1)
_BEGIN = datetime(2025, 11, 1, tzinfo=UTC)


class Story(NamedTuple):
    """A history, and the instant that is asked about."""

    history: oracle.History
    at: datetime


class _Teller:
    """Draws one history from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # it makes data, not secrets
        self.loaded = _BEGIN + timedelta(days=self.random.randint(60, 420), hours=self.random.choice((0, 0, 9)))
        self.bills: dict[str, oracle.Bill] = {}
        self.windows: list[oracle.Window] = []
        # Breakdowns may have been loaded from some day on only, which may lie inside a period.
        self.covered = self.some_day(_BEGIN, self.loaded) if self.chance(0.3) else _BEGIN

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def amount(self, most: int) -> Decimal:
        return Decimal(self.random.randint(1, most * 100)) / 100

    def some_day(self, first: datetime, last: datetime) -> datetime:
        return first + timedelta(days=self.random.randint(0, max((last - first).days, 0)))

    def history(self) -> oracle.History:
        balances: list[oracle.Balance] = []
        for customer in ("c1", "c2")[: self.random.randint(1, 2)]:
            for number in range(self.random.randint(1, 3)):
                balances += self.balance(customer, f"{customer}-b{number}")
        return oracle.History(tuple(balances), tuple(self.bills.values()), tuple(self.windows), self.loaded)

    def balance(self, customer: str, name: str) -> list[oracle.Balance]:
        """A balance, and what rolled over from it."""
        kind = self.random.choice(("PREPAID", "PREPAID", "CREDIT", "POSTPAID"))
        contract = self.random.choice(("k1", "k2", None))
        segments = self.segments(name, 1 if kind == "POSTPAID" else self.random.randint(1, 3))
        entries: list[oracle.Entry] = []
        for segment in segments:
            entries += self.life(customer, name, segment, kind, contract)
        entries += self.by_hand(segments)
        last = segments[-1]
        heirs = []
        if kind != "POSTPAID" and last.end <= self.loaded and self.chance(0.5):
            rolled = self.amount(50)
            entries.append(oracle.Entry("rollover", last.end, -rolled, last.id))
            heirs = [self.heir(customer, name, last, rolled, contract)]
        archived = self.some_day(_BEGIN, self.loaded) if self.chance(0.15) else None
        self.random.shuffle(entries)
        return [
            oracle.Balance(
                *(customer, name, kind, self.random.choice(("USD", "USD", "EUR")), tuple(segments)),
                # An archived balance has lost its ledger, or was archived with its contract and has kept it.
                None if archived and self.chance(0.5) else tuple(entries),
                contract,
                archived,
                priority=self.random.choice((None, 1.0, 1.0, 2.0)),
                cost=self.random.choice((None, 0.0, 1.0)),
                products=self.random.choice((0, 0, 1, 2)),
                values=self.random.choice((0, 0, 1, 3)),
                contracts=self.random.choice((0, 0, 1)),
            ),
            *heirs,
        ]

    def heir(
        self, customer: str, name: str, last: oracle.Segment, rolled: Decimal, contract: str | None
    ) -> oracle.Balance:
        segment = oracle.Segment(f"{name}-heir-s", rolled, last.end, last.end + timedelta(days=90))
        start = oracle.Entry("segment_start", segment.start, rolled, segment.id)
        kind = self.random.choice(("PREPAID", "POSTPAID"))
        values = self.random.choice((0, 1, 2))
        return oracle.Balance(
            *(customer, f"{name}-heir", kind, "USD", (segment,), (start,), contract),
            priority=1.0,
            values=values,
            source=name,
        )

    def segments(self, name: str, count: int) -> list[oracle.Segment]:
        """Segments with gaps between them, or on top of each other; some to come."""
        start, made = self.some_day(_BEGIN, self.loaded), []
        for number in range(count):
            end = start + timedelta(days=self.random.choice((4, 20, 45, 90, 300)))
            made.append(oracle.Segment(f"{name}-s{number}", self.amount(3000), start, end))
            start = max(end + timedelta(days=self.random.choice((-15, 0, 0, 10, 40))), start + _DAY)
        return made

    def life(
        self, customer: str, name: str, segment: oracle.Segment, kind: str, contract: str | None
    ) -> list[oracle.Entry]:
        """The entries of a segment: its start, what was drawn, its end."""
        postpaid = kind == "POSTPAID"
        label = None if postpaid else segment.id
        entries = []
        if segment.start <= self.loaded or self.chance(0.5):
            entries.append(oracle.Entry("segment_start", segment.start, segment.amount, label))
        for drawing in (contract,) if contract else ("k1", "k2"):
            entries += self.drawn(customer, name, segment, drawing)
        if self.chance(0.1) and segment.start <= self.loaded:
            entries.append(oracle.Entry("seat_adjustment", self.inside(segment), self.amount(20), segment.id))
        if self.chance(0.1) and segment.start <= self.loaded:
            entries.append(oracle.Entry("haircut", self.inside(segment), -self.amount(20), segment.id))
        left = sum((entry.amount for entry in entries), Decimal(0))
        if segment.end <= self.loaded and left > 0 and self.chance(0.8):
            event = "true_up" if postpaid and self.chance(0.7) else "expiration"
            invoice = f"{name}-true-up" if event == "true_up" else None
            entries.append(oracle.Entry(event, segment.end, -left, label, invoice))
        return entries

    def inside(self, segment: oracle.Segment) -> datetime:
        return self.some_day(segment.start, min(segment.end - _DAY, self.loaded))

    def drawn(self, customer: str, name: str, segment: oracle.Segment, contract: str) -> list[oracle.Entry]:
        """Deductions for the periods of a contract: k1 bills on the 1st, k2 on the 15th."""
        entries = []
        day = 1 if contract == "k1" else 15
        start = _BEGIN.replace(day=day)
        named = contract if self.chance(0.7) else None
        while start < self.loaded:
            end = (start + 31 * _DAY).replace(day=day)
            first, last = max(start, segment.start), min(end, segment.end, self.loaded)
            if first < last and self.chance(0.6):
                key = f"{customer}-{contract}-{start:%y%m}"
                status = "DRAFT" if end + _DAY > self.loaded else "FINALIZED"
                if (
                    f"{key}-again" not in self.bills
                    and status == "FINALIZED"
                    and key not in self.bills
                    and self.chance(0.1)
                ):
                    self.bills[key] = oracle.Bill(key, "VOID", start)
                    key += "-again"
                key = f"{key}-again" if f"{key}-again" in self.bills else key
                bill = self.bills.setdefault(key, oracle.Bill(key, status, start))
                dated = min(end, segment.end)
                entries.append(
                    oracle.Entry(
                        "deduction", dated, -self.used(bill, name, segment, first, last), segment.id, key, named
                    )
                )
                if key.endswith("-again") and self.chance(0.5):
                    gone = self.amount(30)
                    void = key.removesuffix("-again")
                    entries.append(oracle.Entry("deduction", dated, -gone, segment.id, void, named))
                    entries.append(oracle.Entry("credited", dated, gone, segment.id, void, named))
            start = end
        return entries

    def used(self, bill: oracle.Bill, name: str, segment: oracle.Segment, first: datetime, last: datetime) -> Decimal:
        """What was used on some days; windows may miss some of it, or hold late usage that no invoice took up."""
        total = Decimal(0)
        for _ in range(self.random.randint(1, 4)):
            day = self.some_day(first, last - _DAY).replace(hour=0)
            amount = self.amount(100)
            total += amount
            if day >= self.covered and self.chance(0.95):
                self.windows.append(oracle.Window(bill, day, day + _DAY, name, segment.id, -amount))
        if self.chance(0.1) and (
            mine := [each for each in self.windows if each.bill.id == bill.id and each.balance == name]
        ):
            self.windows.append(mine[-1]._replace(drawn=-self.amount(100)))
        return total + (self.amount(20) if self.chance(0.1) else 0)

    def by_hand(self, segments: list[oracle.Segment]) -> list[oracle.Entry]:
        """Entries by hand without a segment, dated ahead now and then, and so large that they overdraw."""
        entries = []
        for segment in segments:
            if self.chance(0.3) and segment.start < self.loaded:
                day = self.some_day(segment.start, segment.end - _DAY)
                amount = self.amount(self.random.choice((50, 4000))) * self.random.choice((1, -1))
                entries.append(oracle.Entry("manual", day, amount))
        return entries

    def instant(self) -> datetime:
        """The moment of loading, or one before it: a day, noon, the turn of a month."""
        if self.chance(0.4):
            return self.loaded
        day = self.some_day(_BEGIN, self.loaded - _DAY)
        return self.random.choice((day, day + timedelta(hours=12), day.replace(day=1), day.replace(day=15)))


def _story(seed: int) -> Story:
    teller = _Teller(seed)
    history = teller.history()
    return Story(history, teller.instant())


STORIES = st.integers(0, 2**31).map(_story)
"""Histories and instants."""


def balances(history: oracle.History) -> pl.DataFrame:
    """What `account.balances(include_archived=True)` returns."""
    return pl.concat([_balance(each) for each in history.balances])


def _balance(each: oracle.Balance) -> pl.DataFrame:
    entries = None
    if each.entries is not None:
        entries = [
            support.Entry(
                _type(each.kind, entry.event),
                entry.at.isoformat(),
                str(entry.amount),
                entry.segment,
                entry.invoice,
                "because",
                entry.contract,
            )
            for entry in each.entries
        ]
    segments = [
        support.Segment(str(item.amount), item.start.isoformat(), item.end.isoformat(), item.id)
        for item in each.segments
    ]
    specifier = {
        "product_id": None,
        "product_tags": None,
        "pricing_group_values": {f"key{number}": "value" for number in range(each.values)},
        "presentation_group_values": None,
        "exclude": None,
    }
    return support.balance(
        entries,
        segments,
        kind=each.kind,
        key=each.id,
        customer=each.customer,
        unit=UNITS[each.unit],
        contract_id=each.contract,
        archived_at=each.archived,
        priority=each.priority,
        cost_basis=each.cost,
        applicable_product_ids=[f"p{number}" for number in range(each.products)] or None,
        applicable_contract_ids=[f"k{number}" for number in range(each.contracts)] or None,
        specifiers=[specifier] if each.values else None,
        rolled_over_from_commit_id=each.source,
    )


def _type(kind: str, event: str) -> str:
    return "INITIAL_BALANCE" if (kind, event) == ("POSTPAID", "segment_start") else _TYPES[event]


def bills(history: oracle.History) -> pl.DataFrame:
    """What `account.invoices()` returns."""
    return support.frame(
        Invoices,
        {
            "id": [bill.id for bill in history.bills],
            "status": [bill.status for bill in history.bills],
            "start_timestamp": [bill.start for bill in history.bills],
        },
    )


def windows(history: oracle.History) -> pl.DataFrame:
    """What `account.invoice_breakdowns()` returns: one row per invoice and day."""
    days: dict[tuple[str, datetime], list[oracle.Window]] = {}
    for window in history.windows:
        days.setdefault((window.bill.id, window.start), []).append(window)
    item: Any = InvoiceBreakdowns.create_empty().schema["line_items"]
    names = [part.name for part in item.inner.fields]

    def line(window: oracle.Window) -> dict[str, Any]:
        given = support.applied(str(window.drawn), window.balance, window.segment)
        return {name: given.get(name) for name in names}

    firsts = [each[0] for each in days.values()]
    return support.frame(
        InvoiceBreakdowns,
        {
            "id": [each.bill.id for each in firsts],
            "status": [each.bill.status for each in firsts],
            "start_timestamp": [each.bill.start for each in firsts],
            "breakdown_start_timestamp": [each.start for each in firsts],
            "breakdown_end_timestamp": [each.end for each in firsts],
            "line_items": [[line(window) for window in each] for each in days.values()],
        },
    )
