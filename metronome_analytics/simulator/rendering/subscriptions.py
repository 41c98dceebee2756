"""Writes subscriptions, their quantities and their seats; a contract has at most one, the platform seats.

The quantity is what each period's invoice bills on its first day. What is billed is the
quantity, whoever sits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number
from metronome_analytics.simulator.world.agreements import Contract, subscription_id, subscription_stream
from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month
from metronome_analytics.simulator.world.seats import seat_based

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Books
    from metronome_analytics.simulator.world.streams import Stream


def subscriptions(books: Books, item: Contract) -> list[Json]:
    """The Subscriptions of a contract."""
    stream = subscription_stream(item)
    if stream is None:
        return []
    start = instant(item.start)
    payload: Json = {
        "id": subscription_id(item),
        "name": stream.product.name,
        "starting_at": millis_text(start),
        "collection_schedule": "ADVANCE",
        "subscription_rate": {
            "billing_frequency": "MONTHLY",
            "product": reference(stream.product),
        },
        "quantity_schedule": [{"quantity": stream.base, "starting_at": millis_text(start)}],
        "billing_periods": _periods(books, item),
        "proration": {"is_prorated": False, "invoice_behavior": "BILL_IMMEDIATELY"},
        "quantity_management_mode": "SEAT_BASED" if seat_based(item) else "QUANTITY_ONLY",
        "fiat_credit_type_id": item.card.fiat.id,
        "custom_fields": {},
    }
    if seat_based(item):
        payload["seat_config"] = {"seat_group_key": "seat_id"}
    if item.end is not None:
        payload["ending_before"] = millis_text(instant(item.end))
    return [payload]


def _periods(books: Books, item: Contract) -> Json:
    """The billing periods around now, as far as the contract reaches."""
    month = first_of_month(books.now.toordinal())
    payload: Json = {}
    for name, offset in (("previous", -1), ("current", 0), ("next", 1)):
        start = max(item.start, shift_month(month, offset))
        end = shift_month(month, offset + 1) if item.end is None else min(item.end, shift_month(month, offset + 1))
        if start < end:
            payload[name] = {"starting_at": millis_text(instant(start)), "ending_before": millis_text(instant(end))}
    return payload


def quantity_history(books: Books, item: Contract, stream: Stream) -> Json:
    """The quantities so far; each was the same since the contract began."""
    price = item.rate(stream.product, stream.group).price
    quantity = {
        "quantity": stream.base,
        "unit_price": number(price),
        "total": number(stream.base * price),
    }
    begun = instant(item.start) <= books.now
    return {
        "subscription_id": subscription_id(item),
        "fiat_credit_type_id": item.card.fiat.id,
        "history": [{"starting_at": millis_text(instant(item.start)), "data": [quantity]}] if begun else [],
    }


def seat_schedule_entry(stream: Stream, entry: tuple[int, int | None, list[str]]) -> Json:
    """Who had a seat for some time."""
    start, end, seats = entry
    return {
        "starting_at": millis_text(instant(start)),
        "ending_before": None if end is None else millis_text(instant(end)),
        "total_quantity": stream.base,
        "assigned_seat_ids": seats,
    }
