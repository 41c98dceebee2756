"""What is done to invoices by request once all are written: scheduled ones void and made again, charges of plans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.voids import twin_of
from metronome_analytics.simulator.world.books import FixedLine
from metronome_analytics.simulator.world.happenings import Charged, Regenerated, Voided
from metronome_analytics.simulator.world.price_list import ADJUSTMENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.happenings import Happening


def carry_out(state: State, history: Iterable[Happening]) -> None:
    """Void, make again and charge, in the order in which it was asked."""
    for happening in history:
        match happening:
            case Voided(_, invoice_id):
                for invoice in _scheduled(state, invoice_id):
                    invoice.status = "VOID"
            case Regenerated(at, invoice_id):
                for invoice in _scheduled(state, invoice_id):
                    twin = {"id": twin_of(invoice_id), "status": "FINALIZED", "issued_at": at}
                    state.invoices.append(replace(invoice, **twin, regenerated_from=invoice_id))  # type: ignore[arg-type]  # each as its field
            case Charged():
                _charge(state, happening)


def _scheduled(state: State, invoice_id: str) -> list[Invoice]:
    return [invoice for invoice in state.invoices if invoice.id == invoice_id and invoice.type == "SCHEDULED"]


def _charge(state: State, event: Charged) -> None:
    """Put a line on the invoice of the plan that begins on the day."""
    for invoice in state.invoices:
        if invoice.contract.id == event.customer_plan_id and invoice.start == event.start:
            line = FixedLine("scheduled", ADJUSTMENT, event.description, event.amount)
            invoice.fixed = (*invoice.fixed, line)
            invoice.total += event.amount
