"""What the rows of a statement are kept apart by, as users name it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from metronome_analytics.errors import ArgumentError
from metronome_analytics.wording import nearest

if TYPE_CHECKING:
    import dataframely as dy
    import polars as pl


def key_names(by: object, known: Collection[str]) -> list[str]:
    """`by`, a name or several, as a list of names; ArgumentError for one that is not `known`."""
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else [by]
    checked: list[str] = []
    for name in names:
        if not isinstance(name, str) or name not in known:
            listed = ", ".join(map(repr, known))
            raise ArgumentError(f"by must be of {listed}, not {name!r}.", advice=nearest(name, known))
        checked.append(name)
    return checked


def by_month(
    rows: pl.LazyFrame, schema: type[dy.Schema], keys: Collection[str], known: Collection[str]
) -> pl.LazyFrame:
    """`rows` with the columns of `schema`, of the `known` keys only `keys`, in the order of months, keys and units."""
    shown = rows.select(name for name in schema.column_names() if name in keys or name not in known)
    return shown.sort("month", *keys, "credit_type_name", "credit_type_id", nulls_last=True)
