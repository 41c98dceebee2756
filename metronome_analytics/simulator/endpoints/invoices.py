"""Endpoints about invoices: list, retrieve, print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find, find_invoice
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import canonical_uuid
from metronome_analytics.simulator.rendering import invoices as render
from metronome_analytics.simulator.rendering.invoice_pdf import invoice_pdf
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.switches import Switches


def list_invoices(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/invoices."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    status = asked.text("status")
    kind = asked.choice("type", ("USAGE", "USAGE_CONSOLIDATED", "SCHEDULED"), "")
    credit_type_id = asked.uuid("credit_type_id")
    contract_id = asked.uuid("contract_id")
    starting_on = asked.instant("starting_on")
    ending_before = asked.instant("ending_before")
    skip_zero = asked.flag("skip_zero_qty_line_items")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    asked.finish()

    books = account.books(index)
    chosen = [
        item
        for item in books.invoices
        if (status is None or item.status == status.upper())
        and kind in ("", item.type)
        and credit_type_id in (None, item.credit_type.id)
        and contract_id in (None, item.contract.id)
        and _in_period(item, starting_on, ending_before, account.switches)
    ]
    if descending or not account.switches.sort_honoured:
        chosen.reverse()
    who = account.customer(index)

    def write(item: Invoice) -> Json:
        return render.invoice(books, item, who, account.switches, skip_zero=skip_zero)

    return page(request, chosen, limit, write)


def _in_period(item: Invoice, starting_on: datetime | None, ending_before: datetime | None, switches: Switches) -> bool:
    """Compare the billing period: it must start on or after the one and end before the other."""
    if item.start is None or item.end is None:
        return switches.scheduled_in_date_filters or (starting_on is None and ending_before is None)
    if starting_on is not None and instant(item.start) < starting_on:
        return False
    if ending_before is None or instant(item.end) < ending_before:
        return True
    return switches.period_end_inclusive and instant(item.end) == ending_before


def get_invoice(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/invoices/{invoice_id}."""
    index = find(account, request)
    invoice_id = canonical_uuid(request.path_parameters["invoice_id"], "invoice_id")
    skip_zero = request.parameters.flag("skip_zero_qty_line_items")
    request.parameters.finish()
    books = account.books(index)
    item = find_invoice(books, invoice_id)
    return data(render.invoice(books, item, account.customer(index), account.switches, skip_zero=skip_zero))


def get_pdf(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/invoices/{invoice_id}/pdf."""
    index = find(account, request)
    invoice_id = canonical_uuid(request.path_parameters["invoice_id"], "invoice_id")
    request.parameters.finish()
    item = find_invoice(account.books(index), invoice_id)
    return Reply(invoice_pdf(item), content_type="application/pdf")
