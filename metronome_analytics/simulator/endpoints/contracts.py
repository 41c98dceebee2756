"""Endpoints about contracts: v1 and v2 lists and retrieval, and the history of edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Answer, ApiError, Reply, data
from metronome_analytics.simulator.endpoints.hours import day_ahead
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup, lookup_by_code
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering import contracts as render
from metronome_analytics.simulator.rendering.contracts import Included
from metronome_analytics.simulator.world.happenings import ContractEnded

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.parameters import Parameters
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.books import Books

PAGE_MAXIMUM = 20


def list_contracts(account: Account, request: Request) -> Answer:
    """POST /v1/contracts/list."""
    return _list(account, request, version=1)


def list_contracts_v2(account: Account, request: Request) -> Answer:
    """POST /v2/contracts/list."""
    return _list(account, request, version=2)


def _list(account: Account, request: Request, *, version: int) -> Answer:
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    # Pages are newer than the OpenAPI file: they come only to those who ask for them.
    paged = request.cursor is not None or asked.raw("limit") is not None
    limit = asked.limit(PAGE_MAXIMUM, PAGE_MAXIMUM)
    covering, starting_at = asked.instant("covering_date"), asked.instant("starting_at")
    if covering is not None and starting_at is not None:
        raise ApiError(400, "covering_date and starting_at exclude each other")
    included = _included(account, asked, archived=asked.flag("include_archived"))
    asked.finish()
    index = lookup(account, customer_id) if version == 1 else lookup_by_code(account, customer_id)

    books = account.books(index)
    chosen = [
        contract
        for contract in books.contracts()
        if (included.archived or books.archived_at(contract) is None)
        and (covering is None or contract.covers(covering))
        and (starting_at is None or contract.start >= _first_day(starting_at))
    ]
    if not paged:
        return data([_write(account, books, contract, included, version) for contract in chosen])
    return page(request, chosen, limit, lambda contract: _write(account, books, contract, included, version), "cursor")


def _first_day(when: datetime) -> int:
    """The first day that begins at or after an instant."""
    midnight = when.hour == when.minute == when.second == when.microsecond == 0
    return when.toordinal() + (not midnight)


def _included(
    account: Account, asked: Parameters, *, archived: bool = False, as_of: datetime | None = None
) -> Included:
    return Included(
        balance=asked.flag("include_balance"),
        ledgers=asked.flag("include_ledgers"),
        archived=archived,
        as_of=as_of,
        maximum=account.switches.embedded_maximum,
    )


def _write(account: Account, books: Books, contract: Contract, included: Included, version: int) -> Json:
    write = render.contract if version == 1 else render.contract_v2
    return write(books, contract, account.switches, included)


def get_contract(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/get: an archived one too."""
    asked = request.parameters
    customer_id, contract_id = asked.required_uuid("customer_id"), asked.required_uuid("contract_id")
    included = _included(account, asked)
    asked.finish()
    books = account.books(lookup(account, customer_id))
    return data(_write(account, books, find_contract(books, contract_id), included, 1))


def get_contract_v2(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/get: an archived one too."""
    asked = request.parameters
    customer_id, contract_id = asked.required_uuid("customer_id"), asked.required_uuid("contract_id")
    as_of = asked.instant("as_of_date")
    included = _included(account, asked, as_of=as_of)
    if as_of is not None and included.ledgers:
        raise ApiError(400, "as_of_date and include_ledgers exclude each other")
    asked.finish()
    books = account.books(lookup_by_code(account, customer_id))
    contract = find_contract(books, contract_id, code="ContractNotFound")
    return data(_write(account, books, contract, included, 2))


def get_edit_history(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/getEditHistory: one edit for each commit or credit that was added later."""
    asked = request.parameters
    customer_id, contract_id = asked.required_uuid("customer_id"), asked.required_uuid("contract_id")
    asked.finish()
    books = account.books(lookup_by_code(account, customer_id))
    contract = find_contract(books, contract_id, code="ContractNotFound")
    return data(render.edits(books, contract))


def update_end_date(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/updateEndDate: without `ending_before` the contract is open.

    The books here are kept by whole days, and what is over stays as it is: other ends are 400.
    """
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    contract = find_contract(account.books(index), asked.required_uuid("contract_id"))
    end = day_ahead(account, "ending_before", asked.instant("ending_before"))
    asked.flag("allow_ending_before_finalized_invoice")
    asked.finish()
    if end is not None and end <= contract.start:
        raise ApiError(400, "ending_before must be after the contract's start")
    account.happen(index, ContractEnded(account.clock.now, contract.id, end))
    return data({"id": contract.id})
