"""Wire dtypes taken apart: what polars reads for each, how that becomes what is held, and the kind of JSON it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.wire.kinds import JsonText

if TYPE_CHECKING:
    from collections.abc import Iterator

_RFC3339 = "%+"


def fields_of(struct: pl.Struct) -> Iterator[tuple[str, pl.DataType]]:
    """The fields of `struct`, each with an instance for its dtype."""
    for name, dtype in struct:
        yield name, instance(dtype)


def instance(dtype: Any) -> pl.DataType:
    """`dtype`, or what it is the class of."""
    # polars types inner dtypes as instance or class; ours are instances, and a class would do too.
    instance: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return instance


def only(dtype: Any, keys: frozenset[str]) -> Any:
    """`dtype` without the fields that are not in `keys`; an object keeps its first, to be told from null."""
    match dtype:
        case pl.Struct():
            first = dtype.fields[0].name
            kept = {name: only(inner, keys) for name, inner in fields_of(dtype) if name in keys or name == first}
            return pl.Struct(kept)
        case pl.List():
            return pl.List(only(instance(dtype.inner), keys))
        case pl.Map():
            return pl.Map(dtype.key, only(instance(dtype.value), keys))
        case _:
            return dtype


def walk(dtype: pl.DataType) -> Iterator[tuple[str, pl.DataType]]:
    """Every field below `dtype`, at any depth."""
    match dtype:
        case pl.Struct():
            for name, inner in fields_of(dtype):
                yield name, inner
                yield from walk(inner)
        case pl.List():
            yield from walk(instance(dtype.inner))
        case pl.Map():
            yield from walk(instance(dtype.value))
        case _:
            return


def kind(dtype: pl.DataType) -> str:
    """The kind of JSON value that `dtype` is written as."""
    match dtype:
        case pl.Decimal() | pl.Float64():
            return "number"
        case pl.Boolean():
            return "flag"
        case pl.List():
            return "list"
        case pl.Struct() | pl.Map():
            return "object"
        case JsonText():
            return "any"
        case pl.String() | pl.Datetime():
            return "text"
        case _:
            raise TypeError(f"no wire kind for {dtype}")


def held(dtype: Any) -> Any:
    """The dtype that `convert` makes: `dtype`, but a Map of objects is the list of its entries."""
    match dtype:
        case pl.Struct():
            return pl.Struct({name: held(inner) for name, inner in fields_of(dtype)})
        case pl.List():
            return pl.List(held(instance(dtype.inner)))
        case pl.Map() if convert(pl.element(), instance(dtype.value)) is not None:
            return pl.List(pl.Struct({"key": dtype.key, "value": held(instance(dtype.value))}))
        case JsonText():
            return pl.String()
        case _:
            return dtype


def physical(dtype: pl.DataType, amount: pl.DataType) -> pl.DataType:
    """The dtype polars reads the JSON as, before `convert`: for an amount `amount`."""
    match dtype:
        case pl.Decimal():
            return amount
        case pl.Datetime() | JsonText():
            return pl.String()
        case pl.Struct():
            return pl.Struct({name: physical(inner, amount) for name, inner in fields_of(dtype)})
        case pl.List():
            return pl.List(physical(instance(dtype.inner), amount))
        case pl.Map():
            return pl.Map(instance(dtype.key), physical(instance(dtype.value), amount))
        case _:
            return dtype


def convert(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """The expression that turns what was read into `dtype`; None where nothing needs turning."""
    match dtype:
        case pl.Decimal():
            return expr.cast(pl.String).cast(dtype)
        case pl.Datetime():
            return expr.str.to_datetime(_RFC3339, time_unit="us", time_zone="UTC")
        case pl.Struct():
            changed = [
                converted.alias(name)
                for name, inner in fields_of(dtype)
                if (converted := convert(pl.field(name), inner)) is not None
            ]
            return expr.struct.with_fields(changed) if changed else None
        case pl.List():
            element = convert(pl.element(), instance(dtype.inner))
            return None if element is None else expr.list.eval(element)
        case pl.Map():
            value = instance(dtype.value)
            entry = convert(pl.element(), pl.Struct({"key": instance(dtype.key), "value": value}))
            return None if entry is None else expr.map.entries().list.eval(entry)
        case _:
            return None
