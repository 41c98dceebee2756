"""Forecast: when each balance runs out, or what of it expires, if use goes on as it did."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.entries import BALANCE
from metronome_analytics.analysis.frames import (
    INSTANT,
    MONEY,
    ZERO,
    checked,
    floored,
    like,
    literal,
    ratio,
    required_instant,
)
from metronome_analytics.analysis.schemas import Forecast
from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from metronome_analytics.arguments import Instant
    from metronome_analytics.tables.columns import Frame

_NEEDED = (
    *BALANCE,
    *("balance_name", "balance_type", "credit_type_id", "credit_type_name", "timestamp", "event", "change"),
    *("remaining", "pending", "scheduled", "segment_id", "segment_starting_at", "segment_ending_before"),
    "usage_starting_at",
)
_RANGE = (timedelta(days=7), timedelta(days=30), timedelta(days=90))
LEAST_HISTORY = timedelta(days=7)
"""Less access than this (or than the window, if that is shorter) is too little to tell a pace."""
_DAY = 86_400


def forecast(burn: Frame, *, as_of: Instant, window: str | timedelta = "30d") -> Frame:
    """When each balance runs out at its present pace, and what is left at the end of access; the columns of `Forecast`.

    `burn` is the frame of `burn_down()`, best made with the same `as_of` and with `breakdowns` or `invoices`; the
    result is of the same kind, one row per balance. `window` ("7d", "30d", "90d", "4w" or a timedelta) is the time
    before `as_of` whose deductions set the pace; only deductions burn, so top-ups, entries by hand and expirations do
    not. A deduction is spread evenly over the usage behind it: from `usage_starting_at`, else from the last deduction
    before it or a month, whichever is shorter; that of the current period ends at `as_of`, not at the period's end.
    Amounts are in each balance's own unit, rounded half to even at ten places; rounding can move a date by a second.
    Less than seven days of access are "not enough history" and give no date. Raises ArgumentError for a window that
    is none or a missing `as_of`.
    """
    at = required_instant("as_of", as_of)
    span = _window(window)
    steps = checked(burn, "burn", *_NEEDED, source="burn_down()").filter(~pl.col("scheduled"))
    state = _state(steps, at)
    pace = _pace(steps, at, span)
    return like(_outlook(state.join(pace, on=BALANCE, how="left", maintain_order="left"), at, span), burn, Forecast)


def _window(window: str | timedelta) -> timedelta:
    if isinstance(window, str):
        found = re.fullmatch(r"(\d+)\s*([dw])", window.strip())
        span = timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1)) if found else timedelta(0)
    else:
        span = window
    if not isinstance(span, timedelta) or span <= timedelta(0):
        raise ArgumentError(f"window={window!r} is no stretch of time.", advice='Write "30d", "4w" or a timedelta.')
    return span


def _state(steps: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """One row per balance: what is left now, since when there was access, and when the running access ends."""
    now, start, end = literal(at), pl.col("segment_starting_at"), pl.col("segment_ending_before")
    running = (start <= now) & (now < end)
    return steps.group_by(BALANCE, maintain_order=True).agg(
        pl.col("balance_name", "balance_type", "credit_type_id", "credit_type_name").first(),
        pl.col("remaining").last(),
        start.min().alias("since"),
        end.filter(running).max().alias("ending_before"),
    )


def _intervals(steps: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """Each deduction with the time its usage took, up to `as_of` at most."""
    drawn = steps.filter(pl.col("event") == "deduction")
    dates = drawn.select(*BALANCE, "timestamp").unique().sort(*BALANCE, "timestamp")
    earlier = dates.with_columns(pl.col("timestamp").shift(1).over(BALANCE).alias("earlier"))
    month = pl.col("timestamp").dt.offset_by("-1mo")
    start = pl.coalesce("usage_starting_at", pl.max_horizontal("earlier", "segment_starting_at", month))
    return (
        drawn.join(earlier, on=[*BALANCE, "timestamp"], how="left")
        .select(
            *BALANCE,
            (-pl.col("change")).alias("amount"),
            start.alias("from"),
            pl.min_horizontal("timestamp", literal(at)).alias("to"),
        )
        .filter(pl.col("from") < pl.col("to"))
    )


def _pace(steps: pl.LazyFrame, at: datetime, span: timedelta) -> pl.LazyFrame:
    """What each balance burned within the window, and within the windows of the range."""
    burned = _intervals(steps, at).with_columns(_seconds(pl.col("to") - pl.col("from")).alias("length"))
    parts = []
    for number, each in enumerate((span, *_RANGE)):
        overlap = _seconds(pl.col("to") - pl.max_horizontal("from", literal(at - each)))
        parts.append(ratio(pl.col("amount") * overlap, pl.col("length")).sum().alias(f"burned_{number}"))
    return burned.group_by(BALANCE).agg(*parts, pl.len().alias("deductions"))


def _seconds(duration: pl.Expr) -> pl.Expr:
    return pl.max_horizontal(duration.dt.total_seconds(), 0).cast(MONEY)


def _outlook(state: pl.LazyFrame, at: datetime, span: timedelta) -> pl.LazyFrame:
    """From pace and state to dates, amounts and a verdict."""
    now = literal(at)
    observed = _seconds(now - pl.max_horizontal("since", literal(at - span)))
    rates = [_rate(number, each, at) for number, each in enumerate((span, *_RANGE))]
    enough = observed >= int(min(LEAST_HISTORY, span).total_seconds())
    known = state.with_columns(
        (observed / _DAY).cast(pl.Float64).alias("days_observed"),
        pl.col("burned_0").fill_null(ZERO).alias("burned"),
        enough.alias("enough"),
        (_seconds(pl.col("ending_before") - now) / _DAY).alias("left"),
    ).with_columns(pl.when("enough").then(rate).alias(f"rate_{number}") for number, rate in enumerate(rates))
    every = [pl.col(f"rate_{number}") for number in range(len(rates))]
    paced = known.with_columns(
        pl.col("rate_0").alias("burn_per_day"),
        pl.min_horizontal(every).alias("burn_per_day_low"),
        pl.max_horizontal(every).alias("burn_per_day_high"),
        pl.col("left").cast(pl.Float64).alias("days_left"),
    )
    expected = pl.col("rate_0") * pl.col("left")
    return paced.with_columns(
        _empty_at("burn_per_day", at).alias("runs_out_at"),
        _empty_at("burn_per_day_high", at).alias("runs_out_at_earliest"),
        _empty_at("burn_per_day_low", at).alias("runs_out_at_latest"),
        floored(pl.col("remaining") - expected).alias("unused_at_end"),
        floored(expected - pl.col("remaining")).alias("overage_at_end"),
    ).with_columns(_verdict().alias("verdict"))


def _rate(number: int, span: timedelta, at: datetime) -> pl.Expr:
    """Burn per day over a window, or the part of it with access; null where a window of the range is not covered."""
    start = literal(at - span)
    days = _seconds(literal(at) - pl.max_horizontal("since", start)) / _DAY
    rate = ratio(pl.col(f"burned_{number}").fill_null(ZERO), days)
    return rate if number == 0 else pl.when(pl.col("since") <= start).then(rate)


def _empty_at(rate: str, at: datetime) -> pl.Expr:
    """When nothing is left at a pace, if that is within access."""
    days = ratio(pl.col("remaining"), pl.col(rate))
    within = pl.when((days <= pl.col("left")) & (pl.col("remaining") > ZERO)).then(days)
    seconds = (within * _DAY).round(0).cast(pl.Int64)
    return (literal(at) + pl.duration(seconds=seconds)).cast(INSTANT)


def _verdict() -> pl.Expr:
    return (
        pl.when(pl.col("ending_before").is_null())
        .then(pl.lit("access over"))
        .when(pl.col("remaining") <= ZERO)
        .then(pl.lit("used up"))
        .when(~pl.col("enough"))
        .then(pl.lit("not enough history"))
        .when(pl.col("rate_0") <= ZERO)
        .then(pl.lit("no burn"))
        .when(pl.col("runs_out_at").is_not_null())
        .then(pl.lit("runs out"))
        .otherwise(pl.lit("leaves unused"))
    )
