"""The Excel workbook of a report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.arguments import file_to_write
from metronome_analytics.extras import need
from metronome_analytics.reports.notes import notes
from metronome_analytics.reports.report import Report
from metronome_analytics.reports.sheets import BALANCES, CHECKS, INVOICES, LEDGER, LINES, Sheet, as_sheet
from metronome_analytics.reports.totals import SummaryTable, summary_tables
from metronome_analytics.wording import drawable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Unpack

    from metronome_analytics.reports.report import Contents

MOST_ROWS = 1_048_575
"""Rows of a sheet below its header; what is more goes on another sheet."""

_DIGITS = "#,##0.00##########"
_TIME = "yyyy-mm-dd hh:mm:ss"
_CODE = re.compile(r"[A-Z]{3}")
_WIDEST = 46


def workbook(path: str | Path, *, title: str = "Metronome report", **contents: Unpack[Contents]) -> Path:
    """Writes an Excel workbook to `path` (.xlsx) and returns the path.

    Sheets: Summary, Invoices, Line items, Balances, Ledger, Checks, Exceptions, Notes. `invoices` and `balances` are
    the frames of `account.invoices()` and `account.balances()`, `customers` gives names, `reconciliation` is what
    `reconcile()` found, `entries` are the ledger entries to show (those of `balances` unless given), `receipts` are
    `account.receipts`, and `filters` says in the notes what was selected.
    An amount is in major units with its currency beside the API's own number, and as text too where it has more than
    the 15 digits Excel keeps; nothing is rounded. The Summary's totals are live formulas, per currency and kind.
    Times are UTC. A sheet of more than 1,048,575 rows is continued on another. Raises ArgumentError for frames of
    another kind and ConfigurationError without XlsxWriter (extra `excel`).
    """
    need("excel")
    file = file_to_write("path", path, ".xlsx")
    report = Report.of(**contents)
    sheets = [
        as_sheet("Invoices", report.invoices, INVOICES),
        as_sheet("Line items", report.lines, LINES),
        as_sheet("Balances", report.balances, BALANCES),
        as_sheet("Ledger", report.ledger, LEDGER),
        as_sheet("Checks", report.checks, CHECKS),
        as_sheet("Exceptions", report.exceptions, CHECKS),
    ]
    _WorkbookWriter(file).write({sheet.name: sheet for sheet in sheets}, report, drawable(title))
    return file


class _WorkbookWriter:
    """An XlsxWriter workbook that takes texts for texts: a name that begins with `=` is no formula."""

    def __init__(self, path: Path) -> None:
        from xlsxwriter import Workbook  # noqa: PLC0415  # an extra

        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = Workbook(str(path), options)
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def write(self, sheets: Mapping[str, Sheet], report: Report, title: str) -> None:
        """Every sheet, and the file when all of them are done."""
        from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415  # an extra

        summary = self._book.add_worksheet("Summary")
        places = {name: self._data(sheet) for name, sheet in sheets.items()}
        self._summary(summary, summary_tables(report, sheets, places), report, title)
        self._notes(notes(report, sheets, places))
        try:
            self._book.close()
        except FileCreateError as error:
            raise OSError(f"The workbook could not be written: {error}.") from error

    def _data(self, sheet: Sheet) -> list[tuple[str, int]]:
        """Write the rows of a sheet; the sheets they are on, each with its number of rows."""
        pieces = [sheet.frame.slice(start, MOST_ROWS) for start in range(0, max(sheet.frame.height, 1), MOST_ROWS)]
        places = []
        for number, piece in enumerate(pieces, start=1):
            name = sheet.name if number == 1 else f"{sheet.name} ({number})"
            places.append((name, piece.height))
            self._piece(name, piece, sheet)
        return places

    def _piece(self, name: str, frame: pl.DataFrame, of: Sheet) -> None:
        units = frame[of.headers["unit"]].unique(maintain_order=True).to_list()
        only = units[0] if len(units) == 1 else None
        frame.write_excel(
            self._book,
            name,
            table_style="Table Style Light 1",
            column_formats={
                **dict.fromkeys(of.amounts, amount_format(only)),
                **dict.fromkeys(of.raw, f"{_DIGITS};[Red]-{_DIGITS}"),
                **dict.fromkeys(of.shares, "0.0%"),
            },
            dtype_formats={
                pl.Datetime: _TIME,
                pl.Float64: "#,##0.##########;[Red]-#,##0.##########",
                pl.Int64: "#,##0",
            },
            header_format={"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
            column_widths=_widths(frame),
            freeze_panes=(1, 1),
        )
        sheet = self._book.get_worksheet_by_name(name)
        sheet.set_landscape()
        sheet.repeat_rows(0)
        if len(units) > 1:
            self._each_in_its_unit(sheet, frame, of)

    def _each_in_its_unit(self, sheet: Any, frame: pl.DataFrame, of: Sheet) -> None:
        """A number format belongs to a column; amounts of several currencies in one need it cell by cell."""
        units = frame[of.headers["unit"]].to_list()
        formats = {unit: self._format(num_format=amount_format(unit)) for unit in set(units)}
        for title in of.amounts:
            column = frame.get_column_index(title)
            for row, (value, unit) in enumerate(zip(frame[title].to_list(), units, strict=True), start=1):
                if value is not None:
                    sheet.write_number(row, column, value, formats[unit])

    def _summary(self, sheet: Any, tables: list[SummaryTable], report: Report, title: str) -> None:
        bold, quiet = self._format(bold=True), self._format(font_color="#59636E")
        sheet.write_string(0, 0, title, self._format(bold=True, font_size=14))
        lines = [
            f"As of {report.as_of:%Y-%m-%d %H:%M} UTC",
            *(f"{key}: {value}" for key, value in report.filters.items()),
        ]
        lines.append(report.headline)
        for row, line in enumerate(lines, start=1):
            sheet.write_string(row, 0, line, quiet)
        row = len(lines) + 2
        for table in tables:
            sheet.write_string(row, 0, table.title, bold)
            sheet.write_string(row + 1, 0, table.note, quiet)
            for column, text in enumerate(table.headers):
                side = "left" if column < 2 else "right"
                sheet.write_string(row + 2, column, text, self._format(bold=True, bottom=1, align=side))
            row += 3
            for cells in table.rows:
                for column, cell in enumerate(cells):
                    self._cell(sheet, row, column, cell)
                row += 1
            if not table.rows:
                sheet.write_string(row, 0, "none", quiet)
                row += 1
            row += 1
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 50)
        sheet.set_column(2, 9, 22)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)

    def _cell(self, sheet: Any, row: int, column: int, cell: Any) -> None:
        if isinstance(cell, str):
            sheet.write_string(row, column, cell)
            return
        number = "#,##0" if cell.unit is None else amount_format(cell.unit, "#,##0.00")
        sheet.write_formula(row, column, cell.formula, self._format(num_format=number), cell.value)

    def _notes(self, rows: list[tuple[str, str]]) -> None:
        sheet = self._book.add_worksheet("Notes")
        wrapped = self._format(text_wrap=True, valign="top")
        for row, (topic, text) in enumerate(rows):
            sheet.write_string(row, 0, topic, self._format(bold=True, valign="top"))
            sheet.write_string(row, 1, text, wrapped)
            sheet.set_row(row, 15 * (1 + len(text) // 110))  # LibreOffice does not grow a row for wrapped text
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 120)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)

    def _format(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(properties)
        return self._formats[key]


def amount_format(unit: str | None, digits: str = _DIGITS) -> str:
    """How an amount looks: its currency's code before it, every digit that is there, red when negative."""
    code = f"[${unit}] " if unit is not None and _CODE.fullmatch(unit) else ""
    return f"{code}{digits};[Red]-{code}{digits}"


def _widths(frame: pl.DataFrame) -> dict[Any, int]:
    """Pixels for what the first rows hold; long ids and texts are cut by the cell, not in it."""
    head = frame.head(500)
    widths: dict[Any, int] = {}
    for name, dtype in head.schema.items():
        if dtype == pl.String:
            longest = int(head[name].str.len_chars().max() or 0)  # type: ignore[arg-type]  # a count
        else:
            longest = {pl.Datetime: 19, pl.Float64: 18}.get(dtype.base_type(), 8)
        widths[name] = 7 * max(7, min(_WIDEST, max(longest, min(len(name), 14)) + 2)) + 5
    return widths
