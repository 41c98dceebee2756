"""The endpoint of audit logs, whose cursor never ends."""

from datetime import datetime, timedelta
from typing import NamedTuple

from . import catalog
from .account import Account
from .alerts import ALERTS, UPDATED_AT
from .catalogue import OPENED
from .customers import PAGE_MAXIMUM
from .http import ApiError, Json, Page, Request, dump
from .units import digest, make_id, offset_text, parse_instant

_CUSTOMERS_SHOWN = 200
"""The log reaches back to so many customers; larger accounts have forgotten the others."""
_EPOCH = parse_instant("1970-01-01T00:00:00Z")
_MICROSECOND = timedelta(microseconds=1)


class _Event(NamedTuple):
    """Something that somebody did to the account."""

    when: datetime
    action: str
    resource_type: str
    resource_id: str
    by_token: bool = False


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
    start, first, last = (request.position or (0, _ticks(starting_on), _ticks(ending_before)))[:3]
    events = [
        event
        for event in _events(account)
        if (first < 0 or _ticks(event.when) >= first)
        and (last < 0 or _ticks(event.when) < last)
        and resource_type in (None, event.resource_type)
        and resource_id in (None, event.resource_id)
    ]
    if descending:
        events.reverse()
    part = events[start : start + limit]
    return Page([dump(_entry(event)) for event in part], (start + len(part), first, last))


def _ticks(when: datetime | None) -> int:
    """Return an instant as a whole number for a cursor, -1 for none."""
    return -1 if when is None else (when - _EPOCH) // _MICROSECOND


def _events(account: Account) -> list[_Event]:
    """Return what happened until now: the price list, alerts, customers coming and going, entries by hand."""
    events = [_Event(OPENED, "create", "product", product.id) for product in catalog.PRODUCTS]
    events += [_Event(OPENED, "create", "rate_card", card.id) for card in catalog.RATE_CARDS]
    events += [_Event(UPDATED_AT, "create", "alert", alert.id) for alert in ALERTS]
    for index in range(min(account.archived.stop, _CUSTOMERS_SHOWN)):
        who = account.person(index)
        events.append(_Event(who.created_at, "create", "customer", who.id, by_token=True))
        if who.archived_at is not None:
            events.append(_Event(who.archived_at, "archive", "customer", who.id))
    for posted in account.posted.values():
        for balance_id, entry in posted:
            events.append(_Event(entry.posted_at, "add_manual_balance_entry", "balance", balance_id, by_token=True))
    known = [event for event in events if event.when <= account.clock.now]
    return sorted(known, key=lambda event: event.when)


def _entry(event: _Event) -> Json:
    """Return an AuditLog."""
    key = f"{digest(event):016x}"
    actor: Json = {"id": make_id("actor", event.by_token), "name": "Provisioning token"}
    if not event.by_token:
        actor |= {"name": "Billing Ops", "email": "billing-ops@example.com"}
    return {
        "id": make_id("audit", event),
        "timestamp": offset_text(event.when),
        "request": {"id": f"req_{key}", "ip": "203.0.113.7", "user_agent": "simulated/1.0"},
        "actor": actor,
        "action": event.action,
        "resource_type": event.resource_type,
        "resource_id": event.resource_id,
        "status": "success",
        "description": f"{event.action.replace('_', ' ').capitalize()}: {event.resource_type}",
    }
