"""Rows and blocks of cells on the sheets of a workbook, row by row: a million lines need no more memory than one."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.reports.formulas import Amount, Formula, Place, of_row
from metronome_analytics.reports.sheets import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from metronome_analytics.reports.formulas import Block, Cell, Places
    from metronome_analytics.reports.sheets import Sheet

MOST_ROWS = 1_048_575
"""Rows of a sheet below its header; what is more goes on another sheet."""

SHOWN = "#,##0.00"
STATED = f'{SHOWN};[Red]-{SHOWN};"-"'
"""Of a statement, whose rows say their currency once: nothing is a dash."""
ALL_DIGITS = "#,##0.00##########"
ROW = 15
"""Points of a row of text."""
WIDE = 60
"""Characters of a column for texts."""
_TIME = "yyyy-mm-dd hh:mm:ss"
_CODE = re.compile(r"[A-Z]{3}")
_WIDEST = 46
_PRINTED, _FEWEST_PRINTED = 1800, 4
"""How many pixels of columns, and at least how many columns, go on a page."""
_MOST_OF_HEADER = 250
"""Characters of a page's header; Excel takes 255."""
_QUIET = "#59636E"
_LINK = {"font_color": "#0B5CAD", "underline": 1}


def places_of(sheet: Sheet, *, head: int = 1, below: int = 0) -> Places:
    """Where the rows of `sheet` will be: `head` is the row of the header, `below` how many rows follow the last."""
    most = MOST_ROWS - (head - 1) - below
    heights = [min(most, sheet.frame.height - start) for start in range(0, max(sheet.frame.height, 1), most)]
    return [
        Place(
            sheet.name if number == 1 else f"{sheet.name} ({number})",
            sheet.table if number == 1 else f"{sheet.table}_{number}",
            height,
            head,
        )
        for number, height in enumerate(heights, start=1)
    ]


class Grid:
    """An XlsxWriter workbook that takes texts for texts: a name that begins with `=` is no formula.

    Sheets are written from top to bottom, and what is written is let go.
    """

    def __init__(self, path: Path, *, left: str, right: str, foot: str) -> None:
        from xlsxwriter import Workbook  # noqa: PLC0415  # an extra

        from metronome_analytics.reports.streamed import Streamed  # noqa: PLC0415  # as above

        options = {
            **dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False),
            "constant_memory": True,
        }
        self._book = Workbook(str(path), options)
        self._class = Streamed
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._header = _page_text(f"&L{_plain(left)}", f"&C&A&R{_plain(right)}")
        self._footer = _page_text(f"&L{_plain(foot)}", "&RPage &P of &N")

    def close(self) -> None:
        """Write the file."""
        from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415  # an extra

        try:
            self._book.close()
        except FileCreateError as error:
            raise OSError(f"The workbook could not be written: {error}.") from error

    def sheet(self, name: str) -> Any:
        """A sheet that prints on landscape pages as wide as it, numbered, with what and when it is of."""
        sheet = self._book.add_worksheet(name, self._class)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.8, bottom=0.6)
        sheet.fit_to_pages(1, 0)
        sheet.set_header(self._header)
        sheet.set_footer(self._footer)
        return sheet

    def format(self, **properties: Any) -> Any:
        """A cell format, each made once."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(properties)
        return self._formats[key]

    def table(self, sheet: Any, frame: pl.DataFrame, of: Sheet, place: Place, *, below: int = 0) -> None:
        """A named table with its header in the row of `place`, which is repeated on every page.

        `below` is how many rows beneath it belong to it.
        """
        head = place.head - 1
        widths = _widths(frame, of)
        for column, (header, width) in enumerate(widths.items()):
            sheet.set_column_pixels(column, column, width, self._column_format(header, frame, of))
        heads = [self._head(dtype, **indent) for dtype, indent in zip(frame.dtypes, _indents(frame), strict=True)]
        sheet.add_table(
            *(head, 0, head + max(place.height, 1), frame.width - 1),
            {
                "name": place.table,
                "style": "Table Style Light 1",
                "columns": [
                    {"header": name, "header_format": look} for name, look in zip(frame.columns, heads, strict=True)
                ],
            },
        )
        sheet.set_row(head, 32)
        for column, (name, look) in enumerate(zip(frame.columns, heads, strict=True)):
            sheet.write_string(head, column, name, look)
        self._rows(sheet, frame, of, place)
        sheet.freeze_panes(head + 1, 1)
        sheet.repeat_rows(head)
        # What comes first is printed, as far as it can be read on a page.
        wide = accumulate(list(widths.values())[: of.lead])
        shown = max(_FEWEST_PRINTED, sum(each <= _PRINTED for each in wide)) if of.raw else of.lead
        sheet.print_area(0, 0, head + max(place.height, 1) + below, min(shown, of.lead) - 1)

    def _head(self, dtype: pl.DataType, **indent: int) -> Any:
        """How a header looks: over numbers it ends where they do."""
        side = "right" if dtype.is_numeric() else "left"
        return self.format(bold=True, text_wrap=True, valign="top", bottom=1, align=side, **indent)

    def _rows(self, sheet: Any, frame: pl.DataFrame, of: Sheet, place: Place) -> None:
        units = frame[UNIT].to_list() if UNIT in frame.columns else [None] * frame.height
        formulas = [of.live.get(name) for name in frame.columns]
        writes = [
            (number, _writer(sheet, frame.schema[name]), of_row(formula, place.table) if formula else None)
            for number, (name, formula) in enumerate(zip(frame.columns, formulas, strict=True))
        ]
        indents = [self.format(**indent) if indent else None for indent in _indents(frame)]
        looks: dict[Any, list[Any]] = {}
        for row, (values, unit) in enumerate(zip(frame.iter_rows(), units, strict=True), start=place.head):
            if unit not in looks:
                own = (self._look(name, dtype, unit, of) for name, dtype in frame.schema.items())
                looks[unit] = [look or indent for look, indent in zip(own, indents, strict=True)]
            for (column, write, formula), value, look in zip(writes, values, looks[unit], strict=True):
                if formula is not None:
                    sheet.write_formula(row, column, formula, look, "" if value is None else value)
                elif value is not None:
                    write(row, column, value, look)

    def _look(self, name: str, dtype: pl.DataType, unit: str | None, of: Sheet) -> Any:
        """How a cell looks. A number format belongs to a column; amounts of several currencies need it by row."""
        if name in of.prices:
            return self.format(num_format=amount_format(unit, ALL_DIGITS))
        if name in of.amounts:
            return self.format(num_format=amount_format(unit) if of.raw else STATED)
        if name in of.raw:
            return self.format(num_format=f"{ALL_DIGITS};[Red]-{ALL_DIGITS}")
        if name in of.shares:
            return self.format(num_format="0.0%")
        if name in of.live and dtype == pl.String and "HYPERLINK" in of.live[name]:
            return self.format(**_LINK)
        known = {pl.Datetime: _TIME, pl.Float64: "#,##0.##########;[Red]-#,##0.##########", pl.Int64: "#,##0"}
        number = known.get(dtype.base_type())
        return None if number is None else self.format(num_format=number)

    def _column_format(self, header: str, frame: pl.DataFrame, of: Sheet) -> Any:
        """The format of a column's empty cells, where it has one for all."""
        return None if header in of.amounts else self._look(header, frame.schema[header], None, of)

    def lines(self, sheet: Any, row: int, lines: Iterable[tuple[str, str]]) -> int:
        """Lines of text, each with how it looks: title, bold, quiet or plain; the row below them."""
        looks = {
            "title": self.format(bold=True, font_size=14),
            "bold": self.format(bold=True),
            "quiet": self.format(font_color=_QUIET),
            "plain": None,
        }
        for look, text in lines:
            sheet.write_string(row, 0, text, looks[look])
            row += 1
        return row

    def block(self, sheet: Any, row: int, block: Block) -> int:
        """A block of cells; the row below it and a blank one."""
        row = self.lines(sheet, row, [("bold", block.title), *([("quiet", block.note)] if block.note else [])])
        for column, text in enumerate(block.headers):
            side = "left" if all(_is_text(cells[column]) for cells in block.rows) else "right"
            sheet.write_string(row, column, text, self.format(bold=True, bottom=1, align=side, text_wrap=True))
        row += 1
        for cells in block.rows:
            tall = max((len(text) // (WIDE + 4) for text in cells if isinstance(text, str)), default=0)
            if tall:
                sheet.set_row(row, ROW * (1 + tall))  # LibreOffice does not grow a row for wrapped text
            self.cells(sheet, row, cells, **({"text_wrap": True} if tall else {}))
            row += 1
        if not block.rows:
            row = self.lines(sheet, row, [("quiet", "none")])
        return row + 1

    def cells(self, sheet: Any, row: int, cells: Sequence[Cell], **properties: Any) -> None:
        """Cells beside each other."""
        for column, cell in enumerate(cells):
            self._cell(sheet, row, column, cell, properties)

    def _cell(self, sheet: Any, row: int, column: int, cell: Cell, properties: dict[str, Any]) -> None:
        match cell:
            case "":
                return
            case str():
                sheet.write_string(row, column, cell, self.format(valign="top", **properties))
            case int():
                sheet.write_number(row, column, cell, self.format(num_format="#,##0", valign="top", **properties))
            case Amount():
                number = amount_format(cell.unit)
                sheet.write_number(row, column, cell.value, self.format(num_format=number, valign="top", **properties))
            case Formula():
                formula = cell.at(row, column)
                look: dict[str, Any] = {"num_format": "#,##0" if cell.unit is None else amount_format(cell.unit)}
                if isinstance(cell.value, str):
                    look = _LINK if "HYPERLINK" in formula else {"align": "right"}
                sheet.write_formula(
                    row, column, formula, self.format(**{"valign": "top", **look, **properties}), cell.value
                )


def _is_text(cell: Cell) -> bool:
    return isinstance(cell, str) or (isinstance(cell, Formula) and "HYPERLINK" in str(cell.formula))


def _indents(frame: pl.DataFrame) -> list[dict[str, int]]:
    """Of each column how far it stands in: text after a number, which would touch it."""
    before = [False, *(dtype.is_numeric() for dtype in frame.dtypes)]
    return [
        {"indent": 1} if number and dtype == pl.String else {}
        for number, dtype in zip(before, frame.dtypes, strict=False)  # what follows the last column is nothing
    ]


def _writer(sheet: Any, dtype: pl.DataType) -> Any:
    """What writes the values of a column."""
    if dtype == pl.String:
        return sheet.write_string
    if isinstance(dtype, pl.Datetime):
        return sheet.write_datetime
    return sheet.write_boolean if dtype == pl.Boolean else sheet.write_number


def amount_format(unit: str | None, digits: str = SHOWN) -> str:
    """How an amount looks: its currency's code before it, two decimals of all that the cell holds, red if negative."""
    code = f"[${unit}] " if unit is not None and _CODE.fullmatch(unit) else ""
    return f"{code}{digits};[Red]-{code}{digits}"


def _plain(text: str) -> str:
    """A text in the header of a page, where & begins a code."""
    return text.replace("&", "&&")


def _page_text(text: str, rest: str) -> str:
    """`text` cut so that `rest` fits beside it; Excel counts in units of UTF-16."""
    most = 2 * (_MOST_OF_HEADER - len(rest))
    encoded = text.encode("utf-16-le")
    if len(encoded) > most:
        text = encoded[: most - 2].decode("utf-16-le", "ignore").rstrip("&") + "…"
    return text + rest


def _widths(frame: pl.DataFrame, of: Sheet) -> dict[str, int]:
    """Pixels for what the first rows hold; long ids and texts are cut by the cell, not in it."""
    head = frame.head(500)
    widths: dict[str, int] = {}
    for name, dtype in head.schema.items():
        if dtype == pl.String:
            longest = int(head[name].str.len_chars().max() or 0)  # type: ignore[arg-type]  # a count
        elif dtype == pl.Float64:
            longest = _longest(frame[name], head[name], 6 if name in of.amounts else 1, whole=name in of.amounts)
        else:
            longest = 19 if isinstance(dtype, pl.Datetime) else 8
        widths[name] = 7 * max(7, min(_WIDEST, max(longest, min(len(name), 14)) + 2)) + 5
    return widths


def _longest(column: pl.Series, head: pl.Series, more: int, *, whole: bool) -> int:
    """Characters of a column of numbers: of amounts two decimals are shown, of others up to ten."""
    ends = [abs(float(each)) for each in (column.min(), column.max()) if each is not None]  # type: ignore[arg-type]  # numbers
    texts = [f"{each:,.2f}" for each in ends]
    if not whole:
        texts += [f"{each:,.10f}".rstrip("0") for each in head.drop_nulls().to_list()]
    return max(map(len, texts), default=0) + more
