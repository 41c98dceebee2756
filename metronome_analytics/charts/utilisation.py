"""Charts of utilisation: how much of each balance is used, and what will expire unused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.charts import base, fitting
from metronome_analytics.charts.labels import SEPARATOR, balance_labels, customer_names, only_customer
from metronome_analytics.tables.money import amount_text, rounded_text
from metronome_analytics.wording import count, time_text

if TYPE_CHECKING:
    from metronome_analytics.analysis.frames import Given

_NAMES = (
    *("customer_id", "balance_id", "segment_id", "contract_id", "product_id", "product_name", "balance_name"),
    "credit_type_name",
)
_SHARES = (
    *("granted", "used", "remaining", "at_risk", "utilisation", "elapsed", "starting_at", "ending_before", "days_left"),
)
_AT_RISK = "in step, some at risk"
_VERDICTS = {
    "ahead of time": base.NOTICE,
    "in step": base.GOOD,
    _AT_RISK: base.PALETTE[4],
    "behind time": base.BAD,
    "access over": base.QUIET,
    "no date": base.PALETTE[4],
}
_TIPS = {
    "balance_name": "balance",
    "customer": "customer",
    "granted_text": "granted",
    "used_text": "used",
    "remaining_text": "remaining",
    "at_risk_text": "at risk",
    "ends": "access ends",
    "verdict": "pace",
}
_STEP = 0.1
"""Share used and share of time this close are in step."""
_ROW = 24
"""Pixels of height for each balance."""


def utilisation(
    utilised: Given,
    *,
    customers: Given | None = None,
    top: int = 20,
    title: str = "Utilisation",
    theme: base.Theme = "page",
) -> base.Chart:
    """Is what was granted used in step with time? A bar per balance of the share used, most at risk first.

    `utilised` is the frame of `utilisation()` by balance or any other group; the tick is the share of time gone,
    and beside each bar stands what was used of what was granted. A bar is red when use is behind time, so that
    something will expire; amber when it is ahead and may run out; green only when nothing is at risk. The `top`
    rows with most at risk (then with most remaining) are drawn and the panel says what is left out; each credit
    type has a panel. Raises ArgumentError for another frame.

    >>> used = ma.utilisation(account.balances(), as_of=account.now)
    >>> chart = ma.charts.utilisation(used, customers=account.customers())
    """
    frame = base.collected(utilised, "utilised", *_NAMES, *_SHARES, source="utilisation()")
    return base.panels(
        _named(customer_names(frame, customers)),
        lambda part, unit: _shares(part, unit, top=top),
        title=title,
        theme=theme,
    )


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows under one name and id each, whatever they are grouped by."""
    contract = pl.lit("contract ") + pl.col("contract_id").str.head(8)
    name = pl.coalesce("balance_name", "balance_id", "product_name", contract, "customer")
    since = pl.when(pl.col("segment_id").is_not_null()).then(
        pl.concat_str(pl.lit(" from "), pl.col("starting_at").dt.strftime("%Y-%m-%d"))
    )
    parts = ("segment_id", "balance_id", "contract_id", "product_id", "customer_id")
    return frame.with_columns(
        pl.concat_str(name, since.fill_null("")).alias("balance_name"),
        pl.concat_str(parts, separator=" ", ignore_nulls=True).alias("balance_id"),
    )


def _shares(frame: pl.DataFrame, unit: str, *, top: int) -> base.Chart:
    name = pl.col("credit_type_name")
    ranked = frame.with_columns(pl.col("at_risk").fill_null(0).alias("risk")).sort(
        "risk", "remaining", descending=True, nulls_last=True, maintain_order=True
    )
    kept, rest = ranked.head(top), ranked.slice(top)
    amount = base.total_text(rest, "risk") if rest.height else ""
    total = count(ranked.height, "row")
    notes = [f"The {kept.height} most at risk of {total}; the others have {amount} at risk."] if rest.height else []
    shown = balance_labels(kept).select(
        *("balance", "balance_name", "customer", "utilisation", "elapsed", "days_left"),
        pl.col("utilisation").clip(0, 1.5).fill_null(0).alias("drawn"),
        pl.max_horizontal(pl.col("utilisation").clip(0, 1.5), "elapsed").fill_null(0).alias("beside"),
        _verdict().alias("verdict"),
        _colour().alias("colour"),
        pl.format(
            "{} of {}",
            rounded_text(pl.col("used"), name),
            base.figure("granted"),
        ).alias("money"),
        *(base.as_float(each, each) for each in ("used", "granted")),
        *(
            amount_text(pl.col(each), name).alias(f"{each}_text")
            for each in ("granted", "used", "remaining", "at_risk")
        ),
        time_text(pl.col("ending_before")).alias("ends"),
    )
    percent = [
        alt.Tooltip("utilisation:Q", format=".1%", title="used"),
        alt.Tooltip("elapsed:Q", format=".1%", title="time gone"),
    ]
    order = shown["balance"].to_list()
    present = {colour: color for colour, color in _VERDICTS.items() if colour in shown["colour"].to_list()}
    widest: float = shown["beside"].max() or 1.0  # type: ignore[assignment]  # a column of floats
    beside = fitting.bars_beside(shown["money"].to_list(), "1.23M of 1.23M")
    scale = alt.Scale(domain=[0, max(widest, 0.2)], nice=False, **beside)
    rows = alt.Chart(shown).encode(
        y=alt.Y("balance:N", sort=order, title=None, axis=fitting.names_axis(order, parts=SEPARATOR)),
        tooltip=[*base.tips(_TIPS), *percent],
    )
    bars = rows.mark_bar(height={"band": 0.62}).encode(
        x=alt.X(
            "drawn:Q",
            scale=scale,
            axis=alt.Axis(format="%", title=f"Share used of what was granted ({unit})", tickCount=5),
        ),
        color=base.legend("colour", present, order),
    )
    gone = rows.transform_filter("datum.elapsed != null").mark_tick(style=base.INK, thickness=2, size=0.9 * _ROW)
    notes.append("The tick is the share of time gone by.")
    short = f"{base.about('used')} + ' of ' + {base.about('granted')}"
    said = rows.transform_calculate("said", f"{fitting.IS_NARROW} ? {short} : datum.money")
    words = said.mark_text(align="left", dx=6, fontSize=11, style=base.INK).encode(x="beside:Q", text="said:N")
    heading = base.heading(base.told(unit, only_customer(kept)), notes)
    return base.layered([bars, gone.encode(x="elapsed:Q"), words], heading, height=max(60, _ROW * len(order)))


def _colour() -> pl.Expr:
    """The verdict, and whether something will expire all the same: what is at risk is not painted as good."""
    verdict = _verdict()
    return pl.when((verdict == "in step") & (pl.col("at_risk") > 0)).then(pl.lit(_AT_RISK)).otherwise(verdict)


def _verdict() -> pl.Expr:
    used, gone = pl.col("utilisation").fill_null(0), pl.col("elapsed")
    return (
        pl.when(gone.is_null())
        .then(pl.lit("no date"))
        .when(gone >= 1)
        .then(pl.lit("access over"))
        .when(used > gone + _STEP)
        .then(pl.lit("ahead of time"))
        .when(used < gone - _STEP)
        .then(pl.lit("behind time"))
        .otherwise(pl.lit("in step"))
    )


def breakage(
    utilised: Given, *, months: int = 24, title: str = "Breakage at risk", theme: base.Theme = "page"
) -> base.Chart:
    """What expires unused, and when? What is at risk at the present pace, by the month in which access ends.

    `utilised` is the frame of `utilisation()`, best by segment, as each segment has its own end. Bars are in major
    units, one panel per credit type; at most `months` months, the first ones, are drawn and the panel says what comes
    after. Raises ArgumentError for another frame.

    >>> used = ma.utilisation(account.balances(), as_of=account.now, by="segment")
    >>> chart = ma.charts.breakage(used)
    """
    frame = base.collected(utilised, "utilised", "credit_type_name", "ending_before", "at_risk", source="utilisation()")
    risky = frame.filter((pl.col("at_risk") > 0) & pl.col("ending_before").is_not_null())
    return base.panels(risky, lambda part, unit: _breakage(part, unit, months), title=title, theme=theme)


def _breakage(frame: pl.DataFrame, unit: str, months: int) -> base.Chart:
    name = pl.col("credit_type_name")
    grouped = (
        # Access that ends at the first instant of a month ends with the month before.
        frame.group_by(pl.col("ending_before").dt.offset_by("-1us").dt.truncate("1mo").alias("month"))
        .agg(pl.col("at_risk").sum(), name.first(), pl.len().alias("segments"))
        .sort("month")
    )
    kept, rest = grouped.head(months), grouped.slice(months)
    notes = []
    if rest.height:
        amount = base.total_text(rest, "at_risk")
        notes.append(f"The first {kept.height} months; {amount} expire later.")
    shown = kept.select(
        pl.col("month").dt.strftime("%Y-%m").alias("month"),
        base.as_float("at_risk", "amount"),
        amount_text(pl.col("at_risk"), name).alias("text"),
        "segments",
    )
    labels = base.months(kept, "month")
    bars = (
        alt.Chart(shown)
        .mark_bar(color=base.BAD, **base.month_bars(labels))
        .encode(
            x=base.month_axis("month", labels, "Access ends in (UTC)"),
            y=alt.Y("amount:Q", axis=base.amount_axis(f"Expires unused ({unit})")),
            tooltip=base.tips({"month": "month", "text": "at risk", "segments": "balances or segments"}),
        )
    )
    return base.layered([bars], base.heading(f"In {unit}", notes), height=220)
