"""Who sits on the seats of a subscription, and when: an entry for a seat takes effect while the seat is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.loaders import AllLoaders

# Of the allocations of a balance, the one that gives each seat a part of its own.
_INDIVIDUAL = "INDIVIDUAL"


@dataclass(frozen=True, slots=True)
class SeatPeriod:
    """One period of a subscription, and the seats that are in use all through it."""

    starting_at: datetime
    ending_before: datetime | None
    seats: frozenset[str]

    def covers(self, at: datetime) -> bool:
        """Whether it is on at an instant."""
        return self.starting_at <= at and (self.ending_before is None or at < self.ending_before)


def read_seats(
    loaders: AllLoaders, balances: pl.DataFrame, ids: Collection[str]
) -> Mapping[str, tuple[SeatPeriod, ...]]:
    """The periods of the seats, for each of the balances `ids` that gives each seat a part of its own."""
    config = pl.col("subscription_config").struct
    shared = balances.filter(
        pl.col("id").is_in(list(ids)), config.field("allocation") == _INDIVIDUAL, pl.col("contract_id").is_not_null()
    ).select("customer_id", "contract_id", subscription_id=config.field("subscription_id"), balance_id="id")
    asked = ("customer_id", "contract_id", "subscription_id")
    read = {
        row: tuple(_periods(loaders.subscription_seats(*row)))
        for row in shared.select(asked).drop_nulls().unique(maintain_order=True).iter_rows()
    }
    return {balance_id: read.get(tuple(row), ()) for *row, balance_id in shared.iter_rows()}


def _periods(seats: pl.DataFrame) -> Iterable[SeatPeriod]:
    for starting_at, ending_before, ids in seats.select(
        "starting_at", "ending_before", "assigned_seat_ids"
    ).iter_rows():
        yield SeatPeriod(starting_at, ending_before, frozenset(ids or ()))


def not_in_use(periods: Sequence[SeatPeriod], seats: Iterable[str], at: datetime) -> Iterable[str]:
    """For each of `seats` that is not in use at an instant, what there is to say."""
    for seat in seats:
        own = [period for period in periods if seat in period.seats]
        if any(period.covers(at) for period in own):
            continue
        spans = ", ".join(f"{start:%Y-%m-%d %H:%M} to {_end(end)}" for start, end in _joined(own))
        when = f"it is from {spans}" if spans else "it never was"
        yield f"seat {seat} is not in use at {at:%Y-%m-%d %H:%M} UTC: {when}"


def _joined(periods: Iterable[SeatPeriod]) -> list[tuple[datetime, datetime | None]]:
    """Where a seat's periods begin and end, those that follow each other as one."""
    spans: list[tuple[datetime, datetime | None]] = []
    for period in sorted(periods, key=lambda each: each.starting_at):
        if spans and spans[-1][1] == period.starting_at:
            spans[-1] = (spans[-1][0], period.ending_before)
        else:
            spans.append((period.starting_at, period.ending_before))
    return spans


def _end(at: datetime | None) -> str:
    return "no end" if at is None else f"{at:%Y-%m-%d %H:%M}"
