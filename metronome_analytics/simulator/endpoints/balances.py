"""Endpoints about commits and credits: the three lists and the net balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply
from metronome_analytics.simulator.endpoints.lookups import lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import Parameters, canonical_uuid
from metronome_analytics.simulator.rendering import balances as render
from metronome_analytics.simulator.rendering.scalars import Json, dump, number
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.price_list import USD

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import BalanceBook, Mode

PAGE_MAXIMUM = 25
_FILTER_NAMES = {"PREPAID": "PREPAID_COMMIT", "POSTPAID": "POSTPAID_COMMIT", "CREDIT": "CREDIT"}


def list_commits(account: Account, request: Request) -> Page:
    """POST /v1/contracts/customerCommits/list."""
    return _list(account, request, ("PREPAID", "POSTPAID"), "commit_id", "include_contract_commits")


def list_credits(account: Account, request: Request) -> Page:
    """POST /v1/contracts/customerCredits/list."""
    return _list(account, request, ("CREDIT",), "credit_id", "include_contract_credits")


def list_balances(account: Account, request: Request) -> Page:
    """POST /v1/contracts/customerBalances/list."""
    skip_zero = request.parameters.flag("exclude_zero_balances")
    types = ("PREPAID", "POSTPAID", "CREDIT")
    return _list(account, request, types, "id", "include_contract_balances", skip_zero=skip_zero)


def _list(
    account: Account,
    request: Request,
    types: tuple[str, ...],
    id_name: str,
    contracts_name: str,
    *,
    skip_zero: bool = False,
) -> Page:
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    limit = asked.limit(PAGE_MAXIMUM, PAGE_MAXIMUM)
    wanted = asked.uuid(id_name)
    with_contracts = asked.flag(contracts_name)
    with_archived = asked.flag("include_archived")
    with_ledgers = asked.flag("include_ledgers")
    with_balance = asked.flag("include_balance")
    covering = asked.instant("covering_date")
    starting_at = asked.instant("starting_at")
    effective_before = asked.instant("effective_before")
    asked.finish()

    books = account.books(index)
    chosen = [
        book
        for book in books.balances
        if book.balance.type in types
        and wanted in (None, book.balance.id)
        and (with_contracts or book.balance.contract_id is None)
        and (with_archived or not book.archived(books.now))
        and _has_access(book, covering, starting_at, effective_before)
        and not (skip_zero and book.available(books.now, clamp=account.switches.clamp) == 0)
    ]
    if account.switches.newest_first:
        chosen.reverse()

    def write(book: BalanceBook) -> Json:
        return render.balance(
            book, books.now, account.switches, include_ledger=with_ledgers, include_balance=with_balance
        )

    return page(request, chosen, limit, write)


def _has_access(
    book: BalanceBook, covering: datetime | None, starting_at: datetime | None, effective_before: datetime | None
) -> bool:
    """Test the access segments; the dates of ledger entries play no part."""
    spans = [(instant(segment.segment.start), instant(segment.segment.end)) for segment in book.segments]
    if covering is not None and not any(start <= covering < end for start, end in spans):
        return False
    if starting_at is not None and not any(end > starting_at for _, end in spans):
        return False
    return effective_before is None or any(start < effective_before for start, _ in spans)


def net_balance(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/customerBalances/getNetBalance."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    credit_type_id = asked.uuid("credit_type_id") or USD.id
    finalized = asked.choice("invoice_inclusion_mode", ("FINALIZED_AND_DRAFT", "FINALIZED"), "FINALIZED_AND_DRAFT")
    mode: Mode = "FINALIZED" if finalized == "FINALIZED" else "FINALIZED_AND_DRAFT"
    filters = asked.raw("filters")
    asked.finish()
    conditions = _conditions(filters)

    books = account.books(index)
    total = sum(
        book.available(books.now, clamp="segment", mode=mode)
        for book in books.balances
        if book.balance.credit_type.id == credit_type_id
        and (account.switches.net_includes_postpaid or book.balance.type != "POSTPAID")
        and (conditions is None or any(_meets(book, condition) for condition in conditions))
    )
    return Reply(dump({"data": {"balance": number(total), "credit_type_id": credit_type_id}}))


_Condition = tuple[list[str] | None, list[str] | None, Mapping[str, object]]


def _conditions(filters: object) -> list[_Condition] | None:
    """Read the filter objects: OR between them, AND inside one. Raises ApiError 400."""
    if filters is None:
        return None
    if not isinstance(filters, list) or not all(isinstance(item, dict) for item in filters):
        raise ApiError(400, "filters must be an array of objects")
    conditions: list[_Condition] = []
    for item in filters:
        asked = Parameters(item)
        types = asked.strings("balance_types")
        if types is not None and not set(types) <= set(_FILTER_NAMES.values()):
            raise ApiError(400, f"balance_types must be of {', '.join(_FILTER_NAMES.values())}")
        ids = asked.strings("ids")
        fields = asked.raw("custom_fields") or {}
        if not isinstance(fields, dict):
            raise ApiError(400, "custom_fields must be an object")
        conditions.append((types, ids and [canonical_uuid(value, "ids") for value in ids], fields))
    return conditions


def _meets(book: BalanceBook, condition: _Condition) -> bool:
    types, ids, fields = condition
    return (
        (types is None or _FILTER_NAMES[book.balance.type] in types)
        and (ids is None or book.balance.id in ids)
        and fields.items() <= dict(book.balance.custom_fields).items()
    )
