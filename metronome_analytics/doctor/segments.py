"""What is left of each running segment, where one of them is overdrawn."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from metronome_analytics.analysis.burn_down import burn_down

if TYPE_CHECKING:
    from metronome_analytics.doctor.examiner import Examiner

_ZERO = Decimal(0)


class Overdrawn(NamedTuple):
    """A balance with an overdrawn segment: what it shows, and what it would by either way of counting."""

    balance_id: str
    balance: Decimal
    by_segment: Decimal
    by_balance: Decimal


def overdrawn(examiner: Examiner) -> list[Overdrawn]:
    """The balances of which a running segment is overdrawn, by their ledger."""
    now = examiner.session.clock.now()
    shown = dict(examiner.balances().select("id", "balance").drop_nulls().iter_rows())
    burn = burn_down(examiner.balances(), as_of=now)
    running = burn.filter(
        pl.col("segment_starting_at") <= now, pl.col("segment_ending_before") > now, pl.col("event") != "overdraft"
    )
    rests: dict[str, list[Decimal]] = {}
    for id_, _, rest in running.group_by("balance_id", "segment_id").agg(pl.col("change").sum()).iter_rows():
        rests.setdefault(id_, []).append(rest)
    return [
        Overdrawn(id_, shown[id_], sum((max(rest, _ZERO) for rest in each), _ZERO), max(sum(each, _ZERO), _ZERO))
        for id_, each in sorted(rests.items())
        if id_ in shown and min(each) < _ZERO
    ]
