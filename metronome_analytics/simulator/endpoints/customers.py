"""Endpoints about customers: list and retrieve."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.request import ApiError, Page, Reply, Request, canonical_uuid
from metronome_analytics.simulator.rendering.scalars import Json, dump, offset_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.customers import Customer
    from metronome_analytics.simulator.world.switches import Switches

PAGE_MAXIMUM = 100


def find(account: Account, request: Request) -> int:
    """The index of the customer in the path. Raises ApiError 400 or 404."""
    return lookup(account, canonical_uuid(request.path_parameters["customer_id"], "customer_id"))


def lookup(account: Account, customer_id: str) -> int:
    """The index of a customer. Raises ApiError 404."""
    index = account.index(customer_id)
    if index is None:
        raise ApiError(404, f"Customer not found: {customer_id}")
    return index


def list_customers(account: Account, request: Request) -> Page:
    """GET /v1/customers: active customers, or only archived ones."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    alias = asked.text("ingest_alias")
    ids = asked.words("customer_ids", 100)
    salesforce_ids = asked.words("salesforce_account_ids", 100)
    pool = account.archived if asked.flag("only_archived") else account.active
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    chosen: Sequence[int] = pool
    narrowed: list[set[int | None]] = []
    if alias is not None:
        narrowed.append({account.by_alias(alias)})
    if ids is not None:
        narrowed.append({account.index(canonical_uuid(value, "customer_ids")) for value in ids})
    if salesforce_ids is not None:
        narrowed.append({account.by_salesforce_id(value) for value in salesforce_ids})
    if narrowed:
        matches = set.intersection(*narrowed)
        chosen = sorted(index for index in matches if index is not None and index in pool)
    if account.switches.newest_first:
        chosen = chosen[::-1]

    start = place_of(chosen, request)
    part = chosen[start : start + limit]
    items = [dump(_customer(account.customer(index), account.switches)) for index in part]
    return Page(items, (chosen[start + limit],) if start + limit < len(chosen) else None)


def place_of(chosen: Sequence[int], request: Request) -> int:
    """Where a list of customers goes on; the cursor names the customer, so that none is skipped or told twice.

    Others may have joined or have been archived since the page before, even the one it names.
    """
    if request.position is None:
        return 0
    following = request.position[0]
    if len(chosen) > 1 and chosen[0] > chosen[-1]:
        return bisect_left(chosen, -following, key=lambda index: -index)
    return bisect_left(chosen, following)


def get_customer(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}."""
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    who = account.customer(find(account, request))
    return Reply(dump({"data": _customer(who, account.switches)}))


def _customer(customer: Customer, switches: Switches) -> Json:
    """A CustomerDetail."""
    payload: Json = {
        "id": customer.id,
        "external_id": customer.aliases[0] if customer.aliases else customer.id,
        "ingest_aliases": list(customer.aliases),
        "name": customer.name,
        "customer_config": {"salesforce_account_id": customer.salesforce_id},
        "custom_fields": dict(customer.custom_fields),
        "created_at": offset_text(customer.created_at),
        "updated_at": offset_text(customer.updated_at),
        "archived_at": customer.archived_at and offset_text(customer.archived_at),
    }
    if switches.billable_status:
        payload["current_billable_status"] = {
            "value": "billable" if customer.billable else "unbillable",
            "effective_at": None,
        }
    return payload
