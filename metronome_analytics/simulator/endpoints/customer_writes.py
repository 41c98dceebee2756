"""Endpoints that make, archive and change customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.customers import LONGEST_NAME
from metronome_analytics.simulator.endpoints.lookups import find, lookup
from metronome_analytics.simulator.rendering.customers import customer_detail
from metronome_analytics.simulator.world.happenings import Archived, Card, Updated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

_MOST_ALIASES = 2000
_LONGEST_ALIAS = 128
_CONFIG = {"salesforce_account_id": str, "leave_stripe_invoices_in_draft": bool}


def create_customer(account: Account, request: Request) -> Reply:
    """POST /v1/customers: a longer name is cut; billing configurations are set by their own endpoint here."""
    asked = request.parameters
    name = asked.required("name")
    aliases = _free_aliases(account, asked.strings("ingest_aliases") or (), None)
    fields = {key: str(value) for key, value in (asked.object("custom_fields") or {}).items()}
    asked.finish()
    its_id = account.join(Card(name[:LONGEST_NAME], aliases, tuple(fields.items())))
    detail = customer_detail(account.customer(lookup(account, its_id)), account.switches)
    return data({key: detail[key] for key in ("id", "external_id", "ingest_aliases", "name", "custom_fields")})


def archive_customer(account: Account, request: Request) -> Reply:
    """POST /v1/customers/archive: its contracts and balances go with it, its invoices are void."""
    index = lookup(account, request.parameters.required_uuid("id"))
    request.parameters.finish()
    who = account.customer(index)
    if who.archived_at is not None:
        raise ApiError(400, "The customer is archived already")
    account.happen(index, Archived(account.clock.now))
    return data({"id": who.id})


def set_ingest_aliases(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/setIngestAliases: an alias in use is 409."""
    index = find(account, request)
    if request.parameters.raw("ingest_aliases") is None:
        raise ApiError(400, "ingest_aliases is required")
    aliases = _free_aliases(account, request.parameters.strings("ingest_aliases") or (), index)
    request.parameters.finish()
    account.happen(index, Updated(account.clock.now, aliases=aliases))
    return Reply()


def update_config(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/updateConfig: null takes a setting away; what is not given stays."""
    index = find(account, request)
    given = []
    for name, kind in _CONFIG.items():
        value = request.parameters.raw(name)
        if value is not None and not isinstance(value, kind):
            raise ApiError(400, f"{name} must be a {kind.__name__}")
        if name in request.body:
            given.append((name, value))
    request.parameters.finish()
    account.happen(index, Updated(account.clock.now, config=tuple(given)))
    return Reply()


def _free_aliases(account: Account, aliases: Sequence[str], index: int | None) -> tuple[str, ...]:
    if len(aliases) > _MOST_ALIASES or any(not 1 <= len(alias) <= _LONGEST_ALIAS for alias in aliases):
        raise ApiError(400, f"ingest_aliases: at most {_MOST_ALIASES}, of 1 to {_LONGEST_ALIAS} characters each")
    for alias in aliases:
        if account.by_alias(alias) not in {None, index}:
            raise ApiError(409, f"The ingest alias is in use: {alias}")
    return tuple(dict.fromkeys(aliases))
