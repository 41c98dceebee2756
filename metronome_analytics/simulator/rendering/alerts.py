"""Writes alerts, each judged for one customer by the customer's books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.agreements import subscription_id, subscription_stream
from metronome_analytics.simulator.world.alerts import UPDATED_AT, Alert
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.price_list import USD
from metronome_analytics.simulator.world.seats import share

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Books


def customer_alert(books: Books, alert: Alert, seat: str | None = None) -> Json:
    """A CustomerAlert."""
    about: Json = {
        "id": alert.id,
        "name": alert.name,
        "type": alert.type,
        "status": alert.status.lower(),
        "threshold": alert.threshold,
        "updated_at": offset_text(UPDATED_AT),
        "credit_type": reference(USD),
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
        today = books.now.toordinal()
        spent = sum(item.total for item in books.invoices if item.covers(today) and item.status == "DRAFT")
        return "in_alarm" if spent >= alert.threshold * SCALE else "ok"
    streams = {subscription_id(contract): subscription_stream(contract) for contract in books.agreements.contracts}
    seats = {key: stream.base for key, stream in streams.items() if stream is not None}
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
