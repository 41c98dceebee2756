"""The Excel workbook of a report: a workpaper that opens with money, and computes what it says."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from metronome_analytics.analysis.frames import checked
from metronome_analytics.arguments import file_to_write
from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import need
from metronome_analytics.reports import cover, findings, footing, totals
from metronome_analytics.reports.grid import ROW, WIDE, Grid, places_of
from metronome_analytics.reports.notes import made_by, notes
from metronome_analytics.reports.report import Report
from metronome_analytics.reports.sheets import BALANCES, INVOICES, LEDGER, LINES, RECEIPTS, as_sheet
from metronome_analytics.reports.statement_sheets import STATEMENTS, by_unit, page
from metronome_analytics.reports.totals import Source
from metronome_analytics.wording import drawable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Unpack

    import polars as pl

    from metronome_analytics.reports.formulas import Block, Place, Places
    from metronome_analytics.reports.report import Contents
    from metronome_analytics.reports.sheets import Sheet
    from metronome_analytics.reports.statement_sheets import Page

_ID = {"Lines": "invoice_id", "Ledger": "balance_id"}
"""By what exceptions find rows of a sheet, where it is not their own id."""
_SHORT = 12
"""Characters of a hash in the header of a page; the Summary has all of it."""


def workbook(
    path: str | Path,
    *,
    title: str = "Metronome report",
    prepared_for: str | None = None,
    files: Iterable[str | Path] = (),
    **contents: Unpack[Contents],
) -> Path:
    """Writes an Excel workbook to `path` (.xlsx) and returns the path.

    Sheets: Summary (verdict, the reconciliation in money, totals, ties, what each check proves), a sheet per statement
    given, Footing, Exceptions (what failed, then warnings, with links to their rows), Checks, Invoices, Lines,
    Balances, Ledger, Receipts, Notes. Each holds a table of its name (`Invoices`, `RollForward`). `statements` has by
    name what the functions of `ma` give: `roll_forward`, `deferred_revenue`, `revenue`, `flux`, `accrual`, `aging`,
    `corrections_register`, `journal_entries`, and as `reconciliation` that of `Reconciliation.statement()`. `invoices`
    and `balances` are the frames of `account.invoices()` and `account.balances()`, `customers` gives names,
    `reconciliation` is what `reconcile()` found, `entries` are the ledger entries to show (those of `balances` unless
    given), `receipts` are `account.receipts`, and `filters` says what was selected. `prepared_for` and the SHA-256 of
    `files` (an export that was compared with) are in the header.

    An amount is in major units, with the API's own number further right in sheets of what was loaded: two decimals are
    shown, the cell holds all of them, as text too where there are more than the 15 digits Excel keeps. Totals,
    differences and verdicts are live formulas, per currency and kind; where a column of shown figures would not foot,
    a rounding line says by how much. Times are UTC. A sheet of more than 1,048,575 rows is continued on another. Rows
    are written as they come: the workbook takes no memory beyond the frames. Raises ArgumentError for frames of another
    kind or a file that cannot be read, and ConfigurationError without XlsxWriter (extra `excel`).

    >>> invoices, balances = account.invoices(month="2026-10"), account.balances()
    >>> ma.reports.workbook("october.xlsx", invoices=invoices, balances=balances, as_of=account.now).name
    'october.xlsx'
    """
    need("excel")
    file = file_to_write("path", path, ".xlsx")
    hashes = _hashes(files)
    report = Report.of(**contents)
    frames = dict(report.statements)
    money = frames.pop("reconciliation", None)
    if money is not None:
        checked(money, "statements['reconciliation']", "line", "amount", "rows")
    _Workpaper(report, frames, money).write(file, drawable(title), prepared_for, hashes)
    return file


def _hashes(files: Iterable[str | Path]) -> dict[str, str]:
    """The SHA-256 of each file, by its name."""
    found = {}
    for file in map(Path, files):
        try:
            with file.open("rb") as read:
                found[drawable(file.name)] = file_digest(read, "sha256").hexdigest()
        except OSError as error:
            raise ArgumentError(f"files has {str(file)!r}, which cannot be read: {error}.") from error
    return found


class _Workpaper:
    """The sheets of a report, their rows and where they go, and what is added up from them."""

    def __init__(self, report: Report, frames: Mapping[str, pl.DataFrame], statement: pl.DataFrame | None) -> None:
        self._report, self._statement = report, statement
        bills = footing.adjusted(report.invoices)
        rows = {
            "Checks": report.checks,
            "Invoices": bills,
            "Lines": footing.in_the_total(report.lines, bills),
            "Balances": report.balances,
            "Ledger": report.ledger,
        }
        firsts = {"Invoices": (*INVOICES[:6], "adjustments", *INVOICES[6:]), "Lines": LINES, "Balances": BALANCES}
        firsts["Ledger"] = LEDGER
        self._sheets = {"Checks": findings.checks(rows["Checks"])}
        self._sheets |= {name: as_sheet(name, rows[name], first) for name, first in firsts.items()}
        places = {name: places_of(sheet) for name, sheet in self._sheets.items()}
        ids = {name: rows[name][_ID.get(name, "id")] for name in firsts}
        exceptions = findings.exceptions(report.checks, places, ids)
        self._sheets = {"Exceptions": exceptions} | self._sheets
        if report.receipts is not None:
            self._sheets["Receipts"] = as_sheet("Receipts", report.receipts, RECEIPTS)
        self._places = {name: places.get(name) or places_of(sheet) for name, sheet in self._sheets.items()}
        self._sources = {name: Source(rows[name], self._sheets[name], self._places[name]) for name in rows}
        self._frames = {name: by_unit(frames[name]) for name in STATEMENTS if name in frames}
        self._pages = {name: page(STATEMENTS[name], frame) for name, frame in self._frames.items()}

    def write(self, file: Path, title: str, prepared_for: str | None, hashes: Mapping[str, str]) -> None:
        """Every sheet, from the first to the last, and the file when all of them are done."""
        report = self._report
        sums = ", ".join(f"{name} {digest[:_SHORT]}" for name, digest in hashes.items())
        left = f"{title}\nSHA-256: {sums}" if sums else title
        self._grid = Grid(file, left=left, right=f"As of {report.as_of:%Y-%m-%d %H:%M} UTC", foot=" ".join(made_by()))
        self._summary(title, cover.head(report, prepared_for and drawable(prepared_for), hashes))
        for found in self._pages.values():
            self._page(found)
        self._footing()
        for name, sheet in self._sheets.items():
            self._data(sheet, self._places[name])
        self._notes([*notes(report, self._sheets, self._places), *self._long()])
        self._grid.close()

    def _long(self) -> list[tuple[str, str]]:
        """The totals with more digits than a cell, in full."""
        bills, held = self._sources["Invoices"], self._sources["Balances"]
        return [*bills.long(("unit", "counts_as"), "total"), *held.long(("unit", "type"), "balance")]

    def _summary(self, title: str, lines: list[str]) -> None:
        grid, sources = self._grid, self._sources
        sheet = grid.sheet("Summary")
        for column, width in enumerate((22, WIDE)):
            sheet.set_column(column, column, width)
        sheet.set_column(2, 9, 20)
        row = grid.lines(sheet, 0, [("title", title), *(("quiet", line) for line in lines)])
        grid.cells(sheet, row, cover.verdict(self._report, sources["Checks"]), bold=True, align="left")
        for number, cells in enumerate(cover.signatures(), start=row + 1):
            grid.cells(sheet, number, cells)
        row += 4
        for block in self._blocks():
            row = grid.block(sheet, row, block)

    def _blocks(self) -> list[Block]:
        sources = self._sources
        return [
            *([] if self._statement is None else cover.reconciliation(self._statement, sources["Checks"])),
            totals.invoices(sources["Invoices"]),
            totals.balances(sources["Balances"]),
            *([cover.tied(self._pages, self._frames, sources["Balances"], self._report.as_of)] if self._frames else []),
            totals.checks(sources["Checks"]),
            cover.contents({found.of.name: found.of.note for found in self._pages.values()}, self._places),
        ]

    def _page(self, found: Page) -> None:
        """A statement: what it is, its table, and totals below the last row."""
        of, row = found.sheet, 0
        for place, piece in _pieces(of, found.places):
            sheet = self._grid.sheet(place.sheet)
            self._grid.lines(sheet, 0, [("title", found.of.name), ("quiet", found.of.note)])
            self._grid.table(sheet, piece, of, place, below=len(found.totals) + 1)
            row = place.head + max(place.height, 1) + 1
        for number, cells in enumerate(found.totals, start=row):
            self._grid.cells(sheet, number, cells, bold=True)

    def _data(self, of: Sheet, places: Places) -> None:
        """The rows of a sheet, on as many as they need."""
        for place, piece in _pieces(of, places):
            sheet = self._grid.sheet(place.sheet)
            self._grid.table(sheet, piece, of, place)

    def _footing(self) -> None:
        sources = self._sources
        sheet = self._grid.sheet("Footing")
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 1, 44)
        sheet.set_column(2, 4, 20)
        row = self._grid.lines(sheet, 0, [("title", "Footing"), ("quiet", "What adds up to what.")]) + 1
        lines = footing.lines(sources["Invoices"], sources["Lines"])
        held = footing.balances(sources["Balances"])
        for block in (*lines, footing.other_units(sources["Lines"]), *held, totals.ledger(sources["Ledger"])):
            row = self._grid.block(sheet, row, block)

    def _notes(self, rows: list[tuple[str, str]]) -> None:
        grid = self._grid
        sheet = grid.sheet("Notes")
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 120)
        for row, (topic, text) in enumerate(rows):
            sheet.set_row(row, ROW * (1 + len(text) // 110))
            sheet.write_string(row, 0, topic, grid.format(bold=True, valign="top"))
            sheet.write_string(row, 1, text, grid.format(text_wrap=True, valign="top"))


def _pieces(of: Sheet, places: Places) -> Iterator[tuple[Place, pl.DataFrame]]:
    """The rows of a sheet by where they go."""
    start = 0
    for place in places:
        yield place, of.frame.slice(start, place.height)
        start += place.height
