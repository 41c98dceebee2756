"""Who pays next, slow and obvious: the documented order, and what a steady pace makes of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tests.analysis import oracle
from tests.analysis.oracle_forecast import days_of

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


def drain_order(
    history: oracle.History, told: dict[tuple[str, str], oracle.Books], at: datetime
) -> list[tuple[oracle.Balance, oracle.Segment]]:
    """The segments with access and something left, as they pay: customer and unit apart, then the documented order."""
    held = [
        (balance, segment)
        for balance in history.balances
        for segment in balance.segments
        if segment.start <= at < segment.end and held_by(told, balance, segment) > 0
    ]
    return sorted(held, key=lambda each: (each[0].customer, each[0].unit, *precedence(*each)))


def held_by(told: dict[tuple[str, str], oracle.Books], balance: oracle.Balance, segment: oracle.Segment) -> Decimal:
    """What a segment counts in the books."""
    kept = told.get((balance.customer, balance.id), oracle.Books())
    return sum((row.change for row in kept.rows if row.segment == segment.id), oracle.NOTHING)


def precedence(balance: oracle.Balance, segment: oracle.Segment) -> tuple[object, ...]:
    """Lower pays first: rolled-over postpaid, other rolled-over, prepaid and credits, postpaid; then the chain."""
    rolled, postpaid = balance.source is not None, balance.kind == "POSTPAID"
    group = (0 if postpaid else 1) if rolled else (3 if postpaid else 2)
    most = 10**9
    return (
        group,
        most if balance.priority is None else balance.priority,
        balance.contract is None,
        not rolled and (balance.cost or 0) > 0,
        balance.products or most,
        (balance.values or most) if rolled or not postpaid else most,
        segment.end,
        segment.start,
        balance.contracts or most,
        segment.id,
    )


class Fate(NamedTuple):
    """What becomes of segments that drain: days until each is empty and until none pays, what is left, what is over."""

    empty: list[Fraction | None]
    left: list[Fraction]
    dry: Fraction | None
    over: Fraction


def fate(queue: list[tuple[oracle.Segment, Fraction]], rate: Fraction, at: datetime, end: datetime) -> Fate:
    """Walks from edge to edge of access; in each stretch the first segment with access and anything left pays."""
    left = [amount for _, amount in queue]
    empty: list[Fraction | None] = [None] * len(queue)
    dry, over = None, Fraction(0)
    edges = sorted({at, end, *(edge for each, _ in queue for edge in (each.start, each.end) if at < edge < end)})
    for first, last in pairwise(edges):
        clock, stretch = days_of(first - at), days_of(last - first)
        for number, (segment, _) in enumerate(queue):
            if rate and left[number] and segment.start <= first and last <= segment.end:
                paid = min(left[number], rate * stretch)
                left[number] -= paid
                clock, stretch = clock + paid / rate, stretch - paid / rate
                if not left[number]:
                    empty[number] = clock
        if rate and stretch:
            dry = clock if dry is None else dry
            over += rate * stretch
    whole = days_of(end - at)
    open_at_end = any(rest and segment.end >= end for rest, (segment, _) in zip(left, queue, strict=True))
    return Fate(empty, left, whole if dry is None and whole in empty and not open_at_end else dry, over)
