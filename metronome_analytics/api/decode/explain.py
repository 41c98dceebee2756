"""The second, slower reading, in Python: of what the fast one could not judge.

It either names the field that is wrong, or turns a nested value of a free-form object into its JSON text and hands the
page back.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from metronome_analytics.api.decode.amounts import JsonNumber, held_text
from metronome_analytics.api.decode.dtypes import fields_of, instance, kind
from metronome_analytics.api.decode.reading import Schema, Unusual, read, schema_of
from metronome_analytics.api.wire.kinds import JsonText
from metronome_analytics.errors import MalformedResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.api.decode.reading import Page
    from metronome_analytics.api.endpoints import Endpoint


_FIRST_YEAR = 1900
# As RFC 3339 has it, or with a zone without its colon. Python may read the hour 24, and a zone's minute 60.
_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?!24)[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:?[0-5][0-9])"
)

Check = Callable[[Any, str], object]
"""A value and its path."""


class Undecodable(MalformedResponse):
    """The body is not JSON at all: cut short, or a proxy's page. Worth another try."""


class _Mismatch(Exception):  # noqa: N818  # becomes a MalformedResponse with its path
    def __init__(self, path: str, expected: str, got: object) -> None:
        super().__init__(f"{path or 'the answer'}: expected {expected}, got {_describe(got)}")


class _Overflow(_Mismatch):
    """The value is of the declared kind, and no column holds it."""


def _describe(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    text = value.text if isinstance(value, JsonNumber) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


_MISSING = object()


def _reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def explain(body: bytes, endpoint: Endpoint) -> Page:
    """The page in `body`; MalformedResponse names the field that is wrong."""
    schema = schema_of(endpoint)
    try:
        answer = _parsed(body)
        checked = json.dumps(_checked_envelope(answer, schema), ensure_ascii=False).encode()
    except _Overflow as overflow:
        raise MalformedResponse(f"The answer cannot be held at {overflow}.") from None
    except _Mismatch as mismatch:
        raise MalformedResponse(f"The answer is not what the API declares at {mismatch}.") from None
    except RecursionError:
        raise MalformedResponse("The answer cannot be read: it is nested too deeply.") from None
    except UnicodeEncodeError:
        raise MalformedResponse("The answer cannot be held: a text in it has half a character.") from None
    try:
        page = read(checked, schema, schema.exact_of(checked))
    except (pl.exceptions.PolarsError, Unusual) as error:
        raise MalformedResponse(f"The answer cannot be held in the declared columns: {error}.") from error
    return replace(page, body=body)


class _Object(dict[str, Any]):
    """A JSON object. Of a key that comes more than once it has the last value, and `first` the first."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.first: dict[str, Any] = {}
        if len(self) < len(pairs):
            times = Counter(name for name, _ in pairs)
            self.first = {name: value for name, value in reversed(pairs) if times[name] > 1}


def _parsed(body: bytes) -> Any:
    """The JSON in `body`, every number with a point as it was written."""
    try:
        # Not bytes: of those json also takes UTF-16, and surrogates in UTF-8.
        text = body.decode("utf-8-sig")
        return json.loads(text, parse_constant=_reject, parse_float=JsonNumber, object_pairs_hook=_Object)
    except ValueError:
        start = body[:40].decode(errors="replace").strip()
        raise Undecodable(
            f"The answer is not JSON: {len(body)} bytes that begin {start!r}.",
            advice="A proxy's page or a cut connection looks like this; check base_url if it stays.",
        ) from None


def _checked_envelope(answer: Any, schema: Schema) -> dict[str, object]:
    if not isinstance(answer, _Object):
        raise _Mismatch("", "an object with `data`", answer)
    _check_not_repeated(answer, {"data", schema.cursor[0]})
    for name in schema.cursor[1:]:
        _check_not_repeated(answer.get(schema.cursor[0]), {name})
    of_row, of_cursor = _checks_of(schema)
    cursor = of_cursor(answer.get(schema.cursor[0]), schema.cursor[0])
    data: Any = answer.get("data", _MISSING)
    if not isinstance(data, list if schema.is_list else dict):
        raise _Mismatch("data", "a list" if schema.is_list else "an object", data)
    rows = data if schema.is_list else [data]
    checked = []
    for index, row in enumerate(rows):
        path = f"data[{index}]" if schema.is_list else "data"
        if row is None:
            raise _Mismatch(path, "an object", row)
        checked.append(of_row(row, path))
    return {"data": checked if schema.is_list else checked[0], schema.cursor[0]: cursor}


def _check_not_repeated(holder: Any, names: set[str]) -> None:
    """Of two cursors, or two lists of rows, nobody can say which one counts."""
    for name in holder.first.keys() & names if isinstance(holder, _Object) else ():
        raise _Mismatch(name, "one value", f"several, the first {_describe(holder.first[name])}")


_PYTHON_KINDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "any": ("anything", lambda _: True),
    "text": ("text", lambda v: isinstance(v, str)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "flag": ("true or false", lambda v: isinstance(v, bool)),
    "list": ("a list", lambda v: isinstance(v, list)),
    "object": ("an object", lambda v: isinstance(v, dict)),
}


@cache
def _checks_of(schema: Schema) -> tuple[Check, Check]:
    """What turns a row, and what turns a cursor, into what the fast reading can read."""
    return _check_of(schema.wire), _check_of(instance(dict(schema.cursor_field)[schema.cursor[0]]))


def _check_of(dtype: pl.DataType) -> Check:
    """What turns a value at a path into what the fast reading can read; _Mismatch where it is of another kind."""
    expected, fits = _PYTHON_KINDS[kind(dtype)]
    turned = _turned(dtype)

    def check(value: Any, path: str) -> object:
        if value is None:
            return None
        if not fits(value):
            raise _Mismatch(path, expected, value)
        return turned(value, path)

    return check


def _turned(dtype: pl.DataType) -> Check:
    match dtype:
        case pl.Struct():
            return _object({name: _check_of(inner) for name, inner in fields_of(dtype)})
        case pl.List():
            of_item = _check_of(instance(dtype.inner))
            return lambda value, path: [of_item(item, f"{path}[{index}]") for index, item in enumerate(value)]
        case pl.Map() if isinstance(instance(dtype.value), pl.String):
            return lambda value, _: {key: _free_text(item) for key, item in value.items()}
        case pl.Map():
            of_value = _check_of(instance(dtype.value))
            return lambda value, path: {key: of_value(item, f"{path}.{key}") for key, item in value.items()}
        case _:
            return _turned_scalar(dtype)


def _turned_scalar(dtype: pl.DataType) -> Check:
    match dtype:
        case JsonText():
            return lambda value, _: _json_text(value)
        case pl.Decimal():
            return _amount
        case pl.Datetime():
            return _instant
        case pl.String():
            return _text
        case _:
            return lambda value, _: value


def _object(fields: Mapping[str, Check]) -> Check:
    def turned(value: _Object, path: str) -> object:
        # The fast reading takes the first of several fields, and the last of several keys of a free-form object.
        first = value.first
        return {
            name: check(first[name] if name in first else value[name], f"{path}.{name}")
            for name, check in fields.items()
            if name in value
        }

    return turned


def _amount(value: Any, path: str) -> object:
    text = held_text(value)
    if text is None:
        raise _Overflow(path, "an amount of at most 28 digits before the point and 10 after", value)
    return text


def _instant(value: str, path: str) -> object:
    at = _moment(value)
    if at is None:
        raise _Mismatch(path, "an RFC 3339 timestamp", value)
    return at.isoformat()


def _moment(text: str) -> datetime | None:
    """The time that `text` tells, in UTC; None where it tells none, or one nobody means: the year 20 is 2020, cut."""
    try:
        at = datetime.fromisoformat(text.upper()) if _WRITTEN.fullmatch(text) else None
        return at.astimezone(UTC) if at is not None and at.year >= _FIRST_YEAR else None
    except (ValueError, OverflowError):
        return None


def _text(value: str, path: str) -> object:
    if not _is_whole(value):
        raise _Mismatch(path, "text of whole characters", value)
    return value


def _free_text(value: object) -> object:
    """A value of a free-form object: nested ones become their JSON text, scalars are left to the fast path."""
    return _json_text(value) if isinstance(value, dict | list) else value


def _json_text(value: object) -> str:
    """`value` as JSON, each number as it was written: it may be an amount, and more than a float holds."""
    match value:
        case dict():
            fields = (f"{json.dumps(name, ensure_ascii=False)}: {_json_text(item)}" for name, item in value.items())
            return f"{{{', '.join(fields)}}}"
        case list():
            return f"[{', '.join(map(_json_text, value))}]"
        case JsonNumber():
            return value.text
        case _:
            return json.dumps(value, ensure_ascii=False)


def _is_whole(text: str) -> bool:
    """Whether `text` can leave Python: JSON can write half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
