"""Which fields of an answer no wire schema declares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.decode.dtypes import fields_of, instance
from metronome_analytics.api.decode.reading import schema_of
from metronome_analytics.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metronome_analytics.api.endpoints import Endpoint


def undeclared_fields(body: bytes, endpoint: Endpoint, *, seen: Iterable[str] = ()) -> set[str]:
    """The paths of fields in `body` that the wire schema does not declare (keys of free-form objects are free).

    A body whose only undeclared keys are those of the paths in `seen` has nothing new to say.
    """
    schema = schema_of(endpoint)
    undeclared = schema.undeclared_keys(body)
    if undeclared <= {path.rsplit(".", 1)[-1] for path in seen}:
        return set()
    try:
        answer = json.loads(body)
    except RecursionError:
        # polars reads deeper than Python; without their paths the fields are still new.
        return undeclared
    found = {printable(name) for name in answer if name not in {"data", schema.cursor[0]}}
    for row in answer["data"] if schema.is_list else [answer["data"]]:
        found.update(_undeclared(row, schema.wire, ""))
    return found


def _undeclared(value: Any, dtype: pl.DataType, path: str) -> Iterator[str]:
    match dtype:
        case pl.Struct() if isinstance(value, dict):
            declared = dict(fields_of(dtype))
            for name, item in value.items():
                if name in declared:
                    yield from _undeclared(item, declared[name], f"{path}{name}.")
                else:
                    yield printable(f"{path}{name}")
        case pl.List() if isinstance(value, list):
            for item in value:
                yield from _undeclared(item, instance(dtype.inner), f"{path[:-1]}[].")
        case pl.Map() if isinstance(value, dict):
            for item in value.values():
                yield from _undeclared(item, instance(dtype.value), f"{path}*.")
        case _:
            return
