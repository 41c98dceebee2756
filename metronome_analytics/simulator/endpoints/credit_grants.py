"""Endpoints about the credit grants of customers on the deprecated Plans, and their ledgers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.credit_grants import credit_grant, grant_ledger
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.credit_grants import grants_of
from metronome_analytics.simulator.world.roles import on_plan

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account


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
    asked.finish()
    chosen = [
        grant
        for index in _indices(account, ids)
        for grant in grants_of(account.books(index))
        if (grant_ids is None or grant.id in grant_ids)
        and (types is None or price_list.USD.id in types)
        and (not_expiring_before is None or grant.end >= not_expiring_before)
        and (effective_before is None or grant.start < effective_before)
    ]
    return page(request, chosen, limit, lambda grant: credit_grant(grant, account.clock.now))


def list_grant_entries(account: Account, request: Request) -> Page:
    """POST /v1/credits/listEntries: per customer one ledger per credit type, of which there is one."""
    asked = request.parameters
    ids, types = asked.uuids("customer_ids"), asked.uuids("credit_type_ids")
    starting_on, ending_before = asked.instant("starting_on"), asked.instant("ending_before")
    descending = asked.choice("sort", ("asc", "desc"), "asc") == "desc"
    asked.finish()
    if ending_before is not None and ending_before > account.clock.now:
        raise ApiError(400, "ending_before must not be in the future")

    def write(index: int) -> Json:
        books = account.books(index)
        grants = grants_of(books) if types is None or price_list.USD.id in types else []
        bounds = starting_on, ending_before
        ledgers = [grant_ledger(grants, account.clock.now, bounds, descending=descending)] if grants else []
        return {"customer_id": books.agreements.customer_id, "ledgers": ledgers}

    return page(request, _indices(account, ids), account.switches.default_page_size, write)
