"""The definitions of the statements, slow and obvious: plain Python over plain records, no code of the package.

Roll-forward: what stood in the books (`oracle.books`), each movement in its month. By service a deduction, expiration,
rollover or true-up belongs to the month of the instant before its own, at most that of `at`; by posting everything to
the month of its own date. A segment holds its sum, never below zero; what that gives back is an adjustment.

Deferred revenue of a commit: what was billed, less what was earned of it. All that the access schedule grants costs all
that is billed by schedule, a part its share. What is used and what expires is earned, use first, and nothing beyond
what was billed; once access is over everything is. What is taken by hand leaves without being earned, at cost; what
rolls over moves to the heirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.analysis.oracle import Balance, Books, Row

NOTHING = Decimal(0)
MOVES = ("granted", "used", "expired", "rolled_over", "adjusted", "trued_up")
_NAMES = {
    "segment_start": "granted",
    "deduction": "used",
    "expiration": "expired",
    "rollover": "rolled_over",
    "true_up": "trued_up",
}


def month_of(at: datetime) -> str:
    """`YYYY-MM`."""
    return f"{at:%Y-%m}"


def service_month(row: Row, at: datetime) -> str:
    """The month of the service."""
    if row.event in ("deduction", "expiration", "rollover", "true_up"):
        return min(month_of(row.at - timedelta(microseconds=1)), month_of(at))
    return month_of(row.at)


@dataclass
class Rolled:
    """One month of a balance."""

    opening: Decimal = NOTHING
    moves: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(MOVES, NOTHING))
    closing: Decimal = NOTHING
    not_started: Decimal = NOTHING


def roll_forward(kept: Books, months: list[str], at: datetime, *, posted: bool) -> dict[str, Rolled]:
    """Each month of a balance."""
    rows = [row for row in kept.rows if row.event != "overdraft"]
    dated = [(month_of(row.booked) if posted else service_month(row, at), row) for row in rows]
    coming: dict[str | None, Decimal] = {}
    for row in kept.coming:
        coming[row.segment] = coming.get(row.segment, NOTHING) + row.change
    later = sum((max(amount, NOTHING) for amount in coming.values()), NOTHING)
    told = {}
    for month in months:
        rolled = Rolled(opening=_held(dated, month, before=True), closing=_held(dated, month, before=False))
        for when, row in dated:
            if when == month:
                rolled.moves[_NAMES.get(row.event, "adjusted")] += row.change
        rolled.moves["adjusted"] += rolled.closing - rolled.opening - sum(rolled.moves.values(), NOTHING)
        granted = (row.change for when, row in dated if when > month and row.event == "segment_start")
        rolled.not_started = sum(granted, later)
        told[month] = rolled
    return told


def _held(dated: list[tuple[str, Row]], month: str, *, before: bool) -> Decimal:
    """What the segments hold at the start or the end of a month."""
    sums: dict[str | None, Decimal] = {}
    for when, row in dated:
        if when < month or (when == month and not before):
            sums[row.segment] = sums.get(row.segment, NOTHING) + row.change
    return sum((max(amount, NOTHING) for amount in sums.values()), NOTHING)


class Deal(NamedTuple):
    """What was agreed and billed for a balance: by schedule, and by month what was billed."""

    scheduled: Decimal
    billed: dict[str, Decimal]


@dataclass
class Deferred:
    """One month of a commit."""

    opening: Decimal
    billed: Decimal
    recognised_use: Decimal
    recognised_breakage: Decimal
    adjusted: Decimal
    closing: Decimal
    unbilled: Decimal


def deferred_revenue(
    balances: list[Balance], kept: dict[str, Books], deals: dict[str, Deal], months: list[str], at: datetime
) -> dict[str, dict[str, Deferred]]:
    """Each month of each balance that is not postpaid, sources before their heirs."""
    told: dict[str, dict[str, Deferred]] = {}
    passed: dict[str, dict[str, Decimal]] = {}
    for balance in sorted(balances, key=lambda each: each.source is not None):
        if balance.kind != "POSTPAID":
            came = passed.get(balance.source or "", {})
            rolls = roll_forward(kept.get(balance.id, Books()), months, at, posted=False)
            deal = deals.get(balance.id, Deal(NOTHING, {}))
            told[balance.id], passed[balance.id] = _months(balance, rolls, deal, came, at)
    return told


def _months(
    balance: Balance, rolls: dict[str, Rolled], deal: Deal, came: dict[str, Decimal], at: datetime
) -> tuple[dict[str, Deferred], dict[str, Decimal]]:
    granted = sum((segment.amount for segment in balance.segments), NOTHING)
    price = (deal.scheduled or sum(deal.billed.values(), NOTHING)) + sum(came.values(), NOTHING)
    over = min(
        max(segment.end for segment in balance.segments), balance.archived or datetime.max.replace(tzinfo=at.tzinfo)
    )
    ends = month_of(over - timedelta(microseconds=1)) if over <= at else "9999-99"

    def worth(units: Decimal) -> Decimal:
        if units >= granted:
            return price
        return Decimal(round(Fraction(price) * Fraction(units) / Fraction(granted) * 10**10)) / 10**10

    funds = used = gone = by_hand = rolled = use = breakage = taken = left_with = NOTHING
    told, passed = {}, {}
    for month, roll in rolls.items():
        before = funds - use - breakage - taken - left_with
        funds += deal.billed.get(month, NOTHING) + came.get(month, NOTHING)
        used -= roll.moves["used"]
        gone -= roll.moves["used"] + roll.moves["expired"]
        by_hand += roll.moves["adjusted"]
        rolled -= roll.moves["rolled_over"]
        leaves, hand = worth(max(rolled, NOTHING)), worth(max(-by_hand, NOTHING))
        free = max(funds - leaves - hand, NOTHING)
        total = max(use + breakage, free if month >= ends else min(worth(gone), free))
        grown = total - use - breakage
        more_use = min(use + grown, max(worth(used), use)) - use
        breakage += grown - more_use
        use += more_use
        now_left = max(min(leaves, funds - total), NOTHING)
        now_taken = min(hand, funds - total - now_left)
        passed[month] = now_left - left_with
        adjusted = came.get(month, NOTHING) - passed[month] - (now_taken - taken)
        taken, left_with = now_taken, now_left
        told[month] = Deferred(
            *(before, deal.billed.get(month, NOTHING), more_use, grown - more_use, adjusted),
            funds - use - breakage - taken - left_with,
            max(worth(gone) - total, NOTHING),
        )
    return told, passed
