"""Amounts and units as a person reads them: major units, and every digit that is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.units import code, major

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

_CURRENCY = r"^[A-Z]{3}$"
_TWO_DECIMALS = re.compile(r"[A-Z]{3}( \w+)?")


def in_major_units(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """`frame` with `columns` in major units, exactly, and `unit`: a currency's code or a custom unit's name.

    Credit types of one name are told apart by the start of their ids.
    """
    name, id_ = pl.col("credit_type_name"), pl.col("credit_type_id")
    short = code(name)
    named = short.str.contains(_CURRENCY) | (short == "units")
    unit = pl.when(named).then(short).otherwise(pl.format("{} (units)", short))
    alone = id_.n_unique().over(name) == 1
    return frame.with_columns(
        *(major(pl.col(column), name) for column in columns),
        pl.when(alone).then(unit).otherwise(pl.format("{} {}", unit, id_.str.head(8).fill_null("-"))).alias("unit"),
    )


def exact(value: Decimal | None, unit: str) -> str:
    """`value` with thousands separated and every digit; a currency has two decimals at least."""
    if value is None:
        return "-"
    whole, _, decimals = f"{value:,f}".partition(".")
    decimals = decimals.rstrip("0")
    if _TWO_DECIMALS.fullmatch(unit):
        decimals = decimals.ljust(2, "0")
    return f"{whole}.{decimals}" if decimals else whole


def aligned(texts: Sequence[str]) -> list[str]:
    """`texts` padded to one width, with their decimal points below one another."""
    split = [text.partition(".") for text in texts]
    left = max((len(whole) for whole, _, _ in split), default=0)
    right = max((len(point + decimals) for _, point, decimals in split), default=0)
    return [whole.rjust(left) + (point + decimals).ljust(right) for whole, point, decimals in split]
