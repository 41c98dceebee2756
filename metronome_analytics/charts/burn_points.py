"""The points of a burn-down chart: which balances, how many points, where lines turn from settled to pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from metronome_analytics.analysis.frames import INSTANT
from metronome_analytics.charts import base
from metronome_analytics.tables.money import amount_text
from metronome_analytics.wording import count, time_text

if TYPE_CHECKING:
    from datetime import datetime

KEY = ("customer_id", "balance_id")
MOST_MARKS = 1_000
_TURNS = ("runs_out_at_earliest", "runs_out_at_latest")
CONE = (*KEY, "remaining", "burn_per_day_low", "burn_per_day_high", "days_left", *_TURNS)


def chosen(frame: pl.DataFrame, top: int) -> tuple[pl.DataFrame, list[str]]:
    """The balances that ever held most, highest first, and what to say of the others."""
    heights = (
        frame.group_by(KEY, maintain_order=True)
        .agg(pl.col("remaining").max().alias("height"), pl.col("remaining").last(), pl.col("credit_type_name").first())
        .sort("height", descending=True, maintain_order=True)
    )
    kept, rest = heights.head(top), heights.slice(top)
    shown = kept.select(KEY).with_row_index("place").join(frame, on=list(KEY), how="left").sort("place", "step")
    if not rest.height:
        return shown, []
    held = base.total_text(rest, "remaining")
    total = count(heights.height, "balance")
    return shown, [f"The {kept.height} highest of {total}; the other {rest.height:,} hold {held} and are not drawn."]


def points(frame: pl.DataFrame) -> pl.DataFrame:
    """One point per step: `amount` for drawing, everything else as the text a tooltip shows."""
    name = pl.col("credit_type_name")
    status = (
        pl.when("scheduled")
        .then(pl.lit("scheduled"))
        .when("pending")
        .then(pl.lit("pending"))
        .otherwise(pl.lit("settled"))
    )
    ahead = (pl.col("pending") | pl.col("scheduled")).cum_max().over(KEY)
    return frame.select(
        *KEY,
        *("balance", "balance_name", "customer", "step", "timestamp", "event", "reason"),
        base.as_float("remaining", "amount"),
        time_text(pl.col("timestamp")).alias("when"),
        amount_text(pl.col("change"), name).alias("change_text"),
        amount_text(pl.col("remaining"), name).alias("remaining_text"),
        status.alias("status"),
        # Once a line has a pending step, all that follows rests on it.
        pl.when(ahead).then(pl.lit("pending")).otherwise(pl.lit("settled")).alias("part"),
    )


def marks(every: pl.DataFrame, events: tuple[str, ...]) -> pl.DataFrame:
    """The points of marked events, the latest ones when there are very many."""
    return every.filter(pl.col("event").is_in(events)).sort("timestamp", maintain_order=True).tail(MOST_MARKS)


def thinned(every: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The last point of every day or few days of each line, so that the chart stays small; and what to say of it."""
    lines = every.select(KEY).n_unique()
    room = base.MAX_ROWS - 4 * lines
    if every.height <= room:
        return every, []
    span = every.select((pl.col("timestamp").max() - pl.col("timestamp").min()).dt.total_days()).item() + 1
    # Each line may have a settled and a pending point in the bucket where one turns into the other.
    days = max(1, -(-span * lines // (room - lines)))
    bucket = (pl.col("timestamp").dt.epoch("d") // days).alias("bucket")
    kept = every.group_by(*KEY, "part", bucket, maintain_order=True).last().select(every.columns)
    length = "day" if days == 1 else f"{days} days"
    return kept, [f"One point per {length} and balance: what was left at its end."]


def lines(steps: pl.DataFrame, at: datetime | None) -> pl.DataFrame:
    """`steps` with the points that carry each line on: settled until today or its first pending step, then pending."""
    settled, pending = (steps.filter(pl.col("part") == part) for part in ("settled", "pending"))
    right = steps["timestamp"].max() if at is None else at
    until = pl.lit(right, INSTANT)
    turns = pending.group_by(KEY).agg(pl.col("timestamp").first().alias("turn"))
    ends = (
        settled.group_by(KEY, maintain_order=True)
        .last()
        .join(turns, on=KEY, how="left")
        .with_columns(pl.max_horizontal("timestamp", pl.min_horizontal("turn", until)).alias("timestamp"))
    )
    held = _drawn_only(ends, steps)
    joints = _drawn_only(ends.filter(pl.col("turn").is_not_null()), steps, part="pending")
    tails = pending.group_by(KEY, maintain_order=True).last().with_columns(pl.max_horizontal("timestamp", until))
    return pl.concat([settled, held, joints, pending, _drawn_only(tails, steps)])


def _drawn_only(carried: pl.DataFrame, like: pl.DataFrame, part: str | None = None) -> pl.DataFrame:
    """Points that only carry a line on: no step of their own, so no tooltip and no mark."""
    columns = [pl.lit(None, pl.Int64).alias("step"), pl.lit(None, pl.String).alias("event")]
    if part is not None:
        columns.append(pl.lit(part).alias("part"))
    return carried.with_columns(columns).select(like.columns)


def middle(shown: pl.DataFrame, at: datetime | None, edges: pl.DataFrame | None = None) -> datetime:
    """The instant in the middle of what is drawn."""
    drawn = [shown["timestamp"], shown["segment_starting_at"], pl.Series([at], dtype=INSTANT)]
    drawn += [] if edges is None else [edges["timestamp"]]
    instants = pl.concat([each.alias("at") for each in drawn]).to_frame()
    first, last = pl.col("at").min(), pl.col("at").max()
    half: datetime = instants.select(first + (last - first) / 2).item()
    return half


def side(at: datetime, middle: datetime) -> Literal["left", "right"]:
    """The alignment of words at an instant that reach towards the middle: there they have half the panel."""
    return "right" if at > middle else "left"


def cone(shown: pl.DataFrame, outlook: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """What is left of each balance at its low and its high burn: today, when either is at nothing, and at the end.

    The end is that of access, or a third of the time drawn so far, which keeps the past readable.
    """
    past = shown.select((pl.lit(at, INSTANT) - pl.col("timestamp").min()).dt.total_seconds() / 86_400).item()
    longest = max(past / 3, 14.0)
    labels = shown.select(*KEY, "balance", "credit_type_name").unique(maintain_order=True)
    rates = labels.join(outlook.select(CONE), on=list(KEY), how="inner", maintain_order="left").filter(
        pl.col("burn_per_day_high") > 0
    )
    left = base.as_float("remaining", "left")
    days = pl.min_horizontal("days_left", pl.lit(longest))
    empty = [(pl.col(name) - pl.lit(at, INSTANT)).dt.total_seconds() / 86_400 for name in _TURNS]
    plain = rates.select(
        "balance",
        left,
        base.as_float("burn_per_day_low", "slow"),
        base.as_float("burn_per_day_high", "fast"),
        pl.concat_list(pl.lit(0.0), *(pl.min_horizontal(turn, days) for turn in empty), days)
        .list.unique()
        .list.sort()
        .alias("days"),
    ).explode("days", empty_as_null=False, keep_nulls=False)
    return plain.select(
        "balance",
        (pl.lit(at, INSTANT) + pl.duration(seconds=pl.col("days") * 86_400)).alias("timestamp"),
        (pl.col("left") - pl.col("slow") * pl.col("days")).clip(0).alias("low"),
        (pl.col("left") - pl.col("fast") * pl.col("days")).clip(0).alias("high"),
    )
