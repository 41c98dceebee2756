"""Usage that arrives late: on the draft of its period, or, when that is final, only where breakdowns show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.drawdown import covers
from metronome_analytics.simulator.world.bookkeeping.tiers import tiered
from metronome_analytics.simulator.world.days import first_of_month

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.bookkeeping.drawdown import Cover
    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.books import Invoice, Line, LineKey
    from metronome_analytics.simulator.world.happenings import Arrived
    from metronome_analytics.simulator.world.streams import Stream


def arrive(state: State, usage: Arrived) -> None:
    """Bill late usage on the draft of its period; when that is final it is only seen in breakdowns."""
    invoice = state.periods[usage.contract_id, first_of_month(usage.day)][-1]
    if invoice.status != "VOID" and usage.at < invoice.issued_at:
        if invoice is state.open.get(usage.contract_id):
            key = usage.contract_id, usage.stream
            state.billed[key] = state.billed.get(key, 0) + usage.quantity
        bill_late(state, invoice, invoice.lines, usage, usage.at)
    else:
        bill_late(state, invoice, invoice.late, usage, None)


def bill_late(state: State, invoice: Invoice, lines: dict[LineKey, Line], usage: Arrived, at: datetime | None) -> None:
    """Enter late usage into lines, covered by what is left at an instant, or by nothing."""
    contract = invoice.contract
    stream = contract.streams[usage.stream]
    rate = contract.rate(stream.product, stream.group)
    covering = [] if at is None else left_to_cover(state, contract, stream, usage.day, at)
    parts = [(0, usage.quantity, rate.price)]
    if rate.tiers:
        lines_so_far = (*invoice.lines.values(), *(invoice.late.values() if lines is invoice.late else ()))
        before = sum(sum(line.quantities) for line in lines_so_far if line.stream == usage.stream)
        parts = tiered(before, usage.quantity, rate.tiers)
    for tier, part, unit in parts:
        state.drawdown.draw(lines, (usage.day, usage.stream, tier), part, unit, covering, hour=usage.hour)


def left_to_cover(state: State, contract: Contract, stream: Stream, day: int, at: datetime) -> list[Cover]:
    """What covers usage of an earlier day that is billed now: nothing whose true-up is final."""
    covering = covers(state.active_segments(day), contract, stream)
    return [(book, price) for book, price in covering if not book.settled(at)]
