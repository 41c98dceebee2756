"""Charts of what was billed: costs, invoices, and what is unpaid for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, Given, checked, literal, optional, required_instant
from metronome_analytics.analysis.invoiced import Standing, counts_once, is_invoiced, standing
from metronome_analytics.charts import base
from metronome_analytics.charts.labels import shortened
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import cost_lines, line_items
from metronome_analytics.tables.money import amount_text
from metronome_analytics.tables.vocabulary import NOT_OWED, USED

if TYPE_CHECKING:
    from metronome_analytics.arguments import Instant

By = Literal["day", "month"]
OTHER = "everything else"
_MOST_BARS = 400
_AGES = ("not due", "1 to 30 days", "31 to 60 days", "61 to 90 days", "over 90 days")
_STATUS = {
    Standing.INVOICED: ("FINALIZED", base.PALETTE[0]),
    Standing.DRAFT: ("DRAFT", base.PALETTE[4]),
    Standing.TRUE_UP: ("DRAFT true-up", base.PALETTE[1]),
    Standing.OTHER: ("other", base.QUIET),
}
"""What an invoice that is drawn counts as, in words for the legend, and its colour."""
_LEFT_OUT = {Standing.VOID: "void invoice", Standing.TWIN: "consolidated invoice"}


def costs(
    costs: Given, *, by: By = "day", top: int = 7, title: str = "Costs", theme: base.Theme = "page"
) -> base.Chart:
    """Cost per UTC day or month, stacked by product, in major units, one panel per credit type.

    `costs` is the frame of `account.costs()`, of `cost_lines()`, or, for customers on contracts, whom `/costs` leaves
    out, of `account.invoice_breakdowns()` or its `line_items()`: there it is gross usage, before any commit or credit
    is applied, and void and consolidated invoices are left out. The `top` products are drawn on their own, the rest
    as one. Raises ArgumentError for another frame or `by`.
    """
    if by not in get_args(By):
        raise ArgumentError(f"by must be 'day' or 'month', not {by!r}.")
    rows = _cost_rows(costs).collect()
    return base.panels(rows, lambda part, unit: _stacked(part, unit, by, top), title=title, theme=theme)


def _cost_rows(costs: Given) -> pl.LazyFrame:
    """Any of the accepted frames as day, name, amount and credit type."""
    names = checked(costs, "costs").collect_schema().names()
    if "line_item_breakdown" in names:
        costs = cost_lines(costs.lazy())
        names = costs.collect_schema().names()
    if "line_items" in names:
        costs = line_items(costs.lazy())
        names = costs.collect_schema().names()
    unit = ("credit_type_id", "credit_type_name")
    if "breakdown_start_timestamp" in names:
        invoice = ("invoice_status", "invoice_type")
        lines = checked(costs, "costs", *unit, "breakdown_start_timestamp", "name", "total", "type", *invoice)
        used = pl.col("type").is_in(USED) & counts_once(*invoice)
        return lines.filter(used).select(
            pl.col("breakdown_start_timestamp").alias("at"), "name", pl.col("total").alias("amount"), *unit
        )
    lines = checked(costs, "costs", *unit, "start_timestamp", "name", "cost", source="account.costs()")
    return lines.select(pl.col("start_timestamp").alias("at"), "name", pl.col("cost").alias("amount"), *unit)


def _stacked(frame: pl.DataFrame, unit: str, by: By, top: int) -> base.Chart:
    drawn, notes = _stack(frame, by, top)
    names = drawn.sort(pl.col("product") == OTHER, "size", descending=[False, True])["product"]
    colors = dict(zip(names.unique(maintain_order=True), base.PALETTE, strict=False))
    colors |= {OTHER: base.QUIET} if OTHER in names else {}
    bars = alt.Chart(drawn.drop("size")).mark_rect(stroke=None)
    areas = bars.encode(
        x=alt.X("from:T", scale=alt.Scale(type="utc"), axis=base.time_axis()),
        x2="to:T",
        y=alt.Y("bottom:Q", axis=base.amount_axis(f"Cost ({unit})")),
        y2="top:Q",
        color=base.legend("product", colors, columns=2),
        tooltip=base.tips({"when": by, "product": "product", "text": "cost"}),
    )
    return base.layered([areas], base.heading(f"In {unit}", notes))


def _stack(frame: pl.DataFrame, by: By, top: int) -> tuple[pl.DataFrame, list[str]]:
    """The parts of each bar, the largest product at the bottom and what is not among the top ones above all."""
    name, notes = pl.col("credit_type_name"), []
    top = min(top, len(base.PALETTE))
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


def invoices(invoices: Given, *, months: int = 36, title: str = "Invoices", theme: base.Theme = "page") -> base.Chart:
    """Invoice totals by month of issue (UTC) and status, in major units, one panel per currency.

    `invoices` is the frame of `account.invoices()`. Each counts once: void and consolidated invoices are left out and
    said so, and draft true-ups, which show what is outstanding and not what was spent, have a colour of their own. At
    most the last `months` months are drawn. Raises ArgumentError for another frame.
    """
    needed = ("total", "credit_type_name", "issued_at", "end_timestamp")
    checked(invoices, "invoices", *needed)
    frame = invoices.lazy().select(*needed, standing(invoices).alias("standing")).collect()
    return base.panels(frame, lambda part, unit: _billed(part, unit, months), title=title, theme=theme)


def _billed(frame: pl.DataFrame, unit: str, months: int) -> base.Chart:
    name = pl.col("credit_type_name")
    grouped, notes = _by_month(frame)
    if grouped.is_empty():
        return base.nothing(base.heading(f"In {unit}", notes))
    last = grouped["month"].unique().sort(descending=True).head(months)
    recent = pl.col("month") >= last.min()
    earlier = grouped.filter(~recent)
    if earlier.height:
        told = earlier.select(amount_text(pl.col("total").sum(), name.first())).item()
        notes.append(f"The last {months} months; {told} were issued before.")
    drawn = grouped.filter(recent).select(
        pl.col("month").dt.strftime("%Y-%m"),
        "status",
        "count",
        base.as_float("total", "value"),
        amount_text(pl.col("total"), name).alias("text"),
    )
    present = {status: color for status, color in _STATUS.values() if status in drawn["status"].to_list()}
    bars = alt.Chart(drawn).mark_bar()
    stacks = bars.encode(
        x=base.month_axis("month", base.months(grouped.filter(recent), "month"), "Issued in (UTC)"),
        y=alt.Y("value:Q", stack="zero", axis=base.amount_axis(f"Invoiced ({unit})")),
        color=base.legend("status", present),
        tooltip=base.tips({"month": "month", "status": "status", "text": "total", "count": "invoices"}),
    )
    return base.layered([stacks], base.heading(f"In {unit}", notes))


def _by_month(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Totals by month of issue and status, and what is left out of them."""
    counts = dict(frame["standing"].value_counts().iter_rows())
    notes = [f"{base.count(counts[out], word)} left out." for out, word in _LEFT_OUT.items() if out in counts]
    at = pl.coalesce("issued_at", "end_timestamp").alias("at")
    live = frame.filter(~pl.col("standing").is_in(_LEFT_OUT)).with_columns(at)
    undated = live["at"].null_count()
    notes += [f"{base.count(undated, 'invoice')} without a date left out."] if undated else []
    status = pl.col("standing").replace_strict({of: word for of, (word, _) in _STATUS.items()}, return_dtype=pl.String)
    dated = live.filter(pl.col("at").is_not_null())
    grouped = dated.group_by(pl.col("at").dt.truncate("1mo").alias("month"), status.alias("status")).agg(
        pl.col("total").sum(), pl.col("credit_type_name").first(), pl.len().alias("count")
    )
    return grouped.sort("month", "status"), notes


def aging(invoices: Given, *, as_of: Instant, title: str = "Unpaid invoices", theme: base.Theme = "page") -> base.Chart:
    """Unpaid final invoices by days past due at `as_of`, in major units, one panel per currency.

    `invoices` is the frame of `account.invoices()`. Due is the issue date and the net payment terms; unpaid is what
    the billing provider does not call PAID, VOID, DELETED or SKIPPED, partly paid ones in full, as Metronome does not
    say how much. Invoices without a provider's status are left out and said so. Raises ArgumentError without `as_of`.
    """
    at = required_instant("as_of", as_of)
    provider = "billing_provider_invoice_external_status"
    given = checked(invoices, "invoices", "status", "type", "total", "credit_type_name", "issued_at", provider)
    names = given.collect_schema().names()
    terms = optional(names, "net_payment_terms_days", pl.Float64).fill_null(0)
    due = (pl.col("issued_at") + pl.duration(days=terms)).cast(INSTANT)
    frame = (
        given.filter(is_invoiced() & (pl.col("total") > 0))
        .select(
            "total",
            "credit_type_name",
            pl.col(provider).alias("paid"),
            (literal(at) - due).dt.total_days().alias("late"),
        )
        .filter(~pl.col("paid").is_in(NOT_OWED).fill_null(False))
        .collect()
    )
    return base.panels(frame, _ages, title=title, theme=theme)


def _ages(frame: pl.DataFrame, unit: str) -> base.Chart:
    name, late = pl.col("credit_type_name"), pl.col("late")
    unknown = frame.filter(pl.col("paid").is_null())
    notes = []
    if unknown.height:
        told = unknown.select(amount_text(pl.col("total").sum(), name.first())).item()
        notes.append(f"{base.count(unknown.height, 'invoice')} over {told} without a provider's status left out.")
    age: pl.Expr = pl.lit(_AGES[0])
    for days, older in zip((0, 30, 60, 90), _AGES[1:], strict=True):
        age = pl.when(late > days).then(pl.lit(older)).otherwise(age)
    grouped = (
        frame.filter(pl.col("paid").is_not_null())
        .group_by(age.alias("age"))
        .agg(pl.col("total").sum(), name.first(), pl.len().alias("count"))
    )
    if grouped.is_empty():
        return base.nothing(base.heading(f"In {unit}", notes))
    drawn = grouped.select(
        "age", "count", base.as_float("total", "value"), amount_text(pl.col("total"), name).alias("text")
    )
    rows = alt.Chart(drawn).encode(
        x=alt.X(
            "age:O",
            sort=list(_AGES),
            scale=alt.Scale(domain=list(_AGES)),
            title="Past due",
            axis=alt.Axis(labelAngle=0),
        ),
        y=alt.Y("value:Q", axis=base.amount_axis(f"Unpaid ({unit})")),
        tooltip=base.tips({"age": "past due", "text": "unpaid", "count": "invoices"}),
    )
    scale = alt.Scale(domain=list(_AGES), range=["#56B4E9", "#0072B2", "#E69F00", "#D55E00", "#8F3A00"])
    bars = rows.mark_bar().encode(color=alt.Color("age:O", scale=scale, legend=None))
    words = rows.mark_text(dy=-6, fontSize=11, color=base.QUIET).encode(text=alt.Text("value:Q", format=",.2f"))
    return base.layered([bars, words], base.heading(f"In {unit}", notes), height=220)
