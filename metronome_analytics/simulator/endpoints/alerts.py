"""Endpoints about alerts: each is the account's, and is judged for a customer by the customer's books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering.alerts import customer_alert
from metronome_analytics.simulator.world.alerts import ALERTS

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

_STATUSES = ("ENABLED", "DISABLED", "ARCHIVED")


def list_alerts(account: Account, request: Request) -> Page:
    """POST /v1/customer-alerts/list: enabled alerts, or those in the statuses asked for."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    statuses = asked.strings("alert_statuses", _STATUSES)
    if statuses == []:
        raise ApiError(400, "alert_statuses must not be empty")
    asked.finish()
    books = account.books(index)
    chosen = [alert for alert in ALERTS if alert.status in (statuses or ("ENABLED",))]
    return page(request, chosen, account.switches.default_page_size, lambda alert: customer_alert(books, alert))


def get_alert(account: Account, request: Request) -> Reply:
    """POST /v1/customer-alerts/get: in any status."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    alert_id = asked.required_uuid("alert_id")
    asked.choice("plans_or_contracts", ("PLANS", "CONTRACTS"), "CONTRACTS")
    asked.objects("group_values")
    seat = _seat(asked)
    asked.finish()
    alert = next((alert for alert in ALERTS if alert.id == alert_id), None)
    if alert is None:
        raise ApiError(404, f"Alert not found: {alert_id}")
    return data(customer_alert(account.books(index), alert, seat))


def reset_alert(account: Account, request: Request) -> Reply:
    """POST /v1/customer-alerts/reset: an empty 200; alerts here are always judged by the books as they are."""
    asked = request.parameters
    lookup(account, asked.required_uuid("customer_id"))
    alert_id = asked.required_uuid("alert_id")
    asked.finish()
    if all(alert.id != alert_id for alert in ALERTS):
        raise ApiError(404, f"Alert not found: {alert_id}")
    return Reply()


def _seat(asked: Parameters) -> str | None:
    """The seat whose balance is meant."""
    given = asked.object("seat_filter")
    if given is None:
        return None
    return [Parameters(given).required(name) for name in ("seat_group_key", "seat_group_value")][1]
