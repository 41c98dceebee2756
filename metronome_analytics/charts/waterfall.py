"""Waterfalls: how steps lead from one amount to another, and the two charts that are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import altair as alt
import polars as pl

from metronome_analytics.analysis.statements.flux import FLUX_PARTS
from metronome_analytics.charts import base, fitting
from metronome_analytics.charts.labels import LONGEST, shortened, unbroken
from metronome_analytics.tables.money import amount_text, as_float, major, major_of
from metronome_analytics.tables.vocabulary import BalanceType
from metronome_analytics.wording import count, drawable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from metronome_analytics.analysis.frames import Given

_UP, _DOWN, _TOTAL = "adds", "takes off", "amount"
_COLORS = {_TOTAL: base.PALETTE[0], _UP: base.PALETTE[1], _DOWN: base.PALETTE[2]}
_ROW = 26
"""Pixels of height for each bar."""
_MOST = 24
"""Steps of an invoice that are drawn one by one; with more, those of a kind are one."""
_BREAK = ": "
"""Between the parts of a label, of which each has a line on a narrow page."""


class _Bar(NamedTuple):
    """One bar: a total stands on zero, a change hangs between what was before it and after it."""

    label: str
    amount: Decimal
    total: bool


def flux(flux: Given, *, title: str = "Flux", theme: base.Theme = "page") -> base.Chart:
    """Why did revenue move? A bridge from one month's net to the other's by the parts of the change, per currency.

    In major units. `flux` is the frame of `ma.flux()` by whatever keys, which are added up; parts that are nothing
    everywhere are left out. Raises ArgumentError for another frame.

    >>> moved = ma.flux(account.invoices(), months=["2026-09", "2026-10"], as_of=account.now)
    >>> chart = ma.charts.flux(moved)
    """
    needed = ("credit_type_name", "before_month", "after_month", "before", "after", *FLUX_PARTS)
    frame = base.collected(flux, "flux", *needed, source="ma.flux()")
    return base.panels(frame, _bridge, title=title, theme=theme)


def explain_invoice(steps: Given, *, title: str = "Invoice explained", theme: base.Theme = "page") -> base.Chart:
    """Why is this invoice this total? A waterfall from usage at list to it, in major units, a panel per credit type.

    `steps` is the frame of `ma.explain_invoice()`; each panel says of which invoice. Steps of zero are left out; with
    more than 24, those of a kind are one bar. What a postpaid commit covered is payable: it has no bar, and the panel
    says how much it is. Raises ArgumentError for another frame.

    >>> invoices = account.invoices()
    >>> chart = ma.charts.explain_invoice(ma.explain_invoice(invoices, ma.invoiced(invoices)["id"][0]))
    """
    needed = ("invoice_id", "credit_type_name", "step_index", "step", "name", "amount", "memo", "balance_type")
    frame = base.collected(steps, "steps", *needed, source="ma.explain_invoice()").sort("step_index")
    return base.panels(frame, _explained, title=title, theme=theme)


def _bridge(frame: pl.DataFrame, unit: str) -> base.Chart:
    first, second = frame.select("before_month", "after_month").row(0)
    sums: dict[str, Decimal] = frame.select(pl.col("before", "after", *FLUX_PARTS).sum()).row(0, named=True)
    changes = [_Bar(part.replace("_", "-"), sums[part], total=False) for part in FLUX_PARTS if sums[part]]
    bars = [_Bar(first, sums["before"], total=True), *changes, _Bar(second, sums["after"], total=True)]
    return _drawn(bars, frame, base.heading(f"Net billed, {first} to {second}, in {unit}", []), unit)


def _explained(frame: pl.DataFrame, unit: str) -> base.Chart:
    notes = []
    payable = frame.filter(pl.col("balance_type") == BalanceType.POSTPAID, pl.col("memo").is_not_null())
    if payable.height:
        memo: Decimal = payable.select(-pl.col("memo").sum()).item()
        covered = _figure(_Bar("", memo, total=True), frame["credit_type_name"][0])
        notes.append(f"{unit} {covered} of it is under a postpaid commit: payable, so not taken off.")
    steps = frame.filter(pl.col("amount") != 0)
    if steps.height > _MOST:
        notes.append(f"{count(steps.height, 'step')}, added up by kind.")
        nameless = pl.lit(None, pl.String).alias("name")
        steps = steps.group_by("step", maintain_order=True).agg(pl.col("amount").sum(), nameless)
    label = pl.concat_str("step", unbroken(pl.col("name"), _BREAK), separator=_BREAK, ignore_nulls=True)
    drawn = steps.select(shortened(label, LONGEST), "amount").rows()
    bars = [_Bar(words, amount, total=False) for words, amount in drawn]
    total: Decimal = frame.select(pl.col("amount").sum()).item()
    told = base.heading(base.told(unit, f"Invoice {drawable(frame['invoice_id'][0])[:8]}"), notes)
    return _drawn([*bars, _Bar("total", total, total=True)], frame, told, unit)


def _drawn(bars: Sequence[_Bar], frame: pl.DataFrame, title: alt.TitleParams, unit: str) -> base.Chart:
    """Bars from top to bottom, each with its figure beside it."""
    rows = _placed(bars, frame["credit_type_name"][0])
    low, high = min(0.0, *rows["from"], *rows["to"]), max(0.0, *rows["from"], *rows["to"])
    order = alt.EncodingSortField("place", order="ascending")
    labels = rows["label"].to_list()
    placed = alt.Chart(rows).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=fitting.names_axis(labels, 260, parts=_BREAK)),
        tooltip=base.tips({"label": "step", "exact": "amount", "sum": "so far"}),
    )
    beside = fitting.bars_beside(rows["text"].to_list())
    scale = alt.Scale(domain=[low, high if high > low else 1.0], nice=False, **beside)
    spans = placed.mark_bar(height=_ROW * 0.6).encode(
        x=alt.X("from:Q", scale=scale, axis=base.amount_axis(unit, extent=0)),
        x2="to:Q",
        color=base.legend("kind", {kind: color for kind, color in _COLORS.items() if (rows["kind"] == kind).any()}),
    )
    figures = placed.mark_text(align="left", dx=5, fontSize=11, style=base.INK).encode(
        x=alt.X("end:Q", scale=scale), text="text:N"
    )
    return base.layered([spans, figures], title, height=_ROW * rows.height)


def _placed(bars: Sequence[_Bar], credit_type_name: str | None) -> pl.DataFrame:
    """Where each bar begins and ends, and its words."""
    name = pl.lit(credit_type_name, pl.String)
    amount, total = pl.col("amount"), pl.col("total")
    rows = pl.DataFrame(
        {
            "label": _told_apart([bar.label for bar in bars]),
            "amount": pl.Series([bar.amount for bar in bars], dtype=pl.Decimal(38, 10)),
            "total": [bar.total for bar in bars],
            "text": [_figure(bar, credit_type_name) for bar in bars],
        }
    ).with_row_index("place")
    # A total says where the steps have come to; the first may be where they begin.
    steps = pl.when(total & (pl.col("place") > 0)).then(None).otherwise(amount).cum_sum()
    after = pl.when(total).then(amount).otherwise(steps)
    before = pl.when(total).then(amount - amount).otherwise(after - amount)
    return rows.select(
        "place",
        "label",
        as_float(major(before, name)).alias("from"),
        as_float(major(after, name)).alias("to"),
        as_float(major(pl.max_horizontal(before, after), name)).alias("end"),
        "text",
        amount_text(amount, name).alias("exact"),
        amount_text(after, name).alias("sum"),
        pl.when(total).then(pl.lit(_TOTAL)).when(amount < 0).then(pl.lit(_DOWN)).otherwise(pl.lit(_UP)).alias("kind"),
    )


def _figure(bar: _Bar, credit_type_name: str | None) -> str:
    """The amount in major units to two decimals, half to even; a change has its sign."""
    amount = major_of(bar.amount, credit_type_name)
    return f"{amount:,.2f}" if bar.total else f"{amount:+,.2f}"


def _told_apart(labels: Sequence[str]) -> list[str]:
    """`labels`, with a number after one that was there before: bars of one name would be one bar."""
    seen: dict[str, int] = {}
    told = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        told.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return told
