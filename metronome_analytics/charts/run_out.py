"""When balances run out, on a burn-down: the date, and the range that goes with the low and the high burn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import INSTANT
from metronome_analytics.charts import base, burn_points, fitting

if TYPE_CHECKING:
    from datetime import datetime

NEEDED = ("customer_id", "balance_id", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest")
_LINE = 13
"""Pixels of the line of today's date, over which that of the forecast stands."""
_MOST = 3
"""Balances whose date is told in words."""


def run_outs(shown: pl.DataFrame, outlook: pl.DataFrame) -> pl.DataFrame:
    """One row per balance drawn that runs out while it can be used, the first to do so first."""
    keys = shown.select("customer_id", "balance_id", "balance").unique(maintain_order=True)
    dated = keys.join(outlook.select(NEEDED), on=["customer_id", "balance_id"], maintain_order="left")
    day = "%Y-%m-%d"
    earliest, latest = (pl.col(name).dt.strftime(day) for name in NEEDED[3:])
    span = pl.when(earliest != latest).then(pl.format(" ({} to {})", earliest, latest)).otherwise(pl.lit(""))
    late = pl.when(latest.is_null() & earliest.is_not_null()).then(pl.format(" ({} at the earliest)", earliest))
    words = pl.concat_str(pl.lit("runs out "), pl.col("runs_out_at").dt.strftime(day), pl.coalesce(late, span))
    told = dated.filter(pl.col("runs_out_at").is_not_null()).with_columns(words.alias("text"))
    return told.sort("runs_out_at", maintain_order=True)


def notes(dates: pl.DataFrame, *, alone: bool) -> list[str]:
    """The dates in words."""
    told = dates.select("balance", "text").head(_MOST).rows()
    lines = [f"{text[0].upper()}{text[1:]}." if alone else f"{balance} {text}." for balance, text in told]
    more = dates.height - len(told)
    return [*lines, f"{more:,} more {'runs' if more == 1 else 'run'} out later."] if more > 0 else lines


def marks(dates: pl.DataFrame, edges: pl.DataFrame, middle: datetime) -> list[alt.Chart]:
    """The date of the one balance drawn as a line with its words, and its range as a band, as far as the cone goes.

    The words stand over the frame, above those of today, and reach towards the middle: they cross neither.
    """
    if edges.is_empty() or dates.is_empty():
        return []
    end = pl.lit(edges["timestamp"].max(), INSTANT)
    known = dates.filter(pl.col("runs_out_at") <= end)
    if known.is_empty():
        return []
    # The range is below the title too.
    short = pl.col("text").str.replace(r" \(.*", "").alias("short")
    x = alt.X("runs_out_at:T", scale=alt.Scale(type="utc"), axis=base.time_axis())
    span = known.select(
        pl.coalesce("runs_out_at_earliest", "runs_out_at").alias("runs_out_at"),
        pl.min_horizontal(pl.coalesce("runs_out_at_latest", end), end).alias("to"),
    )
    at = alt.Chart(known.select("runs_out_at", "text", short))
    align = burn_points.side(known["runs_out_at"][0], middle)
    over = at.transform_calculate("words", f"{fitting.IS_NARROW} ? datum.short : datum.text")
    words = over.mark_text(align=align, dy=-4 - _LINE, fontSize=10, baseline="bottom", color=base.BAD)
    return [
        alt.Chart(span).mark_rect(color=base.BAD, opacity=0.12).encode(x=x, x2="to:T"),
        at.mark_rule(color=base.BAD, strokeDash=[4, 2]).encode(x=x, tooltip=alt.Tooltip("text:N", title="forecast")),
        words.encode(x=x, y=alt.value(0), text="words:N"),
    ]
