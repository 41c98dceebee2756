"""The burn-down chart: one step line per balance, what is pending dashed, expiry and entries by hand marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, Given
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.charts import base, burn_points, fitting, run_out
from metronome_analytics.charts.labels import balance_labels, customer_names, only_customer
from metronome_analytics.tables.vocabulary import Event
from metronome_analytics.wording import time_text

if TYPE_CHECKING:
    from datetime import datetime

_NEEDED = (
    *("customer_id", "balance_id", "balance_name", "credit_type_name", "step", "timestamp", "event", "change"),
    *("remaining", "pending", "scheduled", "segment_id", "segment_starting_at", "segment_ending_before", "reason"),
)
_MARKS = {
    Event.MANUAL: "triangle-up",
    Event.SEAT_ADJUSTMENT: "diamond",
    Event.ROLLOVER: "square",
    Event.TRUE_UP: "square",
    Event.EXPIRATION: "cross",
    Event.OVERDRAFT: "triangle-down",
}
_PENDING = "Dashed is what rests on drafts: it may still change."
_TIPS = {
    "balance_name": "balance",
    "customer": "customer",
    "when": "when",
    "event": "event",
    "change_text": "change",
    "remaining_text": "remaining",
    "status": "status",
    "reason": "reason",
}


def burn_down(
    burn: Given,
    *,
    as_of: Instant | None = None,
    forecast: Given | None = None,
    customers: Given | None = None,
    top: int = 8,
    title: str = "Burn-down",
    theme: base.Theme = "page",
) -> base.Chart:
    """How fast is each balance drawn, and when is it empty? A step line of what was left, from `burn_down()`.

    Amounts are in major units, time is UTC, and each credit type has a panel of its own, whose title names the customer
    and the balance where there is one. The `top` balances that ever
    held most are drawn; the panel says how many are left out and what they hold. What rests on pending steps is
    dashed; crosses are expirations, triangles entries by hand. A panel with one balance also shows its segments and,
    dotted, the even use of each. `as_of` draws today, and with `forecast`, the frame of `forecast()`, the cone between
    its low and high burn from there on, and says when balances run out and between which dates. `customers`, the frame
    of `account.customers()`, gives names.
    Raises ArgumentError for a frame of another kind.

    >>> burn = ma.burn_down(account.balances(), as_of=account.now)
    >>> chart = ma.charts.burn_down(burn, as_of=account.now, customers=account.customers())
    """
    frame = base.collected(burn, "burn", *_NEEDED, source="burn_down()").select(_NEEDED)
    at = instant("as_of", as_of)
    asked = dict.fromkeys((*burn_points.CONE, *run_out.NEEDED))
    outlook = None if forecast is None else base.collected(forecast, "forecast", *asked, source="forecast()")
    return base.panels(
        customer_names(frame, customers),
        lambda part, unit: _panel(part, unit, at=at, outlook=outlook, top=top),
        title=title,
        theme=theme,
    )


def _panel(
    frame: pl.DataFrame, unit: str, *, at: datetime | None, outlook: pl.DataFrame | None, top: int
) -> base.Chart:
    kept, notes = burn_points.chosen(frame, top)
    shown = balance_labels(kept)
    every = burn_points.points(shown)
    steps, thinning = burn_points.thinned(every)
    names = shown["balance"].unique(maintain_order=True).to_list()
    alone = len(names) == 1
    color = alt.Color("balance:N", title=None, scale=alt.Scale(domain=names, range=list(base.PALETTE)))
    color = (
        color.legend(None)
        if alone
        else color.legend(orient="bottom", columns=fitting.columns(names), symbolType="stroke")
    )
    layers = [*(_segments(shown, at) if alone else ())]
    middle = burn_points.middle(shown, at)
    if outlook is not None and at is not None:
        edges, dates = burn_points.cone(shown, outlook, at), run_out.run_outs(shown, outlook)
        middle = burn_points.middle(shown, at, edges)
        layers += [*_cone(edges, color), *(run_out.marks(dates, edges, middle) if alone else ())]
        notes += run_out.notes(dates, alone=alone)
    if (every["part"] == "pending").any():
        notes.append(_PENDING)
    layers += [
        *_steps(burn_points.lines(steps, at), color, unit),
        *_marks(burn_points.marks(every, tuple(_MARKS)), color),
        *(_today(at, middle) if at is not None else ()),
    ]
    whose = base.told(unit, only_customer(shown), names[0] if alone else None)
    heading = base.heading(whose, notes + thinning)
    return base.layered(layers, heading)


def _x(field: str = "timestamp") -> alt.X:
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc"), axis=base.time_axis())


def _steps(lines: pl.DataFrame, color: alt.Color, unit: str) -> list[alt.Chart]:
    """The lines, the pending part of each fainter and dashed, and unseen points that answer the pointer."""
    drawn = alt.Chart(lines).encode(
        x=_x(), y=alt.Y("amount:Q", axis=base.amount_axis(f"Remaining ({unit})")), color=color
    )
    looks: dict[str, dict[str, Any]] = {"settled": {}, "pending": {"strokeDash": [3, 3], "opacity": 0.6}}
    parts = [
        drawn.transform_filter(f"datum.part == '{part}'").mark_line(interpolate="step-after", strokeWidth=2, **look)
        for part, look in looks.items()
        if (lines["part"] == part).any()
    ]
    answering = drawn.transform_filter("datum.step != null").encode(tooltip=base.tips(_TIPS))
    # A line of one point has no length; its last step is always a dot.
    last = alt.Chart(lines.filter(pl.col("step").is_not_null()).group_by(burn_points.KEY, maintain_order=True).last())
    ends = last.mark_circle(size=28, opacity=1).encode(x=_x(), y="amount:Q", color=color, tooltip=base.tips(_TIPS))
    floor = [alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=base.QUIET).encode(y="zero:Q")]
    below = (lines["amount"] < 0).any()
    return [*(floor if below else ()), *parts, ends, answering.mark_circle(size=70, opacity=0)]


def _marks(marked: pl.DataFrame, color: alt.Color) -> list[alt.Chart]:
    """A point for each expiration, entry by hand and the like."""
    events = [event for event in _MARKS if event in marked["event"].to_list()]
    if not events:
        return []
    shape = alt.Shape(
        "event:N",
        title=None,
        scale=alt.Scale(domain=events, range=[_MARKS[event] for event in events]),
        legend=alt.Legend(orient="bottom", symbolFillColor=base.QUIET, symbolStrokeColor=base.QUIET),
    )
    points = alt.Chart(marked).mark_point(size=60, filled=True, opacity=1)
    return [points.encode(x=_x(), y="amount:Q", color=color, shape=shape, tooltip=base.tips(_TIPS))]


def _cone(edges: pl.DataFrame, color: alt.Color) -> list[alt.Chart]:
    """The area between the low and the high burn of each balance from today on."""
    # A narrow cone is a line: the edge keeps it visible.
    area = alt.Chart(edges).mark_area(opacity=0.25, line={"strokeWidth": 1.5, "opacity": 0.9})
    return [area.encode(x=_x(), y="low:Q", y2="high:Q", color=color, detail="balance:N")] if edges.height else []


def _segments(frame: pl.DataFrame, at: datetime | None) -> list[alt.Chart]:
    """Bands for the segments of the one balance that is drawn, and the straight line of even use of each."""
    spans = (
        frame.filter(pl.col("segment_starting_at").is_not_null())
        .group_by("segment_id", "segment_starting_at", "segment_ending_before", maintain_order=True)
        .agg(
            pl.col("change").filter(pl.col("event") == "segment_start").sum().alias("granted"),
            pl.col("credit_type_name").first(),
        )
        .sort("segment_starting_at")
        .tail(60)
    )
    # Access may run on for years; the bands end where the drawing does.
    latest = (pl.col("timestamp").max(), pl.col("segment_starting_at").max(), pl.lit(at, INSTANT))
    right = frame.select(pl.max_horizontal(latest)).item()
    bands = spans.with_row_index("place").select(
        pl.col("segment_starting_at").alias("from"),
        pl.min_horizontal("segment_ending_before", pl.lit(right, INSTANT)).alias("to"),
        pl.when(pl.col("place") % 2 == 0).then(0.12).otherwise(0.04).alias("shade"),
        pl.concat_str(
            time_text(pl.col("segment_starting_at")), pl.lit(" to "), time_text(pl.col("segment_ending_before"))
        ).alias("access"),
    )
    band = (
        alt.Chart(bands)
        .mark_rect(color=base.QUIET)
        .encode(
            x=_x("from"),
            x2="to:T",
            opacity=alt.Opacity("shade:Q", scale=None),
            tooltip=alt.Tooltip("access:N"),
        )
    )
    return [*([band] if bands.height else ()), *_even_use(spans, right)]


def _even_use(spans: pl.DataFrame, right: datetime) -> list[alt.Chart]:
    """For each segment the line from what it granted down to nothing at its end, cut where the drawing ends."""
    length = (pl.col("segment_ending_before") - pl.col("segment_starting_at")).dt.total_microseconds()
    stop = pl.min_horizontal("segment_ending_before", pl.lit(right, INSTANT))
    left = 1 - (stop - pl.col("segment_starting_at")).dt.total_microseconds() / length
    ends = spans.filter(length > 0).select(
        "segment_id", "segment_starting_at", stop.alias("stop"), left.alias("left"), base.as_float("granted", "granted")
    )
    path = pl.concat(
        [
            ends.select(
                "segment_id", pl.col("segment_starting_at").alias("timestamp"), pl.col("granted").alias("amount")
            ),
            ends.select(
                "segment_id", pl.col("stop").alias("timestamp"), (pl.col("granted") * pl.col("left")).alias("amount")
            ),
        ]
    )
    line = alt.Chart(path).mark_line(color=base.QUIET, strokeDash=[1, 3], strokeWidth=1.5)
    return [line.encode(x=_x(), y="amount:Q", detail="segment_id:N")] if path.height else []


def _today(at: datetime, middle: datetime) -> list[alt.Chart]:
    """A rule at `as_of`, with its date over the frame, on the side with more room."""
    now = alt.Chart(
        pl.DataFrame({"timestamp": [at]}, schema={"timestamp": INSTANT}).with_columns(
            pl.concat_str(pl.lit("as of "), time_text(pl.col("timestamp"))).alias("text")
        )
    )
    rule = now.mark_rule(style=base.INK, strokeDash=[2, 2], strokeWidth=1).encode(x=_x())
    align = burn_points.side(at, middle)
    words = now.mark_text(align=align, dy=-4, baseline="bottom", fontSize=10, style=base.INK)
    return [rule, words.encode(x=_x(), y=alt.value(0), text="text:N")]
