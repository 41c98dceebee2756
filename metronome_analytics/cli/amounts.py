"""Amounts in columns, as a person reads them: major units, every digit that is there, decimal points in line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.tables.money import currency_told_apart, digits_of, major_units

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

_PLAIN = r"^([A-Z]{3}|units)( .*)?$"
"""Units that need no word to say that they are no currency, or that they are one."""
_TWO_DECIMALS = re.compile(r"[A-Z]{3}( \S+)?")


def in_major_units(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` in major units, exactly, and `unit`: a currency's code or a custom unit's name, one per credit type."""
    code = currency_told_apart(pl.col("credit_type_name"), pl.col("credit_type_id"))
    unit = pl.when(code.str.contains(_PLAIN)).then(code).otherwise(pl.format("{} (units)", code))
    return major_units(frame).with_columns(unit.alias("unit"))


def exact(value: Decimal | None, unit: str) -> str:
    """`value` with thousands separated and every digit; a currency has two decimals at least."""
    if value is None:
        return "-"
    return digits_of(value, least=2 if _TWO_DECIMALS.fullmatch(unit) else 0, separator=",")


def aligned(texts: Sequence[str]) -> list[str]:
    """`texts` padded to one width, with their decimal points below one another."""
    split = [text.partition(".") for text in texts]
    left = max((len(whole) for whole, _, _ in split), default=0)
    right = max((len(point + decimals) for _, point, decimals in split), default=0)
    return [whole.rjust(left) + (point + decimals).ljust(right) for whole, point, decimals in split]
