"""Endpoints about what the whole account has in common: credit types, custom field keys, services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Page, Reply
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.world import price_list

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

_FIELD_KEYS = (
    ("contract", "order_form", False),
    ("contract_credit", "campaign", False),
    ("customer", "crm_owner", False),
    ("customer", "tier", False),
    ("invoice", "po_number", True),
)


def list_credit_types(account: Account, request: Request) -> Page:
    """GET /v1/credit-types/list."""
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish()
    return page(
        request,
        price_list.CREDIT_TYPES,
        limit,
        lambda item: {"id": item.id, "name": item.name, "is_currency": item.is_currency},
    )


def list_field_keys(account: Account, request: Request) -> Page:
    """POST /v1/customFields/listKeys: all keys in use, or those of some kinds of object."""
    entities = request.parameters.strings("entities")
    request.parameters.finish()
    keys = [row for row in _FIELD_KEYS if not entities or row[0] in entities]
    return page(
        request,
        keys,
        account.switches.default_page_size,
        lambda row: {"entity": row[0], "key": row[1], "enforce_uniqueness": row[2]},
    )


def list_services(_: Account, request: Request) -> Reply:
    """GET /v1/services: an object of its own, without `data`."""
    request.parameters.finish()
    rows = [
        {"name": "webhooks", "usage": "makes_connections_from", "ips": ["192.0.2.10", "192.0.2.11"]},
        {"name": "api", "usage": "accepts_connections_at", "ips": ["198.51.100.7"]},
    ]
    return Reply(dump({"services": rows}))
