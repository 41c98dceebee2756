"""The chart of revenue: what was used and what covered it, month by month, and what was purchased."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.charts import base, fitting
from metronome_analytics.tables.money import amount_text

if TYPE_CHECKING:
    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.arguments import Instant

_PARTS = {
    "gross": ("usage", base.PALETTE[0]),
    "fixed": ("fixed charges", base.PALETTE[4]),
    "covered_prepaid": ("covered by prepaid commits", base.PALETTE[1]),
    "covered_credit": ("covered by credits", base.PALETTE[3]),
}
_MARK = "The mark in each month is what is billed after coverage; where there is room, it stands above as a figure."
_FIGURE = 82
"""Pixels of a figure of millions with two decimals."""


def revenue(
    revenue: Given, *, title: str = "Revenue", theme: base.Theme = "page", as_of: Instant | None = None
) -> base.Chart:
    """What was earned, and what had been paid before? Usage and fixed charges by month, what covered them, their sum.

    `revenue` is the frame of `ma.revenue()` by whatever keys, which are added up. In major units, one panel per
    currency. One prepayment is worth many months of use, so purchases have a panel and an axis of their own: the
    figure of a month is `net` less `purchases`. With `as_of` the running month is marked. Raises ArgumentError for
    another frame.

    >>> billed = ma.revenue(account.invoices(), months=["2026-09", "2026-10"], as_of=account.now)
    >>> chart = ma.charts.revenue(billed, as_of=account.now)
    """
    needed = ("month", "credit_type_name", *_PARTS, "purchases", "net")
    frame = base.collected(revenue, "revenue", *needed, source="ma.revenue()")
    so_far = base.running(as_of)
    return base.panels(frame, lambda part, unit: _billed(part, unit, so_far), title=title, theme=theme)


def _billed(frame: pl.DataFrame, unit: str, so_far: str | None) -> base.Chart:
    name = pl.col("credit_type_name")
    sums = frame.group_by("month").agg(pl.col(*_PARTS, "purchases", "net").sum(), name.first()).sort("month")
    first = pl.col("month").str.to_date("%Y-%m")
    labels = base.months(sums.with_columns(first.alias("at")), "at")
    bars = _bars(sums, labels, unit, so_far)
    if not (sums["purchases"] != 0).any():
        return base.layered(bars, base.heading(f"Usage and fixed charges, in {unit}", [_MARK]))
    used = base.layered(bars, base.heading(f"Usage and fixed charges, in {unit}", [_MARK]), height=240)
    bought = base.layered(
        _bought(sums, labels, unit, so_far), base.heading(f"Purchases of commits, in {unit}", []), height=90
    )
    return alt.vconcat(used, bought, spacing=16)


def _bars(sums: pl.DataFrame, labels: list[str], unit: str, so_far: str | None) -> list[alt.Chart]:
    name = pl.col("credit_type_name")
    parts = (
        sums.unpivot(list(_PARTS), index=["month", "credit_type_name"], variable_name="part", value_name="amount")
        .filter(pl.col("amount") != 0)
        .select(
            "month",
            pl.col("part").replace_strict({part: words for part, (words, _) in _PARTS.items()}),
            base.as_float("amount", "value"),
            amount_text(pl.col("amount"), name).alias("text"),
        )
    )
    drawn = dict(words_and_color for words_and_color in _PARTS.values() if (parts["part"] == words_and_color[0]).any())
    stacked = (
        alt.Chart(parts)
        .mark_bar(**base.month_bars(labels))
        .encode(
            x=base.month_axis("month", labels, so_far=so_far),
            y=alt.Y("value:Q", axis=base.amount_axis(unit)),
            color=base.legend("part", drawn),
            opacity=base.fainter(so_far),
            tooltip=base.tips({"month": "month", "part": "part", "text": "amount"}),
        )
    )
    rest = (pl.col("net") - pl.col("purchases")).alias("rest")
    net = sums.with_columns(rest).select(
        "month", base.as_float("rest", "value"), amount_text(pl.col("rest"), name).alias("text")
    )
    point = alt.Chart(net).encode(
        x=base.month_axis("month", labels, so_far=so_far),
        y="value:Q",
        tooltip=base.tips({"month": "month", "text": "billed"}),
    )
    marks = [stacked, point.mark_tick(thickness=3, width=26, style=base.INK)]
    return [*marks, _figures(point.encode(y=alt.value(0)), labels)]


def _bought(sums: pl.DataFrame, labels: list[str], unit: str, so_far: str | None) -> list[alt.Chart]:
    bought = sums.select(
        "month",
        base.as_float("purchases", "value"),
        amount_text(pl.col("purchases"), pl.col("credit_type_name")).alias("text"),
    ).filter(pl.col("value") != 0)
    rows = alt.Chart(bought).encode(
        x=base.month_axis("month", labels, so_far=so_far),
        y=alt.Y("value:Q", axis=base.amount_axis(unit, ticks=3)),
        tooltip=base.tips({"month": "month", "text": "purchases"}),
    )
    return [rows.mark_bar(color=base.QUIET, **base.month_bars(labels)), _figures(rows, labels)]


def _figures(rows: alt.Chart, labels: list[str]) -> alt.Chart:
    """The figure of each month, where there is room for two decimals beside one another."""
    roomy = f"{fitting.ROOM} > {_FIGURE} * {len(labels) + 1}"
    words = rows.transform_calculate("figure", f"{roomy} ? format(datum.value, ',.2f') : ''")
    drawn: alt.Chart = words.mark_text(dy=-9, fontSize=11, style=base.INK).encode(text="figure:N")
    return drawn
