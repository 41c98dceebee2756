"""Pace: what was burned per day of access, from deductions put back on the time of their usage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.entries import BALANCE, covered
from metronome_analytics.analysis.frames import MONEY, ZERO, floored, literal, ratio
from metronome_analytics.tables.vocabulary import Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LEAST_HISTORY = timedelta(days=7)
"""Less access than this (or than the window, if that is shorter) is too little to tell a pace."""
RANGE = (timedelta(days=7), timedelta(days=30), timedelta(days=90))
"""The windows whose averages are the range of a forecast, with that of the window asked for."""
DAY = 86_400
_ENTRY = (*BALANCE, "entry_index")
_PIECE = ("customer_id", "balance_id", "credit_type_id", "amount", "from", "to")


def pace(steps: pl.LazyFrame, keys: Sequence[str], *, at: datetime, window: timedelta) -> pl.LazyFrame:
    """One row per group of `keys`: `days_observed`, `burned`, and burn per day, its low and its high.

    Days are days of access: gaps between segments are none, and segments that overlap count once. A rate is null with
    less than `LEAST_HISTORY`; a window of the range counts if access began before it and lasted as long within it.
    A rate is never negative: what usage gave back cancels other usage, but nothing pays it out.
    """
    windows = (window, *RANGE)
    burned = _burned(_pieces(steps, at), keys, at, windows)
    known = (
        _observed(steps, keys, at, windows)
        .join(burned, on=list(keys), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.col(f"burned_{number}").fill_null(ZERO) for number in range(len(windows)))
        .with_columns(_rate(number, each, at).alias(f"rate_{number}") for number, each in enumerate(windows))
    )
    every = [pl.col(f"rate_{number}") for number in range(len(windows))]
    enough = pl.col("rate_0").is_not_null()
    return known.select(
        *keys,
        (pl.col("observed_0") / DAY).cast(pl.Float64).alias("days_observed"),
        pl.col("burned_0").alias("burned"),
        pl.col("rate_0").alias("burn_per_day"),
        pl.when(enough).then(pl.min_horizontal(every)).alias("burn_per_day_low"),
        pl.when(enough).then(pl.max_horizontal(every)).alias("burn_per_day_high"),
    )


def seconds(duration: pl.Expr) -> pl.Expr:
    """Whole seconds, floored at zero, as an exact number; an unknown duration stays null."""
    return floored(duration.dt.total_seconds().cast(MONEY))


def _observed(steps: pl.LazyFrame, keys: Sequence[str], at: datetime, windows: Sequence[timedelta]) -> pl.LazyFrame:
    """Since when there was access, and how many seconds of it each window holds."""
    spans = steps.select(
        *dict.fromkeys((*keys, *BALANCE, "segment_id")), "segment_starting_at", "segment_ending_before"
    ).unique(maintain_order=True)
    parts = [covered(literal(at - each), literal(at), keys).alias(f"observed_{n}") for n, each in enumerate(windows)]
    return (
        spans.sort("segment_starting_at", nulls_last=True, maintain_order=True)
        .with_columns(parts)
        .group_by(list(keys), maintain_order=True)
        .agg(
            pl.col("segment_starting_at").min().alias("since"),
            *(seconds(pl.col(f"observed_{n}").sum()).alias(f"observed_{n}") for n in range(len(windows))),
        )
    )


def _rate(number: int, window: timedelta, at: datetime) -> pl.Expr:
    """Burn per day of access within a window; null where the window holds too little of it."""
    observed = pl.col(f"observed_{number}")
    enough = observed >= int(min(LEAST_HISTORY, window).total_seconds())
    if number:
        enough &= pl.col("since") <= literal(at - window)
    return pl.when(enough).then(ratio(pl.col(f"burned_{number}") * DAY, observed))


def _burned(pieces: pl.LazyFrame, keys: Sequence[str], at: datetime, windows: Sequence[timedelta]) -> pl.LazyFrame:
    """What of the pieces falls into each window, evenly over the time each took."""
    amount, begin, end = pl.col("amount"), pl.col("from"), pl.col("to")
    length = seconds(end - begin)
    parts = []
    for number, each in enumerate(windows):
        start = literal(at - each)
        share = ratio(amount * seconds(end - pl.max_horizontal(begin, start)), length)
        # What took no time fell at its end.
        at_once = pl.when(end > start).then(amount).otherwise(ZERO)
        parts.append(floored(pl.coalesce(share, at_once).sum()).alias(f"burned_{number}"))
    return pieces.group_by(list(keys)).agg(parts)


def _pieces(steps: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """Every deduction as amounts burned evenly `from` one moment `to` another, `as_of` at most."""
    drawn = steps.filter(pl.col("event") == Event.DEDUCTION).with_columns(
        (-pl.col("change")).alias("amount"), pl.min_horizontal("timestamp", literal(at)).alias("to")
    )
    window, rest = pl.col("source") == "breakdown", pl.col("source") == "rest"
    explained = drawn.group_by(_ENTRY).agg(
        pl.col("amount").filter(window).sum().alias("by_windows"),
        pl.col("amount").filter(rest).sum().alias("by_rest"),
        pl.col("usage_starting_at").filter(window).min().alias("first_window"),
        pl.col("to").filter(window).max().alias("last_window"),
    )
    drawn = drawn.join(explained, on=_ENTRY, how="left", nulls_equal=True, maintain_order="left")
    begun = _begun(drawn.filter(~window), at)
    return pl.concat(
        [
            begun.filter(~rest).with_columns(pl.col("begins").alias("from")).select(_PIECE),
            _windows(drawn.filter(window)).select(_PIECE),
            *(part.select(_PIECE) for part in _rests(begun.filter(rest & (pl.col("amount") > ZERO)))),
        ]
    )


def _begun(drawn: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """Adds `begins`: where the usage of a deduction or rest began, as far as that is known or can be told.

    It began no earlier than the last date before it, the segment, or a month ago. That of a deduction dated ahead began
    before `as_of`, so only dates until then bound it: another contract's open period does not.
    """
    now, dated = literal(at), pl.col("timestamp")
    ahead = dated > now
    whole = drawn.filter(pl.col("source") != "rest")
    dates = whole.select(*BALANCE, "timestamp").unique().sort(*BALANCE, "timestamp")
    before = pl.when(ahead).then(dated.filter(~ahead).max().over(BALANCE)).otherwise(dated.shift(1).over(BALANCE))
    month = dated.dt.offset_by("-1mo")
    month = pl.when(month < now).then(month).otherwise(now.dt.offset_by("-1mo"))
    earliest = pl.max_horizontal("before", "segment_starting_at", month)
    return drawn.join(dates.with_columns(before.alias("before")), on=[*BALANCE, "timestamp"], how="left").with_columns(
        pl.coalesce("usage_starting_at", earliest).alias("begins")
    )


def _windows(drawn: pl.LazyFrame) -> pl.LazyFrame:
    """Windows, scaled down where they hold more than was deducted: late usage that no invoice took up."""
    whole = floored(pl.col("by_windows") + pl.col("by_rest"))
    scaled = ratio(pl.col("amount") * whole, pl.col("by_windows")).fill_null(ZERO)
    amount = pl.when(pl.col("by_rest") < ZERO).then(scaled).otherwise("amount")
    return drawn.with_columns(amount.alias("amount"), pl.col("usage_starting_at").alias("from"))


def _rests(drawn: pl.LazyFrame) -> list[pl.LazyFrame]:
    """What windows leave to explain, over the days before the first and after the last; over all if there are none."""
    begin, end = pl.col("begins"), pl.col("to")
    first, last = pl.min_horizontal("first_window", "to"), pl.min_horizontal("last_window", "to")
    lead, tail = seconds(first - begin), seconds(end - last)
    leading = ratio(pl.col("amount") * lead, lead + tail)
    split = drawn.with_columns(leading.alias("leading"), begin.alias("from"))
    bare = pl.col("leading").is_null()
    return [
        split.with_columns(
            pl.coalesce("leading", "amount").alias("amount"), pl.when(bare).then("to").otherwise(first).alias("to")
        ),
        split.filter(~bare).with_columns((pl.col("amount") - pl.col("leading")).alias("amount"), last.alias("from")),
    ]
