"""How the sheets foot: lines to invoices, and what became of balances to what is left of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.invoices import adjustments
from metronome_analytics.analysis.checks.lines import counted, under_postpaid
from metronome_analytics.analysis.drawdown import draws
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.reports.formulas import Block, Cell, Formula, rounded, ties

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.reports.totals import Source

IN, POSTPAID, OTHER_UNIT = "yes", "no: postpaid drawdown", "no: in another unit"
_PLUS = ("granted", "adjusted", "overdraft")
_MINUS = ("used", "expired", "rolled_over", "trued_up", "not_started")


def in_the_total(lines: pl.DataFrame, invoices: pl.DataFrame) -> pl.DataFrame:
    """`lines` with `in_the_total`: whether a line is in its invoice's total, or why not."""
    units = invoices.select(invoice_id="id", invoice_credit_type_id="credit_type_id").unique("invoice_id")
    return (
        lines.join(units, on="invoice_id", how="left", maintain_order="left")
        .with_columns(draws("type").alias("draws"), pl.col("applied_commit_or_credit_type").alias("applied_type"))
        .with_columns(
            pl.when(counted())
            .then(pl.lit(IN))
            .when(pl.col("draws") & under_postpaid())
            .then(pl.lit(POSTPAID))
            .otherwise(pl.lit(OTHER_UNIT))
            .alias("in_the_total")
        )
        .drop("draws", "applied_type", "invoice_credit_type_id")
    )


def adjusted(invoices: pl.DataFrame) -> pl.DataFrame:
    """`invoices` with `adjustments`, what a total has beside its lines, where any has."""
    if "invoice_adjustments" not in invoices.columns:
        return invoices
    extra = invoices.with_columns(adjustments().alias("adjustments"))
    return extra if (extra["adjustments"] != 0).any() else invoices


def lines(bills: Source, items: Source) -> list[Block]:
    """For each currency and standing: its lines by type, their total, the invoices' total, and the difference.

    What was drawn under postpaid commits is a line of its own below, outside the total: that usage is payable.
    """
    pairs = bills.frame.select("unit", "counts_as").unique()
    order = pl.col("counts_as").replace_strict(list(Standing), list(range(len(Standing))), return_dtype=pl.Int64)
    return [_lines(bills, items, unit, kind) for unit, kind in pairs.sort("unit", order, nulls_last=True).rows()]


def _lines(bills: Source, items: Source, unit: str, kind: str) -> Block:
    ours = items.frame.filter(pl.col("unit") == unit, pl.col("counts_as") == kind)
    rows: list[list[Cell]] = []
    for (what,) in ours.filter(pl.col("in_the_total") == IN).select("type").unique().sort("type").rows():
        where = {"unit": unit, "counts_as": kind, "in_the_total": IN, "type": what}
        rows.append([unit, str(what or "(none)"), items.number(**where), items.total("total", **where)])
    if "adjustments" in bills.frame.columns:
        where = {"unit": unit, "counts_as": kind}
        rows.append([unit, "Adjustments of the invoice", "", bills.total("adjustments", **where)])
    parts = len(rows)
    in_invoices = bills.total("total", unit=unit, counts_as=kind)
    added = [cells[3] for cells in rows]
    summed = sum(cell.value for cell in added if isinstance(cell, Formula) and not isinstance(cell.value, str))
    off = rounded_value(float(in_invoices.value) - summed)
    rows += [
        [unit, "Total of lines", "", Formula(_above(parts), summed, unit)],
        [unit, "Invoices", bills.number(unit=unit, counts_as=kind), in_invoices],
        [unit, "Difference", "", Formula(_less, off, unit)],
        [unit, "Verdict", "", Formula(_verdict, word(off))],
    ]
    where = {"unit": unit, "counts_as": kind, "in_the_total": POSTPAID}
    if items.number(**where).value:
        label = "Postpaid applied lines (payable: not in the total)"
        rows.append([unit, label, items.number(**where), items.total("total", **where)])
    return Block(f"Lines to invoices: {kind}, {unit}", "", ("Currency", "Line type", "Lines", "Total"), rows)


def other_units(items: Source) -> Block:
    """The lines that are in no total, because they are in another unit than their invoice."""
    rows = replace(items, frame=items.frame.filter(pl.col("in_the_total") == OTHER_UNIT))
    return Block(
        "Lines in another unit than their invoice",
        "In no invoice's total: a cpu_conversion line carries them over.",
        ("Currency", "Line type", "In the total", "Lines", "Total"),
        rows.rows(("unit", "type", "in_the_total"), ("total",)),
    )


def balances(held: Source) -> list[Block]:
    """For each currency and type: what was granted and what became of it, against what the API says is left."""
    pairs = held.frame.select("unit", "type").unique().sort("unit", "type", nulls_last=True)
    return [_balances(held, unit, kind) for unit, kind in pairs.rows()]


def _balances(held: Source, unit: str, kind: str) -> Block:
    plus, minus = ([held.total(name, unit=unit, type=kind) for name in names] for names in (_PLUS, _MINUS))
    left = held.total("balance", unit=unit, type=kind)
    remaining = sum(float(cell.value) for cell in plus) - sum(float(cell.value) for cell in minus)
    off = rounded_value(float(left.value) - remaining)
    words = [*(held.sheet.headers[name] for name in _PLUS), *(f"less {held.sheet.headers[name]}" for name in _MINUS)]
    rows: list[list[Cell]] = [[unit, text, "", cell] for text, cell in zip(words, (*plus, *minus), strict=True)]
    rows += [
        [unit, "Remaining", "", Formula(_remaining, remaining, unit)],
        [unit, "Balances as the API states them", held.number(unit=unit, type=kind), left],
        [unit, "Difference", "", Formula(_less, off, unit)],
        [unit, "Verdict", "", Formula(_verdict, word(off))],
    ]
    note = "A balance without a ledger (archived) is in the number of balances alone."
    return Block(f"Balances: {kind}, {unit}", note, ("Currency", "What", "Balances", "Amount"), rows)


def rounded_value(difference: float) -> float:
    """A difference as the workbook rounds it."""
    return round(difference, 6) + 0.0


def word(difference: float) -> str:
    """The verdict on a difference."""
    return "foots" if abs(difference) < 0.000001 else "does not foot"


def _cell(row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell  # noqa: PLC0415  # an extra

    cell: str = xl_rowcol_to_cell(row, column)
    return cell


def _above(parts: int) -> Callable[[int, int], str]:
    return lambda row, column: f"=SUM({_cell(row - parts, column)}:{_cell(row - 1, column)})" if parts else "=0"


def _less(row: int, column: int) -> str:
    return "=" + rounded(f"{_cell(row - 1, column)}-{_cell(row - 2, column)}")


def _verdict(row: int, column: int) -> str:
    return "=" + ties(_cell(row - 1, column))


def _remaining(row: int, column: int) -> str:
    first, less = row - len(_PLUS) - len(_MINUS), row - len(_MINUS)
    plus, minus = (f"SUM({_cell(a, column)}:{_cell(b, column)})" for a, b in ((first, less - 1), (less, row - 1)))
    return "=" + rounded(f"{plus}-{minus}")
