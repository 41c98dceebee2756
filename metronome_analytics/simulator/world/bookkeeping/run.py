"""Runs agreements up to an instant: the steps of bookkeeping in their order, and the books that come of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.by_hand import (
    bill_history,
    bill_services,
    void_scheduled,
    void_usage,
)
from metronome_analytics.simulator.world.bookkeeping.by_request import carry_out
from metronome_analytics.simulator.world.bookkeeping.daily_usage import run_days
from metronome_analytics.simulator.world.bookkeeping.late_usage import arrive
from metronome_analytics.simulator.world.bookkeeping.periods import mishaps
from metronome_analytics.simulator.world.bookkeeping.scheduled_invoices import bill_schedules, correct
from metronome_analytics.simulator.world.bookkeeping.state import State, begin
from metronome_analytics.simulator.world.bookkeeping.voids import regenerate, void
from metronome_analytics.simulator.world.books import Books, payable, with_conversion
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.happenings import (
    Arrived,
    BalanceArchived,
    ContractArchived,
    Corrected,
    HistoryBilled,
    Posted,
    Regenerated,
    ServicesBilled,
    Voided,
)
from metronome_analytics.simulator.world.streams import daily_quantities
from metronome_analytics.simulator.world.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements
    from metronome_analytics.simulator.world.books import Invoice, SegmentBook
    from metronome_analytics.simulator.world.happenings import Happening
    from metronome_analytics.simulator.world.streams import Quantities

_Effect = tuple["datetime", "Callable[[], None]"]


def run(
    agreements: Agreements,
    now: datetime,
    history: Sequence[Happening] = (),
    *,
    switches: Switches | None = None,
    quantities: Quantities = daily_quantities,
) -> Books:
    """The books at `now` of a customer who did what was agreed, and to whom the history happened."""
    state = begin(agreements, now, switches or Switches(), quantities)
    _collect(state, history)
    if state.contracts:
        run_days(state)
    for versions in state.periods.values():
        _close(state, versions)
    for contract in state.contracts:
        bill_schedules(state, contract)
    carry_out(state, history)
    for happening in history:
        _write_down(state, happening)
    _archive(state)
    # The documented order is by issue date; the id settles ties.
    state.invoices.sort(key=lambda invoice: (invoice.issued_at, invoice.id))
    # A balance that nothing rolled into does not exist.
    hidden = [b for b in state.balances if b.balance.rolled_over_from and not any(s.amount for s in b.segments)]
    balances = [book for book in state.balances if book not in hidden] if hidden else state.balances
    return Books(agreements, now, state.invoices, balances, state.metered_today)


def _collect(state: State, history: Sequence[Happening]) -> None:
    """File what happens besides usage under the day on which it takes effect."""
    agreed = [Posted(book.balance.id, entry) for book in state.balances for entry in book.balance.manual]
    for happening in (*agreed, *mishaps(state.contracts), *history):
        for when, effect in _effects(state, happening) if happening.at <= state.now else ():
            state.due.setdefault(when.toordinal(), []).append((when, effect))


def _effects(state: State, happening: Happening) -> Iterator[_Effect]:
    """What a happening does to the books and from when on; most do nothing to them."""
    match happening:
        case Posted(balance_id, entry) if balance_id in state.by_id:
            book = state.by_id[balance_id]
            segment = next(segment for segment in book.segments if segment.segment.id == entry.segment_id)
            segment.manual.append(entry)
            # Usage that was already drawn stays as it is: a balance moves by exactly the amount.
            yield max(entry.posted_at, instant(segment.segment.start)), partial(_add, segment, entry.amount)
        case Arrived():
            yield happening.at, partial(arrive, state, happening)
        case Voided():
            yield happening.at, partial(void, state, happening)
        case Regenerated():
            yield happening.at, partial(regenerate, state, happening)
        case Corrected():
            yield happening.at, partial(correct, state, happening)
        case HistoryBilled():
            yield happening.at, partial(bill_history, state, happening)
        case ContractArchived():
            yield happening.at, partial(void_usage, state, happening)
        case BalanceArchived(at, balance_id) if balance_id in state.by_id:
            state.archived[balance_id] = at.toordinal()
            yield at, partial(_empty, state, balance_id)


def _write_down(state: State, happening: Happening) -> None:
    """What a happening does once all usage is billed and all schedules are."""
    match happening:
        case BalanceArchived(at, balance_id):
            book = state.by_id[balance_id]
            book.balance = replace(book.balance, archived_at=book.balance.archived_at or at)
        case ServicesBilled():
            bill_services(state, happening)
        case ContractArchived():
            void_scheduled(state, happening)


def _add(segment: SegmentBook, amount: int) -> None:
    segment.left += amount


def _empty(state: State, balance_id: str) -> None:
    for segment in state.by_id[balance_id].segments:
        segment.left = 0


def _close(state: State, versions: list[Invoice]) -> None:
    """Total the invoices of a period and enter what the last one draws into the segments."""
    for invoice in versions:
        pieces = invoice.pieces()
        invoice.total = with_conversion(payable(pieces), invoice.contract)
        if invoice is versions[-1] and invoice.status != "VOID":
            drawn: dict[SegmentBook, int] = {}
            for piece in pieces:
                if piece.segment is not None:
                    drawn[piece.segment] = drawn.get(piece.segment, 0) + piece.amount
            for segment, amount in drawn.items():
                segment.draws.append((invoice, amount))
    state.invoices.extend(versions)


def _archive(state: State) -> None:
    """Void the invoices of a customer that is archived, and archive its balances."""
    at = state.agreements.archived_at
    if at is None or at > state.now:
        return
    for invoice in state.invoices:
        invoice.status = "VOID"
    for book in state.balances:
        book.balance = replace(book.balance, archived_at=book.balance.archived_at or at)
