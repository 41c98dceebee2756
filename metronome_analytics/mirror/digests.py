"""What tells the rows of one customer from others: a digest that says with what, and of which columns, it was made.

Rows are hashed by polars, whose hashes may differ between versions, and hold the columns of this version. A digest
that was made otherwise is no evidence of a change: then the rows held are hashed again, and compared with what came.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

# Counts the ways in which digests were made by this package.
_METHOD = 2
_MAKER = f"{_METHOD}:{pl.__version__}"


def columns_of(schema: Mapping[str, pl.DataType]) -> str:
    """What tells the columns of `schema` from others."""
    text = ";".join(f"{name} {kind!r}" for name, kind in schema.items())
    return f"{zlib.crc32(text.encode()):08x}"


def digest(columns: str, rows: int, hashes: int) -> str:
    """Of so many rows with these columns (`columns_of`), whose hashes combine to `hashes`."""
    return f"{_MAKER}:{columns}:{rows}:{hashes:016x}"


def is_comparable(known: str, columns: str) -> bool:
    """Whether `known` was made as `digest` makes them here and now."""
    return known.startswith(f"{_MAKER}:{columns}:")


def same_columns(known: str, columns: str) -> bool:
    """Whether `known` is of rows that had these columns, whatever hashed them."""
    return f":{columns}:" in known
