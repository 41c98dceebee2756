"""Charts of statements: what moved balances, what is deferred, what is unpaid for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from metronome_analytics.analysis.frames import ZERO, Given, checked
from metronome_analytics.analysis.statements.aging import BUCKETS, NO_DATE, UNKNOWN
from metronome_analytics.analysis.statements.aging import aging as unpaid
from metronome_analytics.analysis.statements.movements import MOVEMENTS
from metronome_analytics.charts import base, fitting
from metronome_analytics.tables.money import amount_text
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metronome_analytics.arguments import Instant

_MOVED = {
    "granted": base.PALETTE[2],
    "used": base.PALETTE[0],
    "expired": base.PALETTE[5],
    "rolled_over": base.PALETTE[3],
    "adjusted": base.PALETTE[1],
    "trued_up": base.PALETTE[6],
}
_DEFERRED = {
    "billed": base.PALETTE[2],
    "recognised_use": base.PALETTE[0],
    "recognised_breakage": base.PALETTE[5],
    "adjusted": base.PALETTE[1],
}
_LEAVES = ("recognised_use", "recognised_breakage")
_STATUS_UNKNOWN = "status unknown"
_ROW = 28
"""Pixels of height for each age."""
_AGES = {
    **dict(zip(BUCKETS, ("#56B4E9", "#0072B2", "#E69F00", "#D55E00", "#8F3A00", base.QUIET), strict=True)),
    _STATUS_UNKNOWN: base.QUIET,
}


def roll_forward(
    rolled: Given, *, months: int = 36, title: str = "Roll-forward of balances", theme: base.Theme = "page"
) -> base.Chart:
    """What moved balances, month by month? Bars up and down, and what they held at the end, a panel per credit type.

    `rolled` is the frame of `roll_forward()` by any keys, whose rows are added up by month. In major units; at most
    the last `months` months are drawn and the panel says so. Raises ArgumentError for another frame.

    >>> rolled = ma.roll_forward(account.balances(), account.invoices(), months=["2026-09", "2026-10"])
    >>> chart = ma.charts.roll_forward(rolled)
    """
    frame = base.collected(
        rolled, "rolled", "month", "credit_type_name", *MOVEMENTS, "closing", source="roll_forward()"
    )
    return base.panels(frame, lambda part, unit: _moved(part, unit, _MOVED, months), title=title, theme=theme)


def deferred_revenue(
    deferred: Given, *, months: int = 36, title: str = "Deferred revenue", theme: base.Theme = "page"
) -> base.Chart:
    """What is still owed as service? Billed and recognised by month as bars, and what stays deferred, by currency.

    `deferred` is the frame of `deferred_revenue()` by any keys, whose rows are added up by month. In major units; at
    most the last `months` months are drawn and the panel says so. Raises ArgumentError for another frame.

    >>> deferred = ma.deferred_revenue(account.balances(), account.invoices(), months=["2026-09", "2026-10"])
    >>> chart = ma.charts.deferred_revenue(deferred)
    """
    needed = ("month", "credit_type_name", *_DEFERRED, "closing")
    frame = base.collected(deferred, "deferred", *needed, source="deferred_revenue()")
    signed = frame.with_columns(-pl.col(_LEAVES))
    return base.panels(signed, lambda part, unit: _moved(part, unit, _DEFERRED, months), title=title, theme=theme)


def _moved(frame: pl.DataFrame, unit: str, colors: Mapping[str, str], months: int) -> base.Chart:
    """Bars of the movements and a line of what is left."""
    name = pl.col("credit_type_name")
    whole = frame.group_by("month").agg(pl.col(*colors, "closing").sum(), name.first()).sort("month")
    drawn = whole.tail(months)
    notes = [f"The last {count(months, 'month')}."] if whole.height > months else []
    moves = (
        drawn.unpivot(list(colors), index=["month", "credit_type_name"], variable_name="movement", value_name="amount")
        .filter(pl.col("amount") != ZERO)
        .select(
            "month",
            pl.col("movement").str.replace_all("_", " "),
            base.as_float("amount", "value"),
            amount_text(pl.col("amount"), name).alias("text"),
        )
    )
    left = drawn.select("month", base.as_float("closing", "value"), amount_text(pl.col("closing"), name).alias("text"))
    present = [each for each in colors if each.replace("_", " ") in moves["movement"].to_list()]
    labels = drawn["month"].to_list()
    x = base.month_axis("month", labels, "Month (UTC)")
    y = alt.Y("value:Q", stack="zero", axis=base.amount_axis(f"Moved, and left ({unit})"))
    line = (
        alt.Chart(left)
        .mark_line(point=alt.OverlayMarkDef(style=base.INK), style=base.INK)
        .encode(x=x, y=alt.Y("value:Q"), tooltip=base.tips({"month": "month", "text": "at its end"}))
    )
    notes.append("The line is what is left at the end of the month.")
    if moves.is_empty():
        return base.layered([line], base.heading(f"In {unit}", notes))
    bars = (
        alt.Chart(moves)
        .mark_bar(**base.month_bars(labels))
        .encode(
            x=x,
            y=y,
            color=base.legend("movement", {each.replace("_", " "): colors[each] for each in present}),
            tooltip=base.tips({"month": "month", "movement": "movement", "text": "amount"}),
        )
    )
    return base.layered([bars, line], base.heading(f"In {unit}", notes))


def aging(invoices: Given, *, as_of: Instant, title: str = "Unpaid invoices", theme: base.Theme = "page") -> base.Chart:
    """Who owes us, and for how long? Unpaid final invoices by days past due at `as_of`, a panel per currency.

    In major units. `invoices` is the frame of `account.invoices()`, and what is unpaid and due is as in
    `ma.aging()`. Invoices of which the billing provider tells nothing may be paid or not: they have a bar of their
    own, "status unknown", whenever they are due. Raises ArgumentError without `as_of`, or for another frame.

    >>> chart = ma.charts.aging(account.invoices(), as_of=account.now)
    """
    frame = unpaid(checked(invoices, "invoices"), as_of=as_of).collect()
    return base.panels(frame, _ages, title=title, theme=theme)


def _ages(frame: pl.DataFrame, unit: str) -> base.Chart:
    name = pl.col("credit_type_name")
    age = pl.when(pl.col("status") == UNKNOWN).then(pl.lit(_STATUS_UNKNOWN)).otherwise("bucket")
    grouped = frame.group_by(age.alias("age")).agg(pl.col("amount").sum(), name.first(), pl.len().alias("count"))
    drawn = grouped.select(
        *("age", "count", base.as_float("amount", "value")),
        amount_text(pl.col("amount"), name).alias("text"),
        base.figure("amount").alias("figure"),
    )
    ages: Sequence[str] = [each for each in _AGES if each != NO_DATE or each in drawn["age"].to_list()]
    beside = fitting.bars_beside(drawn["figure"].to_list())
    amount = base.amount_axis(f"Unpaid ({unit})", extent=0)
    rows = alt.Chart(drawn).encode(
        x=alt.X("value:Q", scale=alt.Scale(nice=False, **beside), axis=amount),
        y=alt.Y(
            "age:O",
            sort=list(ages),
            scale=alt.Scale(domain=list(ages)),
            title="Past due",
            axis=fitting.names_axis(ages),
        ),
        tooltip=base.tips({"age": "past due", "text": "unpaid", "count": "invoices"}),
    )
    scale = alt.Scale(domain=list(ages), range=[_AGES[each] for each in ages])
    bars = rows.mark_bar().encode(color=alt.Color("age:O", scale=scale, legend=None))
    words = rows.mark_text(align="left", dx=5, fontSize=11, style=base.INK).encode(text="figure:N")
    return base.layered([bars, words], base.heading(f"In {unit}", []), height=_ROW * len(ages))
