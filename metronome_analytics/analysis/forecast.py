"""Forecast: when each balance runs out, or what of it expires, if use goes on as it did."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from metronome_analytics.analysis.drain import drained, verdict
from metronome_analytics.analysis.entries import BALANCE, NEEDED
from metronome_analytics.analysis.frames import (
    INSTANT,
    ZERO,
    Given,
    checked,
    floored,
    like,
    literal,
    ratio,
    required_instant,
)
from metronome_analytics.analysis.pace import DAY, pace, seconds
from metronome_analytics.analysis.schemas import CustomerForecast, Forecast
from metronome_analytics.errors import ArgumentError
from metronome_analytics.offers import one_of

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.arguments import Instant
    from metronome_analytics.tables.columns import Frame

By = Literal["balance", "customer"]

_NEEDED = (
    *BALANCE,
    *("balance_name", "balance_type", "credit_type_id", "credit_type_name", "timestamp", "event", "change"),
    *("remaining", "pending", "scheduled", "source", "entry_index", "usage_starting_at"),
    *("segment_id", "segment_starting_at", "segment_ending_before"),
)


def forecast(
    burn: Frame,
    *,
    as_of: Instant,
    window: str | timedelta = "30d",
    by: By = "balance",
    balances: Given | None = None,
) -> Frame:
    """When each balance or customer runs dry at its present pace, and what is left at the end of access.

    `burn` is the frame of `burn_down()`, best made with the same `as_of` and with `breakdowns` or `invoices`; the
    result is of the same kind. By "balance" it is one row per balance, the columns of `Forecast`. By "customer" it is
    one row per customer and credit type, the columns of `CustomerForecast`, and needs `balances`, the frame `burn` was
    made of: what the customer burns on all balances together drains those open now, and those to come from their start
    on, in the order of `drain_order()`; what finds none open falls to on-demand rates or overage.
    What each column means says `help("metronome_analytics.analysis.schemas.Forecast")`, or `CustomerForecast` there.

    Recurring credits that are not granted yet are not counted, and by customer what covers only some usage is drained
    by all of it: there a customer's shortage, `overage_at_end`, is an upper estimate.

    `window` ("7d", "30d", "90d", "4w" or a timedelta) is the time before `as_of` whose deductions set the pace, per day
    with access in it; only deductions burn, so top-ups, entries by hand and expirations do not. A deduction is spread
    evenly over the usage behind it: over its windows and then what of its period they leave open; without windows from
    `usage_starting_at`, else from the last deduction before it or a month, whichever is shorter; that of the current
    period ends at `as_of`, not at the period's end. Windows that hold more than was deducted are scaled down to it.
    Amounts are in each balance's own unit, rounded half to even at ten places; rounding can move a date by a second.
    Less than seven days of access are "not enough history": no pace, no date, and null where an amount depends on it.
    Raises ArgumentError for a window that is none, another `by`, a missing `as_of` or missing `balances`.

    >>> balances, now = account.balances(), account.now
    >>> burn = ma.burn_down(balances, as_of=now)
    >>> outlook = ma.forecast(burn, as_of=now)
    >>> outlook.filter(verdict="runs out")["runs_out_at"].dt.date().min()
    datetime.date(2026, 12, 6)
    """
    one_of("by", by, get_args(By))
    at = required_instant("as_of", as_of)
    span = _window(window)
    steps = checked(burn, "burn", *_NEEDED, source="burn_down()").filter(~pl.col("scheduled"))
    if by == "balance":
        paced = pace(steps, BALANCE, at=at, window=span)
        state = _state(steps, at).join(paced, on=list(BALANCE), how="left", maintain_order="left")
        return like(_outlook(state, at), burn, Forecast)
    if balances is None:
        raise ArgumentError(
            'by="customer" needs balances=: the order in which they drain is theirs.',
            advice="Pass the frame that burn_down() was given.",
        )
    held = checked(balances, "balances", *NEEDED)
    return like(drained(steps, held, at=at, window=span), burn, CustomerForecast)


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
    """One row per balance: what is left now, and when the running access ends."""
    now, start, end = literal(at), pl.col("segment_starting_at"), pl.col("segment_ending_before")
    running = (start <= now) & (now < end)
    return steps.group_by(BALANCE, maintain_order=True).agg(
        pl.col("balance_name", "balance_type", "credit_type_id", "credit_type_name").first(),
        pl.col("remaining").last(),
        end.filter(running).max().alias("ending_before"),
    )


def _outlook(state: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """From pace and state to dates, amounts and a verdict."""
    left = ratio(seconds(pl.col("ending_before") - literal(at)), pl.lit(DAY))
    known = state.with_columns(left.alias("left"))
    expected = pl.col("burn_per_day") * pl.col("left")
    return known.with_columns(
        pl.col("left").cast(pl.Float64).alias("days_left"),
        _empty_at("burn_per_day", at).alias("runs_out_at"),
        _empty_at("burn_per_day_high", at).alias("runs_out_at_earliest"),
        _empty_at("burn_per_day_low", at).alias("runs_out_at_latest"),
        floored(pl.col("remaining") - expected).alias("unused_at_end"),
        floored(expected - pl.col("remaining")).alias("overage_at_end"),
    ).with_columns(verdict())


def _empty_at(rate: str, at: datetime) -> pl.Expr:
    """When nothing is left at a pace, if that is within access."""
    days = ratio(pl.col("remaining"), pl.col(rate))
    within = pl.when((days <= pl.col("left")) & (pl.col("remaining") > ZERO)).then(days)
    return (literal(at) + pl.duration(seconds=(within * DAY).round(0).cast(pl.Int64))).cast(INSTANT)
