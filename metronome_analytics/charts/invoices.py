"""The chart of invoices: what was billed in which month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.analysis.invoiced import Standing, standing
from metronome_analytics.charts import base
from metronome_analytics.charts.labels import customer_names, only_customer, shortened
from metronome_analytics.tables.money import amount_text
from metronome_analytics.tables.vocabulary import InvoiceStatus, InvoiceType
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from metronome_analytics.arguments import Instant

_STATUS = {
    Standing.INVOICED: (InvoiceStatus.FINALIZED.value, base.PALETTE[0]),
    Standing.DRAFT: (InvoiceStatus.DRAFT.value, base.PALETTE[4]),
    Standing.TRUE_UP: (f"{InvoiceStatus.DRAFT} true-up", base.PALETTE[1]),
    Standing.OTHER: ("status unknown", base.QUIET),
}
"""What an invoice that is drawn counts as, in words for the legend, and its colour."""
_LEFT_OUT = {Standing.VOID: "void invoice", Standing.TWIN: "consolidated invoice"}


def invoices(
    invoices: Given,
    *,
    months: int = 36,
    title: str = "Invoices",
    theme: base.Theme = "page",
    customers: Given | None = None,
    as_of: Instant | None = None,
) -> base.Chart:
    """What was billed, when, and how final is it? Totals by month of issue (UTC) and status, one panel per currency.

    In major units. One prepayment is worth many months of use, so scheduled invoices have a panel and an axis of their
    own. An invoice of a status nobody knows is neither billed nor a draft: it has a bar of its own, which names it.

    `invoices` is the frame of `account.invoices()`. Each counts once: void and consolidated invoices are left out and
    said so, and draft true-ups, which show what is outstanding and not what was spent, have a colour of their own. At
    most the last `months` months are drawn. `customers` names the customer if there is one, and with `as_of` the
    running month is marked. Raises ArgumentError for another frame.

    >>> chart = ma.charts.invoices(account.invoices(), customers=account.customers(), as_of=account.now)
    """
    needed = ("customer_id", "total", "credit_type_name", "issued_at", "end_timestamp", "status", "type")
    checked(invoices, "invoices", *needed)
    frame = invoices.lazy().select(*needed, standing(invoices).alias("standing")).collect()
    so_far = base.running(as_of)
    return base.panels(
        customer_names(frame, customers),
        lambda part, unit: _kinds(part, unit, months, so_far),
        title=title,
        theme=theme,
    )


def _kinds(frame: pl.DataFrame, unit: str, months: int, so_far: str | None) -> base.Chart:
    """What is scheduled, which is prepayments above all, apart from what is used, where there are both."""
    whose = only_customer(frame)
    scheduled = pl.col("type").eq_missing(pl.lit(InvoiceType.SCHEDULED))
    first = _first_month(frame, months)
    used, paid = (_by_month(frame.filter(part), months, first) for part in (~scheduled, scheduled))
    if used[0].is_empty() or paid[0].is_empty():
        whole = _by_month(frame, months, first)
        return _billed(*whole, unit, so_far, whose=base.told(unit, whose), labels=base.months(whole[0], "month"))
    # The same months in both, so that one can be read below the other.
    labels = base.months(pl.concat([used[0], paid[0]]), "month")
    parts = ((used, "usage", 240), (paid, "scheduled: prepayments and charges", 130))
    drawn = [
        _billed(
            *(*part, unit, so_far),
            whose=base.told(unit, whose, words if whose else words.capitalize()),
            labels=labels,
            height=height,
        )
        for part, words, height in parts
    ]
    stacked: base.Chart = alt.vconcat(*drawn, spacing=16).resolve_scale(color="independent")
    return stacked


def _billed(
    grouped: pl.DataFrame,
    notes: list[str],
    unit: str,
    so_far: str | None,
    *,
    whose: str,
    labels: list[str],
    height: int = 280,
) -> base.Chart:
    name = pl.col("credit_type_name")
    if grouped.is_empty():
        return base.nothing(base.heading(whose, notes))
    drawn = grouped.select(
        pl.col("month").dt.strftime("%Y-%m"),
        "status",
        "count",
        base.as_float("total", "value"),
        amount_text(pl.col("total"), name).alias("text"),
    )
    known, seen = dict(_STATUS.values()), drawn["status"].unique().sort().to_list()
    present = {status: color for status, color in known.items() if status in seen}
    # Whatever else there is names a status that nobody knows.
    present |= {status: base.QUIET for status in seen if status not in known}
    bars = alt.Chart(drawn).mark_bar(**base.month_bars(labels))
    stacks = bars.encode(
        x=base.month_axis("month", labels, "Issued in (UTC)", so_far=so_far),
        y=alt.Y("value:Q", stack="zero", axis=base.amount_axis(f"Invoiced ({unit})", ticks=max(3, height // 45))),
        color=base.legend("status", present),
        opacity=base.fainter(so_far),
        tooltip=base.tips({"month": "month", "status": "status", "text": "total", "count": "invoices"}),
    )
    return base.layered([stacks], base.heading(whose, notes), height=height)


_AT = pl.coalesce("issued_at", "end_timestamp")


def _first_month(frame: pl.DataFrame, months: int) -> pl.Expr:
    """The first of the last `months` months of all that is drawn; null where nothing has a date."""
    last = frame.filter(~pl.col("standing").is_in(_LEFT_OUT)).select(_AT.dt.truncate("1mo").max()).to_series()
    return pl.lit(last.dt.offset_by(f"-{months - 1}mo").first(), last.dtype)


def _by_month(frame: pl.DataFrame, months: int, first: pl.Expr) -> tuple[pl.DataFrame, list[str]]:
    """Totals by month of issue and status of the last months, and what is left out of them."""
    counts = dict(frame["standing"].value_counts().iter_rows())
    notes = [f"{count(counts[out], word)} left out." for out, word in _LEFT_OUT.items() if out in counts]
    live = frame.filter(~pl.col("standing").is_in(_LEFT_OUT)).with_columns(_AT.alias("at"))
    undated = live["at"].null_count()
    notes += [f"{count(undated, 'invoice')} without a date left out."] if undated else []
    unknown = pl.col("standing") == Standing.OTHER
    named = pl.concat_str(pl.lit(_STATUS[Standing.OTHER][0] + ": "), shortened(pl.col("status")))
    word = pl.col("standing").replace_strict({of: word for of, (word, _) in _STATUS.items()}, return_dtype=pl.String)
    status = pl.when(unknown).then(pl.coalesce(named, word)).otherwise(word)
    dated = live.filter(pl.col("at").is_not_null())
    grouped = dated.group_by(pl.col("at").dt.truncate("1mo").alias("month"), status.alias("status")).agg(
        pl.col("total").sum(), pl.col("credit_type_name").first(), pl.len().alias("count")
    )
    recent = pl.col("month") >= first
    earlier = grouped.filter(~recent)
    if earlier.height:
        amount = base.total_text(earlier, "total")
        notes.append(f"The last {months} months; {amount} were issued before.")
    return grouped.filter(recent).sort("month", "status"), notes
