"""Invoices written by hand, and what the archiving of a contract makes void."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.bookkeeping.late_usage import bill_late
from metronome_analytics.simulator.world.bookkeeping.voids import give_back
from metronome_analytics.simulator.world.books import FixedLine, Invoice
from metronome_analytics.simulator.world.happenings import Arrived

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.happenings import ContractArchived, HistoryBilled, ServicesBilled


def bill_history(state: State, event: HistoryBilled) -> None:
    """Write the invoice of a period that was not metered here; it draws on what is left for that time."""
    contract = _contract(state, event.contract_id)
    status = "FINALIZED" if event.issued_at <= state.now else "DRAFT"
    period = (event.issued_at, event.start, event.end)
    invoice = Invoice(event.invoice_id, "USAGE", status, contract.card.fiat, contract, *period)
    # No month has a negative first day: it stands beside the invoices of months.
    state.periods[contract.id, -len(state.periods)] = [invoice]
    for stream, day, quantity in event.usage:
        usage = Arrived(event.at, contract.id, contract.streams.index(stream), day, 0, quantity)
        bill_late(state, invoice, invoice.lines, usage, event.at)


def bill_services(state: State, event: ServicesBilled) -> None:
    """Write the invoice of professional services."""
    contract = _contract(state, event.contract_id)
    status = "FINALIZED" if event.issued_at <= state.now else "DRAFT"
    lines = tuple(
        FixedLine("scheduled", service.product, service.product.name, amount, service_id=service.id, metadata=note)
        for service, amount, note in event.lines
    )
    total = sum(line.amount for line in lines)
    state.invoices.append(
        Invoice(
            event.invoice_id,
            "SCHEDULED",
            status,
            contract.card.fiat,
            contract,
            event.issued_at,
            total=total,
            fixed=lines,
        )
    )


def void_usage(state: State, event: ContractArchived) -> None:
    """Void what a contract that is archived has not yet billed for usage, and what it has where that was asked."""
    for versions in state.periods.values():
        invoice = versions[-1]
        if invoice.status != "VOID" and _is_hit(invoice, event):
            give_back(invoice)


def void_scheduled(state: State, event: ContractArchived) -> None:
    """Void its scheduled invoices in the same way."""
    for invoice in state.invoices:
        if invoice.start is None and _is_hit(invoice, event):
            invoice.status = "VOID"


def _is_hit(invoice: Invoice, event: ContractArchived) -> bool:
    return invoice.contract.id == event.contract_id and (event.void_invoices or invoice.issued_at > event.at)


def _contract(state: State, contract_id: str) -> Contract:
    return next(contract for contract in state.contracts if contract.id == contract_id)
