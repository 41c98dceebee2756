"""What is left of a table where there is no kernel: as HTML and as text, in the cells of the widget itself."""

from __future__ import annotations

from html import escape
from secrets import token_hex
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.extras import need
from metronome_analytics.wording import drawable, one_line

if TYPE_CHECKING:
    from great_tables import GT

    from metronome_analytics.widgets.table_view import Cell, TableView

_PAGE = """
#TABLE .gt_table, #TABLE .gt_table * { color: inherit; background-color: transparent; border-color: #80808060; }
"""
"""The table takes the colours of its page, light or dark; what is styled later goes before it."""
_PRINTED = 20
"""Rows of the text; a screen has not many more."""


def still_table(view: TableView, *, rows: int, title: str | None) -> GT:
    """The first `rows` rows of `view` as a great_tables GT, which says how many of how many it shows.

    A cell reads as in the widget, and what is short there has the whole in its title, for the pointer.
    """
    need("report", "great_tables")
    from great_tables import GT, loc, style  # noqa: PLC0415  # an extra

    shown = [[_as_html(cell) for cell in cells] for _, cells in view.window(0, rows)]
    texts = pl.DataFrame(shown, schema=dict.fromkeys(view.columns, pl.String), orient="row")
    said, id_ = _said(view, len(shown)), f"ma{token_hex(5)}"
    table = (
        GT(texts, id=id_)
        .fmt(str)
        .tab_header(title=drawable(title or said), subtitle=said if title else None)
        .cols_align("left")
        .tab_options(table_font_size="13px", data_row_padding="4px", heading_align="left")
        .opt_css(_PAGE.replace("TABLE", id_))
    )
    schema, right = view.frame.schema, view.figures()
    if whole := [name for name in view.columns if name in right or schema[name].is_temporal()]:
        table = table.tab_style(style.css("white-space: nowrap"), loc.body(columns=whole))
    return table.cols_align("right", columns=right) if right else table


def as_text(view: TableView, *, rows: int) -> str:
    """The first rows of `view` as lines of text, `rows` at most, and how many of how many they are."""
    briefs = [[one_line(brief or "") for brief, _ in cells] for _, cells in view.window(0, min(rows, _PRINTED))]
    texts = pl.DataFrame(briefs, schema=dict.fromkeys(view.columns, pl.String), orient="row")
    figures = pl.col(view.figures())
    padded = texts.with_columns(figures.str.pad_start(figures.str.len_chars().max()))
    names = {name: one_line(name) for name in view.columns}
    with pl.Config(
        tbl_formatting="NOTHING",
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
    ):
        lines = str(padded.rename(names)).splitlines()
    return "\n".join([*(line.rstrip() for line in lines), _said(view, len(briefs))])


def _said(view: TableView, rows: int) -> str:
    return f"showing {rows:,} of {view.frame.height:,}"


def _as_html(cell: Cell) -> str:
    brief, whole = (drawable(text or "") for text in cell)
    return escape(brief) if brief == whole else f'<span title="{escape(whole)}">{escape(brief)}</span>'
