"""Endpoints that write invoices by hand: for professional services, and for periods that were not metered here."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.grant_terms import amount_of, price_of
from metronome_analytics.simulator.endpoints.hours import midnight, on_the_hour
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering import invoices as render
from metronome_analytics.simulator.world.bookkeeping.run import run
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.happenings import HistoryBilled, ServicesBilled
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import PRODUCTS
from metronome_analytics.simulator.world.streams import Stream
from metronome_analytics.simulator.world.terms import amended

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract, Service
    from metronome_analytics.simulator.world.books import Books

# --- professional services -------------------------------------------------------------------------------------------


def schedule_services(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/scheduleProServicesInvoice: services of the contract, up to the most of each."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    books = account.books(index)
    contract = find_contract(books, asked.required_uuid("contract_id"))
    issued_at = asked.required_instant("issued_at")
    on_the_hour(account, "issued_at", issued_at)
    items = [Parameters(item) for item in asked.objects("line_items") or []]
    asked.finish()
    if not items:
        raise ApiError(400, "line_items is required")
    lines = tuple((_service(contract, item), price_of(item), item.text("metadata")) for item in items)
    billed: dict[str, int] = defaultdict(int)
    for invoice in books.invoices:
        for line in invoice.fixed if invoice.status != "VOID" else ():
            billed[line.service_id or ""] += line.amount
    for service, amount, _ in lines:
        billed[service.id] += amount
        if billed[service.id] > service.maximum:
            raise ApiError(400, f"max_amount of the professional service is exceeded: {service.id}")
    invoice_id = make_id("services", index, len(account.happened))
    account.happen(index, ServicesBilled(account.clock.now, contract.id, invoice_id, issued_at, lines))
    return _written(account, index, account.books(index), [invoice_id])


def _service(contract: Contract, item: Parameters) -> Service:
    wanted = item.required_uuid("professional_service_id")
    found = next((service for service in contract.services if service.id == wanted), None)
    if found is None:
        raise ApiError(404, f"Professional service not found on the contract: {wanted}")
    return found


# --- history ---------------------------------------------------------------------------------------------------------


def create_historical(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/createHistoricalInvoices: with `preview` nothing is kept. One customer a call here."""
    asked = request.parameters
    if asked.raw("preview") is None:
        raise ApiError(400, "preview is required")
    only_try = asked.flag("preview")
    given = [Parameters(item) for item in asked.objects("invoices") or []]
    asked.finish()
    indices = {lookup(account, item.required_uuid("customer_id")) for item in given}
    if len(indices) != 1:
        raise ApiError(400, "this account writes the historical invoices of one customer a call")
    index = indices.pop()
    bills = [_bill(account, index, item, number) for number, item in enumerate(given)]
    ids = [bill.invoice_id for bill in bills]
    if only_try:
        agreements, now = account.agreed_until(index)
        history = [*account.history(index), *bills]
        return _written(account, index, run(amended(agreements, bills), now, history, switches=account.switches), ids)
    for bill in bills:
        account.happen(index, bill)
    return _written(account, index, account.books(index), ids)


def _bill(account: Account, index: int, item: Parameters, number: int) -> HistoryBilled:
    books = account.books(index)
    contract = find_contract(books, item.required_uuid("contract_id"))
    start = midnight(account, "inclusive_start_date", item.required_instant("inclusive_start_date"))
    end = midnight(account, "exclusive_end_date", item.required_instant("exclusive_end_date"))
    issued_at = item.required_instant("issue_date")
    if end <= start or instant(end) > account.clock.now:
        raise ApiError(400, "a historical invoice is of a period that is over")
    if item.required_uuid("credit_type_id") != contract.card.fiat.id:
        raise ApiError(400, "credit_type_id must be what the contract is paid in")
    if any(
        each.contract.id == contract.id and each.status != "VOID" and _overlaps(each.start, each.end, start, end)
        for each in books.invoices
    ):
        raise ApiError(400, "the period is invoiced already")
    usage = tuple(_usage(account, contract, Parameters(line)) for line in item.objects("usage_line_items") or [])
    if any(not start <= day < end for _, day, _ in usage):
        raise ApiError(400, "a line must lie within its invoice")
    invoice_id = make_id("history", index, len(account.happened), number)
    return HistoryBilled(account.clock.now, contract.id, invoice_id, issued_at, start, end, usage)


def _overlaps(first: int | None, last: int | None, start: int, end: int) -> bool:
    return first is not None and last is not None and first < end and start < last


def _usage(account: Account, contract: Contract, line: Parameters) -> tuple[Stream, int, int]:
    """What one line is of, on the first of its days: these books keep its quantity as a whole."""
    product_id = line.required_uuid("product_id")
    product = next((each for each in PRODUCTS if each.id == product_id), None)
    values = line.object("pricing_group_values") or {}
    group = () if product is None else tuple((key, str(values.get(key))) for key, _ in product.groups)
    if product is None or (product.key, group) not in contract.card.rates:
        raise ApiError(400, f"the contract has no rate for the product: {product_id}")
    shown = line.object("presentation_group_values") or {}
    value = None if product.presentation is None else shown.get(product.presentation[0])
    day = midnight(account, "inclusive_start_date", line.required_instant("inclusive_start_date"))
    stream = Stream(product, group, None if value is None else str(value), seed=0, base=0)
    return stream, day, amount_of(line, "quantity")


def _written(account: Account, index: int, books: Books, ids: Iterable[str]) -> Reply:
    who, wanted = account.customer(index), list(ids)
    found: list[Json] = [
        render.invoice(books, item, who, account.switches, skip_zero=False)
        for item in books.invoices
        if item.id in wanted
    ]
    return data(found)
