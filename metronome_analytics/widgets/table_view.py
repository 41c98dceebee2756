"""What a table on view holds: its rows as searched and sorted, and windows of them as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from metronome_analytics.display import SHARES, cell_text, named_columns, unit_column
from metronome_analytics.errors import ArgumentError
from metronome_analytics.search import folded, folded_text
from metronome_analytics.tables.money import MONEY, major, major_units, rounded_text
from metronome_analytics.widgets.columns import is_id, usual_columns
from metronome_analytics.wording import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORT = 8
"""Characters of an id that are shown; the pointer and the copy button have the whole of it."""
_BREAK = "\x1f"

Cell = tuple[str | None, str | None]
"""What to read, and the whole of it."""


class Sorting(NamedTuple):
    """By which column rows are sorted, and which way."""

    column: str
    descending: bool


class TableView:
    """A frame as it is looked at: some columns, the rows that match a search, in an order. Rows go by their number."""

    def __init__(self, frame: pl.DataFrame, columns: Sequence[str] | None) -> None:
        self.frame = frame
        self.columns = named_columns(frame.schema, usual_columns(frame.schema) if columns is None else columns)
        self.search = ""
        self.sorting: Sorting | None = None
        self._unit = unit_column(frame.schema)
        self._every = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
        self._searched: pl.Series | None = None
        self.order = self._every

    def choose(self, columns: Sequence[str]) -> None:
        """Show these columns instead; a search is one of what is shown."""
        self.columns = named_columns(self.frame.schema, columns)
        self._searched = None
        self.look(self.search, self.sorting)

    def look(self, search: str, sorting: Sorting | None) -> None:
        """The rows in which every word of `search` stands, and their order; equal rows keep theirs."""
        self.search, self.sorting = search, sorting
        found = self._found(folded_text(search).split())
        if sorting is not None:
            keys = self.frame.select(self._key(sorting.column)).to_series().gather(found)
            by = pl.DataFrame({"row": found, "key": keys})
            found = by.sort("key", descending=sorting.descending, nulls_last=True, maintain_order=True)["row"]
        self.order = found

    def figures(self) -> list[str]:
        """The columns shown that are read from their last digit."""
        return [name for name in self.columns if self.frame.schema[name].is_numeric()]

    def described(self) -> list[dict[str, object]]:
        """The columns shown: name, whether figures, whether ids, and how they are sorted."""
        schema, by, right = self.frame.schema, self.sorting, self.figures()
        return [
            {
                "name": name,
                "right": name in right,
                "id": is_id(name) and schema[name] == pl.String,
                "sort": "" if by is None or by.column != name else "descending" if by.descending else "ascending",
            }
            for name in self.columns
        ]

    def window(self, start: int, count: int) -> list[tuple[int, list[Cell]]]:
        """Rows by their place in the order: the number of each, and for each cell what to read and the whole of it."""
        rows = self.order.slice(start, count)
        part = self.frame[rows]
        exact = part.select(self._exact(name).alias(name) for name in self.columns)
        short = part.select(self._brief(name).alias(name) for name in self.columns)
        pairs = zip(short.iter_rows(), exact.iter_rows(), strict=True)
        cells = [list(zip(brief, whole, strict=True)) for brief, whole in pairs]
        return list(zip(rows.to_list(), cells, strict=True))

    def text(self, rows: pl.Series, separator: str = ",") -> str:
        """These rows as a file: the columns shown, amounts exact in major units beside their `currency`.

        A text that a spreadsheet would run as a formula begins with an apostrophe.
        """
        part, names = self.frame[rows], list(self.columns)
        if any(part.schema[name] == MONEY for name in names) and self._unit:
            part = major_units(part)
            names = [*(name for name in names if name not in {self._unit, "currency"}), "currency"]
        written = part.select(_plain(name, part.schema[name]) for name in names)
        heads = pl.Series(names, dtype=pl.String).to_frame("name").select(harmless(pl.col("name"))).to_series()
        return written.rename(dict(zip(names, heads, strict=True))).write_csv(separator=separator)

    def _exact(self, name: str) -> pl.Expr:
        return cell_text(name, self.frame.schema[name], self._unit)

    def _brief(self, name: str) -> pl.Expr:
        """What there is room for: an amount at two decimals, a share as a percentage, the beginning of an id.

        A price stays exact: of a thousandth of a dollar two decimals leave nothing.
        """
        dtype, column = self.frame.schema[name], pl.col(name)
        if isinstance(dtype, pl.Decimal) and self._unit is not None and not name.endswith("price"):
            return rounded_text(column, pl.col(self._unit))
        # Anybody's frame may have a column of that name: of ours, shares stand beside what was granted.
        if name in SHARES and dtype.is_float() and "granted" in self.frame.schema:
            return pl.format("{} %", (column * 100).round(1))
        if dtype.is_float():
            return column.cast(pl.String).str.strip_suffix(".0")
        if is_id(name) and dtype == pl.String:
            long = column.str.len_chars() > _SHORT + 4
            return pl.when(long).then(pl.concat_str(column.str.head(_SHORT), pl.lit("…"))).otherwise(column)
        return self._exact(name)

    def _key(self, name: str) -> pl.Expr:
        """What a column is sorted by: figures by their size, texts whatever their case, nested ones as they read."""
        dtype, column = self.frame.schema[name], pl.col(name)
        if dtype == MONEY and self._unit is not None:
            return major(column, pl.col(self._unit))
        if dtype == pl.String or dtype.is_nested():
            return folded(self._exact(name))
        return column

    def _found(self, words: Sequence[str]) -> pl.Series:
        if not words:
            return self._every
        if self._searched is None:
            texts = pl.concat_str([self._exact(name) for name in self.columns], separator=_BREAK, ignore_nulls=True)
            self._searched = self.frame.select(folded(texts)).to_series()
        held = pl.all_horizontal(pl.col("text").str.contains(word, literal=True) for word in words)
        return pl.DataFrame({"row": self._every, "text": self._searched}).filter(held)["row"]


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as a file holds it: figures as they are, texts that run nothing, nested ones as they read."""
    if dtype.is_nested() or dtype == pl.String:
        text = pl.col(name) if dtype == pl.String else cell_text(name, dtype, None)
        return harmless(text).alias(name)
    if isinstance(dtype, pl.Decimal):
        return cell_text(name, dtype, None).alias(name)
    if dtype == pl.Object:
        raise ArgumentError(f"column {name!r} holds objects, which no file does.")
    return pl.col(name)
