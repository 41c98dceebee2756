"""Totals as live formulas over the other sheets: one currency and one kind a row, never added to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.checks.verdicts import FAIL, NOT_CHECKED, WORDS
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.reports.formulas import Block, Cell, Formula, number, total
from metronome_analytics.reports.sheets import beyond_a_cell
from metronome_analytics.tables.money import as_float, major

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.reports.formulas import Places
    from metronome_analytics.reports.sheets import Sheet


@dataclass(frozen=True)
class Source:
    """The rows that are added up: as exact amounts, and as the tables that hold them."""

    frame: pl.DataFrame
    sheet: Sheet
    places: Places

    def total(self, amount: str, **where: str | None) -> Formula:
        """The sum of a column over some rows of one unit."""
        rows = self._rows(where)
        exact = rows.select(as_float(major(pl.col(amount), pl.col("credit_type_name")).sum())).item()
        return Formula(f"={self.total_of(amount, **where)}", exact or 0.0, where.get("unit"))

    def number(self, **where: str | None) -> Formula:
        """How many rows there are of some kind."""
        return Formula(f"={number(self.places, self._headers(where))}", self._rows(where).height)

    def total_of(self, amount: str, **where: str | None) -> str:
        """The formula of a total, without `=`."""
        return total(self.places, self.sheet.headers[amount], self._headers(where))

    def rows(self, keys: Sequence[str], amounts: Sequence[str], order: Sequence[str] = ()) -> list[list[Cell]]:
        """One row per combination of `keys`: they, a count, and the sum of each of `amounts`."""
        whole = self.frame.group_by(keys).agg(
            pl.len(), *(major(pl.col(amount), pl.col("credit_type_name")).sum() for amount in amounts)
        )
        whole = whole.with_columns(as_float(pl.col(amount)) for amount in amounts).sort(keys, nulls_last=True)
        made: list[list[Cell]] = []
        for found in whole.iter_rows(named=True):
            where = {key: found[key] for key in keys}
            sums = [
                Formula(f"={self.total_of(amount, **where)}", found[amount], str(found["unit"])) for amount in amounts
            ]
            count = Formula(f"={number(self.places, self._headers(where))}", found["len"])
            made.append([*(str(found[key] or "(none)") for key in keys), count, *sums])
        place = {kind: index for index, kind in enumerate(order)}
        return sorted(made, key=lambda row: (str(row[0]), place.get(str(row[1]), len(place))))

    def long(self, keys: Sequence[str], amount: str) -> list[tuple[str, str]]:
        """The totals, by `keys`, that have more digits than a cell: what they are of, and all of their digits."""
        exact = major(pl.col(amount), pl.col("credit_type_name")).sum()
        whole = self.frame.group_by(keys).agg(exact.alias("exact")).sort(keys, nulls_last=True)
        known = whole.select(*keys, beyond_a_cell(pl.col("exact")).alias("text")).drop_nulls("text")
        title = self.sheet.headers[amount]
        return [(f"{title}: {' '.join(str(each) for each in row[:-1])}", str(row[-1])) for row in known.rows()]

    def _headers(self, where: dict[str, str | None]) -> dict[str, str | None]:
        return {self.sheet.headers[key]: text for key, text in where.items()}

    def _rows(self, where: dict[str, str | None]) -> pl.DataFrame:
        return self.frame.filter(pl.col(key).eq_missing(pl.lit(text, pl.String)) for key, text in where.items())


def invoices(source: Source) -> Block:
    """What was invoiced, and what else there is."""
    return Block(
        "Invoices",
        f"Only {Standing.INVOICED} was asked for; kinds do not add up to anything.",
        ("Currency", "Counts as", "Invoices", "Total"),
        source.rows(("unit", "counts_as"), ("total",), tuple(Standing)),
    )


def balances(source: Source) -> Block:
    """What is left."""
    return Block(
        "Balances",
        "Balance is what can be used now. What is left of a POSTPAID commit is billed as a true-up: no money left.",
        ("Currency", "Type", "Balances", "Balance", "Granted", "Used", "At risk"),
        source.rows(("unit", "type"), ("balance", "granted", "used", "at_risk")),
    )


def ledger(source: Source) -> Block:
    """What moved balances."""
    return Block(
        "Ledger",
        "Only deductions are usage; expirations and rollovers are negative too.",
        ("Currency", "Entry", "Entries", "Amount"),
        source.rows(("unit", "type"), ("amount",)),
    )


def checks(source: Source) -> Block:
    """Each check in words, what it proves, and how many of its rows hold."""
    rows: list[list[Cell]] = []
    said: set[str] = set()
    counted = {key[:3]: key[3] for key in source.frame.group_by("check", "unit", "verdict").len().rows()}
    for check, unit in source.frame.select("check", "unit").unique(maintain_order=True).rows():
        found = [counted.get((check, unit, verdict), 0) for verdict in WORDS]
        counts = [source.number(check=check, unit=unit, verdict=verdict) for verdict in WORDS]
        title, proves = meaning(check) if check not in said else ("", "")
        said.add(check)
        rows.append([title, proves, unit or "", *counts, _holds(counts, dict(zip(WORDS, found, strict=True)))])
    words = (word.capitalize() for word in WORDS.values())
    return Block(
        "Checks",
        "A warning ties out, but somebody should look. See Exceptions for what failed and what to look at.",
        ("Check", "What it proves", "Currency", *words, "Verdict"),
        rows,
    )


def _holds(counts: list[Formula], found: dict[str, int]) -> Formula:
    """The verdict on a check: it failed, something could not be checked, or it holds."""
    failed, unchecked = (list(WORDS).index(verdict) for verdict in (FAIL, NOT_CHECKED))

    def formula(row: int, column: int) -> str:
        from xlsxwriter.utility import xl_rowcol_to_cell as cell  # noqa: PLC0415  # an extra

        first = column - len(counts)
        fails, skipped = cell(row, first + failed), cell(row, first + unchecked)
        return f'=IF({fails}>0,"fails",IF({skipped}>0,"not all checked","holds"))'

    word = "fails" if found[FAIL] else "not all checked" if found[NOT_CHECKED] else "holds"
    return Formula(formula, word)
