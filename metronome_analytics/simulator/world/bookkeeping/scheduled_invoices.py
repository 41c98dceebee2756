"""SCHEDULED invoices: one-off charges, purchases of commits, true-ups, corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.books import GRACE, FixedLine, Invoice
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import ADJUSTMENT

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.bookkeeping.state import State
    from metronome_analytics.simulator.world.books import BalanceBook
    from metronome_analytics.simulator.world.happenings import Corrected


def bill_schedules(state: State, contract: Contract) -> None:
    """Write the SCHEDULED invoices of a contract: one-off charges, purchases of commits, true-ups."""
    for charge in contract.charges:
        if charge.archived_at is not None and charge.archived_at < instant(charge.day):
            continue
        line = FixedLine("scheduled", charge.product, charge.product.name, charge.amount, charge_id=charge.id)
        _scheduled_invoice(state, charge.invoice_id, contract, instant(charge.day), line)
    for book in state.balances:
        balance = book.balance
        if (balance.contract_id or balance.invoice_contract_id) != contract.id or balance.do_not_invoice:
            continue
        if balance.type == "POSTPAID":
            _true_up(state, book, contract)
            continue
        for purchase in balance.purchases:
            line = FixedLine("commit_purchase", balance.product, balance.name, purchase.amount, balance)
            _scheduled_invoice(state, purchase.invoice_id, contract, instant(purchase.day), line)


def correct(state: State, event: Corrected) -> None:
    """Write the invoice that corrects another, which stays as it is; nothing when it does not stand any more."""
    wrong = state.last_version(event.invoice_id)
    if wrong is None or wrong.status == "VOID":
        return
    line = FixedLine("scheduled", ADJUSTMENT, event.mishap.reason, event.mishap.amount)
    invoice = _scheduled_invoice(state, make_id(wrong.id, "correction"), wrong.contract, event.at, line)
    invoice.corrects, invoice.created_at = wrong, event.at
    invoice.correction = (event.mishap.reason, event.mishap.memo)


def _true_up(state: State, book: BalanceBook, contract: Contract) -> None:
    """Bill what was committed and not drawn: a draft from the beginning, final after the last usage invoice."""
    balance, segment = book.balance, book.segments[0]
    if not balance.true_up:
        return
    issued_at = instant(segment.segment.end) + GRACE
    rest = max(0, segment.remaining())
    line = FixedLine("scheduled", balance.product, balance.name, rest, balance)
    book.true_up = _scheduled_invoice(state, balance.purchases[0].invoice_id, contract, issued_at, line)


def _scheduled_invoice(
    state: State, invoice_id: str, contract: Contract, issued_at: datetime, line: FixedLine
) -> Invoice:
    status = "FINALIZED" if issued_at <= state.now else "DRAFT"
    invoice = Invoice(
        invoice_id, "SCHEDULED", status, contract.card.fiat, contract, issued_at, total=line.amount, fixed=(line,)
    )
    state.invoices.append(invoice)
    return invoice
