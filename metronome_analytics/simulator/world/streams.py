"""Usage as it was going to be, independent of any clock: streams of one product, day by day and hour by hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.days import shift_month

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.price_list import Group, Product


@dataclass(frozen=True, slots=True)
class Stream:
    """One product in one pricing group (and one presentation value), used day by day."""

    product: Product
    group: Group
    presentation: str | None
    seed: int
    base: int
    """Units of a usual day; for a subscription, the quantity billed on the first day of each period."""
    growth: float = 0.0
    """Change of the base per month."""
    activity: float = 1.0
    """Share of days with any usage."""
    listed_when_zero: bool = False

    def properties(self) -> dict[str, str | None]:
        """What its events say of themselves: the pricing group values, then the presentation value."""
        values: dict[str, str | None] = dict(self.group)
        if self.product.presentation is not None:
            values[self.product.presentation[0]] = self.presentation
        return values


Quantities = Callable[[Stream, int], list[int]]
"""A function from a stream and a month's first day to one quantity per day of that month, in internal units."""


_WEEK = (1.0, 1.08, 1.1, 1.05, 0.95, 0.45, 0.4)
"""Share of a usual day that falls on Monday, Tuesday, and so on."""

_QUANTA = (SCALE, SCALE // 10, SCALE // 100)
"""The smallest quantity, by the number of decimals a product is measured in."""

_HOURS = (12, 8, 6, 5, 5, 8, 16, 34, 58, 74, 80, 76, 66, 72, 78, 74, 68, 60, 52, 44, 36, 30, 22, 16)
_CUMULATED = tuple(sum(_HOURS[:hour]) for hour in range(25))


def daily_quantities(stream: Stream, month: int) -> list[int]:
    """The usage of each day of a month; it depends on the stream and the month only."""
    first = date.fromordinal(month)
    days = shift_month(month, 1) - month
    if stream.product.line_type == "subscription":
        return [stream.base * SCALE] + [0] * (days - 1)
    if stream.base == 0:
        return [0] * days
    random = Random(stream.seed ^ month).random
    quantum = _QUANTA[stream.product.decimals]
    months = first.year * 12 + first.month - 24_300
    base = stream.base * 10**stream.product.decimals * max(0.1, 1 + stream.growth * months)
    activity = stream.activity
    weekday = first.weekday()
    return [
        int(base * _WEEK[(weekday + day) % 7] * (0.5 + random())) * quantum if random() < activity else 0
        for day in range(days)
    ]


def used_by(quantity: int, hour: int, stream: Stream) -> int:
    """How much of a day's quantity is used before the hour (0 to 24); a subscription is billed at hour 0."""
    if stream.product.line_type == "subscription":
        return quantity if hour else 0
    quantum = _QUANTA[stream.product.decimals]
    return quantity // quantum * _CUMULATED[hour] // _CUMULATED[24] * quantum
