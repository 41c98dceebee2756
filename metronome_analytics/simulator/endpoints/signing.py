"""Endpoints that make, edit, amend and archive contracts: by whole days, with the terms that these books can keep.

Commits, credits, scheduled charges of one date and professional services are carried out; other terms are 400, though
the API itself takes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.grant_terms import (
    amount_of,
    balance_of,
    commit_type,
    credit_type,
    fixed_product,
    price_of,
    purchases_of,
    use_up,
)
from metronome_analytics.simulator.endpoints.hours import day_ahead, midnight
from metronome_analytics.simulator.endpoints.lookups import card_of, find_contract, lookup, lookup_by_code
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.world.agreements import Amendment, Balance, Charge, Contract, Edit, Service
from metronome_analytics.simulator.world.happenings import (
    Amended,
    BalanceArchived,
    ContractArchived,
    Edited,
    Granted,
    Signed,
)
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

_CREATED = frozenset(
    {
        *("customer_id", "contract_id", "starting_at", "ending_before", "name", "rate_card_id", "uniqueness_key"),
        *("net_payment_terms_days", "usage_statement_schedule"),
        *("commits", "credits", "scheduled_charges", "professional_services"),
    }
)
_EDITED = frozenset(
    {
        *("customer_id", "contract_id", "uniqueness_key", "update_contract_name", "update_contract_end_date"),
        *("update_net_payment_terms_days", "allow_contract_ending_before_finalized_invoice"),
        *("archive_commits", "archive_credits", "archive_scheduled_charges"),
        *("add_commits", "add_credits", "add_scheduled_charges", "add_professional_services"),
    }
)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What comes with a contract, an edit or an amendment."""

    balances: tuple[Balance, ...]
    charges: tuple[Charge, ...]
    services: tuple[Service, ...]


def create_contract(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/create: without `ending_before` it is open."""
    asked = request.parameters
    _known(request, _CREATED)
    index = lookup(account, asked.required_uuid("customer_id"))
    its_id = make_id("signed", index, len(account.happened))
    start = midnight(account, "starting_at", asked.required_instant("starting_at"))
    ending = asked.instant("ending_before")
    end = None if ending is None else midnight(account, "ending_before", ending)
    if end is not None and end <= start:
        raise ApiError(400, "ending_before must be after starting_at")
    schedule = Parameters(asked.object("usage_statement_schedule") or {})
    billed_from = schedule.instant("invoice_generation_starting_at")
    if billed_from is not None and billed_from.day != 1:
        raise ApiError(400, "invoice_generation_starting_at: this account bills by the calendar month")
    terms = _terms(account, asked, its_id, "")
    contract = Contract(
        id=its_id,
        name=asked.text("name") or "Untitled",
        start=start,
        end=end,
        created_at=account.clock.now,
        card=card_of(asked.required_uuid("rate_card_id")),
        streams=(),
        net_terms=_days(asked, "net_payment_terms_days") or 0,
        billing_provider=None,
        charges=terms.charges,
        services=terms.services,
        uniqueness_key=asked.text("uniqueness_key"),
        billed_from=None if billed_from is None else midnight(account, "invoice_generation_starting_at", billed_from),
    )
    asked.finish()
    use_up(account, contract.uniqueness_key)
    account.happen(index, Signed(account.clock.now, contract))
    _grant(account, index, terms)
    return data({"id": its_id})


def archive_contract(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/archive: its balances go with it, its drafts and what it has scheduled are void."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    contract = _active(account, index, asked.required_uuid("contract_id"))
    if asked.raw("void_invoices") is None:
        raise ApiError(400, "void_invoices is required")
    event = ContractArchived(account.clock.now, contract.id, asked.flag("void_invoices"))
    asked.finish()
    _archive_balances(account, index, contract.id)
    account.happen(index, event)
    return data({"id": contract.id})


def amend_contract(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/amend: what edits have replaced."""
    asked = request.parameters
    _known(request, _CREATED - {"ending_before", "name", "rate_card_id", "uniqueness_key", "net_payment_terms_days"})
    index = lookup(account, asked.required_uuid("customer_id"))
    contract = _active(account, index, asked.required_uuid("contract_id"))
    start = midnight(account, "starting_at", asked.required_instant("starting_at"))
    if start < contract.start or (contract.end is not None and start >= contract.end):
        raise ApiError(400, "starting_at must be within the contract")
    its_id = make_id("amended", index, len(account.happened))
    terms = _terms(account, asked, contract.id, "")
    asked.finish()
    amendment = Amendment(
        id=its_id,
        at=account.clock.now,
        start=start,
        balance_ids=tuple(balance.id for balance in terms.balances),
        charges=terms.charges,
        services=terms.services,
    )
    account.happen(index, Amended(account.clock.now, contract.id, amendment))
    _grant(account, index, terms)
    return data({"id": its_id})


def edit_contract(account: Account, request: Request) -> Reply:
    """POST /v2/contracts/edit."""
    asked = request.parameters
    _known(request, _EDITED)
    index = lookup_by_code(account, asked.required_uuid("customer_id"))
    contract = _active(account, index, asked.required_uuid("contract_id"), "ContractNotFound")
    its_id = make_id("edited", index, len(account.happened))
    terms = _terms(account, asked, contract.id, "add_")
    ends = "update_contract_end_date" in request.body
    end = day_ahead(account, "update_contract_end_date", asked.instant("update_contract_end_date"))
    if end is not None and end <= contract.start:
        raise ApiError(400, "update_contract_end_date must be after the contract's start")
    asked.flag("allow_contract_ending_before_finalized_invoice")
    edit = Edit(
        id=its_id,
        at=account.clock.now,
        uniqueness_key=asked.text("uniqueness_key"),
        name=asked.text("update_contract_name"),
        ends=ends,
        end=end,
        net_terms=_days(asked, "update_net_payment_terms_days"),
        balance_ids=tuple(balance.id for balance in terms.balances),
        charges=terms.charges,
        services=terms.services,
        archived_commits=_ids(asked, "archive_commits"),
        archived_credits=_ids(asked, "archive_credits"),
        archived_charges=_ids(asked, "archive_scheduled_charges"),
    )
    asked.finish()
    _there(account, index, contract, edit)
    use_up(account, edit.uniqueness_key)
    account.happen(index, Edited(account.clock.now, contract.id, edit))
    _grant(account, index, terms)
    for balance_id in (*edit.archived_commits, *edit.archived_credits):
        account.happen(index, BalanceArchived(account.clock.now, balance_id))
    return data({"id": its_id})


def _known(request: Request, names: frozenset[str]) -> None:
    """Refuse terms that the books here cannot keep."""
    if unknown := sorted(request.body.keys() - names):
        raise ApiError(400, f"this account does not carry out {unknown[0]}")


def _active(account: Account, index: int, contract_id: str, code: str | None = None) -> Contract:
    books = account.books(index)
    contract = find_contract(books, contract_id, code=code)
    if books.archived_at(contract) is not None:
        raise ApiError(400, "the contract is archived", code)
    return contract


def _there(account: Account, index: int, contract: Contract, edit: Edit) -> None:
    """What an edit archives must be the contract's, and not be archived."""
    books = account.books(index)
    own = {
        book.balance.id: book.balance.type == "CREDIT"
        for book in books.balances
        if book.balance.contract_id == contract.id and not book.archived(books.now)
    }
    wanted = [(id_, False) for id_ in edit.archived_commits] + [(id_, True) for id_ in edit.archived_credits]
    charges = {charge.id for charge in contract.charges if charge.archived_at is None}
    missing = [id_ for id_, is_credit in wanted if own.get(id_) is not is_credit]
    missing += [id_ for id_ in edit.archived_charges if id_ not in charges]
    if missing:
        raise ApiError(400, f"Not found on the contract: {missing[0]}")


def _archive_balances(account: Account, index: int, contract_id: str) -> None:
    books = account.books(index)
    for book in books.balances:
        if book.balance.contract_id == contract_id and not book.archived(books.now):
            account.happen(index, BalanceArchived(account.clock.now, book.balance.id))


def _grant(account: Account, index: int, terms: _Terms) -> None:
    for balance in terms.balances:
        account.happen(index, Granted(account.clock.now, balance))


def _terms(account: Account, asked: Parameters, contract_id: str, prefix: str) -> _Terms:
    serial = len(account.happened)
    balances = []
    for kind in ("commits", "credits"):
        for number, item in enumerate(map(Parameters, asked.objects(f"{prefix}{kind}") or [])):
            type_ = commit_type(item) if kind == "commits" else "CREDIT"
            its_id = make_id(contract_id, kind, serial, number)
            balance = replace(balance_of(account, item, its_id, type_), contract_id=contract_id)
            schedule = item.object("invoice_schedule")
            if schedule is not None:
                parts = Parameters(schedule)
                balance = replace(
                    balance,
                    purchases=purchases_of(account, balance, parts),
                    purchase_credit_type=credit_type(parts.uuid("credit_type_id")),
                    do_not_invoice=parts.flag("do_not_invoice"),
                )
            elif type_ == "POSTPAID":
                raise ApiError(400, "a postpaid commit needs an invoice_schedule")
            balances.append(balance)
    charges = [
        _charge(account, item, make_id(contract_id, "charge", serial, number))
        for number, item in enumerate(map(Parameters, asked.objects(f"{prefix}scheduled_charges") or []))
    ]
    services = [
        _service(item, make_id(contract_id, "service", serial, number))
        for number, item in enumerate(map(Parameters, asked.objects(f"{prefix}professional_services") or []))
    ]
    return _Terms(tuple(balances), tuple(charges), tuple(services))


def _charge(account: Account, item: Parameters, its_id: str) -> Charge:
    schedule = Parameters(item.object("schedule") or {})
    dates = [Parameters(each) for each in schedule.objects("schedule_items") or []]
    if len(dates) != 1:
        raise ApiError(400, "this account bills a scheduled charge on one date")
    day = midnight(account, "timestamp", dates[0].required_instant("timestamp"))
    product = fixed_product(item.required_uuid("product_id"))
    return Charge(its_id, product, price_of(dates[0]), day, make_id(its_id, "invoice"))


def _service(item: Parameters, its_id: str) -> Service:
    product = fixed_product(item.required_uuid("product_id"))
    amounts = (amount_of(item, "unit_price"), amount_of(item, "quantity"), amount_of(item, "max_amount"))
    return Service(its_id, product, *amounts, item.text("description"))


def _days(asked: Parameters, name: str) -> int | None:
    value = asked.raw(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ApiError(400, f"{name} must be a number of days")
    return value


def _ids(asked: Parameters, name: str) -> tuple[str, ...]:
    return tuple(Parameters(item).required_uuid("id") for item in asked.objects(name) or [])
