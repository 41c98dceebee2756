"""The Summary's totals: live formulas over the other sheets, one currency and one kind a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.verdicts import WORDS
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.tables.money import as_float, major

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metronome_analytics.reports.report import Report
    from metronome_analytics.reports.sheets import Sheet

Places = list[tuple[str, int]]


@dataclass(frozen=True)
class Formula:
    """A formula and what it gives; an amount has a unit, a count has none."""

    formula: str
    value: float
    unit: str | None = None


@dataclass(frozen=True)
class SummaryTable:
    """One table of the Summary."""

    title: str
    note: str
    headers: tuple[str, ...]
    rows: list[list[str | Formula]]


def summary_tables(report: Report, sheets: Mapping[str, Sheet], places: Mapping[str, Places]) -> list[SummaryTable]:
    """What adds up: rows of one currency and one kind. Rows of different kinds are never added."""
    invoices = _Source(report.invoices, sheets["Invoices"], places["Invoices"])
    lines = _Source(report.lines, sheets["Line items"], places["Line items"])
    balances = _Source(report.balances, sheets["Balances"], places["Balances"])
    ledger = _Source(report.ledger, sheets["Ledger"], places["Ledger"])
    return [
        SummaryTable(
            "Invoices",
            f"Only {Standing.INVOICED} was asked for; kinds do not add up to anything.",
            ("Currency", "Counts as", "Invoices", "Total"),
            invoices.rows(("unit", "counts_as"), ("total",), tuple(Standing)),
        ),
        SummaryTable(
            "Lines of what was invoiced",
            "Covered usage is there twice, as usage and as what was applied. Lines in a custom unit are in no total.",
            ("Currency", "Line type", "Lines", "Total"),
            lines.rows(("unit", "type", "counts_as"), ("total",), only=("counts_as", Standing.INVOICED)),
        ),
        SummaryTable(
            "Balances",
            "Balance is what can be used now. What is left of a POSTPAID commit is billed as a true-up: no money left.",
            ("Currency", "Type", "Balances", "Balance", "Granted", "Used", "At risk"),
            balances.rows(("unit", "type"), ("balance", "granted", "used", "at_risk")),
        ),
        SummaryTable(
            "Ledger",
            "Only deductions are usage; expirations and rollovers are negative too.",
            ("Currency", "Entry", "Entries", "Amount"),
            ledger.rows(("unit", "type"), ("amount",)),
        ),
        _checks(report, sheets["Checks"], places["Checks"]),
    ]


def _checks(report: Report, sheet: Sheet, places: Places) -> SummaryTable:
    frame = report.checks.with_columns(pl.col("unit").fill_null(""))
    order = frame.select("check", "unit").unique(maintain_order=True).rows()
    counted = {(check, unit, verdict): count for check, unit, verdict, count in _counts(frame)}
    rows: list[list[str | Formula]] = []
    for check, unit in order:
        row: list[str | Formula] = [check, unit]
        for verdict in WORDS:
            where = {"check": check, "unit": unit, "verdict": verdict}
            row.append(Formula(_formula(sheet, places, where), counted.get((check, unit, verdict), 0)))
        rows.append(row)
    return SummaryTable(
        "Checks",
        "A warning ties out, but somebody should look. See Exceptions for what failed.",
        ("Check", "Currency", *(word.capitalize() for word in WORDS.values())),
        rows,
    )


def _counts(frame: pl.DataFrame) -> list[tuple[str, str, str, int]]:
    return frame.group_by("check", "unit", "verdict").len().rows()


@dataclass(frozen=True)
class _Source:
    """The rows that are added up: as exact amounts, and as the sheets that hold them."""

    frame: pl.DataFrame
    sheet: Sheet
    places: Places

    def rows(
        self,
        keys: tuple[str, ...],
        amounts: tuple[str, ...],
        order: Sequence[str] = (),
        only: tuple[str, str] | None = None,
    ) -> list[list[str | Formula]]:
        """One row per combination of `keys`: the first two of them, a count, and the sum of each of `amounts`."""
        rows = self.frame if only is None else self.frame.filter(pl.col(only[0]) == only[1])
        grouped = (
            rows.group_by(keys)
            .agg(
                pl.len(),
                *(major(pl.col(amount), pl.col("credit_type_name")).sum() for amount in amounts),
            )
            .with_columns(as_float(pl.col(amount)) for amount in amounts)
            .sort(keys, nulls_last=True)
        )
        made = []
        for found in grouped.iter_rows(named=True):
            where = {key: found[key] for key in keys}
            unit = str(found["unit"])
            cells = [
                Formula(_formula(self.sheet, self.places, where, amount), found[amount], unit) for amount in amounts
            ]
            labels = [found[key] or "(none)" for key in keys[:2]]
            made.append([*labels, Formula(_formula(self.sheet, self.places, where), found["len"]), *cells])
        place = {kind: index for index, kind in enumerate(order)}
        return sorted(made, key=lambda row: (str(row[0]), place.get(str(row[1]), len(place))))


def _formula(sheet: Sheet, places: Places, where: Mapping[str, str | None], amount: str | None = None) -> str:
    """SUMIFS (or COUNTIFS) over the sheets that hold the rows."""
    terms = []
    for name, height in places:
        criteria = ",".join(f"{_range(sheet, name, height, key)},{_criterion(text)}" for key, text in where.items())
        if amount is None:
            terms.append(f"COUNTIFS({criteria})")
        else:
            terms.append(f"SUMIFS({_range(sheet, name, height, amount)},{criteria})")
    return "=" + "+".join(terms)


def _range(sheet: Sheet, name: str, height: int, column: str) -> str:
    from xlsxwriter.utility import xl_range_abs  # noqa: PLC0415  # an extra

    place = sheet.frame.get_column_index(sheet.headers[column])
    return f"'{name}'!{xl_range_abs(1, place, max(height, 1), place)}"


def _criterion(text: str | None) -> str:
    """What a cell must be equal to; wildcards in names are none here."""
    if not text:
        return '"="'
    plain = text.replace("~", "~~").replace("*", "~*").replace("?", "~?").replace('"', '""')
    return f'"={plain}"'
