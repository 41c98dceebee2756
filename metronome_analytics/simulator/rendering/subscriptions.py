"""Writes subscriptions, their quantities and their seats; a contract has at most one, the platform seats.

The quantity is what each period's invoice bills on its first day. Seats are handed out month by month until all are:
what is billed is the quantity, whoever sits there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number
from metronome_analytics.simulator.world.agreements import Contract, Stream, subscription_id
from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Books

_MONTHS_TO_FILL = 4


def subscription_stream(item: Contract) -> Stream | None:
    """The stream that a contract's subscription bills, or None."""
    return next((stream for stream in item.streams if stream.product.line_type == "subscription"), None)


def seat_based(item: Contract) -> bool:
    """Whether seats are assigned to someone: in dollars they are, in euros only their number counts."""
    return subscription_stream(item) is not None and item.card.unit.name.startswith("USD")


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
            "product": {"id": stream.product.id, "name": stream.product.name},
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


def seat_ids(stream: Stream) -> list[str]:
    """The names of all seats a subscription has."""
    return [f"seat-{number:04d}" for number in range(1, stream.base + 1)]


def seat_schedule(item: Contract, stream: Stream) -> list[tuple[int, int | None, list[str]]]:
    """Who sits where: first day, day after the last one, seats in use; more each month until all are."""
    seats = seat_ids(stream)
    starts = [shift_month(item.start, offset) for offset in range(_MONTHS_TO_FILL)]
    starts[0] = item.start
    ends: list[int | None] = [end for _, end in pairwise(starts)]
    in_use = [len(seats) * (step + 1) // _MONTHS_TO_FILL for step in range(_MONTHS_TO_FILL)]
    return [(start, end, seats[:used]) for start, end, used in zip(starts, [*ends, item.end], in_use, strict=True)]


def share(amount: int, seat: int, seats: int) -> int:
    """The part of an amount that one of the seats has; the parts of all add up to it exactly."""
    return amount * (seat + 1) // seats - amount * seat // seats
