"""Runs a script up to an instant: meters usage, draws balances down, and cuts invoices.

Usage is drawn day by day in time order, so the windows of a breakdown add up to the invoice. Within a day the lines
are covered usage first, then subscriptions, dearest first, then by name; each by the balances in documented order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.agreements import (
    Contract,
    Quantities,
    Script,
    Stream,
    daily_quantities,
    used_by,
)
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.books import (
    GRACE,
    BalanceBook,
    Books,
    FixedLine,
    Invoice,
    Line,
    LineKey,
    SegmentBook,
)
from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month
from metronome_analytics.simulator.world.happenings import Arrived, Corrected, Happening, Posted, Regenerated, Voided
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import ADJUSTMENT
from metronome_analytics.simulator.world.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

VOIDED_AFTER = timedelta(days=6)
CORRECTED_AFTER = timedelta(days=9)

_Row = tuple[int, int, tuple[tuple[int, int], ...], list[tuple[SegmentBook, int]]]
"""A stream on one day: its index, list price, tiers, and the segments that cover it with their commit price or 0."""


def run(
    script: Script,
    now: datetime,
    history: Sequence[Happening] = (),
    *,
    switches: Switches | None = None,
    quantities: Quantities = daily_quantities,
) -> Books:
    """The books at `now` of a customer who did what the script says, and to whom the history happened."""
    return _Run(script, now, history, switches or Switches(), quantities=quantities).books()


class _Run:
    """The state of one run."""

    def __init__(
        self, script: Script, now: datetime, history: Sequence[Happening], switches: Switches, *, quantities: Quantities
    ) -> None:
        self.script = script
        self.now = now
        self.quantities = quantities
        self.contracts = [contract for contract in script.contracts if contract.created_at <= now]
        self.balances = [
            BalanceBook(balance, [SegmentBook(segment, balance, segment.amount, 0) for segment in balance.segments])
            for balance in script.balances
            if balance.created_at <= now
        ]
        self.by_id = {book.balance.id: book for book in self.balances}
        self.segments = [segment for book in self.balances for segment in book.segments]
        self.segments.sort(key=lambda book: _precedence(book, switches))
        self.open: dict[str, Invoice] = {}
        """The usage invoices of the month that is being run, by contract."""
        self.periods: dict[tuple[str, int], list[Invoice]] = {}
        """By contract and month the usage invoice, and its twins if it was made again; the last one stands."""
        self.invoices: list[Invoice] = []
        self.serial = count()
        self.hour: int | None = None
        """The hour of the late usage that is being entered."""
        self.metered_today: dict[tuple[str, int], int] = {}
        self.billed: dict[tuple[str, int], int] = {}
        """Quantity so far in the period, for tiered streams."""
        self.due: dict[int, list[tuple[datetime, Callable[[], None]]]] = {}
        """What happens on each day besides usage, and when it takes effect."""
        self._collect(history)

    def _collect(self, history: Sequence[Happening]) -> None:
        scripted = [Posted(book.balance.id, entry) for book in self.balances for entry in book.balance.manual]
        for happening in (*scripted, *mishaps(self.contracts), *history):
            for when, effect in self._effects(happening) if happening.at <= self.now else ():
                self.due.setdefault(when.toordinal(), []).append((when, effect))

    def _effects(self, happening: Happening) -> Iterator[tuple[datetime, Callable[[], None]]]:
        """What a happening does to the books and from when on; most do nothing to them."""
        match happening:
            case Posted(balance_id, entry) if balance_id in self.by_id:
                book = self.by_id[balance_id]
                segment = next(segment for segment in book.segments if segment.segment.id == entry.segment_id)
                segment.manual.append(entry)
                # Usage that was already drawn stays as it is: a balance moves by exactly the amount.
                yield max(entry.posted_at, instant(segment.segment.start)), partial(_add, segment, entry.amount)
            case Arrived():
                yield happening.at, partial(self._arrive, happening)
            case Voided():
                yield happening.at, partial(self._void, happening)
            case Regenerated():
                yield happening.at, partial(self._regenerate, happening)
            case Corrected():
                yield happening.at, partial(self._correct, happening)

    def books(self) -> Books:
        """Run day by day, then write the invoices."""
        if self.contracts:
            self._run_days()
        for versions in self.periods.values():
            self._close(versions)
        for contract in self.contracts:
            self._scheduled(contract)
        hidden = [
            book for book in self.balances if book.balance.rolled_over_from and not any(s.amount for s in book.segments)
        ]
        balances = [book for book in self.balances if book not in hidden] if hidden else self.balances
        if self.script.archived_at is not None and self.script.archived_at <= self.now:
            for invoice in self.invoices:
                invoice.status = "VOID"
            for book in self.balances:
                book.balance = replace(book.balance, archived_at=book.balance.archived_at or self.script.archived_at)
        # The documented order is by issue date; the id settles ties.
        self.invoices.sort(key=lambda invoice: (invoice.issued_at, invoice.id))
        return Books(self.script, self.now, self.invoices, balances, self.metered_today)

    def _run_days(self) -> None:
        today = self.now.toordinal()
        starts = {segment.segment.start for segment in self.segments} | {c.start for c in self.contracts}
        ends = {segment.segment.end for segment in self.segments} | {c.end for c in self.contracts if c.end}
        events = starts | ends
        rows: list[tuple[Contract, list[_Row]]] = []
        first = min(starts)
        month = first_of_month(first)
        while month <= today:
            following = shift_month(month, 1)
            usage = {
                contract.id: [self.quantities(stream, month) for stream in contract.streams]
                for contract in self.contracts
                if contract.start < following and (contract.end is None or contract.end > month)
            }
            for day in range(max(month, first), min(following, today + 1)):
                if day in events or day == month:
                    self._start_segments(day)
                    rows = self._rows(day)
                    for contract, _ in rows:
                        if contract.id not in self.open:
                            invoice = self.open[contract.id] = self._usage_invoice(contract, month)
                            self.periods[contract.id, month] = [invoice]
                for begin, end in self._stretches(day):
                    for contract, streams in rows:
                        self._bill(contract, streams, [q[day - month] for q in usage[contract.id]], day, (begin, end))
            self.open = {}
            self.billed = {}
            month = following

    def _start_segments(self, day: int) -> None:
        """Open the segments that start today, after carrying over what rolls into them."""
        for book in self.balances:
            source = self.by_id.get(book.balance.rolled_over_from or "")
            if source is not None and book.segments[0].segment.start == day:
                self._roll(source, book)
        for segment in self.segments:
            if segment.segment.start == day:
                segment.left += segment.amount

    def _roll(self, source: BalanceBook, target: BalanceBook) -> None:
        """Move the lesser of what remains and the agreed share of the original into a new balance."""
        old = source.segments[-1]
        share = old.amount * (source.balance.rollover_percent or 0) // 100
        old.rolled = max(0, min(old.left, share))
        old.left = 0
        target.segments[0].amount = old.rolled
        target.source = source.balance
        source.rolled_into = next(c for c in self.script.contracts if c.id == target.balance.contract_id)

    def _rows(self, day: int) -> list[tuple[Contract, list[_Row]]]:
        """Return, per contract in force, its streams in the order of drawdown with the segments that cover them."""
        active = self._active(day)
        result = []
        for contract in self.contracts:
            if not contract.start <= day or (contract.end is not None and day >= contract.end):
                continue
            rows: list[_Row] = []
            for index, stream in enumerate(contract.streams):
                rate = contract.rate(stream.product, stream.group)
                rows.append((index, rate.price, rate.tiers, _covers(active, contract, stream)))
            streams = contract.streams
            rows.sort(key=lambda r: (streams[r[0]].product.line_type != "usage", -r[1], streams[r[0]].product.name))
            result.append((contract, rows))
        return result

    def _active(self, day: int) -> list[SegmentBook]:
        """The segments that give access on a day, in the order of drawdown."""
        return [book for book in self.segments if book.segment.start <= day < book.segment.end]

    def _stretches(self, day: int) -> Iterator[tuple[int, int]]:
        """The hours of a day, cut where something happened, which takes effect between two stretches."""
        begin, end = 0, self.now.hour if day == self.now.toordinal() else 24
        for when, effect in sorted(self.due.get(day, ()), key=itemgetter(0)):
            if when.hour > begin:
                yield begin, when.hour
                begin = when.hour
            effect()
        if end > begin:
            yield begin, end

    def _bill(self, contract: Contract, rows: list[_Row], usage: list[int], day: int, hours: tuple[int, int]) -> None:
        """Meter some hours of one contract: split each line over tiers, then over the balances that cover it."""
        lines = self.open[contract.id].lines
        is_today = day == self.now.toordinal()
        begin, end = hours
        for index, price, tiers, covers in rows:
            quantity = usage[index]
            if is_today and quantity:
                self.metered_today[contract.id, index] = quantity
            if begin or end < 24:
                stream = contract.streams[index]
                quantity = used_by(quantity, end, stream) - used_by(quantity, begin, stream)
            if not quantity:
                continue
            if not tiers:
                self._cover(lines, (day, index, 0), quantity, price, covers)
                continue
            before = self.billed.get((contract.id, index), 0)
            self.billed[contract.id, index] = before + quantity
            for tier, part, unit in _tiered(before, quantity, tiers):
                self._cover(lines, (day, index, tier), part, unit, covers)

    def _cover(
        self,
        lines: dict[LineKey, Line],
        place: tuple[int, int, int],
        quantity: int,
        price: int,
        covers: list[tuple[SegmentBook, int]],
    ) -> None:
        """Cover usage from the segments in order; what none covers stays payable. `place`: day, stream, tier."""
        day, stream, tier = place
        for book, commit_price in covers:
            left = book.left
            if left <= 0:
                continue
            unit = commit_price or price
            amount = quantity * unit // SCALE
            if amount <= left:
                book.left = left - amount
                self._enter(lines, (stream, tier, book, unit), day, quantity, amount)
                return
            part = left * SCALE // unit
            if part == 0:
                continue  # less is left than the smallest quantity costs
            book.left = 0
            self._enter(lines, (stream, tier, book, unit), day, part, left)
            quantity -= part
        self._enter(lines, (stream, tier, None, price), day, quantity, quantity * price // SCALE)

    def _enter(self, lines: dict[LineKey, Line], key: LineKey, day: int, quantity: int, amount: int) -> None:
        """Add a part to the line it belongs to."""
        line = lines.get(key)
        if line is None:
            line = lines[key] = Line(*key)
        serial = next(self.serial)
        if self.hour is not None:
            line.hours[serial] = self.hour
        if line.days and day < line.days[-1]:
            line.add(day, serial, quantity, amount)
            return
        line.days.append(day)
        line.serials.append(serial)
        line.quantities.append(quantity)
        line.amounts.append(amount)

    def _arrive(self, usage: Arrived) -> None:
        """Bill late usage on the draft of its period; when that is final it is only seen in breakdowns."""
        invoice = self.periods[usage.contract_id, first_of_month(usage.day)][-1]
        if invoice.status != "VOID" and usage.at < invoice.issued_at:
            if invoice is self.open.get(usage.contract_id):
                key = usage.contract_id, usage.stream
                self.billed[key] = self.billed.get(key, 0) + usage.quantity
            self._bill_late(invoice, invoice.lines, usage, usage.at)
        else:
            self._bill_late(invoice, invoice.late, usage, None)

    def _bill_late(self, invoice: Invoice, lines: dict[LineKey, Line], usage: Arrived, at: datetime | None) -> None:
        """Enter late usage into lines, covered by what is left at an instant, or by nothing."""
        contract = invoice.contract
        stream = contract.streams[usage.stream]
        rate = contract.rate(stream.product, stream.group)
        covers = [] if at is None else self._left_for(contract, stream, usage.day, at)
        parts = [(0, usage.quantity, rate.price)]
        if rate.tiers:
            lines_so_far = (*invoice.lines.values(), *(invoice.late.values() if lines is invoice.late else ()))
            before = sum(sum(line.quantities) for line in lines_so_far if line.stream == usage.stream)
            parts = _tiered(before, usage.quantity, rate.tiers)
        for tier, part, unit in parts:
            self.hour = usage.hour
            self._cover(lines, (usage.day, usage.stream, tier), part, unit, covers)
            self.hour = None

    def _left_for(self, contract: Contract, stream: Stream, day: int, at: datetime) -> list[tuple[SegmentBook, int]]:
        """What covers usage of an earlier day that is billed now: nothing whose true-up is final."""
        return [(book, price) for book, price in _covers(self._active(day), contract, stream) if not book.settled(at)]

    def _void(self, event: Voided) -> None:
        """Void the invoice of a period and give back what it drew; nothing when it does not stand any more."""
        invoice = self._last_version(event.invoice_id)
        if invoice is None or invoice.status != "FINALIZED":
            return
        invoice.status = "VOID"
        for line in invoice.lines.values():
            if line.segment is not None:
                line.segment.left += sum(line.amounts)

    def _regenerate(self, event: Regenerated) -> None:
        """Make a voided invoice again: it draws what it drew if that is still there, and bills what came late."""
        voided = self._last_version(event.invoice_id)
        if voided is None or voided.status != "VOID":
            return
        twin_id = twin_of(voided.id)
        twin = replace(
            voided, id=twin_id, status="FINALIZED", issued_at=event.at, regenerated_from=voided.id, lines={}, late={}
        )
        self.periods[twin.contract.id, first_of_month(twin.start or 0)].append(twin)
        for key, line in voided.lines.items():
            self._redraw(twin, key, line, event.at)
        for line in voided.late.values():
            for day, serial, quantity in zip(line.days, line.serials, line.quantities, strict=True):
                hour = line.hours[serial]
                usage = Arrived(event.at, twin.contract.id, line.stream, day, hour, quantity)
                self._bill_late(twin, twin.lines, usage, event.at)

    def _redraw(self, twin: Invoice, key: LineKey, line: Line, at: datetime) -> None:
        """Take over a line as it was; where its segment has not enough left, cover its usage anew."""
        segment, amount = line.segment, sum(line.amounts)
        if segment is None or (amount <= segment.left and not segment.settled(at)):
            if segment is not None:
                segment.left -= amount
            taken = twin.lines.setdefault(key, Line(*key))
            for part in zip(line.days, line.serials, line.quantities, line.amounts, strict=True):
                taken.add(*part)
            taken.hours |= line.hours
            return
        contract = twin.contract
        stream = contract.streams[line.stream]
        rate = contract.rate(stream.product, stream.group)
        price = rate.tiers[line.tier][1] if rate.tiers else rate.price
        for day, serial, quantity in zip(line.days, line.serials, line.quantities, strict=True):
            covers = self._left_for(contract, stream, day, at)
            self.hour = line.hours.get(serial)
            self._cover(twin.lines, (day, line.stream, line.tier), quantity, price, covers)
            self.hour = None

    def _last_version(self, invoice_id: str) -> Invoice | None:
        """The usage invoice with this id if it is the last of its period."""
        return next((v[-1] for v in self.periods.values() if v[-1].id == invoice_id), None)

    def _usage_invoice(self, contract: Contract, month: int) -> Invoice:
        start, end = _period(contract, month)
        issued_at = instant(end) + GRACE
        status = "FINALIZED" if issued_at <= self.now else "DRAFT"
        kind = "PLAN_ARREARS" if contract.plan else "USAGE"
        return Invoice(_usage_id(contract, start), kind, status, contract.card.fiat, contract, issued_at, start, end)

    def _close(self, versions: list[Invoice]) -> None:
        """Total the invoices of a period and enter what the last one draws into the segments."""
        for invoice in versions:
            drawn = _total(invoice)
            if invoice is versions[-1] and invoice.status != "VOID":
                for segment, amount in drawn.items():
                    segment.draws.append((invoice, amount))
        self.invoices.extend(versions)

    def _correct(self, event: Corrected) -> None:
        """Write the invoice that corrects another, which stays as it is; nothing when it does not stand any more."""
        wrong = self._last_version(event.invoice_id)
        if wrong is None or wrong.status == "VOID":
            return
        line = FixedLine("scheduled", ADJUSTMENT, event.mishap.reason, event.mishap.amount)
        invoice = self._fixed_invoice(make_id(wrong.id, "correction"), wrong.contract, event.at, line)
        invoice.corrects, invoice.created_at = wrong, event.at
        invoice.correction = (event.mishap.reason, event.mishap.memo)

    def _scheduled(self, contract: Contract) -> None:
        """Write the SCHEDULED invoices: one-off charges, purchases of commits, true-ups."""
        for charge in contract.charges:
            line = FixedLine("scheduled", charge.product, charge.product.name, charge.amount, charge_id=charge.id)
            self._fixed_invoice(charge.invoice_id, contract, instant(charge.day), line)
        for book in self.balances:
            balance = book.balance
            if (balance.contract_id or balance.invoice_contract_id) != contract.id or balance.do_not_invoice:
                continue
            if balance.type == "POSTPAID":
                self._true_up(book, contract)
                continue
            for purchase in balance.purchases:
                line = FixedLine("commit_purchase", balance.product, balance.name, purchase.amount, balance)
                self._fixed_invoice(purchase.invoice_id, contract, instant(purchase.day), line)

    def _true_up(self, book: BalanceBook, contract: Contract) -> None:
        """Bill what was committed and not drawn: a draft from the beginning, final after the last usage invoice."""
        balance, segment = book.balance, book.segments[0]
        if not balance.true_up:
            return
        issued_at = instant(segment.segment.end) + GRACE
        rest = max(0, segment.remaining())
        line = FixedLine("scheduled", balance.product, balance.name, rest, balance)
        book.true_up = self._fixed_invoice(balance.purchases[0].invoice_id, contract, issued_at, line)

    def _fixed_invoice(self, invoice_id: str, contract: Contract, issued_at: datetime, line: FixedLine) -> Invoice:
        status = "FINALIZED" if issued_at <= self.now else "DRAFT"
        invoice = Invoice(
            invoice_id, "SCHEDULED", status, contract.card.fiat, contract, issued_at, total=line.amount, fixed=(line,)
        )
        self.invoices.append(invoice)
        return invoice


def twin_of(invoice_id: str) -> str:
    """The id of the invoice that takes the place of a voided one."""
    return make_id(invoice_id, "regenerated")


def _usage_id(contract: Contract, start: int) -> str:
    return make_id(contract.id, "usage", start)


def _period(contract: Contract, month: int) -> tuple[int, int]:
    """The days between which a contract is billed for a month."""
    following = shift_month(month, 1)
    return max(month, contract.start), following if contract.end is None else min(following, contract.end)


def mishaps(contracts: Sequence[Contract]) -> Iterator[Voided | Regenerated | Corrected]:
    """What the script says went wrong with invoices: voids, each made good at once, and corrections."""
    for contract in contracts:
        for mishap in contract.mishaps:
            _, end = _period(contract, first_of_month(mishap.period))
            issued_at, invoice_id = instant(end) + GRACE, _usage_id(contract, mishap.period)
            if mishap.kind == "void":
                yield Voided(issued_at + VOIDED_AFTER, invoice_id)
                yield Regenerated(issued_at + VOIDED_AFTER, invoice_id)
            else:
                yield Corrected(issued_at + CORRECTED_AFTER, invoice_id, mishap)


def _add(segment: SegmentBook, amount: int) -> None:
    segment.left += amount


def _covers(active: Sequence[SegmentBook], contract: Contract, stream: Stream) -> list[tuple[SegmentBook, int]]:
    """Which of some segments cover a stream, each with its commit price, or 0 where the list price holds."""
    rate = contract.rate(stream.product, stream.group)
    return [
        (book, rate.commit_price if book.balance.rate_type == "COMMIT_RATE" else 0)
        for book in active
        if book.balance.covers(contract, stream)
    ]


def _tiered(before: int, quantity: int, tiers: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
    """Split a quantity over price tiers, which count from the start of the period: tier, part, price."""
    parts = []
    for level, (start, price) in enumerate(tiers):
        end = tiers[level + 1][0] if level + 1 < len(tiers) else before + quantity
        part = min(before + quantity, max(end, start)) - max(before, start)
        if part > 0:
            parts.append((level, part, price))
    return parts


def _total(invoice: Invoice) -> dict[SegmentBook, int]:
    """Total a usage invoice and return what it draws."""
    card = invoice.contract.card
    drawn: dict[SegmentBook, int] = {}
    payable = 0
    for piece in invoice.pieces():
        if piece.segment is None:
            payable += piece.amount
            continue
        drawn[piece.segment] = drawn.get(piece.segment, 0) + piece.amount
        if piece.segment.balance.type == "POSTPAID":
            payable += piece.amount
    invoice.total = payable if card.conversion is None else payable * card.conversion // SCALE
    return drawn


_LAST = 10**9
"""Stands for an unrestricted balance where the fewest restrictions go first, and for a missing priority."""


def _precedence(book: SegmentBook, switches: Switches) -> tuple[object, ...]:
    """The sort key of a segment in the order of application."""
    balance = book.balance
    rollover = balance.rolled_over_from is not None
    postpaid = balance.type == "POSTPAID"
    group = (0 if postpaid else 1) if rollover else (3 if postpaid else 2)
    paid = bool(balance.purchases) and not balance.do_not_invoice and not rollover
    products = len(balance.applicable_product_ids) + len(balance.applicable_product_tags) or _LAST
    specifiers = sum(len(specifier.group) for specifier in balance.specifiers) or _LAST
    customer_level = balance.contract_id is None
    after_priority = switches.contract_before_customer == "after_priority"
    return (
        group,
        _LAST if balance.priority is None else balance.priority,
        customer_level and after_priority,
        paid,
        products,
        0 if postpaid else specifiers,
        book.segment.end,
        book.segment.start,
        len(balance.applicable_contract_ids) or _LAST,
        customer_level,
        book.segment.id,
    )
