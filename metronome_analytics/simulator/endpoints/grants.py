"""Endpoints that make, move, extend and archive commits and credits at customer level.

The books here are kept by whole days, and what is billed stays billed: times that are not midnight UTC, access that
began before the month that is open, and ends in the past are 400, though the API itself takes them.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.hours import day_ahead, midnight
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup, lookup_by_code
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.world.agreements import Balance, Purchase, Segment
from metronome_analytics.simulator.world.amounts import SCALE, scaled
from metronome_analytics.simulator.world.days import first_of_month
from metronome_analytics.simulator.world.happenings import BalanceArchived, Granted, Retimed
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import CREDIT_TYPES, PRODUCTS, USD

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import BalanceBook
    from metronome_analytics.simulator.world.price_list import CreditType, Product

_LONGEST_KEY = 128
_FIXED = "FixedProductListItem"


# --- making ----------------------------------------------------------------------------------------------------------


def create_credit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCredits/create."""
    return _create(account, request, "CREDIT")


def create_commit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCommits/create: PREPAID ones, invoiced by dates or not at all."""
    type_ = request.parameters.required("type")
    if type_.upper() != "PREPAID":
        raise ApiError(400, "this account makes PREPAID commits only")
    return _create(account, request, "PREPAID")


def _create(account: Account, request: Request, type_: Literal["CREDIT", "PREPAID"]) -> Reply:
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    its_id = make_id("granted", index, len(account.happened))
    schedule = Parameters(asked.object("access_schedule") or {})
    balance = Balance(
        id=its_id,
        type=type_,
        name=asked.text("name") or "Untitled",
        description=asked.text("description"),
        product=_product(asked.required_uuid("product_id")),
        priority=_priority(asked.raw("priority")),
        credit_type=_credit_type(schedule.uuid("credit_type_id")),
        segments=_segments(account, its_id, schedule),
        created_at=account.clock.now,
        rate_type=_rate_type(asked),
        applicable_contract_ids=tuple(asked.uuids("applicable_contract_ids") or ()),
        applicable_product_ids=tuple(asked.uuids("applicable_product_ids") or ()),
        applicable_product_tags=tuple(asked.strings("applicable_product_tags") or ()),
        uniqueness_key=asked.text("uniqueness_key"),
    )
    if type_ == "PREPAID":
        balance = _billed(account, index, asked, balance)
    asked.finish()
    _use_up(account, balance.uniqueness_key)
    account.happen(index, Granted(account.clock.now, balance))
    return data({"id": its_id})


def _rate_type(asked: Parameters) -> Literal["COMMIT_RATE", "LIST_RATE"]:
    at_commit_rate = asked.choice("rate_type", ("LIST_RATE", "COMMIT_RATE"), "LIST_RATE") == "COMMIT_RATE"
    return "COMMIT_RATE" if at_commit_rate else "LIST_RATE"


def _product(product_id: str) -> Product:
    product = next((product for product in PRODUCTS if product.id == product_id), None)
    if product is None:
        raise ApiError(404, f"Product not found: {product_id}")
    if product.kind != _FIXED:
        raise ApiError(400, "product_id must be of a FIXED product")
    return product


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, "priority must be a number")
    return int(value)


def _credit_type(credit_type_id: str | None) -> CreditType:
    found = next((each for each in CREDIT_TYPES if each.id == (credit_type_id or USD.id)), None)
    if found is None:
        raise ApiError(400, f"Credit type not found: {credit_type_id}")
    return found


def _amount(asked: Parameters, name: str) -> int:
    value = asked.raw(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, f"{name} must be a number")
    if value <= 0:
        raise ApiError(400, f"{name} must be above zero")
    return scaled(value)


def _segments(account: Account, balance_id: str, schedule: Parameters) -> tuple[Segment, ...]:
    items = [Parameters(item) for item in schedule.objects("schedule_items") or []]
    if not items:
        raise ApiError(400, "access_schedule.schedule_items is required")
    segments = []
    for number, item in enumerate(items):
        start = midnight(account, "starting_at", item.required_instant("starting_at"))
        end = midnight(account, "ending_before", item.required_instant("ending_before"))
        if end <= start:
            raise ApiError(400, "ending_before must be after starting_at")
        if start < first_of_month(account.clock.now.toordinal()):
            raise ApiError(400, "starting_at must not be before the month that is open")
        segments.append(Segment(make_id(balance_id, "segment", number), _amount(item, "amount"), start, end))
    return tuple(segments)


def _billed(account: Account, index: int, asked: Parameters, balance: Balance) -> Balance:
    """A commit with what is invoiced for it."""
    schedule = asked.object("invoice_schedule")
    contract_id = asked.uuid("invoice_contract_id")
    if schedule is None:
        return replace(balance, do_not_invoice=True)
    if contract_id is None:
        raise ApiError(400, "invoice_contract_id is required")
    find_contract(account.books(index), contract_id)
    parts = Parameters(schedule)
    unit = _credit_type(parts.uuid("credit_type_id"))
    purchases = []
    for number, item in enumerate(map(Parameters, parts.objects("schedule_items") or [])):
        day = midnight(account, "timestamp", item.required_instant("timestamp"))
        amount = _amount(item, "unit_price") * _amount(item, "quantity") // SCALE
        ids = (make_id(balance.id, "purchase", number), make_id(balance.id, "invoice", number))
        purchases.append(Purchase(ids[0], amount, day, ids[1]))
    return replace(
        balance,
        purchases=tuple(purchases),
        purchase_credit_type=unit,
        do_not_invoice=parts.flag("do_not_invoice"),
        invoice_contract_id=contract_id,
    )


def _use_up(account: Account, key: str | None) -> None:
    if key is None:
        return
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise ApiError(400, f"uniqueness_key must have between 1 and {_LONGEST_KEY} characters")
    if key in account.uniqueness_keys:
        raise ApiError(409, "This uniqueness key has already been used.")
    account.uniqueness_keys.add(key)


# --- other times -----------------------------------------------------------------------------------------------------


def end_credit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCredits/updateEndDate."""
    return _end(account, request, "credit_id")


def end_commit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCommits/updateEndDate; invoices stay as they are."""
    return _end(account, request, "commit_id")


def _end(account: Account, request: Request, id_name: str) -> Reply:
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    book = _book(account, index, asked.required_uuid(id_name), id_name)
    end = day_ahead(account, "access_ending_before", asked.required_instant("access_ending_before"))
    asked.finish()
    segments = book.balance.segments
    if end is None or end > max(segment.end for segment in segments):
        raise ApiError(400, "access_ending_before must not be after the end there is")
    kept = tuple(replace(segment, end=min(segment.end, end)) for segment in segments if segment.start < end)
    if not kept:
        raise ApiError(400, "access_ending_before must be after the start")
    account.happen(index, Retimed(account.clock.now, book.balance.id, kept))
    return data({"id": book.balance.id})


def edit_credit(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/credits/edit: when segments end."""
    return _edit(account, request, "credit_id")


def edit_commit(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/commits/edit: when segments end."""
    return _edit(account, request, "commit_id")


def _edit(account: Account, request: Request, id_name: str) -> Reply:
    asked = request.parameters
    index = lookup_by_code(account, asked.required_uuid("customer_id"))
    book = _book(account, index, asked.required_uuid(id_name), id_name)
    schedule = Parameters(asked.object("access_schedule") or {})
    ends = {}
    for item in map(Parameters, schedule.objects("update_schedule_items") or []):
        ends[item.required_uuid("id")] = day_ahead(account, "ending_before", item.required_instant("ending_before"))
    asked.finish()
    known = {segment.segment.id: segment for segment in book.segments}
    for segment_id in ends:
        if segment_id not in known:
            raise ApiError(400, f"Segment not found: {segment_id}")
        if not known[segment_id].active(account.clock.now):
            raise ApiError(400, "this account moves the end of running segments only")
    segments = tuple(replace(each, end=ends.get(each.id) or each.end) for each in book.balance.segments)
    account.happen(index, Retimed(account.clock.now, book.balance.id, segments))
    return data({"id": book.balance.id})


# --- archiving -------------------------------------------------------------------------------------------------------


def archive_credit(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/credits/archive."""
    return _archive(account, request, "credit_id")


def archive_commit(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/commits/archive: what is finally invoiced for it must be void."""
    return _archive(account, request, "commit_id")


def _archive(account: Account, request: Request, id_name: str) -> Reply:
    asked = request.parameters
    index = lookup_by_code(account, asked.required_uuid("customer_id"))
    book = _book(account, index, asked.required_uuid(id_name), id_name)
    asked.finish()
    ids = {purchase.invoice_id for purchase in book.balance.purchases}
    if any(invoice.id in ids and invoice.status == "FINALIZED" for invoice in account.books(index).invoices):
        raise ApiError(400, "finalized invoices of the commit must be voided first")
    account.happen(index, BalanceArchived(account.clock.now, book.balance.id))
    return data({"id": book.balance.id})


def _book(account: Account, index: int, balance_id: str, id_name: str) -> BalanceBook:
    books = account.books(index)
    book = next((book for book in books.balances if book.balance.id == balance_id), None)
    fits = book is not None and (book.balance.type == "CREDIT") == (id_name == "credit_id")
    if book is None or not fits or book.archived(books.now):
        raise ApiError(404, f"Commit or credit not found: {balance_id}")
    return book
