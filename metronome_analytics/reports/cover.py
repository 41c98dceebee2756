"""The first sheet: whose it is, the verdict, the reconciliation in money, totals, and whether the statements tie."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.verdicts import FAIL, NOT_CHECKED
from metronome_analytics.analysis.verdict import DIFFERS, TIES_OUT, UNSURE
from metronome_analytics.reports.footing import rounded_value, word
from metronome_analytics.reports.formulas import CENTS, Amount, Block, Cell, Formula, number, rounded, ties, total
from metronome_analytics.tables.money import as_float, major
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.reports.formulas import Places
    from metronome_analytics.reports.report import Report
    from metronome_analytics.reports.statement_sheets import Page
    from metronome_analytics.reports.totals import Source

_OURS, _THEIRS, _DIFFERENCE, _REST = "per Metronome", "per the other system", "difference", "unexplained"
"""The lines of a reconciliation statement that are no item of the difference, as `Reconciliation.statement()` says."""


def head(report: Report, prepared_for: str | None, hashes: Mapping[str, str]) -> list[str]:
    """What the report is of."""
    return [
        *([f"Prepared for: {prepared_for}"] if prepared_for else []),
        f"As of {report.as_of:%Y-%m-%d %H:%M} UTC",
        *(f"{key}: {value}" for key, value in report.filters.items()),
        *(f"SHA-256 of {name}: {digest}" for name, digest in hashes.items()),
        report.headline,
    ]


def signatures() -> list[list[Cell]]:
    """Where who prepared and who reviewed sign."""
    return [[who, "_" * 40, "Date", "_" * 16] for who in ("Prepared by", "Reviewed by")]


def verdict(report: Report, checks: Source) -> list[Cell]:
    """The verdict, which follows the verdicts of the checks; what no check says (drafts, nothing to check) is given."""
    if report.verdict is None:
        return ["Verdict", "Not reconciled."]
    header = checks.sheet.headers["verdict"]
    fails, skipped = (number(checks.places, {header: text}) for text in (FAIL, NOT_CHECKED))
    otherwise = f'"{_quoted(report.verdict)}"'
    if report.verdict in (TIES_OUT, UNSURE, DIFFERS):
        otherwise = f'IF({skipped}>0,"{UNSURE}","{TIES_OUT}")'
    return ["Verdict", Formula(f'=IF({fails}>0,"{DIFFERS}",{otherwise})', report.verdict)]


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def reconciliation(statement: pl.DataFrame, checks: Source) -> list[Block]:
    """The statement in money, per currency: both sides, the difference, and the items that make it up, to nothing.

    A side that is the sum of the checks against the other system is a formula over them.
    """
    cents = as_float(major(pl.col("amount"), pl.col("credit_type_name")))
    known = statement.with_columns(cents.alias("major"))
    blocks = []
    for (unit,), rows in known.group_by("unit", maintain_order=True):
        where = {"unit": str(unit), "check": "external"}
        sides = {_OURS: checks.total("expected", **where), _THEIRS: checks.total("actual", **where)}
        blocks.append(_reconciled(str(unit), rows.select("line", "major", "rows").rows(), sides))
    return blocks


def _reconciled(unit: str, rows: Sequence[tuple[str, float, int]], sides: Mapping[str, Formula]) -> Block:
    names = [line for line, _, _ in rows]
    cells: list[list[Cell]] = []
    for place, (line, amount, number_of) in enumerate(rows):
        side = sides.get(line)
        value: Cell = side if side is not None and side.value == amount else Amount(amount, unit)
        if line == _DIFFERENCE and {_OURS, _THEIRS} <= set(names[:place]):
            value = Formula(_minus(place - names.index(_THEIRS), place - names.index(_OURS)), amount, unit)
        if line == _REST and _DIFFERENCE in names[:place]:
            value = Formula(_less_items(place - names.index(_DIFFERENCE)), amount, unit)
        cells.append([unit, line[:1].upper() + line[1:], number_of, value])
    if names[-1:] == [_REST]:
        cells.append(
            [unit, "Verdict", "", Formula(lambda row, column: "=" + ties(_cell(row - 1, column)), word(rows[-1][1]))]
        )
        cells += _rounding(unit, names, [amount for _, amount, _ in rows])
    note = "The difference is the other system less Metronome; below it stands what it is made of."
    return Block(
        f"Reconciliation with the other system: {unit}", note, ("Currency", "Line", "Invoices", "Amount"), cells
    )


def _rounding(unit: str, names: Sequence[str], amounts: Sequence[float]) -> list[list[Cell]]:
    """What the items as shown lack to the difference as shown, if anything."""
    if _DIFFERENCE not in names:
        return []
    place = names.index(_DIFFERENCE)
    items = [round(amount, CENTS) for amount in amounts[place + 1 :]]
    lacking = round(round(amounts[place], CENTS) - sum(items), CENTS) + 0.0
    if not lacking:
        return []
    first, last = len(names) - place + 1, 2

    def formula(row: int, column: int) -> str:
        area = f"{_cell(row - first + 1, column)}:{_cell(row - last, column)}"
        return f"=ROUND({_cell(row - first, column)},{CENTS})-SUMPRODUCT(ROUND({area},{CENTS}))"

    return [[unit, "Rounding of the figures shown", "", Formula(formula, lacking, unit)]]


def _minus(first: int, second: int) -> Callable[[int, int], str]:
    return lambda row, column: f"=ROUND({_cell(row - first, column)}-{_cell(row - second, column)},10)"


def _less_items(up: int) -> Callable[[int, int], str]:
    def formula(row: int, column: int) -> str:
        items = f"SUM({_cell(row - up + 1, column)}:{_cell(row - 1, column)})" if up > 1 else "0"
        return f"=ROUND({_cell(row - up, column)}-{items},10)"

    return formula


def _cell(row: int, column: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell  # noqa: PLC0415  # an extra

    cell: str = xl_rowcol_to_cell(row, column)
    return cell


def tied(pages: Mapping[str, Page], frames: Mapping[str, pl.DataFrame], balances: Source, as_of: datetime) -> Block:
    """What two sheets both say, from both, and the difference."""
    found = chain(_closings(pages, frames, balances, as_of), _months(pages, frames))
    rows: list[list[Cell]] = []
    for unit, what, left, right in found:
        off = rounded_value(float(left.value) - float(right.value))
        rows.append([unit, what, left, right, Formula(_off, off, unit), Formula(_ties, word(off))])
    return Block(
        "Ties between the statements",
        "The same figure from two sheets.",
        ("Currency", "What", "From the one", "From the other", "Difference", "Verdict"),
        rows,
    )


_Tie = tuple[str, str, Formula, Formula]


def _closings(
    pages: Mapping[str, Page], frames: Mapping[str, pl.DataFrame], balances: Source, as_of: datetime
) -> list[_Tie]:
    """The closing of the last month against the balances of the sheet, where it is the month of the sheet."""
    rolled = frames.get("roll_forward")
    last = f"{as_of - timedelta(microseconds=1):%Y-%m}"
    if rolled is None or rolled["month"].max() != last:
        return []
    kinds = rolled.filter(pl.col("month") == last).select("unit", "balance_type").unique().sort("unit", "balance_type")
    return [
        (
            str(unit),
            f"Closing of the roll-forward in {last}, balances: {kind}",
            _of_page(pages["roll_forward"], rolled, "closing", unit=unit, month=last, balance_type=kind),
            balances.total("balance", unit=unit, type=kind),
        )
        for unit, kind in kinds.rows()
    ]


def _months(pages: Mapping[str, Page], frames: Mapping[str, pl.DataFrame]) -> list[_Tie]:
    """Before and after of the flux against the net of the revenue."""
    moved, billed = frames.get("flux"), frames.get("revenue")
    if moved is None or billed is None or moved.is_empty():
        return []
    found: list[_Tie] = []
    for side in ("before", "after"):
        month = str(moved[f"{side}_month"][0])
        if month in billed["month"].to_list():
            found += [
                (
                    unit,
                    f"{side.capitalize()} of the flux, net revenue: {month}",
                    _of_page(pages["flux"], moved, side, unit=unit),
                    _of_page(pages["revenue"], billed, "net", unit=unit, month=month),
                )
                for unit in moved["unit"].unique().sort().to_list()
            ]
    return found


def _of_page(page: Page, frame: pl.DataFrame, amount: str, **where: str | None) -> Formula:
    headers = page.sheet.headers
    rows = frame.filter(pl.col(key).eq_missing(pl.lit(text, pl.String)) for key, text in where.items())
    exact = rows.select(as_float(major(pl.col(amount), pl.col("credit_type_name")).sum())).item()
    formula = total(page.places, headers[amount], {headers[key]: text for key, text in where.items()})
    return Formula(f"={formula}", exact or 0.0, where["unit"])


def _off(row: int, column: int) -> str:
    return "=" + rounded(f"{_cell(row, column - 2)}-{_cell(row, column - 1)}")


def _ties(row: int, column: int) -> str:
    return "=" + ties(_cell(row, column - 1))


def _extent(held: Places) -> str:
    rows = count(sum(place.height for place in held), "row")
    return rows if len(held) == 1 else f"{rows}, on {len(held)} sheets: one holds no more than {held[0].height:,}"


def contents(statements: Mapping[str, str], places: Mapping[str, Places]) -> Block:
    """Every other sheet, with a link to it."""
    about = {**statements, "Footing": "Lines to invoices, balances, ledger."}
    about |= {name: _extent(held) for name, held in places.items()}
    about |= {"Notes": "Units, rounding, what was selected, and what is not here."}
    rows: list[list[Cell]] = [
        [Formula(f'=HYPERLINK("#\'{name}\'!A1","{name}")', name), text] for name, text in about.items()
    ]
    return Block("Sheets", "", ("Sheet", "What it is"), rows)
