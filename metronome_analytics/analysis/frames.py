"""What every analysis does to its arguments and its result: check columns, stay lazy, keep the kind of frame."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import Instant, frame_with, instant
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import money

if TYPE_CHECKING:
    from datetime import datetime

    import dataframely as dy

    from metronome_analytics.tables.columns import Frame

Given = pl.DataFrame | pl.LazyFrame

MONEY = money.MONEY
INSTANT = pl.Datetime("us", "UTC")
ZERO = pl.lit(Decimal(0), MONEY)
"""No money. An integer literal would leave the dtype of the sum to polars."""


def checked(frame: Given, argument: str, *needed: str, source: str | None = None) -> pl.LazyFrame:
    """`frame` as a LazyFrame that has the columns `needed`; else ArgumentError names what is missing."""
    frame_with(frame, argument, *needed, source=source)
    # polars 2.1 panics where lists of structs of several chunks are taken apart: `pl.concat` leaves such frames.
    return frame.rechunk().lazy() if isinstance(frame, pl.DataFrame) and frame.n_chunks() > 1 else frame.lazy()


def like(result: pl.LazyFrame, given: Frame, table: type[dy.Schema]) -> Frame:
    """`result` with the columns of `table` in their order, of the same kind of frame as `given`."""
    columns = result.select(table.column_names())
    return columns if isinstance(given, pl.LazyFrame) else columns.collect()


def required_instant(argument: str, value: Instant | None) -> datetime:
    """`value` in UTC; an analysis that depends on today has no clock, so None is an ArgumentError."""
    at = instant(argument, value)
    if at is None:
        raise ArgumentError(
            f"{argument} is needed here.", advice="Pass the moment the frames were loaded: analyses read no clock."
        )
    return at


def literal(at: datetime | None) -> pl.Expr:
    """`at` as an expression in UTC; None is null."""
    return pl.lit(at, INSTANT)


def optional(names: list[str], name: str, dtype: pl.DataType | type[pl.DataType] = pl.String) -> pl.Expr:
    """The column `name`, or nulls where the frame has none."""
    return pl.col(name) if name in names else pl.lit(None, dtype).alias(name)


def floored(amount: pl.Expr) -> pl.Expr:
    """`amount`, never below zero; what is not known stays null."""
    return pl.when(amount < ZERO).then(ZERO).otherwise(amount)


def ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """`part / whole` rounded half to even at ten places, null when the whole is zero.

    The zero is taken out before the division: polars evaluates both branches of a `when`.
    """
    return part / pl.when(whole != ZERO).then(whole)
