"""The portfolio heat map: who drew how much in which month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.charts import base, fitting
from metronome_analytics.charts.labels import customer_names, only_customer, shortened
from metronome_analytics.tables.money import amount_text
from metronome_analytics.tables.vocabulary import Event
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.arguments import Instant

_NEEDED = ("customer_id", "credit_type_name", "event", "change", "timestamp", "usage_starting_at")


def portfolio(
    burn: Given,
    *,
    customers: Given | None = None,
    top: int = 40,
    months: int = 24,
    title: str = "Drawn by customer and month",
    theme: base.Theme = "page",
    as_of: Instant | None = None,
) -> base.Chart:
    """Who grew and who stopped? What each customer drew in each UTC month, a heat map, one panel per credit type.

    `burn` is the frame of `burn_down()`: daily with `breakdowns`; else a deduction counts in the month before its
    date, the end of its period. The `top` customers who drew most on commits and credits and the last `months`
    months are drawn, and the panel says what is left out; with `as_of` the running month is marked. Raises
    ArgumentError for another frame.

    >>> burn = ma.burn_down(account.balances(), as_of=account.now)
    >>> chart = ma.charts.portfolio(burn, customers=account.customers(), as_of=account.now)
    """
    named = customer_names(drawn_by_month(burn), customers)
    so_far = base.running(as_of)
    return base.panels(named, lambda part, unit: _heat(part, unit, top, months, so_far), title=title, theme=theme)


def drawn_by_month(burn: Given) -> pl.DataFrame:
    """What each customer drew in each month: customer_id, credit_type_name, month (its first instant), amount."""
    frame = base.collected(burn, "burn", *_NEEDED, source="burn_down()")
    # A deduction is dated at the end of its period, the first instant of the next month.
    at = pl.coalesce("usage_starting_at", pl.col("timestamp").dt.offset_by("-1us"))
    drawn = frame.filter(pl.col("event") == Event.DEDUCTION).select(
        "customer_id", "credit_type_name", (-pl.col("change")).alias("amount"), at.dt.truncate("1mo").alias("month")
    )
    months = drawn.group_by("customer_id", "credit_type_name", "month", maintain_order=True)
    return months.agg(pl.col("amount").sum())


def _heat(frame: pl.DataFrame, unit: str, top: int, months: int, so_far: str | None) -> base.Chart:
    name, notes = pl.col("credit_type_name"), []
    sizes = frame.group_by("customer_id", maintain_order=True).agg(pl.col("amount").sum(), name.first())
    ranked = sizes.sort("amount", descending=True, maintain_order=True)
    kept, rest = ranked.head(top), ranked.slice(top)
    if rest.height:
        amount = base.total_text(rest, "amount")
        total = count(ranked.height, "customer")
        notes.append(f"The {kept.height} of {total} who drew most; the others drew {amount}.")
    last = frame["month"].unique().sort(descending=True).head(months)
    if last.len() < frame["month"].n_unique():
        notes.append(f"The last {months} months.")
    recent = pl.col("month") >= last.min()
    shown = kept.select("customer_id").join(frame, on="customer_id", how="left", maintain_order="left")
    keys = _labels(shown)
    cells = (
        shown.filter(recent)
        .join(keys, on="customer_id", how="left", maintain_order="left")
        .select(
            "label",
            "customer",
            pl.col("month").dt.strftime("%Y-%m"),
            base.as_float("amount", "value"),
            amount_text(pl.col("amount"), name).alias("text"),
        )
    )
    order = keys["label"].to_list()
    if cells.height < len(order) * last.len():
        notes.append("Empty where nothing was drawn.")
    notes += base.still_running(so_far, cells["month"])
    squares = (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            x=base.month_axis("month", base.months(shown.filter(recent), "month"), so_far=so_far),
            y=alt.Y("label:N", sort=order, title=None, axis=fitting.names_axis(order, 260)),
            color=alt.Color(
                "value:Q",
                title=f"Drawn ({unit})",
                # Amounts differ by orders of magnitude; a square root leaves the small ones visible, and without the
                # darkest colours they are not taken for empty on a dark page.
                scale=alt.Scale(scheme=alt.SchemeParams(name="viridis", extent=[0.2, 1]), type="sqrt"),
                legend=alt.Legend(orient="bottom", labelExpr=base.ABOUT_LABEL, gradientLength=160),
            ),
            opacity=base.fainter(so_far),
            tooltip=base.tips({"customer": "customer", "month": "month", "text": "drawn"}),
        )
    )
    return base.layered(
        [squares], base.heading(base.told(unit, only_customer(shown)), notes), height=max(60, 18 * len(order))
    )


def _labels(frame: pl.DataFrame) -> pl.DataFrame:
    """One label per customer, in the order given; those of the same name carry the start of their id."""
    keys = frame.select("customer_id", shortened(pl.col("customer"), 34).alias("label")).unique(maintain_order=True)
    alike = pl.len().over("label") > 1
    with_id = pl.col("label") + " #" + pl.col("customer_id").str.head(6)
    return keys.with_columns(pl.when(alike).then(with_id).otherwise("label").alias("label"))
