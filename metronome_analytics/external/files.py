"""Files of another system as tables of cells: CSV in any usual encoding, .xlsx and Parquet, below any preamble."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile

import polars as pl

from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SEPARATORS = ",;\t|"
_PREAMBLE = 50
"""Lines in which the header is looked for."""

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class FileTable:
    """Cells by row as they were read, the names of the columns, and where in its file each row stands."""

    names: list[str]
    rows: list[tuple[object, ...]]
    numbers: list[int]

    def column(self, name: str) -> list[object]:
        """The cells of a column; of columns of one name, of the first."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]


class _Line(NamedTuple):
    """A line with its number, counted from 1."""

    number: int
    cells: list[object]


def read_file(path: Path, needed: Sequence[str] = ()) -> FileTable:
    """The rows of a .csv, .tsv, .txt, .xlsx or .parquet file below its header, each cell as it stands.

    The header is the first line that has every name of `needed`; what stands above it is skipped. A CSV is read as
    text: UTF-8, UTF-16 or Latin-1 (Windows-1252), separated by comma, semicolon, tab or bar. Raises ArgumentError for
    a file that cannot be read, and ConfigurationError for .xlsx without openpyxl (extra `excel`).
    """
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            frame = pl.read_parquet(path)
            return FileTable(frame.columns, frame.rows(), list(range(1, frame.height + 1)))
        if kind == ".xlsx":
            return _best([list(lines) for lines in _sheets(path)], needed, path)
        if kind in {".csv", ".tsv", ".txt"}:
            text = _decoded(path.read_bytes(), path)
            return _best([list(_split(text, mark, path)) for mark in _SEPARATORS], needed, path)
    except OSError as error:
        raise ArgumentError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    except (pl.exceptions.PolarsError, BadZipFile, KeyError) as error:
        raise ArgumentError(f"{path.name} cannot be read: {error}.", advice="Save it as CSV or .xlsx.") from error
    raise ArgumentError(f"{path.name} cannot be read.", advice="Save it as CSV, .xlsx or Parquet.")


def _decoded(content: bytes, path: Path) -> str:
    """The text of a file, by its byte order mark, else by what its bytes can be."""
    # Without a mark, text in UTF-16 is half zeros, its first line at least.
    zeros = content[:200:2].count(0), content[1:200:2].count(0)
    guess = "utf-8" if not any(zeros) else "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    encoding = next((encoding for bom, encoding in _BOMS if content.startswith(bom)), guess)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise ArgumentError(f"{path.name} cannot be read: {error}.", advice="Save it as UTF-8.") from error
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:  # five bytes are nothing in Windows-1252; in Latin-1 every byte is something
        return content.decode("latin-1")


def _split(text: str, separator: str, path: Path) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            yield _Line(reader.line_num, [cell.strip() or None for cell in cells])
    except csv.Error as error:
        raise ArgumentError(f"{path.name} cannot be read at line {reader.line_num}: {error}.") from error


def _sheets(path: Path) -> Iterator[Iterator[_Line]]:
    need("excel", "openpyxl")
    from openpyxl import load_workbook  # noqa: PLC0415  # an extra
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415  # as above

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except InvalidFileException as error:
        raise ArgumentError(f"{path.name} cannot be read: {error}.", advice="Save it as CSV or .xlsx.") from error
    try:
        for sheet in book.worksheets:
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            yield (_Line(number, [_bare(cell) for cell in cells]) for number, cells in rows)
    finally:
        book.close()


def _bare(cell: object) -> object:
    return cell.strip() or None if isinstance(cell, str) else cell


def _best(candidates: list[list[_Line]], needed: Sequence[str], path: Path) -> FileTable:
    """The table of the first candidate whose header has what is needed; else of the one that looks most like one."""
    for lines in candidates:
        for place, line in enumerate(lines[:_PREAMBLE]):
            if needed and set(needed) <= {str(cell) for cell in line.cells}:
                return _below(lines, place, path)
    # Nothing fits: the names that were found are needed to say so.
    most = max(candidates, key=_regular, default=[])
    if not _width(most):
        raise ArgumentError(f"{path.name} cannot be read: it has no rows.", advice="Save it with a header.")
    place = next(place for place, line in enumerate(most) if _filled(line) >= _width(most))
    return _below(most, place, path)


def _width(lines: list[_Line]) -> int:
    """The usual number of cells of a line that has any."""
    counts = Counter(filled for line in lines[:_PREAMBLE] if (filled := _filled(line)))
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _regular(lines: list[_Line]) -> tuple[int, int]:
    """How many lines are as wide as is usual, and how wide: a comma in an amount splits rows, but not their header."""
    width = _width(lines)
    return sum(_filled(line) == width > 1 for line in lines[:_PREAMBLE]), width


def _filled(line: _Line) -> int:
    return sum(cell is not None for cell in line.cells)


def _below(lines: list[_Line], place: int, path: Path) -> FileTable:
    """The lines below the header at `place`, as wide as it is; empty ones are none."""
    names = ["" if cell is None else str(cell) for cell in lines[place].cells]
    rows, numbers = [], []
    for line in lines[place + 1 :]:
        if not _filled(line):
            continue
        if any(cell is not None for cell in line.cells[len(names) :]):
            raise ArgumentError(
                f"{path.name} cannot be read: line {line.number} has more cells than the header.",
                advice="An amount with a comma must be in quotes where commas separate.",
            )
        rows.append(tuple(line.cells[: len(names)]) + (None,) * (len(names) - len(line.cells)))
        numbers.append(line.number)
    return FileTable(names, rows, numbers)
