"""The cells of any frame as text to read, exact, with units and UTC times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables.money import amount_text, digits
from metronome_analytics.wording import nearest, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARES = ("utilisation", "elapsed")
"""Columns of shares of one, which read as percentages."""
_WIDEST = 120
"""Characters of one cell; what is longer ends in an ellipsis."""
_MOST_PARTS = 5
"""Parts of a list of texts that are shown."""


def named_columns(schema: pl.Schema, columns: Sequence[str]) -> list[str]:
    """`columns`, each of which the frame has; ArgumentError otherwise, or for none."""
    names = list(columns)
    if unknown := [name for name in names if name not in schema]:
        raise ArgumentError(
            f"columns names {', '.join(map(repr, unknown))}, which the frame does not have.",
            advice=nearest(unknown[0], schema),
        )
    if not names:
        raise ArgumentError("There is no column to show.")
    return names


def unit_column(schema: pl.Schema) -> str | None:
    """The column that says what unit the amounts are in, where there is one."""
    return "credit_type_name" if schema.get("credit_type_name") == pl.String else None


def cell_text(name: str, dtype: pl.DataType, unit: str | None) -> pl.Expr:
    """A column as exact text; an amount in major units with its currency, if `unit` names the column that says it."""
    column = pl.col(name)
    if isinstance(dtype, pl.Decimal):
        if unit is not None:
            return amount_text(column, pl.col(unit))
        return digits(column)
    if isinstance(dtype, pl.Datetime):
        at = column.dt.replace_time_zone("UTC") if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return time_text(at)
    return _nested(column, dtype) if dtype.is_nested() else _shortened(column.cast(pl.String, strict=False))


def _nested(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A column of several values as text: what is short is listed, the rest counted."""
    if dtype == pl.List(pl.String):
        more = column.list.len() - _MOST_PARTS
        rest = pl.when(column.list.len() > _MOST_PARTS).then(pl.format(" and {} more", more)).otherwise(pl.lit(""))
        return pl.concat_str(column.list.head(_MOST_PARTS).list.join(", ", ignore_nulls=True), rest)
    if isinstance(dtype, pl.List):
        return (
            pl.when(column.list.len() == 1).then(pl.lit("1 item")).otherwise(pl.format("{} items", column.list.len()))
        )
    if isinstance(dtype, pl.Map):
        entries = column.map.entries().list.eval(
            pl.format("{}: {}", *(pl.element().struct.field(f) for f in ("key", "value")))
        )
        return entries.list.join(", ", ignore_nulls=True)
    return _shortened(
        column.struct.json_encode() if isinstance(dtype, pl.Struct) else column.cast(pl.String, strict=False)
    )


def _shortened(text: pl.Expr) -> pl.Expr:
    long = text.str.len_chars() > _WIDEST
    return pl.when(long).then(pl.concat_str(text.str.head(_WIDEST - 1), pl.lit("…"))).otherwise(text)
