"""The endpoint of audit logs, whose cursor never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.rendering.audit_logs import audit_log
from metronome_analytics.simulator.rendering.scalars import dump
from metronome_analytics.simulator.world.audit_trail import ticks

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.request import Request
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
    asked.finish()

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
    return Page([dump(audit_log(deed)) for deed in part], (start + len(part), *span))


def _ticks(when: datetime | None) -> int:
    """An instant as a whole number for a cursor."""
    return _NONE if when is None else ticks(when)
