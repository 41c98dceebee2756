"""The chart of costs by day or month and product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, Given, checked
from metronome_analytics.charts import base
from metronome_analytics.charts.labels import customer_names, only_customer, shortened
from metronome_analytics.offers import one_of
from metronome_analytics.tables import cost_lines, line_items
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.money import amount_text
from metronome_analytics.tables.vocabulary import USED

if TYPE_CHECKING:
    from metronome_analytics.arguments import Instant

By = Literal["day", "month"]
OTHER = "everything else"
_MOST_BARS = 400
_COLORS = tuple(color for color in base.PALETTE if color != base.QUIET)
"""Those of products: the quiet one is that of everything else."""


def costs(
    costs: Given,
    *,
    by: By = "day",
    top: int = 7,
    title: str = "Costs",
    theme: base.Theme = "page",
    customers: Given | None = None,
    as_of: Instant | None = None,
) -> base.Chart:
    """What was used, when, and of what? Cost per UTC day or month, stacked by product, one panel per credit type.

    In major units. `costs` is the frame of `account.costs()`, of `cost_lines()`, or, for customers on contracts,
    whom `/costs` leaves out, of `account.invoice_breakdowns()` or its `line_items()`: there it is gross usage,
    before any commit or credit is applied, and void and consolidated invoices are left out. Of `account.daily_costs()`,
    which is of all customers, it is `gross`. The `top` products are drawn on their own, the rest as one. `customers`
    names the customer if there is one, and with `as_of` the running month is marked. Raises ArgumentError for another
    frame or `by`.

    >>> days = account.invoice_breakdowns(starting_on="2026-11-01", ending_before="2026-11-04")
    >>> chart = ma.charts.costs(days)
    """
    one_of("by", by, get_args(By))
    rows = customer_names(_cost_rows(costs).collect(), customers)
    so_far = base.running(as_of) if by == "month" else None
    return base.panels(rows, lambda part, unit: _stacked(part, unit, by, top, so_far), title=title, theme=theme)


def _cost_rows(costs: Given) -> pl.LazyFrame:
    """Any of the accepted frames as day, name, amount and credit type."""
    names = checked(costs, "costs").collect_schema().names()
    if "line_item_breakdown" in names:
        costs = cost_lines(costs.lazy())
        names = costs.collect_schema().names()
    if "line_items" in names:
        costs = line_items(costs.lazy())
        names = costs.collect_schema().names()
    unit = ("customer_id", "credit_type_id", "credit_type_name")
    if "breakdown_start_timestamp" in names:
        invoice = ("invoice_status", "invoice_type")
        lines = checked(costs, "costs", *unit, "breakdown_start_timestamp", "name", "total", "type", *invoice)
        used = pl.col("type").is_in(USED) & counts_once(*invoice)
        return lines.filter(used).select(
            pl.col("breakdown_start_timestamp").alias("at"), "name", pl.col("total").alias("amount"), *unit
        )
    if "gross" in names:
        days = checked(costs, "costs", *unit, "date", "product_name", "gross", source="account.daily_costs()")
        at, name = pl.col("date").cast(INSTANT), pl.col("product_name").alias("name")
        return days.filter(pl.col("gross") != 0).select(at.alias("at"), name, pl.col("gross").alias("amount"), *unit)
    lines = checked(costs, "costs", *unit, "start_timestamp", "name", "cost", source="account.costs()")
    return lines.select(pl.col("start_timestamp").alias("at"), "name", pl.col("cost").alias("amount"), *unit)


def _stacked(frame: pl.DataFrame, unit: str, by: By, top: int, so_far: str | None) -> base.Chart:
    drawn, notes = _stack(frame, by, top)
    names = drawn.sort(pl.col("product") == OTHER, "size", descending=[False, True])["product"]
    colors = dict(zip(names.unique(maintain_order=True), _COLORS, strict=False))
    colors |= {OTHER: base.QUIET} if OTHER in names else {}
    bars = alt.Chart(drawn.drop("size")).mark_rect(stroke=None)
    areas = bars.encode(
        x=alt.X("from:T", scale=alt.Scale(type="utc"), axis=base.time_axis(by=by)),
        x2="to:T",
        y=alt.Y("bottom:Q", axis=base.amount_axis(f"Cost ({unit})")),
        y2="top:Q",
        color=base.legend("product", colors),
        opacity=base.fainter(so_far, "when"),
        tooltip=base.tips({"when": by, "product": "product", "text": "cost"}),
    )
    notes += base.still_running(so_far, drawn["when"])
    return base.layered([areas], base.heading(base.told(unit, only_customer(frame)), notes))


def _stack(frame: pl.DataFrame, by: By, top: int) -> tuple[pl.DataFrame, list[str]]:
    """The parts of each bar, the largest product at the bottom and what is not among the top ones above all."""
    name, notes = pl.col("credit_type_name"), []
    top = min(top, len(_COLORS))
    sizes = (
        frame.group_by("name").agg(pl.col("amount").sum().alias("size")).sort("size", "name", descending=[True, False])
    )
    if sizes.height > top:
        notes.append(f"The {top} largest of {sizes.height:,} products; the rest is one.")
    small = pl.int_range(pl.len()) >= top
    products = sizes.with_columns(
        pl.when(small).then(pl.lit(OTHER)).otherwise(shortened(pl.col("name"))).alias("product")
    )
    every = "1d" if by == "day" else "1mo"
    grouped = (
        frame.join(products, on="name", nulls_equal=True)
        .group_by(pl.col("at").dt.truncate(every), "product")
        .agg(pl.col("amount").sum(), pl.col("size").max(), name.first())
        .sort("at", pl.col("product") == OTHER, "size", "product", descending=[False, False, True, False])
    )
    latest = grouped["at"].unique().sort(descending=True).head(_MOST_BARS)
    if latest.len() < grouped["at"].n_unique():
        notes.append(f"The last {_MOST_BARS} {by}s.")
    value = base.as_float("amount", "value")
    return grouped.filter(pl.col("at") >= latest.min()).select(
        pl.col("at").dt.strftime("%Y-%m-%d" if by == "day" else "%Y-%m").alias("when"),
        pl.col("at").alias("from"),
        pl.col("at").dt.offset_by(every).alias("to"),
        "product",
        pl.col("size").cast(pl.Float64),
        # Stacked here: altair does not stack bars that have two ends in time.
        value.cum_sum().over("at").alias("top"),
        (value.cum_sum().over("at") - value).alias("bottom"),
        amount_text(pl.col("amount"), name).alias("text"),
    ), notes
