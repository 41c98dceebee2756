"""Invoices that are voided and made again: what they drew goes back, and is drawn anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.late_usage import bill_late, left_to_cover
from metronome_analytics.simulator.world.books import Line
from metronome_analytics.simulator.world.happenings import Arrived
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.books import Invoice, LineKey
    from metronome_analytics.simulator.world.happenings import Regenerated, Voided


def twin_of(invoice_id: str) -> str:
    """The id of the invoice that takes the place of a voided one."""
    return make_id(invoice_id, "regenerated")


def void(state: State, event: Voided) -> None:
    """Void the invoice of a period and give back what it drew; nothing when it does not stand any more."""
    invoice = state.last_version(event.invoice_id)
    if invoice is None or invoice.status != "FINALIZED":
        return
    give_back(invoice)


def give_back(invoice: Invoice) -> None:
    """Make an invoice void: what it drew may be drawn again."""
    invoice.status = "VOID"
    for line in invoice.lines.values():
        if line.segment is not None:
            line.segment.left += sum(line.amounts)


def regenerate(state: State, event: Regenerated) -> None:
    """Make a voided invoice again: it draws what it drew if that is still there, and bills what came late."""
    voided = state.last_version(event.invoice_id)
    if voided is None or voided.status != "VOID":
        return
    twin_id = twin_of(voided.id)
    twin = replace(
        voided, id=twin_id, status="FINALIZED", issued_at=event.at, regenerated_from=voided.id, lines={}, late={}
    )
    next(versions for versions in state.periods.values() if versions[-1] is voided).append(twin)
    for key, line in voided.lines.items():
        _redraw(state, twin, key, line, event.at)
    for line in voided.late.values():
        for day, serial, quantity in zip(line.days, line.serials, line.quantities, strict=True):
            hour = line.hours[serial]
            usage = Arrived(event.at, twin.contract.id, line.stream, day, hour, quantity)
            bill_late(state, twin, twin.lines, usage, event.at)


def _redraw(state: State, twin: Invoice, key: LineKey, line: Line, at: datetime) -> None:
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
    price = contract.rate(stream.product, stream.group).of_tier(line.tier)
    for day, serial, quantity in zip(line.days, line.serials, line.quantities, strict=True):
        covering = left_to_cover(state, contract, stream, day, at)
        hour = line.hours.get(serial)
        state.drawdown.draw(twin.lines, (day, line.stream, line.tier), quantity, price, covering, hour=hour)
