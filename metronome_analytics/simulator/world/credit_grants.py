"""Credit grants of customers on the deprecated Plans.

Nothing they show was drawn by an invoice, because the grants are for a product that no one uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.days import first_of_month, instant, shift_month
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.books import Books

_GRANTED = (("Welcome grant", 50_000, 0, 3), ("Second year grant", 120_000, 2, 30))
"""Name, cents, first month and the month after the last one, counted from the start of the plan."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A credit grant of one Plans customer."""

    id: str
    customer_id: str
    name: str
    cents: int
    start: datetime
    end: datetime
    next_period: datetime

    def expired(self, now: datetime) -> bool:
        """Whether the grant has come to its end."""
        return self.end <= now


def grants_of(books: Books) -> list[Grant]:
    """The grants of a customer that have been made so far."""
    next_period = instant(shift_month(first_of_month(books.now.toordinal()), 1))
    found = []
    for item in books.plans():
        for name, cents, first, last in _GRANTED:
            start, end = instant(shift_month(item.start, first)), instant(shift_month(item.start, last))
            grant_id = make_id(item.id, "grant", name)
            if start <= books.now:
                found.append(Grant(grant_id, books.agreements.customer_id, name, cents, start, end, next_period))
    return found
