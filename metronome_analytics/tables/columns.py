"""The few kinds of column our tables are made of, and how a table is selected from wire rows.

Each column says where it comes from with `path`, a dotted path into the wire row; without one it is the field of its
own name. Several paths mean the first that is not null.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import dataframely as dy
import polars as pl

from metronome_analytics.api.decode import held
from metronome_analytics.api.wire.kinds import MAP

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
Paths = str | tuple[str, ...] | None
# The path of a column that this version of an endpoint does not answer: always null.
ABSENT = ""


class Typed(dy.Column):
    """A column of any polars dtype; dataframely has none for Map."""

    def __init__(
        self,
        dtype: pl.DataType,
        *,
        nullable: bool = True,
        primary_key: bool = False,
        alias: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(nullable=nullable, primary_key=primary_key, alias=alias, metadata=metadata)
        self._dtype = dtype

    @property
    def dtype(self) -> pl.DataType:
        """The polars dtype of the column."""
        return self._dtype

    def sqlalchemy_dtype(self, dialect: Any) -> Any:
        """Tables are not described to SQL databases."""
        raise NotImplementedError

    @property
    def _python_type(self) -> Any:
        return Any

    def _sample_unchecked(self, generator: Any, n: int) -> pl.Series:
        raise NotImplementedError


def _from(path: Paths) -> dict[str, Any] | None:
    return None if path is None else {"path": path}


def key(path: Paths = None) -> dy.String:
    """Text that is part of the primary key."""
    return dy.String(primary_key=True, metadata=_from(path))


Column = TypeVar("Column", bound=dy.Column)


def in_key(column: Column) -> Column:
    """`column` as a part of a key that may be null, which dataframely has no word for; see `key_of`."""
    column.metadata = {**(column.metadata or {}), "key": True}
    return column


def key_of(table: type[dy.Schema]) -> list[str]:
    """The columns that tell the rows of `table` apart."""
    return [
        name
        for name, column in table.columns().items()
        if column.primary_key or (column.metadata or {}).get("key", False)
    ]


def text(path: Paths = None) -> dy.String:
    """Text; unknown values of an enum stay what the API sent."""
    return dy.String(nullable=True, metadata=_from(path))


def amount(path: Paths = None) -> dy.Decimal:
    """Money or a price, exact, in the unit its credit type names: `USD (cents)` is cents."""
    return dy.Decimal(38, 10, nullable=True, metadata=_from(path))


def number(path: Paths = None) -> dy.Float64:
    """A number that is no money: a quantity, a priority, a fraction."""
    return dy.Float64(nullable=True, metadata=_from(path))


def flag(path: Paths = None) -> dy.Bool:
    """True, false or unknown."""
    return dy.Bool(nullable=True, metadata=_from(path))


def instant(path: Paths = None, *, primary_key: bool = False) -> dy.Datetime:
    """A moment in UTC."""
    return dy.Datetime(
        time_unit="us", time_zone="UTC", nullable=not primary_key, primary_key=primary_key, metadata=_from(path)
    )


def index() -> dy.Int64:
    """A position in API order, from 0, that is part of the primary key."""
    return dy.Int64(primary_key=True)


def count() -> dy.Int64:
    """How many."""
    return dy.Int64(nullable=False)


def mapping(path: Paths = None, *, alias: str | None = None) -> Typed:
    """A free-form object: text to text, nested values as their JSON text."""
    return Typed(MAP, alias=alias, metadata=_from(path))


def nested(row: pl.Struct, path: str) -> Typed:
    """A list or struct of the wire schema `row`, kept nested, with exact amounts and UTC instants inside."""
    dtype: Any = row
    for part in path.split("."):  # through lists and the entries of maps alike
        if isinstance(dtype, pl.List):
            dtype = dtype.inner
        if isinstance(dtype, pl.Map):
            dtype = pl.Struct({"key": dtype.key, "value": dtype.value})
        dtype = dtype.to_schema()[part]
    return Typed(held(dtype), metadata=_from(path))


def select(rows: Frame, table: type[dy.Schema]) -> Frame:
    """The columns of `table` out of wire rows, each from its path."""
    apart, columns = _selection(table)
    return rows.unnest(apart, separator=".").select_seq(columns)


@cache
def _selection(table: type[dy.Schema]) -> tuple[list[str], list[pl.Expr]]:
    """The structs to take apart, and the columns of `table` out of the rest: the same for all rows."""
    # What is not kept whole is taken apart once: `struct.field` looks at every field of a struct to reach one.
    paths = {path for source in sources(table).values() for path in source}
    apart = {path.split(".")[0] for path in paths if "." in path} - paths
    return sorted(apart), [
        _first([_field(path, apart) for path in sources(table)[name]], column.dtype).alias(name)
        for name, column in table.columns().items()
    ]


@cache
def sources(table: type[dy.Schema]) -> dict[str, tuple[str, ...]]:
    """The paths of each column of `table` into the wire rows."""
    return {name: _paths(name, column) for name, column in table.columns().items()}


def _paths(name: str, column: dy.Column) -> tuple[str, ...]:
    path: str | tuple[str, ...] = (column.metadata or {}).get("path", name)
    if path == ABSENT:
        return ()
    return (path,) if isinstance(path, str) else path


def _first(fields: list[pl.Expr], dtype: Any) -> pl.Expr:
    """The first of `fields` that is not null."""
    match fields:
        case []:
            return pl.lit(None, dtype=dtype)
        case [field]:
            return field
        case _:
            return pl.coalesce(fields)


def _field(path: str, apart: set[str]) -> pl.Expr:
    first, *rest = path.split(".")
    if first in apart:
        first, *rest = f"{first}.{rest[0]}", *rest[1:]
    expr = pl.col(first)
    for part in rest:
        expr = expr.struct.field(part)
    return expr
