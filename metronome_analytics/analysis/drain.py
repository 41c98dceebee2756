"""Drain: how what a customer burns falls on the balances that are open, one after the other, until they are empty."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics.analysis.drain_order import open_segments, placed
from metronome_analytics.analysis.entries import BALANCE, access
from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, literal, optional, ratio
from metronome_analytics.analysis.pace import DAY, pace, seconds
from metronome_analytics.analysis.schemas import DRAINED, CustomerForecast
from metronome_analytics.tables.money import exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS = ("customer_id", "credit_type_id")
_PLACES = Decimal("1e-10")
_NOTHING = Decimal(0)
_NEVER: Decimal | None = None
_SCHEMA = CustomerForecast.create_empty().schema
_TOLD = (
    *("first_runs_out_at", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest"),
    *("unused_at_end", "overage_at_end", "drain"),
)


class Open(NamedTuple):
    """A segment that usage may draw on: seconds from now to its start and end, and what it holds."""

    start: Decimal
    end: Decimal
    amount: Decimal


class Drain(NamedTuple):
    """What becomes of open segments: when each is empty (if ever), what each has left, when and how much none pays."""

    empty: list[Decimal | None]
    left: list[Decimal]
    dry: Decimal | None
    overage: Decimal


def drained(steps: pl.LazyFrame, balances: pl.LazyFrame, *, at: datetime, window: timedelta) -> pl.LazyFrame:
    """One row per customer and credit type: `steps` of `burn_down()` carried on at their pace; `CustomerForecast`."""
    order = placed(pl.concat([open_segments(steps, at), _coming(balances, at)]), balances)
    now, start = literal(at), pl.col("segment_starting_at")
    running, amount = start <= now, pl.col("remaining")
    queues = order.group_by(_KEYS, maintain_order=True).agg(
        pl.col("credit_type_name").first(),
        pl.col("balance_id").filter(running).n_unique().cast(pl.Int64).alias("balances"),
        amount.filter(running).sum().alias("remaining"),
        amount.filter(~running).sum().alias("coming"),
        pl.col("segment_ending_before").max().alias("last_end"),
        pl.struct(*(_drain_fields())).sort_by("place").alias("drain"),
    )
    ends = pl.col("segment_ending_before").filter((start <= now) & (now < pl.col("segment_ending_before"))).max()
    burned = steps.group_by(_KEYS, maintain_order=True).agg(
        pl.col("credit_type_name").first(), ends.alias("access_end")
    )
    every = pl.concat([burned.select(*_KEYS, "credit_type_name"), queues.select(*_KEYS, "credit_type_name")])
    joined = every.unique(_KEYS, keep="first", maintain_order=True)
    for part in (
        burned.drop("credit_type_name"),
        queues.drop("credit_type_name"),
        pace(steps, _KEYS, at=at, window=window),
    ):
        joined = joined.join(part, on=list(_KEYS), how="left", nulls_equal=True, maintain_order="left")
    # An empty balance that runs on for years is no reason to look so far ahead.
    end = pl.coalesce("last_end", "access_end")
    left = ratio(seconds(end - now), pl.lit(DAY)).cast(pl.Float64)
    known = joined.with_columns(
        pl.col("balances").fill_null(0),
        pl.col("remaining", "coming", "burned").fill_null(ZERO),
        pl.col("days_observed").fill_null(0.0),
        end.alias("ending_before"),
        left.alias("days_left"),
        *(pl.lit(None, _SCHEMA[name]).alias(name) for name in _TOLD if name != "drain"),
        pl.col("drain").fill_null([]),
    ).select(name for name in CustomerForecast.column_names() if name != "verdict")
    drained = known.map_batches(
        partial(_told, at=at), predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False
    )
    return drained.with_columns(verdict())


def verdict() -> pl.Expr:
    """What a forecast comes to, in words."""
    return (
        pl.when(pl.col("ending_before").is_null())
        .then(pl.lit("access over"))
        .when(pl.col("remaining") <= ZERO)
        .then(pl.lit("used up"))
        .when(pl.col("burn_per_day").is_null())
        .then(pl.lit("not enough history"))
        .when(pl.col("burn_per_day") == ZERO)
        .then(pl.lit("no burn"))
        .when(pl.col("runs_out_at").is_not_null())
        .then(pl.lit("runs out"))
        .otherwise(pl.lit("leaves unused"))
        .alias("verdict")
    )


def _coming(balances: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """The segments of the access schedules that start after `at`; what is archived or has no ledger starts never."""
    archived = optional(balances.collect_schema().names(), "archived_at", INSTANT)
    alive = balances.filter(pl.col("ledger").is_not_null() & ~(archived <= literal(at)).fill_null(False))
    return (
        access(alive)
        .filter((pl.col("segment_starting_at") > literal(at)) & (pl.col("segment_amount") > ZERO))
        .select(
            *(*BALANCE, "segment_id", "segment_starting_at", "segment_ending_before"),
            pl.col("segment_amount").alias("remaining"),
        )
    )


def _drain_fields() -> list[pl.Expr]:
    """The item of `drain`, before it is known what becomes of the segment."""
    renamed = {
        "amount": pl.col("remaining"),
        "runs_out_at": pl.lit(None, INSTANT),
        "unused_at_end": pl.lit(None, MONEY),
    }
    return [renamed.get(field.name, pl.col(field.name)).cast(field.dtype).alias(field.name) for field in DRAINED.fields]


def _told(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """`frame` with what its paces make of each queue."""
    paces = frame.select("burn_per_day", "burn_per_day_high", "burn_per_day_low", "ending_before", "drain").iter_rows()
    row = exactly(_row)
    rows = [row(queue, end, rates, at) for *rates, end, queue in paces]
    columns = zip(*rows, strict=True) if rows else ([] for _ in _TOLD)
    return frame.with_columns(
        pl.Series(name, list(values), dtype=_SCHEMA[name]) for name, values in zip(_TOLD, columns, strict=True)
    )


def _row(
    queue: list[dict[str, Any]], end: datetime | None, rates: Sequence[Decimal | None], at: datetime
) -> tuple[object, ...]:
    """The values of `_TOLD` for one customer and credit type."""
    if end is None or rates[0] is None:
        return (None, None, None, None, None, None, queue)
    segments = [_opened(item, at) for item in queue]
    until = _elapsed(end, at)
    usual, fast, slow = (drain(segments, rate or _NOTHING, until) for rate in rates)
    held = any(not segment.start for segment in segments)
    dries = [_date(each.dry, at) if held else None for each in (usual, fast, slow)]
    items = [
        {**item, "runs_out_at": _date(empty, at), "unused_at_end": _amount(left)}
        for item, empty, left in zip(queue, usual.empty, usual.left, strict=True)
    ]
    first = _date(min((empty for empty in usual.empty if empty is not None), default=None), at)
    return (first, *dries, _amount(sum(usual.left, _NOTHING)), _amount(usual.overage), items)


def drain(queue: Sequence[Open], rate: Decimal, until: Decimal) -> Drain:
    """What `rate` a day makes of `queue`, which pays in its order, in the seconds from 0 to `until`.

    At any moment the first of the queue pays that has access and anything left.
    """
    left, empty = [each.amount for each in queue], [_NEVER] * len(queue)
    dry, overage, now = _NEVER, _NOTHING, _NOTHING
    while rate and now < until:
        stop = min((edge for each in queue for edge in each[:2] if edge > now), default=until)
        stop = min(stop, until)
        paying = next((n for n, each in enumerate(queue) if left[n] and each.start <= now < each.end), None)
        if paying is None:
            dry, overage = now if dry is _NEVER else dry, overage + rate * (stop - now) / DAY
        elif (need := left[paying] * DAY / rate) <= stop - now:
            stop = now + need
            left[paying], empty[paying] = _NOTHING, stop
        else:
            left[paying] -= rate * (stop - now) / DAY
        now = stop
    if (
        dry is _NEVER
        and until in empty
        and not any(rest and each.end >= until for rest, each in zip(left, queue, strict=True))
    ):
        dry = until
    return Drain(empty, left, dry, overage)


def _opened(item: dict[str, Any], at: datetime) -> Open:
    start, end = (_elapsed(item[name], at) for name in ("segment_starting_at", "segment_ending_before"))
    return Open(max(start, _NOTHING), end, item["amount"])


def _elapsed(moment: datetime, at: datetime) -> Decimal:
    """Seconds from `at` to `moment`, exact."""
    return Decimal((moment - at) // timedelta(microseconds=1)) / 1_000_000


def _date(elapsed: Decimal | None, at: datetime) -> datetime | None:
    """The moment that many seconds after `at`, to the second."""
    return None if elapsed is None else at + timedelta(seconds=int(elapsed.to_integral_value(ROUND_HALF_EVEN)))


def _amount(exact: Decimal) -> Decimal:
    return exact.quantize(_PLACES, ROUND_HALF_EVEN)
