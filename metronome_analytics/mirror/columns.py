"""How a table that an older version wrote is read and written with the columns of today.

What is new is null in the rows held, at any depth, until they are read again; what is gone is left where it is and not
shown. Only a column of another type cannot be carried over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import MirrorMismatch
from metronome_analytics.mirror.lake import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def delta_schema(schema: Mapping[str, pl.DataType], *, bucketed: bool) -> Schema:
    """`schema` as Delta Lake has it, with the bucket a row is filed under if it is `bucketed`."""
    from arro3.core import Table as ArrowTable  # noqa: PLC0415  # comes with deltalake

    empty = pl.DataFrame(schema=dict(schema) | ({"bucket": pl.Int32()} if bucketed else {}))
    return Schema.from_arrow(ArrowTable.from_arrow(empty).schema)


def lacking(held: Schema, wanted: Schema) -> Schema | None:
    """The columns of `wanted` that `held` has not, or not with every field; None where it has all."""
    has = _fields(held)
    short = [name for name, kind in _fields(wanted).items() if name not in has or _missing(has[name], kind)]
    return Schema([field for field in wanted.fields if field.name in short]) if short else None


def check_types(held: Schema, wanted: Schema, uri: str) -> None:
    """Raise MirrorMismatch where a column of `wanted` has another type in the table at `uri`."""
    has = _fields(held)
    differing = [
        path for name, kind in _fields(wanted).items() if name in has for path in _differing(has[name], kind, name)
    ]
    if differing:
        raise MirrorMismatch(f"{uri} was written with other types by another version: {'; '.join(sorted(differing))}.")


def _fields(schema: Schema) -> dict[str, Any]:
    return {field["name"]: field["type"] for field in json.loads(schema.to_json())["fields"]}


def _missing(held: Any, wanted: Any) -> bool:
    """Whether a nested field of `wanted` is not in `held`."""
    if not isinstance(held, dict) or not isinstance(wanted, dict):
        return False
    if wanted["type"] != "struct":
        return any(_missing(held.get(part), wanted[part]) for part in _PARTS[wanted["type"]])
    has = {field["name"]: field["type"] for field in held.get("fields", ())}
    return any(field["name"] not in has or _missing(has[field["name"]], field["type"]) for field in wanted["fields"])


def _differing(held: Any, wanted: Any, path: str) -> Iterator[str]:
    """The paths below `path` at which both have something, and not of one type."""
    of_one_kind = isinstance(held, dict) and isinstance(wanted, dict) and held["type"] == wanted["type"]
    if not of_one_kind:
        if held != wanted:
            yield f"{path} is {_named(held)} there and {_named(wanted)} here"
    elif wanted["type"] == "struct":
        has = {field["name"]: field["type"] for field in held["fields"]}
        for field in wanted["fields"]:
            if field["name"] in has:
                yield from _differing(has[field["name"]], field["type"], f"{path}.{field['name']}")
    else:
        for part in _PARTS[wanted["type"]]:
            yield from _differing(held[part], wanted[part], path)


# Where the nested types of Delta Lake hold the types they are made of.
_PARTS = {"array": ("elementType",), "map": ("keyType", "valueType")}


def _named(kind: Any) -> str:
    return str(kind["type"]) if isinstance(kind, dict) else str(kind)
