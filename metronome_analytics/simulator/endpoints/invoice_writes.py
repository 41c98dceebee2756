"""Endpoints that void invoices and make them again: they name no customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.world.bookkeeping.voids import twin_of
from metronome_analytics.simulator.world.happenings import Regenerated, Voided

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Books, Invoice


def void_invoice(account: Account, request: Request) -> Reply:
    """POST /v1/invoices/void: final invoices of usage and of schedules; of true-ups and corrections here none."""
    index, invoice_id = _one_of(account, request, lambda books: books.voidable(), "voided")
    account.happen(index, Voided(account.clock.now, invoice_id))
    return data({"id": invoice_id})


def regenerate_invoice(account: Account, request: Request) -> Reply:
    """POST /v1/invoices/regenerate: the new invoice has an id of its own."""
    index, invoice_id = _one_of(account, request, lambda books: books.regenerable(), "regenerated")
    account.happen(index, Regenerated(account.clock.now, invoice_id))
    return data({"id": twin_of(invoice_id)})


def _one_of(account: Account, request: Request, fit: Callable[[Books], list[Invoice]], done: str) -> tuple[int, str]:
    """Whose invoice it is, and its id. Raises ApiError 404, or 400 where it does not fit."""
    invoice_id = request.parameters.required_uuid("id")
    request.parameters.finish()
    for index in account.active:
        books = account.books(index)
        if any(item.id == invoice_id for item in books.invoices):
            if not any(item.id == invoice_id for item in fit(books)):
                raise ApiError(400, f"The invoice cannot be {done}: {invoice_id}")
            return index, invoice_id
    raise ApiError(404, f"Invoice not found: {invoice_id}")
