"""Endpoints of the deprecated Plans: plans and price adjustments of customers, credit grants and their ledgers.

What they say of Plans customers is part of the same books: nothing they show was drawn by an invoice, because the
grants are for a product that no one uses, and the adjusted price is that product's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM, find, lookup
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Request, canonical_uuid, page
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.agreements import Contract, plan_id
from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.roles import on_plan

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Books

_GRANTED = (("Welcome grant", 50_000, 0, 3), ("Second year grant", 120_000, 2, 30))
"""Name, cents, first month and the month after the last one, counted from the start of the plan."""
AUTHOR = "grants@example.com"


def _plans(books: Books) -> list[Contract]:
    """The plans of a customer, newest first."""
    held = [item for item in books.agreements.contracts if item.plan is not None and item.created_at <= books.now]
    return sorted(held, key=lambda item: item.start, reverse=True)


def list_plans(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/plans."""
    index = find(account, request)
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(request, _plans(account.books(index)), limit, _plan)


def _plan(item: Contract) -> Json:
    """A CustomerPlan."""
    name = item.plan or ""
    payload: Json = {
        "id": item.id,
        "plan_id": plan_id(name),
        "plan_name": name,
        "plan_description": "Usage in arrears, by calendar month",
        "starting_on": offset_text(instant(item.start)),
        "net_payment_terms_days": item.net_terms,
        "custom_fields": dict(item.custom_fields),
    }
    return payload if item.end is None else payload | {"ending_before": offset_text(instant(item.end))}


def list_price_adjustments(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/plans/{customer_plan_id}/priceAdjustments."""
    index = find(account, request)
    wanted = canonical_uuid(request.path_parameters["customer_plan_id"], "customer_plan_id")
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    if not any(item.id == wanted for item in _plans(account.books(index))):
        raise ApiError(404, f"Customer plan not found: {wanted}")
    charge_id = make_id(wanted, "charge", price_list.AUDIT_EVENTS.key)
    percent: Json = {"adjustment_type": "percentage", "value": -10}
    rows = [{"charge_id": charge_id, "charge_type": "usage", "start_period": 0, "prices": [percent]}]
    return page(request, rows, limit, lambda row: row)


@dataclass(frozen=True, slots=True)
class _Grant:
    """A credit grant of one Plans customer."""

    id: str
    customer_id: str
    name: str
    cents: int
    start: datetime
    end: datetime
    next_period: datetime

    def expired(self, now: datetime) -> bool:
        return self.end <= now


def _grants(books: Books) -> list[_Grant]:
    """The grants of a customer that have been made so far."""
    next_period = instant(shift_month(first_of_month(books.now.toordinal()), 1))
    found = []
    for item in _plans(books):
        for name, cents, first, last in _GRANTED:
            start, end = instant(shift_month(item.start, first)), instant(shift_month(item.start, last))
            grant_id = make_id(item.id, "grant", name)
            if start <= books.now:
                found.append(_Grant(grant_id, books.agreements.customer_id, name, cents, start, end, next_period))
    return found


def _indices(account: Account, ids: list[str] | None) -> list[int]:
    """The customers asked for; without ids those on Plans, whose books are all that need opening."""
    if ids is not None:
        return [lookup(account, customer_id) for customer_id in ids]
    return [index for index in account.active if index in account.first_active and on_plan(index)]


def list_grants(account: Account, request: Request) -> Page:
    """POST /v1/credits/listGrants."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    ids, grant_ids = asked.uuids("customer_ids"), asked.uuids("credit_grant_ids")
    types = asked.uuids("credit_type_ids")
    if grant_ids is not None and (ids is not None or types is not None):
        raise ApiError(400, "credit_grant_ids excludes customer_ids and credit_type_ids")
    not_expiring_before, effective_before = asked.instant("not_expiring_before"), asked.instant("effective_before")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    chosen = [
        grant
        for index in _indices(account, ids)
        for grant in _grants(account.books(index))
        if (grant_ids is None or grant.id in grant_ids)
        and (types is None or price_list.USD.id in types)
        and (not_expiring_before is None or grant.end >= not_expiring_before)
        and (effective_before is None or grant.start < effective_before)
    ]
    return page(request, chosen, limit, lambda grant: _written(grant, account.clock.now))


def _written(grant: _Grant, now: datetime) -> Json:
    """A CreditGrant."""
    rest = 0 if grant.expired(now) else grant.cents
    usd = price_list.USD.payload()
    product = price_list.AUDIT_EVENTS
    return {
        "id": grant.id,
        "customer_id": grant.customer_id,
        "name": grant.name,
        "reason": "Goodwill",
        "effective_at": offset_text(grant.start),
        "expires_at": offset_text(grant.end),
        "priority": 1,
        "grant_amount": {"amount": grant.cents, "credit_type": usd},
        "paid_amount": {"amount": 0, "credit_type": usd},
        "balance": {
            "effective_at": offset_text(grant.next_period),
            "excluding_pending": rest,
            "including_pending": 0 if grant.expired(grant.next_period) else rest,
        },
        "deductions": [_entry(grant, -grant.cents, grant.end, 0)] if grant.expired(now) else [],
        "pending_deductions": [],
        "custom_fields": {},
        "products": [{"id": product.id, "name": product.name}],
    }


def _entry(grant: _Grant, amount: int, when: datetime, running: int) -> Json:
    """A CreditLedgerEntry."""
    return {
        "amount": amount,
        "created_by": AUTHOR,
        "credit_grant_id": grant.id,
        "effective_at": offset_text(when),
        "reason": grant.name if amount > 0 else f"Expiration of {grant.name}",
        "running_balance": running,
    }


def list_grant_entries(account: Account, request: Request) -> Page:
    """POST /v1/credits/listEntries: per customer one ledger per credit type, of which there is one."""
    asked = request.parameters
    ids, types = asked.uuids("customer_ids"), asked.uuids("credit_type_ids")
    starting_on, ending_before = asked.instant("starting_on"), asked.instant("ending_before")
    descending = asked.choice("sort", ("asc", "desc"), "asc") == "desc"
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    if ending_before is not None and ending_before > account.clock.now:
        raise ApiError(400, "ending_before must not be in the future")

    def write(index: int) -> Json:
        books = account.books(index)
        grants = _grants(books) if types is None or price_list.USD.id in types else []
        bounds = starting_on, ending_before
        ledgers = [_ledger(grants, account.clock.now, bounds, descending=descending)] if grants else []
        return {"customer_id": books.agreements.customer_id, "ledgers": ledgers}

    return page(request, _indices(account, ids), account.switches.default_page_size, write)


def _ledger(
    grants: list[_Grant], now: datetime, bounds: tuple[datetime | None, datetime | None], *, descending: bool
) -> Json:
    """A ledger: every grant, and every expiration up to now, with the balance after it."""
    moves = [(grant.start, grant.cents, grant) for grant in grants]
    moves += [(grant.end, -grant.cents, grant) for grant in grants if grant.expired(now)]
    moves.sort(key=lambda move: move[0])
    first = bounds[0] or moves[0][0]
    last = bounds[1] or grants[0].next_period
    entries: list[Json] = []
    running = opening = closing = 0
    for when, amount, grant in moves:
        running += amount
        if when < first:
            opening = running
        if when < last:
            closing = running
        if first <= when < last:
            entries.append(_entry(grant, amount, when, running))
    return {
        "credit_type": price_list.USD.payload(),
        "starting_balance": _at(first, opening),
        "ending_balance": _at(last, closing),
        "entries": entries[::-1] if descending else entries,
        "pending_entries": [],
    }


def _at(when: datetime, cents: int) -> Json:
    return {"effective_at": offset_text(when), "excluding_pending": cents, "including_pending": cents}
