"""How the tables of a mirror are laid out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTANT = pl.Datetime("us", "UTC")

PROGRESS_TABLE = "_progress"
"""The table of what was read when: the mirror's own log, whose version is the mirror's."""

PROGRESS: dict[str, pl.DataType] = {
    "table": pl.String(),
    "customer_id": pl.String(),  # null: the account's own
    "bucket": pl.Int32(),
    "sync_id": pl.String(),
    "read_at": _INSTANT,
    "status": pl.String(),  # complete, failed, lost (its file is), wanted
    "reason": pl.String(),
    "error": pl.String(),
    "rows": pl.Int64(),
    "requests": pl.Int64(),
    "digest": pl.String(),
    "changed": pl.Boolean(),
    "next_date": _INSTANT,
    "open": pl.Boolean(),
    "open_since": _INSTANT,
    "updated_at": _INSTANT,
    "archived_at": _INSTANT,
    "usage_anchor": _INSTANT,
    "usage_digest": pl.String(),
    "full_at": _INSTANT,  # when all of it was read last
    "full_requests": pl.Int64(),  # what that took
    "failed_since": _INSTANT,
    "follows": pl.Boolean(),  # net balances: whether they were what the balances come to
    "note": pl.String(),  # of a signal: how far it was read, as JSON
    "version": pl.Int64(),  # of the Delta table that holds the rows
    "commit": pl.Int64(),  # the mirror's version that this row came with
    "at": _INSTANT,  # when that was
}


@dataclass(frozen=True, slots=True)
class Layout:
    """One mirrored table.

    `schema` is exactly that of the loader's frame, `key` its primary key. `owner` is the column that holds the
    customer's id; None for the account's own tables, which are kept in bucket 0.
    """

    name: str
    schema: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    owner: str | None


def number_of(customer_ids: pl.Series) -> pl.Series:
    """A number (Int64) for each customer, spread evenly over 32 bits: CRC-32 of its id in UTF-8. The same for ever."""
    ids = customer_ids.unique().drop_nulls()
    numbers = pl.Series([zlib.crc32(id_.encode()) for id_ in ids], dtype=pl.Int64)
    return customer_ids.replace_strict(ids, numbers, return_dtype=pl.Int64).cast(pl.Int64)  # also where it is empty


def bucket_of(customer_ids: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each customer: its number, modulo the number of buckets. The same for ever."""
    return (number_of(customer_ids) % buckets).cast(pl.Int32)
