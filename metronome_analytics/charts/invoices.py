"""The chart of invoices: what was billed in which month."""

from __future__ import annotations

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.analysis.invoiced import Standing, standing
from metronome_analytics.charts import base
from metronome_analytics.tables.money import amount_text
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

_STATUS = {
    Standing.INVOICED: (InvoiceStatus.FINALIZED.value, base.PALETTE[0]),
    Standing.DRAFT: (InvoiceStatus.DRAFT.value, base.PALETTE[4]),
    Standing.TRUE_UP: (f"{InvoiceStatus.DRAFT} true-up", base.PALETTE[1]),
    Standing.OTHER: ("other", base.QUIET),
}
"""What an invoice that is drawn counts as, in words for the legend, and its colour."""
_LEFT_OUT = {Standing.VOID: "void invoice", Standing.TWIN: "consolidated invoice"}


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
        amount = base.total_text(earlier, "total")
        notes.append(f"The last {months} months; {amount} were issued before.")
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
    notes = [f"{count(counts[out], word)} left out." for out, word in _LEFT_OUT.items() if out in counts]
    at = pl.coalesce("issued_at", "end_timestamp").alias("at")
    live = frame.filter(~pl.col("standing").is_in(_LEFT_OUT)).with_columns(at)
    undated = live["at"].null_count()
    notes += [f"{count(undated, 'invoice')} without a date left out."] if undated else []
    status = pl.col("standing").replace_strict({of: word for of, (word, _) in _STATUS.items()}, return_dtype=pl.String)
    dated = live.filter(pl.col("at").is_not_null())
    grouped = dated.group_by(pl.col("at").dt.truncate("1mo").alias("month"), status.alias("status")).agg(
        pl.col("total").sum(), pl.col("credit_type_name").first(), pl.len().alias("count")
    )
    return grouped.sort("month", "status"), notes
