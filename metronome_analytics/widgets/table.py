"""Table: any frame to look through, in the browser, however long it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import traitlets

from metronome_analytics.arguments import flag, frame_with, whole_number
from metronome_analytics.errors import ArgumentError
from metronome_analytics.extras import has, need
from metronome_analytics.widgets.base import OfPython, Widget, asset, known, static_list
from metronome_analytics.widgets.columns import with_names
from metronome_analytics.widgets.still import as_text, still_table
from metronome_analytics.widgets.table_view import Sorting, TableView
from metronome_analytics.wording import count, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from great_tables import GT

_WINDOW = 100
"""Rows that travel to the browser at once."""


class Table(Widget):
    """A frame to look through: sort, search, choose columns and rows, copy, and download as CSV.

    Of our tables the usual columns are shown, of others all; the rest is a click away. Amounts are in major units at
    two decimals, exact under the pointer; ids are short, with a button that copies the whole; times are in UTC.
    `customers`, the frame of `account.customers()`, adds a column `customer` of names. Rows come in windows from
    Python, which sorts and searches: 100,000 scroll. `value` is a tuple of the numbers of the rows chosen, in the
    order of the frame, and can be set and observed; `selected` is those rows, with every column of `frame`. Without
    `multiple` one row is chosen at a time, by a click anywhere in it.

    CSV and copy take the rows chosen (with `multiple`), or all that are found, in the order shown, amounts exact in
    major units beside their `currency`; a text that a spreadsheet would run as a formula begins with an apostrophe.
    `static` is the first `rows` rows, cells as they read here, as a great_tables GT, which a page without a kernel
    shows; `print(table)` has them as text. Raises ArgumentError for another frame, unknown columns or rows.

    >>> import polars as pl
    >>> table = ma.widgets.Table(pl.DataFrame({"name": ["a", "b"]}), value=[1])
    >>> table.selected["name"].to_list()
    ['b']
    """

    _esm = asset("table.js")
    _css = "\n".join(map(asset, ("widgets.css", "wide.css", "table.css")))
    multiple = traitlets.Bool(default_value=True, read_only=True).tag(sync=True)
    value: OfPython[tuple[int, ...]] = OfPython(default_value=())

    def __init__(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        columns: Sequence[str] | None = None,
        customers: pl.DataFrame | pl.LazyFrame | None = None,
        value: Iterable[int] = (),
        multiple: bool = True,
        rows: int = 50,
        title: str | None = None,
        label: str = "Table",
        **options: Any,
    ) -> None:
        options = known("Table", options)
        frame_with(frame, "frame")
        self._rows = whole_number("rows", rows, least=1)
        self._frame = frame.lazy().collect()
        self._view = TableView(with_names(self._frame, customers), columns)
        self._title = title
        # What a window is of: another order or other columns make those before it useless, a choice its marks.
        self._look = self._marks = 0
        self._chosen: frozenset[int] = frozenset()
        super().__init__(label=label, **options)
        self.set_trait("multiple", bool(flag("multiple", multiple)))
        self.value = value

    @property
    def selected(self) -> pl.DataFrame:
        """The rows chosen, in the order of the frame."""
        return self._frame[list(self.value)]

    @property
    def static(self) -> GT:
        """The first rows as shown, a GT of HTML to style further; ConfigurationError without great_tables."""
        return still_table(self._view, rows=self._rows, title=self._title)

    def as_raw_html(self) -> str:
        """`static` as HTML."""
        return str(self.static.as_raw_html())

    def _taken(self, value: Any) -> tuple[int, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str | bytes):
            raise ArgumentError(f"value cannot be {type(value).__name__}.", advice="Pass numbers of rows: [0, 3].")
        rows = sorted(set(value))
        height = self._frame.height
        wrong = [row for row in rows if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < height]
        if wrong:
            raise ArgumentError(f"value holds {wrong[0]!r}, which is no row of {count(height, 'row')}.")
        if len(rows) > 1 and not self.multiple:
            raise ArgumentError(f"value holds {len(rows):,} rows, and in this table one is chosen.")
        return tuple(rows)

    @traitlets.observe("value")
    def _tell_choice(self, _: object) -> None:
        self._chosen = frozenset(self.value)
        self._marks += 1
        self._tell()

    def _tell(self, *, first: bool = False) -> None:
        """How the table stands; with `first` also its first rows, which spares the view the way to ask for them."""
        view = self._view
        self.send(
            {
                "type": "state",
                "look": self._look,
                "marks": self._marks,
                "title": one_line(self._title or ""),
                "columns": view.described(),
                "offered": list(view.frame.columns),
                "found": view.order.len(),
                "total": view.frame.height,
                "chosen": len(self.value),
                "search": view.search,
                "first": self._window(0) if first else None,
            }
        )

    def _again(self) -> None:
        self._look += 1
        self._tell(first=True)

    # --- what the view asks ----------------------------------------------------------------------------------------

    def _on_hello(self, _: Mapping[str, Any]) -> None:
        self._tell(first=True)

    def _on_window(self, content: Mapping[str, Any]) -> None:
        self.send(self._window(int(content["start"])))

    def _window(self, start: int) -> dict[str, object]:
        rows = [
            {"row": row, "chosen": row in self._chosen, "cells": cells}
            for row, cells in self._view.window(start, _WINDOW)
        ]
        return {"type": "rows", "look": self._look, "marks": self._marks, "start": start, "rows": rows}

    def _on_query(self, content: Mapping[str, Any]) -> None:
        self._view.look(str(content["text"]), self._view.sorting)
        self._again()

    def _on_sort(self, content: Mapping[str, Any]) -> None:
        name, by = str(content["column"]), self._view.sorting
        if name not in self._view.columns:
            return
        if by is None or by.column != name:
            by = Sorting(name, descending=False)
        else:
            by = None if by.descending else Sorting(name, descending=True)
        self._view.look(self._view.search, by)
        self._again()

    def _on_columns(self, content: Mapping[str, Any]) -> None:
        self._view.choose([str(name) for name in content["names"]])
        self._again()

    def _on_pick(self, content: Mapping[str, Any]) -> None:
        """Choose rows by their places in the order, or give them back; places of another order mean other rows."""
        if content["look"] != self._look:
            return
        first, last = sorted((int(content["from"]), int(content["to"])))
        self._choose(self._view.order.slice(first, last - first + 1), on=bool(content["on"]))

    def _on_all(self, content: Mapping[str, Any]) -> None:
        self._choose(self._view.order, on=bool(content["on"]))

    def _choose(self, rows: pl.Series, *, on: bool) -> None:
        if not self.multiple:
            self.value = rows.tail(1) if on else ()
            return
        self.value = self._chosen.union(rows) if on else self._chosen.difference(rows)

    def _on_export(self, content: Mapping[str, Any]) -> None:
        order = self._view.order
        chosen = self.value if self.multiple else ()
        rows = order.filter(order.is_in(list(chosen))) if chosen else order
        copied = content["to"] == "copy"
        text = self._view.text(rows, separator="\t" if copied else ",")
        self.send({"type": "file", "to": content["to"], "rows": rows.len()}, [text.encode()])

    # --- what is left without a kernel -----------------------------------------------------------------------------

    def _static(self) -> str:
        if has("great_tables"):
            return self.as_raw_html()
        return static_list(self._title or self.label, [repr(self)])

    def __str__(self) -> str:
        return as_text(self._view, rows=self._rows)

    def __repr__(self) -> str:
        return f"Table({count(self._frame.height, 'row')}, {len(self.value):,} chosen)"


def show(
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    rows: int = 50,
    columns: Sequence[str] | None = None,
    title: str | None = None,
    customers: pl.DataFrame | pl.LazyFrame | None = None,
) -> Table:
    """A frame as a table to look through, a `widgets.Table`: live in a notebook, its first `rows` rows elsewhere.

    `columns` chooses some, else the usual ones of our tables are shown; `customers`, the frame of
    `account.customers()`, puts names beside ids. `.selected` is the rows chosen, `.static` a great_tables GT to style
    further, `.as_raw_html()` that as HTML. Raises ConfigurationError without great_tables, which the extra `report`
    brings, and ArgumentError for another frame, unknown columns or `rows`.

    >>> import metronome_analytics as ma, polars as pl
    >>> ma.show(pl.DataFrame({"name": ["a", "b"]}))
    Table(2 rows, 0 chosen)
    """
    need("report", "great_tables")
    return Table(frame, rows=rows, columns=columns, title=title, customers=customers)
