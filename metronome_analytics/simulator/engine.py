"""Runs a script up to an instant: meters usage, draws balances down, and cuts invoices.

Usage is drawn day by day in time order, so the windows of a breakdown add up to the invoice. Within a day the lines
are covered usage first, then subscriptions, dearest first, then by name; each by the balances in documented order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from operator import itemgetter

from .books import BalanceBook, Books, FixedLine, Invoice, Line, LineKey, SegmentBook
from .catalog import ADJUSTMENT
from .script import Contract, ManualEntry, Quantities, Script, daily_quantities, used_by
from .switches import Switches
from .units import DAY, SCALE, first_of_month, instant, make_id, shift_month

GRACE = DAY
"""How long after its period a usage invoice stays DRAFT."""
VOIDED_AFTER = timedelta(days=6)
CORRECTED_AFTER = timedelta(days=9)

_Row = tuple[int, int, tuple[tuple[int, int], ...], list[tuple[SegmentBook, int]]]
"""A stream on one day: its index, list price, tiers, and the segments that cover it with their commit price or 0."""


def run(
    script: Script,
    now: datetime,
    posted: Sequence[tuple[str, ManualEntry]] = (),
    *,
    switches: Switches | None = None,
    quantities: Quantities = daily_quantities,
    events: Mapping[tuple[str, int], list[int]] | None = None,
) -> Books:
    """Return the books at `now`; `posted` are manual entries (balance id, entry) that came in through the API.

    `events` is usage to bill besides, at the end of its day: by contract and day, a quantity per stream.
    """
    return _Run(script, now, posted, switches or Switches(), quantities=quantities, events=events or {}).books()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        script: Script,
        now: datetime,
        posted: Sequence[tuple[str, ManualEntry]],
        switches: Switches,
        *,
        quantities: Quantities,
        events: Mapping[tuple[str, int], list[int]],
    ) -> None:
        self.script = script
        self.events = events
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
        self.corrections: dict[int, list[tuple[int, SegmentBook, int]]] = {}
        self._collect_manual(posted)
        self.open: dict[str, Invoice] = {}
        self.invoices: list[Invoice] = []
        self.serial = count()
        self.metered_today: dict[tuple[str, int], int] = {}
        self.billed: dict[tuple[str, int], int] = {}
        """Quantity so far in the period, for tiered streams."""

    def _collect_manual(self, posted: Sequence[tuple[str, ManualEntry]]) -> None:
        entries = [(book.balance.id, entry) for book in self.balances for entry in book.balance.manual]
        for balance_id, entry in (*entries, *posted):
            book = self.by_id.get(balance_id)
            if book is None or entry.posted_at > self.now:
                continue
            segment = next(segment for segment in book.segments if segment.segment.id == entry.segment_id)
            segment.manual.append(entry)
            # Usage that was already drawn stays as it is: a balance moves by exactly the amount.
            when = max(entry.posted_at, instant(segment.segment.start))
            self.corrections.setdefault(when.toordinal(), []).append((when.hour, segment, entry.amount))

    def books(self) -> Books:
        """Run day by day, then write the invoices."""
        if self.contracts:
            self._run_days()
        for contract in self.contracts:
            self._scheduled(contract)
        hidden = [
            book for book in self.balances if book.balance.rolled_over_from and not any(s.amount for s in book.segments)
        ]
        balances = [book for book in self.balances if book not in hidden] if hidden else self.balances
        if self.script.archived_at is not None and self.script.archived_at <= self.now:
            for invoice in self.invoices:
                invoice.status = "VOID"
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
                            self.open[contract.id] = self._usage_invoice(contract, month)
                for begin, end in self._stretches(day):
                    for contract, streams in rows:
                        self._bill(contract, streams, [q[day - month] for q in usage[contract.id]], day, (begin, end))
                for contract, streams in rows if self.events else ():
                    if (contract.id, day) in self.events:
                        self._bill(contract, streams, self.events[contract.id, day], day, (0, 24))
            self._close_all()
            month = following

    def _close_all(self) -> None:
        for invoice in self.open.values():
            self._close(invoice)
        self.open = {}
        self.billed = {}

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
        active = [book for book in self.segments if book.segment.start <= day < book.segment.end]
        result = []
        for contract in self.contracts:
            if not contract.start <= day or (contract.end is not None and day >= contract.end):
                continue
            rows: list[_Row] = []
            for index, stream in enumerate(contract.streams):
                rate = contract.rate(stream.product, stream.group)
                covers = [
                    (book, rate.commit_price if book.balance.rate_type == "COMMIT_RATE" else 0)
                    for book in active
                    if book.balance.covers(contract, stream)
                ]
                rows.append((index, rate.price, rate.tiers, covers))
            streams = contract.streams
            rows.sort(key=lambda r: (streams[r[0]].product.line_type != "usage", -r[1], streams[r[0]].product.name))
            result.append((contract, rows))
        return result

    def _stretches(self, day: int) -> Iterator[tuple[int, int]]:
        """Yield the hours of a day, cut where manual entries came in, which take effect between two stretches."""
        begin, end = 0, self.now.hour if day == self.now.toordinal() else 24
        for hour, segment, amount in sorted(self.corrections.get(day, ()), key=itemgetter(0)):
            if hour > begin:
                yield begin, hour
                begin = hour
            segment.left += amount
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
            for tier, part, unit in self._tiered(contract, index, quantity, tiers):
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
        line.days.append(day)
        line.serials.append(next(self.serial))
        line.quantities.append(quantity)
        line.amounts.append(amount)

    def _tiered(
        self, contract: Contract, index: int, quantity: int, tiers: tuple[tuple[int, int], ...]
    ) -> list[tuple[int, int, int]]:
        """Split a quantity over price tiers, which count from the start of the period."""
        key = (contract.id, index)
        before = self.billed.get(key, 0)
        self.billed[key] = before + quantity
        parts = []
        for level, (start, price) in enumerate(tiers):
            end = tiers[level + 1][0] if level + 1 < len(tiers) else before + quantity
            part = min(before + quantity, max(end, start)) - max(before, start)
            if part > 0:
                parts.append((level, part, price))
        return parts

    def _usage_invoice(self, contract: Contract, month: int) -> Invoice:
        start = max(month, contract.start)
        end = shift_month(month, 1) if contract.end is None else min(shift_month(month, 1), contract.end)
        issued_at = instant(end) + GRACE
        status = "FINALIZED" if issued_at <= self.now else "DRAFT"
        kind = "PLAN_ARREARS" if contract.plan else "USAGE"
        invoice_id = make_id(contract.id, "usage", start)
        return Invoice(invoice_id, kind, status, contract.card.fiat, contract, issued_at, start, end)

    def _close(self, invoice: Invoice) -> None:
        """Total an invoice, enter its draws into the segments, and let what went wrong with it happen."""
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
        mishap = next((m for m in invoice.contract.mishaps if m.period == invoice.start), None)
        if mishap is not None and mishap.kind == "void" and invoice.issued_at + VOIDED_AFTER <= self.now:
            invoice = self._regenerate(invoice)
        if mishap is not None and mishap.kind == "correction" and invoice.issued_at + CORRECTED_AFTER <= self.now:
            line = FixedLine("scheduled", ADJUSTMENT, mishap.reason, mishap.amount)
            when = invoice.issued_at + CORRECTED_AFTER
            correction_id = make_id(invoice.id, "correction")
            correction = self._fixed_invoice(correction_id, invoice.contract, when, line)
            correction.corrects, correction.created_at = invoice, when
            correction.correction = (mishap.reason, mishap.memo)
        for segment, amount in drawn.items():
            segment.draws.append((invoice, amount))
        self.invoices.append(invoice)

    def _regenerate(self, voided: Invoice) -> Invoice:
        """Void an invoice and return its twin, which carries the draws from now on."""
        voided.status = "VOID"
        self.invoices.append(voided)
        return replace(
            voided,
            id=make_id(voided.id, "regenerated"),
            status="FINALIZED",
            issued_at=voided.issued_at + VOIDED_AFTER,
            regenerated_from=voided.id,
        )

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


_LAST = 10**9
"""Stands for an unrestricted balance where the fewest restrictions go first, and for a missing priority."""


def _precedence(book: SegmentBook, switches: Switches) -> tuple[object, ...]:
    """Return the sort key of a segment in the order of application."""
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
