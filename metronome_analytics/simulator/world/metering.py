"""What a customer used, read off the meter: cheap, for it needs the agreements and late usage, but no books.

Usage that came too late for its invoice is here all the same. What is billed and not metered, seats, is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.days import first_of_month, shift_month
from metronome_analytics.simulator.world.happenings import Arrived, Happening
from metronome_analytics.simulator.world.streams import Stream, daily_quantities, used_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements, Contract


@dataclass(slots=True)
class Metered:
    """What one stream of a contract used within some days, up to now."""

    contract: Contract
    stream: Stream
    first: int
    days: list[int]
    """One quantity per day from the first one on; on the last one, if that is today, so far."""
    today: int | None = None
    """What the last day will amount to without late usage; None if it is over."""
    late: list[Arrived] = field(default_factory=list)

    def hours(self, day: int) -> list[int]:
        """One quantity for each hour of a day."""
        own = [item for item in self.late if item.day == day]
        whole = self.days[day - self.first] - sum(item.quantity for item in own)
        if self.today is not None and day == self.first + len(self.days) - 1:
            whole = self.today
        hours = [used_by(whole, hour + 1, self.stream) - used_by(whole, hour, self.stream) for hour in range(24)]
        for item in own:
            hours[item.hour] += item.quantity
        return hours


def meter(
    agreements: Agreements, now: datetime, history: Sequence[Happening], first: int, last: int
) -> Iterator[Metered]:
    """What each metered stream used from day `first` until before day `last`, as far as that is past."""
    today = now.toordinal()
    for contract in agreements.contracts:
        begin = max(first, contract.start)
        end = min(last, today + 1, last if contract.end is None else contract.end)
        if contract.created_at > now or begin >= end:
            continue
        late: dict[int, list[Arrived]] = {}
        for item in history:
            if isinstance(item, Arrived) and item.contract_id == contract.id and begin <= item.day < end:
                late.setdefault(item.stream, []).append(item)
        for index, stream in enumerate(contract.streams):
            if stream.product.metric is None:
                continue
            found = Metered(contract, stream, begin, _days(stream, begin, end), late=late.get(index, []))
            if end == today + 1:
                found.today = found.days[-1]
                found.days[-1] = used_by(found.today, now.hour, stream)
            for item in found.late:
                found.days[item.day - begin] += item.quantity
            yield found


def _days(stream: Stream, begin: int, end: int) -> list[int]:
    days: list[int] = []
    month = first_of_month(begin)
    while month < end:
        following = shift_month(month, 1)
        quantities = daily_quantities(stream, month)
        days += quantities[max(begin, month) - month : min(end, following) - month]
        month = following
    return days
