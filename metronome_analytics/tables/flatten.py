"""How what a table nests becomes rows of its own. Pure functions over DataFrame or LazyFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import frame_with
from metronome_analytics.tables.columns import Frame, select

if TYPE_CHECKING:
    import dataframely as dy


def flatten(frame: Frame, table: type[dy.Schema], items: pl.Expr, index: str | None = None) -> Frame:
    """`table` with one row per element of `items`, numbered in `index`; null and empty lists give no row."""
    # Lazily, so that columns `table` does not select (the nested lists themselves) are not repeated for every element.
    exploded = frame.lazy().with_columns(items.alias("item"))
    columns = ["item"]
    if index is not None:
        exploded = exploded.with_columns(
            pl.when(pl.col("item").is_not_null()).then(pl.int_ranges(pl.col("item").list.len())).alias(index)
        )
        columns.append(index)
    flat = select(exploded.explode(columns, empty_as_null=False, keep_nulls=False), table)
    return flat.collect() if isinstance(frame, pl.DataFrame) else flat


def embedded(contracts: Frame, table: type[dy.Schema], name: str) -> Frame:
    """`table` with one row per element of the list `name` of contracts."""
    frame_with(contracts, "contracts", name)
    return flatten(contracts.rename({"id": "contract_id"}), table, pl.col(name))
