"""Tables of a page, by great_tables: a currency stands once above its columns, never in every cell."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl
from great_tables import GT, loc, style

from metronome_analytics.tables.money import figures
from metronome_analytics.wording import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST = 100
"""Rows of a table; the workbook has them all."""
TOTAL = "Total"
_RED = "#b42318"


def section(title: str, note: str, *body: str) -> list[str]:
    """A heading, what it means, and what stands below it."""
    return [f"<h2>{escape(title)}</h2>", f'<p class="quiet">{escape(note)}</p>', *(part for part in body if part)]


def more(rows: int) -> str:
    """How many rows the workbook has beyond those shown."""
    return f'<p class="quiet">{rows - MOST:,} more are in the workbook.</p>' if rows > MOST else ""


def table(
    name: str,
    frame: pl.DataFrame,
    *,
    right: Sequence[str] = (),
    above: Mapping[str, Sequence[str]] | None = None,
    most: int = MOST,
) -> str:
    """A table of texts; those in `right` end at the same place, red when negative. `above` is what spans columns."""
    if frame.is_empty():
        return "<p>None.</p>"
    shown = frame.head(most)
    made: Any = (
        GT(shown, id=f"table-{name}")
        .cols_align("right", columns=list(right))
        .cols_align("left", columns=[column for column in shown.columns if column not in right])
        .sub_missing(missing_text="-")
        .opt_row_striping()
        .tab_options(table_font_size="13px", data_row_padding="4px", column_labels_font_weight="bold")
        .tab_style(style.text(size="13px"), loc.body(columns=list(right)))
    )
    last = shown[shown.columns[0]].to_list()[-1]
    if last == TOTAL:
        made = made.tab_style(style.text(weight="bold"), loc.body(rows=[shown.height - 1]))
    for words, columns in (above or {}).items():
        made = made.tab_spanner(words, columns=list(columns))
    for column in right:
        negative = [row for row, text in enumerate(shown[column].to_list()) if " -" in f" {text}"]
        if negative:
            made = made.tab_style(style.text(color=_RED), loc.body(columns=[column], rows=negative))
    drawn: str = made.as_raw_html()
    # great_tables numbers nothing: the ids of its headings are the columns' names, once per table.
    return f'<div class="scroll">{drawn}</div>'


def by_currency(
    name: str,
    frame: pl.DataFrame,
    keys: Mapping[str, str],
    amounts: Mapping[str, str],
    *,
    counts: Mapping[str, str] | None = None,
    total: bool = False,
    sparse: bool = False,
) -> str:
    """`frame` as one table a currency (its `unit`), which stands above the amounts; columns are given with headings.

    Amounts are in the API's unit and shown in major units, every digit that is there. `total` adds a last line that
    sums every row, those the page leaves out too; `sparse` leaves out columns that hold nothing.
    """
    made = []
    for place, unit in enumerate(sorted(frame["unit"].unique().to_list(), key=str)):
        rows = frame.filter(pl.col("unit").eq_missing(pl.lit(unit)))
        some = {column: title for column, title in amounts.items() if not sparse or (rows[column] != 0).any()}
        numbers = [*(counts or {}).values(), *some.values()]
        shown = _shown(rows.head(MOST), keys, counts or {}, some)
        if total and rows.height > 1:
            shown = pl.concat([shown, _shown(_summed(rows, keys, counts or {}, some), keys, counts or {}, some)])
        spanned = {f"in {unit}": list(some.values())} if some else {}
        made.append(table(f"{name}-{place}", shown, right=numbers, above=spanned, most=MOST + 1) + more(rows.height))
    return "".join(made) or "<p>None.</p>"


def _shown(
    rows: pl.DataFrame, keys: Mapping[str, str], counts: Mapping[str, str], amounts: Mapping[str, str]
) -> pl.DataFrame:
    """Rows of one currency as texts, under their headings."""
    unit = pl.col("credit_type_name")
    return rows.select(
        *(pl.col(column).alias(title) for column, title in keys.items()),
        *(count(column, title) for column, title in counts.items()),
        *(figures(pl.col(column), unit).alias(title) for column, title in amounts.items()),
    )


def _summed(
    rows: pl.DataFrame, keys: Mapping[str, str], counts: Mapping[str, str], amounts: Mapping[str, str]
) -> pl.DataFrame:
    """The sum of `rows` as a row, called total under the first key."""
    first, *others = keys
    return rows.select(
        pl.lit(TOTAL).alias(first),
        *(pl.lit("").alias(column) for column in others),
        *(pl.col(column).sum() for column in counts),
        *(pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()) for column in amounts),
        pl.col("credit_type_name").first(),
    ).head(1)


def count(column: str, title: str) -> pl.Expr:
    """A column of counts as text."""
    return grouped(pl.col(column).cast(pl.String)).alias(title)


def across(name: str, rows: Iterable[tuple[str, Mapping[str, str]]], currencies: Sequence[str], first: str = "") -> str:
    """A table with one line for each of `rows` and one column for each currency."""
    listed = [{first: words, **{unit: amounts.get(unit) for unit in currencies}} for words, amounts in rows]
    frame = pl.DataFrame(listed, schema={first: pl.String, **dict.fromkeys(currencies, pl.String)})
    return table(name, frame, right=currencies)
