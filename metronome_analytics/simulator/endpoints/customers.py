"""Endpoints about customers: list and retrieve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find, place_of
from metronome_analytics.simulator.endpoints.parameters import canonical_uuid
from metronome_analytics.simulator.rendering.customers import customer_detail
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.world.happenings import Updated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


LONGEST_NAME = 160


def list_customers(account: Account, request: Request) -> Page:
    """GET /v1/customers: active customers, or only archived ones."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    alias = asked.text("ingest_alias")
    ids = asked.words("customer_ids", 100)
    salesforce_ids = asked.words("salesforce_account_ids", 100)
    only_archived = asked.flag("only_archived")
    pool = account.archived if only_archived else account.active
    if account.switches.archived_customers_listed and not only_archived:
        pool = sorted([*account.active, *account.archived])
    asked.finish()

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
    items = [dump(customer_detail(account.customer(index), account.switches)) for index in part]
    return Page(items, (chosen[start + limit],) if start + limit < len(chosen) else None)


def get_customer(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}."""
    request.parameters.finish()
    who = account.customer(find(account, request))
    return Reply(dump({"data": customer_detail(who, account.switches)}))


def set_name(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/setName: a longer name is cut."""
    index = find(account, request)
    name = request.parameters.required("name")
    request.parameters.finish()
    if not name:
        raise ApiError(400, "name must not be empty")
    account.happen(index, Updated(account.clock.now, name[:LONGEST_NAME]))
    detail = customer_detail(account.customer(index), account.switches)
    return data({key: detail[key] for key in ("id", "external_id", "ingest_aliases", "name", "custom_fields")})
