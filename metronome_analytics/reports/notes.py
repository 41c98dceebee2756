"""What a reader must know about a report: what was selected, when, how, and what is not in it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.reports.formulas import Places
    from metronome_analytics.reports.report import Report
    from metronome_analytics.reports.sheets import Sheet

ROUNDING = (
    "Nothing is rounded. Amounts are computed as decimals; where something must be divided (at risk, shares) ten "
    "places are kept, half to even. Where totals show two places, the value behind them has them all."
)
UNITS = (
    "Amounts are in major units. The API keeps USD in cents, other currencies in whole units and custom pricing units "
    "in units; only a credit type whose name says (cents) is divided by 100."
)
COUNTED = (
    "invoiced: final invoices. draft: not sent yet. draft true-up: owed only if nothing more of the commit is used. "
    "void: keeps its total, owes nothing. consolidated twin: repeats other invoices. Kinds are never added up."
)


API_UNIT = (
    "The number as the API sent it, further right. Where it has more digits than the 15 Excel keeps, it is text too."
)
FORMULAS = (
    "Totals, differences and verdicts are formulas over the named tables; they follow what is changed or added there. "
    "Excel adds in 15 digits, so a difference counts from 0.000001 on. Where a column of figures with two decimals "
    "would not foot, a line called Rounding says what it lacks. Totals of more than 15 digits stand below in full."
)


def notes(report: Report, sheets: Mapping[str, Sheet], places: Mapping[str, Places]) -> list[tuple[str, str]]:
    """Topic and text of each line of the Notes sheet."""
    rows = [
        ("As of", f"{report.as_of:%Y-%m-%d %H:%M:%S} UTC"),
        *((f"Filter: {name}", str(value)) for name, value in report.filters.items()),
        made_by(),
        ("Units", UNITS),
        ("API unit", API_UNIT),
        ("Rounding", ROUNDING),
        ("Times", "UTC. A period holds its first instant and ends just before its last."),
        ("What an invoice counts as", COUNTED),
        ("Red", "Negative amounts."),
        ("Formulas", FORMULAS),
        ("Prints", "What comes first on a sheet, as far as it can be read on a page; the sheet has all columns."),
        ("Checks", _checks(report)),
    ]
    rows += [
        (f"Not on {name}", text[0].upper() + text[1:] + ".")
        for name, sheet in sheets.items()
        for text in sheet.left_out
    ]
    rows += [
        (f"Rows of {name}", ", ".join(f"{place.height:,} on {place.sheet}" for place in held))
        for name, held in places.items()
    ]
    return rows if report.receipts is not None else rows + receipt_lines(report)


def made_by() -> tuple[str, str]:
    """The program and its version."""
    return "Made by", f"metronome-analytics {version('metronome-analytics')}"


def _checks(report: Report) -> str:
    if not report.reconciled:
        return "No reconciliation was given: Checks and Exceptions are empty."
    return "Difference is actual less expected; a difference of the tolerance or more fails."


def receipt_lines(report: Report) -> list[tuple[str, str]]:
    """One line per load: what was asked for, how much came, and whether that is all."""
    if report.receipts is None:
        return [("Receipts", "None were given.")]
    loads = report.receipts.select(
        *("load_id", "endpoint", "rows", "pages", "requests", "complete", "started_at"),
        pl.col("filters").fill_null("{}"),
    )
    return [(f"Receipt {row['load_id']}", _receipt(row)) for row in loads.iter_rows(named=True)]


def _receipt(row: Mapping[str, Any]) -> str:
    whole = "complete" if row["complete"] else "NOT COMPLETE"
    size = f"{row['rows']:,} rows in {row['pages']:,} pages by {row['requests']:,} requests"
    return f"{row['endpoint']}: {size}, {whole}, at {row['started_at']:%Y-%m-%d %H:%M:%S} UTC, filters {row['filters']}"
