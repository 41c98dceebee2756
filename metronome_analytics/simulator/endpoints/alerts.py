"""Endpoints about alerts: each is the account's, and is judged for a customer by the customer's books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import lookup
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Parameters, Reply, Request, data, page
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.rendering.subscriptions import share
from metronome_analytics.simulator.world.agreements import subscription_id
from metronome_analytics.simulator.world.alerts import ALERTS, UPDATED_AT, Alert
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.price_list import USD

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Books

_STATUSES = ("ENABLED", "DISABLED", "ARCHIVED")


def list_alerts(account: Account, request: Request) -> Page:
    """POST /v1/customer-alerts/list: enabled alerts, or those in the statuses asked for."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    statuses = asked.strings("alert_statuses", _STATUSES)
    if statuses == []:
        raise ApiError(400, "alert_statuses must not be empty")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    books = account.books(index)
    chosen = [alert for alert in ALERTS if alert.status in (statuses or ("ENABLED",))]
    return page(request, chosen, account.switches.default_page_size, lambda alert: _judged(books, alert))


def get_alert(account: Account, request: Request) -> Reply:
    """POST /v1/customer-alerts/get: in any status."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    alert_id = asked.required_uuid("alert_id")
    asked.choice("plans_or_contracts", ("PLANS", "CONTRACTS"), "CONTRACTS")
    asked.objects("group_values")
    seat = _seat(asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    alert = next((alert for alert in ALERTS if alert.id == alert_id), None)
    if alert is None:
        raise ApiError(404, f"Alert not found: {alert_id}")
    return data(_judged(account.books(index), alert, seat))


def _seat(asked: Parameters) -> str | None:
    """The seat whose balance is meant."""
    given = asked.object("seat_filter")
    if given is None:
        return None
    return [Parameters(given).required(name) for name in ("seat_group_key", "seat_group_value")][1]


def _judged(books: Books, alert: Alert, seat: str | None = None) -> Json:
    """A CustomerAlert."""
    about: Json = {
        "id": alert.id,
        "name": alert.name,
        "type": alert.type,
        "status": alert.status.lower(),
        "threshold": alert.threshold,
        "updated_at": offset_text(UPDATED_AT),
        "credit_type": USD.payload(),
    }
    if alert.key == "low-balance":
        about["uniqueness_key"] = "alert-low-balance"
    if alert.key == "seat":
        about["seat_filter"] = {"seat_group_key": "seat_id"} | ({} if seat is None else {"seat_group_value": seat})
    if alert.key == "invoice":
        about["invoice_types_filter"] = ["USAGE"]
    status = None if alert.status == "ARCHIVED" else _status(books, alert)
    return {"customer_status": status, "triggered_by": None, "alert": about}


def _status(books: Books, alert: Alert) -> str:
    """What the books say; a disabled alert is not judged any more."""
    if alert.status == "DISABLED":
        return "evaluating"
    if alert.key == "spend":
        spent = sum(item.total for item in books.invoices if _is_current(books, item.start, item.end, item.status))
        return "in_alarm" if spent >= alert.threshold * SCALE else "ok"
    seats = {
        subscription_id(contract): stream.base
        for contract in books.agreements.contracts
        for stream in contract.streams
        if stream.product.line_type == "subscription"
    }
    left = []
    for book in books.balances:
        balance, rest = book.balance, book.available(books.now, clamp="segment")
        if balance.credit_type is not USD:
            continue
        if alert.key == "low-balance":
            left.append(rest)
        elif balance.allocated_to is not None:
            left.append(share(rest, 0, seats[balance.allocated_to]))
    if not left:
        return "ok"  # there is nothing that could be low
    return "in_alarm" if sum(left) <= alert.threshold * SCALE else "ok"


def _is_current(books: Books, start: int | None, end: int | None, status: str) -> bool:
    """Whether an invoice is of the running period."""
    today = books.now.toordinal()
    return start is not None and end is not None and start <= today < end and status == "DRAFT"
