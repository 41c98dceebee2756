"""Billing periods and the usage invoices that belong to them, and what was foreseen to go wrong with those."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.books import GRACE, Invoice
from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month
from metronome_analytics.simulator.world.happenings import Corrected, Regenerated, Voided
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Contract

VOIDED_AFTER = timedelta(days=6)
CORRECTED_AFTER = timedelta(days=9)


def billing_period(contract: Contract, month: int) -> tuple[int, int]:
    """The days between which a contract is billed for a month."""
    following = shift_month(month, 1)
    return max(month, contract.start, contract.billed_from or 0), following if contract.end is None else min(
        following, contract.end
    )


def usage_invoice(contract: Contract, month: int, now: datetime) -> Invoice:
    """The empty usage invoice of a contract for a month: a draft until its grace is over."""
    start, end = billing_period(contract, month)
    issued_at = instant(end) + GRACE
    status = "FINALIZED" if issued_at <= now else "DRAFT"
    kind = "PLAN_ARREARS" if contract.plan else "USAGE"
    return Invoice(
        _usage_invoice_id(contract, start), kind, status, contract.card.fiat, contract, issued_at, start, end
    )


def mishaps(contracts: Sequence[Contract]) -> Iterator[Voided | Regenerated | Corrected]:
    """What was foreseen to go wrong with invoices: voids, each made good at once, and corrections."""
    for contract in contracts:
        for mishap in contract.mishaps:
            _, end = billing_period(contract, first_of_month(mishap.period))
            issued_at, invoice_id = instant(end) + GRACE, _usage_invoice_id(contract, mishap.period)
            if mishap.kind == "void":
                yield Voided(issued_at + VOIDED_AFTER, invoice_id)
                yield Regenerated(issued_at + VOIDED_AFTER, invoice_id)
            else:
                yield Corrected(issued_at + CORRECTED_AFTER, invoice_id, mishap)


def _usage_invoice_id(contract: Contract, start: int) -> str:
    return make_id(contract.id, "usage", start)
