"""Usage, day by day: metered, priced, and drawn on the balances that cover it.

Usage is drawn day by day in time order, so the windows of a breakdown add up to the invoice. Within a day the lines
are covered usage first, then subscriptions, dearest first, then by name; each by the balances in documented order.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.drawdown import covers
from metronome_analytics.simulator.world.bookkeeping.periods import usage_invoice
from metronome_analytics.simulator.world.bookkeeping.segments import start_segments
from metronome_analytics.simulator.world.bookkeeping.tiers import tiered
from metronome_analytics.simulator.world.days import first_of_month, shift_month
from metronome_analytics.simulator.world.streams import used_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.bookkeeping.drawdown import Cover
    from metronome_analytics.simulator.world.bookkeeping.state import State

_Row = tuple[int, int, tuple[tuple[int, int], ...], "list[Cover]"]
"""A stream on one day: its index, list price, tiers, and the segments that cover it."""
_Rows = list[tuple["Contract", list[_Row]]]


def run_days(state: State) -> None:
    """Bill every day until now, month by month; what happens besides usage takes effect at its hour."""
    today = state.now.toordinal()
    starts = {segment.segment.start for segment in state.segments} | {c.start for c in state.contracts}
    ends = {segment.segment.end for segment in state.segments} | {c.end for c in state.contracts if c.end}
    gone = {c.archived_at.toordinal() + 1 for c in state.contracts if c.archived_at}
    changes = starts | ends | gone
    rows: _Rows = []
    first = min(starts)
    month = first_of_month(first)
    while month <= today:
        following = shift_month(month, 1)
        usage = _usage(state, month, following)
        for day in range(max(month, first), min(following, today + 1)):
            if day in changes or day == month:
                start_segments(state, day)
                rows = _rows(state, day)
                _open_invoices(state, rows, month)
            for begin, end in _stretches(state, day):
                for contract, streams in rows:
                    _bill(
                        state, contract, streams, [q[day - month] for q in usage[contract.id]], day, hours=(begin, end)
                    )
        state.open = {}
        state.billed = {}
        month = following


def _usage(state: State, month: int, following: int) -> dict[str, list[list[int]]]:
    """What each stream of each contract uses on each day of a month, by contract."""
    return {
        contract.id: [contract.metered(each, state.quantities(each, month), month) for each in contract.streams]
        for contract in state.contracts
        if contract.start < following and (contract.end is None or contract.end > month)
    }


def _open_invoices(state: State, rows: _Rows, month: int) -> None:
    for contract, _ in rows:
        if contract.id not in state.open:
            invoice = state.open[contract.id] = usage_invoice(contract, month, state.now)
            state.periods[contract.id, month] = [invoice]


def _rows(state: State, day: int) -> _Rows:
    """Per contract in force its streams in the order of drawdown, with the segments that cover them."""
    active = state.active_segments(day)
    result = []
    for contract in state.contracts:
        if not contract.bills(day):
            continue
        rows: list[_Row] = []
        for index, stream in enumerate(contract.streams):
            rate = contract.rate(stream.product, stream.group)
            rows.append((index, rate.price, rate.tiers, covers(active, contract, stream)))
        streams = contract.streams
        rows.sort(key=lambda r: (streams[r[0]].product.line_type != "usage", -r[1], streams[r[0]].product.name))
        result.append((contract, rows))
    return result


def _stretches(state: State, day: int) -> Iterator[tuple[int, int]]:
    """The hours of a day, cut where something happened, which takes effect between two stretches."""
    begin, end = 0, state.now.hour if day == state.now.toordinal() else 24
    for when, effect in sorted(state.due.get(day, ()), key=itemgetter(0)):
        if when.hour > begin:
            yield begin, when.hour
            begin = when.hour
        effect()
    if end > begin:
        yield begin, end


def _bill(
    state: State, contract: Contract, rows: list[_Row], usage: list[int], day: int, *, hours: tuple[int, int]
) -> None:
    """Meter some hours of one contract: split each line over tiers, then over the balances that cover it."""
    if state.open[contract.id].status == "VOID":
        return  # archived earlier on this day
    lines = state.open[contract.id].lines
    draw = state.drawdown.draw
    is_today = day == state.now.toordinal()
    begin, end = hours
    for index, price, tiers, covering in rows:
        quantity = usage[index]
        if is_today and quantity:
            state.metered_today[contract.id, index] = quantity
        if begin or end < 24:
            stream = contract.streams[index]
            quantity = used_by(quantity, end, stream) - used_by(quantity, begin, stream)
        if not quantity:
            continue
        if not tiers:
            draw(lines, (day, index, 0), quantity, price, covering)
            continue
        before = state.billed.get((contract.id, index), 0)
        state.billed[contract.id, index] = before + quantity
        for tier, part, unit in tiered(before, quantity, tiers):
            draw(lines, (day, index, tier), part, unit, covering)
