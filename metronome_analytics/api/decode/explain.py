"""The second, slower reading, in Python: of what the fast one could not judge.

It either names the field that is wrong, or turns a nested value of a free-form object into its JSON text and hands the
page back.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from metronome_analytics.api.decode.dtypes import fields_of, instance, kind
from metronome_analytics.api.decode.reading import Schema, Unusual, read, schema_of
from metronome_analytics.api.wire.kinds import JsonText
from metronome_analytics.errors import MalformedResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.api.decode.reading import Page
    from metronome_analytics.api.endpoints import Endpoint


class Undecodable(MalformedResponse):
    """The body is not JSON at all: cut short, or a proxy's page. Worth another try."""


class _Mismatch(Exception):  # noqa: N818  # becomes a MalformedResponse with its path
    def __init__(self, path: str, expected: str, got: object) -> None:
        super().__init__(f"{path or 'the answer'}: expected {expected}, got {_describe(got)}")


def _describe(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


_MISSING = object()


def _reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def explain(body: bytes, endpoint: Endpoint) -> Page:
    """The page in `body`; MalformedResponse names the field that is wrong."""
    schema = schema_of(endpoint)
    try:
        answer = json.loads(body, parse_constant=_reject)
    except (ValueError, RecursionError):
        start = body[:40].decode(errors="replace").strip()
        raise Undecodable(
            f"The answer is not JSON: {len(body)} bytes that begin {start!r}.",
            advice="A proxy's page or a cut connection looks like this; check base_url if it stays.",
        ) from None
    try:
        checked = _checked_envelope(answer, schema)
    except _Mismatch as mismatch:
        raise MalformedResponse(f"The answer is not what the API declares at {mismatch}.") from None
    try:
        page = read(json.dumps(checked).encode(), schema, schema.full)
    except (pl.exceptions.PolarsError, Unusual) as error:
        raise MalformedResponse(f"The answer cannot be held in the declared columns: {error}.") from error
    return replace(page, body=body)


def _checked_envelope(answer: Any, schema: Schema) -> dict[str, object]:
    if not isinstance(answer, dict):
        raise _Mismatch("", "an object with `data`", answer)
    cursor = _checked(answer.get(schema.cursor[0]), schema.full.envelope[schema.cursor[0]], schema.cursor[0])
    data: Any = answer.get("data", _MISSING)
    if not isinstance(data, list if schema.is_list else dict):
        raise _Mismatch("data", "a list" if schema.is_list else "an object", data)
    rows = data if schema.is_list else [data]
    checked = []
    for index, row in enumerate(rows):
        path = f"data[{index}]" if schema.is_list else "data"
        if row is None:
            raise _Mismatch(path, "an object", row)
        checked.append(_checked(row, schema.wire, path))
    return {"data": checked if schema.is_list else checked[0], schema.cursor[0]: cursor}


_PYTHON_KINDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "any": ("anything", lambda _: True),
    "text": ("text", lambda v: isinstance(v, str)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "flag": ("true or false", lambda v: isinstance(v, bool)),
    "list": ("a list", lambda v: isinstance(v, list)),
    "object": ("an object", lambda v: isinstance(v, dict)),
}


def _checked(value: Any, dtype: pl.DataType, path: str) -> object:  # noqa: PLR0911  # one return a kind
    """`value` as the fast path can read it; _Mismatch where it is not of the declared kind."""
    if value is None:
        return None
    expected, fits = _PYTHON_KINDS[kind(dtype)]
    if not fits(value):
        raise _Mismatch(path, expected, value)
    match dtype:
        case pl.Struct():
            return {
                name: _checked(value[name], inner, f"{path}.{name}")
                for name, inner in fields_of(dtype)
                if name in value
            }
        case pl.List():
            inner = instance(dtype.inner)
            return [_checked(item, inner, f"{path}[{index}]") for index, item in enumerate(value)]
        case pl.Map():
            inner = instance(dtype.value)
            if isinstance(inner, pl.String):
                return {key: _free_text(item) for key, item in value.items()}
            return {key: _checked(item, inner, f"{path}.{key}") for key, item in value.items()}
        case JsonText():
            return json.dumps(value, ensure_ascii=False)
        case pl.Datetime():
            if not _is_instant(value):
                raise _Mismatch(path, "an RFC 3339 timestamp", value)
        case _:
            pass
    return value


def _free_text(value: object) -> object:
    """A value of a free-form object: nested ones become their JSON text, scalars are left to the fast path."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
