"""The endpoint of audit logs, whose cursor never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Request
from metronome_analytics.simulator.rendering.scalars import Json, dump, offset_text
from metronome_analytics.simulator.world.audit_trail import Deed, ticks
from metronome_analytics.simulator.world.ids import digest, make_id

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.account import Account

_NONE = -1
"""In a cursor, a date that was not given."""


def list_audit_logs(account: Account, request: Request) -> Page:
    """GET /v1/auditLogs: there is always a next page; behind the last entry it is empty until something happens."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    starting_on, ending_before = asked.instant("starting_on"), asked.instant("ending_before")
    descending = asked.choice("sort", ("date_asc", "date_desc"), "date_asc") == "date_desc"
    resource_type, resource_id = asked.text("resource_type"), asked.text("resource_id")
    if (resource_type is None) != (resource_id is None):
        raise ApiError(400, "resource_id and resource_type go together")
    if request.cursor is not None and (starting_on is not None or ending_before is not None):
        raise ApiError(400, "starting_on and ending_before cannot be used with next_page")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)

    # The dates are not sent again, so the cursor carries them.
    start, *span = (request.position or (0, _ticks(starting_on), _ticks(ending_before)))[:3]
    first, last = (None if tick == _NONE else tick for tick in span)
    if resource_type is not None and resource_id is not None:
        deeds = account.trail.about(resource_type, resource_id)
        deeds = [d for d in deeds if first is None or ticks(d.when) >= first]
        deeds = [d for d in deeds if last is None or ticks(d.when) < last]
        part = (deeds[::-1] if descending else deeds)[start : start + limit]
    else:
        places, begin, end = account.trail.places(first, last)
        here = range(begin, end)[::-1] if descending else range(begin, end)
        part = [account.trail.deed(places[n]) for n in here[start : start + limit]]
    return Page([dump(_entry(deed)) for deed in part], (start + len(part), *span))


def _ticks(when: datetime | None) -> int:
    """An instant as a whole number for a cursor."""
    return _NONE if when is None else ticks(when)


def _entry(deed: Deed) -> Json:
    """An AuditLog."""
    key = f"{digest(deed):016x}"
    actor: Json = {"id": make_id("actor", deed.by_token), "name": "Provisioning token"}
    if not deed.by_token:
        actor |= {"name": "Billing Ops", "email": "billing-ops@example.com"}
    return {
        "id": make_id("audit", deed),
        "timestamp": offset_text(deed.when),
        "request": {"id": f"req_{key}", "ip": "203.0.113.7", "user_agent": "simulated/1.0"},
        "actor": actor,
        "action": deed.action,
        "resource_type": deed.resource_type,
        "resource_id": deed.resource_id,
        "status": "success",
        "description": f"{deed.action.replace('_', ' ').capitalize()}: {deed.resource_type}",
    }
