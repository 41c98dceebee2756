"""Endpoints that make, move, extend and archive commits and credits at customer level.

What is billed stays billed: ends in the past are 400, though the API itself takes them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.grant_terms import (
    balance_of,
    commit_type,
    credit_type,
    purchases_of,
    use_up,
)
from metronome_analytics.simulator.endpoints.hours import day_ahead
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup, lookup_by_code
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.world.happenings import BalanceArchived, Granted, Retimed
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Balance, BalanceType
    from metronome_analytics.simulator.world.books import BalanceBook


# --- making ----------------------------------------------------------------------------------------------------------


def create_credit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCredits/create."""
    return _create(account, request, "CREDIT")


def create_commit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCommits/create: invoiced by dates, not by a recurring schedule, or not at all."""
    return _create(account, request, commit_type(request.parameters))


def _create(account: Account, request: Request, type_: BalanceType) -> Reply:
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    its_id = make_id("granted", index, len(account.happened))
    if asked.raw("priority") is None:
        raise ApiError(400, "priority is required")
    balance = replace(
        balance_of(account, asked, its_id, type_),
        applicable_contract_ids=tuple(asked.uuids("applicable_contract_ids") or ()),
        uniqueness_key=asked.text("uniqueness_key"),
    )
    if type_ != "CREDIT":
        balance = _billed(account, index, asked, balance)
    asked.finish()
    use_up(account, balance.uniqueness_key)
    account.happen(index, Granted(account.clock.now, balance))
    return data({"id": its_id})


def _billed(account: Account, index: int, asked: Parameters, balance: Balance) -> Balance:
    """A commit with what is invoiced for it."""
    schedule = asked.object("invoice_schedule")
    contract_id = asked.uuid("invoice_contract_id")
    if schedule is None:
        if balance.type == "POSTPAID":
            raise ApiError(400, "a postpaid commit needs invoice_schedule and invoice_contract_id")
        return replace(balance, do_not_invoice=True)
    if contract_id is None:
        raise ApiError(400, "invoice_contract_id is required")
    find_contract(account.books(index), contract_id)
    parts = Parameters(schedule)
    return replace(
        balance,
        purchases=purchases_of(account, balance, parts),
        purchase_credit_type=credit_type(parts.uuid("credit_type_id")),
        do_not_invoice=parts.flag("do_not_invoice"),
        invoice_contract_id=contract_id,
    )


# --- other times -----------------------------------------------------------------------------------------------------


def end_credit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCredits/updateEndDate."""
    return _end(account, request, "credit_id")


def end_commit(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerCommits/updateEndDate: of its access, of its invoices, or of both."""
    return _end(account, request, "commit_id")


def _end(account: Account, request: Request, id_name: str) -> Reply:
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    book = _book(account, index, asked.required_uuid(id_name), id_name)
    end = day_ahead(account, "access_ending_before", asked.instant("access_ending_before"))
    last = day_ahead(account, "invoices_ending_before", asked.instant("invoices_ending_before"))
    asked.finish()
    if end is None and (last is None or id_name == "credit_id"):
        raise ApiError(400, "access_ending_before is required")
    segments = book.balance.segments
    if end is not None:
        if end > max(segment.end for segment in segments):
            raise ApiError(400, "access_ending_before must not be after the end there is")
        segments = tuple(replace(segment, end=min(segment.end, end)) for segment in segments if segment.start < end)
        if not segments:
            raise ApiError(400, "access_ending_before must be after the start")
    purchases = None if last is None else tuple(each for each in book.balance.purchases if each.day < last)
    account.happen(index, Retimed(account.clock.now, book.balance.id, segments, purchases))
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
