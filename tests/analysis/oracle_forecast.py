"""Forecasts, slow and obvious: exact fractions over the oracle's rows.

- A deduction is burned evenly over its usage: each window over itself, at most until `at`; what windows leave over the
  part of the period before the first and after the last of them, or all of it if there is none. Where windows hold
  more than was deducted they are scaled down to it. Without windows usage begins where the invoice's period does, else
  with the latest of the segment's start, a month before, and the last windowless deduction before it (dated ahead: the
  last until `at`). What took no time falls at its end.
- Access is the time covered by the segments that show in the books: gaps are none, overlaps count once.
- A pace is what was burned in a window, at least nothing, by the days of access in it. It takes seven days of access,
  or the window if that is shorter. The range takes in the last 7, 30 and 90 days if access began before them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.analysis.oracle import Balance, Row, Segment

DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
SHORTEST = 7 * DAY
RANGE = (7 * DAY, 30 * DAY, 90 * DAY)


class Piece(NamedTuple):
    """An amount burned evenly from one moment to another."""

    amount: Fraction
    start: datetime
    end: datetime


class Pace(NamedTuple):
    """Days of access, what was burned in them, and burn per day with its low and high."""

    days: Fraction
    burned: Fraction
    usual: Fraction | None
    low: Fraction | None
    high: Fraction | None


def pieces(balance: Balance, rows: list[Row], at: datetime) -> list[Piece]:
    """What the deductions of a balance burned, and when."""
    segments = {segment.id: segment for segment in balance.segments}
    drawn = [row for row in rows if row.event == "deduction"]
    made = []
    for row in drawn:
        if row.source == "ledger":
            start = row.used or _guessed(row, segments.get(row.segment or ""), drawn, at)
            made.append(Piece(Fraction(-row.change), start, min(row.at, at)))
    for index in {row.index for row in drawn if row.source != "ledger"}:
        mine = [row for row in drawn if row.index == index]
        made += _by_window(
            [row for row in mine if row.source == "breakdown"], [row for row in mine if row.source == "rest"], at
        )
    return made


def _guessed(row: Row, segment: Segment | None, drawn: list[Row], at: datetime) -> datetime:
    until = min(row.at, at + timedelta(microseconds=1))
    before = [other.at for other in drawn if other.source == "ledger" and other.at < until]
    month = _month_before(row.at) if _month_before(row.at) < at else _month_before(at)
    return max([month, *before, *([segment.start] if segment else [])])


def _month_before(moment: datetime) -> datetime:
    """The same day of the month before, or its last."""
    last = moment.replace(day=1) - DAY
    return last.replace(day=min(moment.day, last.day))


def _by_window(windows: list[Row], rests: list[Row], at: datetime) -> list[Piece]:
    spans = [Piece(Fraction(-row.change), row.used or row.at, min(row.at, at)) for row in windows]
    rest = sum((Fraction(-row.change) for row in rests), Fraction(0))
    whole = sum((span.amount for span in spans), Fraction(0))
    if rest < 0:
        share = max(whole + rest, Fraction(0)) / whole if whole else Fraction(0)
        return [span._replace(amount=span.amount * share) for span in spans]
    if not rest:
        return spans
    begin, end = rests[0].used or rests[0].at, min(rests[0].at, at)
    first = min([end, *(span.start for span in spans)])
    last = min([end, max((span.end for span in spans), default=end)])
    gaps = [gap for gap in ((begin, first), (last, end)) if gap[0] < gap[1]] or [(begin, end)]
    length = sum((stop - start for start, stop in gaps), timedelta(0))
    if length <= timedelta(0):
        return [*spans, Piece(rest, begin, end)]
    return [
        *spans,
        *(Piece(rest * Fraction((stop - start) // _TICK, length // _TICK), start, stop) for start, stop in gaps),
    ]


def burned(made: Iterable[Piece], start: datetime) -> Fraction:
    """What fell after `start`, at least nothing."""
    total = Fraction(0)
    for piece in made:
        if piece.start < piece.end:
            inside = max(piece.end - max(piece.start, start), timedelta(0))
            total += piece.amount * Fraction(inside // _TICK, (piece.end - piece.start) // _TICK)
        elif piece.end > start:
            total += piece.amount
    return max(total, Fraction(0))


def access(segments: Iterable[Segment], start: datetime, end: datetime) -> Fraction:
    """Days between two moments in which some segment gives access, counted from edge to edge."""
    known = list(segments)
    edges = sorted({start, end, *(edge for each in known for edge in (each.start, each.end) if start < edge < end)})
    covered = timedelta(0)
    for first, last in pairwise(edges):
        if any(each.start <= first and last <= each.end for each in known):
            covered += last - first
    return days_of(covered)


def pace(segments: list[Segment], made: list[Piece], at: datetime, window: timedelta) -> Pace:
    """The pace of a balance, or of several together."""
    rates = []
    for number, length in enumerate((window, *RANGE)):
        days = access(segments, at - length, at)
        enough = days >= days_of(min(SHORTEST, length))
        if number:
            enough &= any(segment.start <= at - length for segment in segments)
        rates.append(burned(made, at - length) / days if enough else None)
    told = [rate for rate in rates if rate is not None]
    days, used = access(segments, at - window, at), burned(made, at - window)
    if rates[0] is None:
        return Pace(days, used, None, None, None)
    return Pace(days, used, rates[0], min(told), max(told))


def days_of(length: timedelta) -> Fraction:
    """A length of time in days, exact."""
    return Fraction(length // _TICK, DAY // _TICK)
