"""Who sits on the seats of a subscription, and what share of a balance each seat has.

Seats are handed out month by month until all are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.agreements import Contract, subscription_stream
from metronome_analytics.simulator.world.days import shift_month
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.streams import Stream

_MONTHS_TO_FILL = 4

SEAT_METRIC = make_id("metric", "seats")
"""The id of the metric that counts seats."""


def seat_based(item: Contract) -> bool:
    """Whether seats are assigned to someone: in dollars they are, in euros only their number counts."""
    return subscription_stream(item) is not None and item.card.unit.name.startswith("USD")


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


def assigned_seats(item: Contract, stream: Stream, day: int) -> list[str]:
    """The seats in use on a day."""
    schedule = seat_schedule(item, stream)
    return next((seats for start, end, seats in schedule if start <= day and (end is None or day < end)), [])
