"""Bytes to a wire frame: strict, exact, and without a Python object per row.

polars reads JSON fast, but alone it is neither exact nor strict: a Decimal column goes through float arithmetic,
a number is taken for a string, a scalar for a list, `true` for 1.0, an unreadable timestamp becomes null. So:

- JSON numbers that are money are read as Float64, whose shortest text is then parsed as Decimal(38, 10). That
  text is the JSON number for up to 15 significant digits; digits past the tenth decimal are rounded half to even.
- Timestamps are read as text and parsed strictly as RFC 3339.
- One regular expression per schema finds a known key with a value of a kind polars would silently convert, and
  a field that was left out of the reading because no answer had it so far.

Whatever fails there is read a second time by `_explain`, slower, in Python: it either names the field that is
wrong or turns a nested value of a free-form object into its JSON text and hands the page back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from metronome_analytics.api.wire.kinds import JsonText
from metronome_analytics.errors import MalformedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from metronome_analytics.api.endpoints import Endpoint

_RFC3339 = "%+"
# What may come before an answer: white space and a byte order mark.
_BEFORE = b"\xef\xbb\xbf \t\r\n"
# What may come between a key and its value.
_SPACE = r"[ \t\r\n]*"
_COLON = rf"{_SPACE}:{_SPACE}"


class Undecodable(MalformedResponse):
    """The body is not JSON at all: cut short, or a proxy's page. Worth another try."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, decoded: its rows as far as their fields were met, and the cursor to the next page."""

    met: pl.DataFrame
    reading: Reading
    next_page: str | None
    body: bytes = field(repr=False)

    @property
    def rows(self) -> pl.DataFrame:
        """The rows in the endpoint's wire dtypes."""
        return self.reading.whole(self.met)


def decode(body: bytes, endpoint: Endpoint) -> Page:
    """The page in `body`; MalformedResponse names the field that is wrong."""
    schema = _schema(endpoint)
    try:
        return _read(body, schema, schema.reading_of(body))
    except (pl.exceptions.PolarsError, UnicodeDecodeError, _Unusual):
        return _explain(body, endpoint)


class _Unusual(Exception):  # noqa: N818  # not an error: it asks for the second reading
    """The fast reading found something it cannot judge."""


class _Schema:
    """What the fast path needs to know of one endpoint's answer, worked out once."""

    def __init__(self, endpoint: Endpoint) -> None:
        assert endpoint.wire is not None  # noqa: S101  # the registry: only a write answers nothing
        self.wire = endpoint.wire
        self.is_list = endpoint.is_list
        self.cursor = endpoint.cursor.answered
        self.known_keys = frozenset({"data", *self.cursor, *_keys(self.wire)})
        self.full = Reading(self, self.known_keys)
        self._met = Reading(self, frozenset())
        self._free_form = _free_form_pattern(self.wire)

    def reading_of(self, body: bytes) -> Reading:
        """The reading that knows every key in `body`; _Unusual where polars would convert a value without a word."""
        if not body.lstrip(_BEFORE).startswith(b"{"):
            raise _Unusual
        answer, reading = pl.Series([body]).cast(pl.String), self._met
        # A key may be written with escapes; who does that to a letter is read by `_explain`.
        if b"\\" in body and answer.str.contains(r"\\u00[4-7]").item():
            raise _Unusual
        if reading.is_surprised_by(answer):
            self._met = reading = Reading(self, reading.keys | (_keys_in(answer) & self.known_keys))
            if reading.is_surprised_by(answer):
                raise _Unusual
        return reading

    def undeclared_keys(self, body: bytes) -> set[str]:
        """The keys in `body` that no field has, without those of free-form objects that nest nothing."""
        return _keys_in(pl.Series([body]).cast(pl.String), self._free_form) - self.known_keys


class Reading:
    """How polars reads an answer in which, of all declared keys, only `keys` occur.

    What polars takes for a field it takes for every row, whether the field is there or not, and the API declares
    three times as many as it sends. So fields are left out until a body has their key, and come back as nulls: once
    for many pages, with `whole`.
    """

    def __init__(self, schema: _Schema, keys: frozenset[str]) -> None:
        self.keys = keys
        row = _only(schema.wire, keys)
        data = _physical(row)
        self.envelope = pl.Schema({"data": pl.List(data) if schema.is_list else data, **_cursor_field(schema.cursor)})
        here = dict(_fields(row))
        self.columns = [_converted(name, dtype) for name, dtype in here.items()]
        self._whole = {
            name: _whole(name, here[name], dtype) if name in here else pl.lit(None, dtype=held(dtype)).alias(name)
            for name, dtype in _fields(schema.wire)
        }
        # A key that is not met surprises whatever its value, so the rest need only know those that are. All share
        # their first quote: one automaton that looks for it once reads twice as fast as alternatives that each do.
        unmet = _keys(schema.wire) - keys
        rest = [*_mistyped(schema, keys), *_mistyped_texts(schema, keys), *_json_values(schema, keys)]
        if unmet:
            rest.append(rf'(?:{_any_of(unmet)})"{_SPACE}:')
        self._surprise = pl.col("answer").str.contains(f'"(?:{"|".join(rest)})')

    def whole(self, met: pl.DataFrame) -> pl.DataFrame:
        """`met`, and what was left out as nulls; columns the wire does not have stay behind it."""
        return met.select(*self._whole.values(), *(name for name in met.columns if name not in self._whole))

    def is_surprised_by(self, answer: pl.Series) -> bool:
        """Whether there is a key that was not met yet, or a value that polars would convert without a word."""
        return bool(answer.to_frame("answer").select_seq(self._surprise).item())


@cache
def _schema(endpoint: Endpoint) -> _Schema:
    return _Schema(endpoint)


def _cursor_field(path: tuple[str, ...]) -> dict[str, pl.DataType]:
    """The field of the answer that holds the cursor at `path`."""
    first, *rest = path
    return {first: pl.Struct(_cursor_field(tuple(rest))) if rest else pl.String()}


_KEY = rf'"(\w+)"{_SPACE}:'


def _keys_in(text: pl.Series, but_in: str | None = None) -> set[str]:
    """The keys in `text`, without those of the objects that `but_in` matches, key and all."""
    found = text.str.extract_all(_KEY if but_in is None else f"{but_in}|{_KEY}").explode().unique()
    return set(found.str.extract(f"^{_KEY}$").drop_nulls())


def _read(body: bytes, schema: _Schema, reading: Reading) -> Page:
    answer = pl.read_json(body, schema=reading.envelope)
    if answer.height != 1 or answer["data"].null_count():
        raise _Unusual
    rows = answer["data"].item() if schema.is_list else answer["data"]
    if rows.null_count():
        raise _Unusual
    cursor = answer[schema.cursor[0]]
    for name in schema.cursor[1:]:
        cursor = cursor.struct.field(name)
    # One after the other: pages are decoded side by side, so polars' own threads would only get into each other's way.
    return Page(rows.struct.unnest().select_seq(reading.columns), reading, cursor.item() or None, body)


# --- wire dtype -> what polars reads, and back -------------------------------------------------------------


def _fields(struct: pl.Struct) -> Iterator[tuple[str, pl.DataType]]:
    for name, dtype in struct:
        yield name, _instance(dtype)


def _instance(dtype: Any) -> pl.DataType:
    # polars types inner dtypes as instance or class; ours are instances, and a class would do too.
    instance: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return instance


def _only(dtype: Any, keys: frozenset[str]) -> Any:
    """`dtype` without the fields that are not in `keys`; an object keeps its first, to be told from null."""
    match dtype:
        case pl.Struct():
            first = dtype.fields[0].name
            kept = {name: _only(inner, keys) for name, inner in _fields(dtype) if name in keys or name == first}
            return pl.Struct(kept)
        case pl.List():
            return pl.List(_only(_instance(dtype.inner), keys))
        case pl.Map():
            return pl.Map(dtype.key, _only(_instance(dtype.value), keys))
        case _:
            return dtype


def _converted(name: str, here: pl.DataType) -> pl.Expr:
    """The column `name` in the dtype it is held in, as far as it is `here`."""
    converted = _convert(pl.col(name), here)
    return pl.col(name) if converted is None else converted.alias(name)


def _whole(name: str, here: pl.DataType, declared: pl.DataType) -> pl.Expr:
    """The column `name`, held as far as it is `here`, in all that is `declared`."""
    # What is here has its dtype already: not strict only means that fields which are not here become nulls.
    return pl.col(name) if here == declared else pl.col(name).cast(held(declared), strict=False)


def held(dtype: Any) -> Any:
    """The dtype that `_convert` makes: `dtype`, but a Map of objects is the list of its entries."""
    match dtype:
        case pl.Struct():
            return pl.Struct({name: held(inner) for name, inner in _fields(dtype)})
        case pl.List():
            return pl.List(held(_instance(dtype.inner)))
        case pl.Map() if _convert(pl.element(), _instance(dtype.value)) is not None:
            return pl.List(pl.Struct({"key": dtype.key, "value": held(_instance(dtype.value))}))
        case JsonText():
            return pl.String()
        case _:
            return dtype


def _physical(dtype: pl.DataType) -> pl.DataType:
    """The dtype polars reads the JSON as, before `_convert`."""
    match dtype:
        case pl.Decimal():
            return pl.Float64()
        case pl.Datetime() | JsonText():
            return pl.String()
        case pl.Struct():
            return pl.Struct({name: _physical(inner) for name, inner in _fields(dtype)})
        case pl.List():
            return pl.List(_physical(_instance(dtype.inner)))
        case pl.Map():
            return pl.Map(_instance(dtype.key), _physical(_instance(dtype.value)))
        case _:
            return dtype


def _convert(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """The expression that turns what was read into `dtype`; None where nothing needs turning."""
    match dtype:
        case pl.Decimal():
            return expr.cast(pl.String).cast(dtype)
        case pl.Datetime():
            return expr.str.to_datetime(_RFC3339, time_unit="us", time_zone="UTC")
        case pl.Struct():
            changed = [
                converted.alias(name)
                for name, inner in _fields(dtype)
                if (converted := _convert(pl.field(name), inner)) is not None
            ]
            return expr.struct.with_fields(changed) if changed else None
        case pl.List():
            element = _convert(pl.element(), _instance(dtype.inner))
            return None if element is None else expr.list.eval(element)
        case pl.Map():
            value = _instance(dtype.value)
            entry = _convert(pl.element(), pl.Struct({"key": _instance(dtype.key), "value": value}))
            return None if entry is None else expr.map.entries().list.eval(entry)
        case _:
            return None


# --- the fast strictness ------------------------------------------------------------------------------------

# First characters of the JSON values that polars converts without a word, by the kind it was told; any other value
# of another kind it refuses itself. `n` is null, which stands for "missing" everywhere.
_CONVERTED = {
    "text": "-0123456789tf",
    "number": "tf",
    "list": '"-0123456789tf',
    "any": '"-0123456789tf',  # not wrong, but only `_explain` keeps it as JSON text
    "flag": "",
    "object": "",
}


def _kind(dtype: pl.DataType) -> str:
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


def _walk(dtype: pl.DataType) -> Iterator[tuple[str, pl.DataType]]:
    match dtype:
        case pl.Struct():
            for name, inner in _fields(dtype):
                yield name, inner
                yield from _walk(inner)
        case pl.List():
            yield from _walk(_instance(dtype.inner))
        case pl.Map():
            yield from _walk(_instance(dtype.value))
        case _:
            return


def _keys(dtype: pl.DataType) -> set[str]:
    return {name for name, _ in _walk(dtype)}


# The next three continue after the opening quote of a key; see `Reading`.


def _json_values(schema: _Schema, keys: frozenset[str]) -> list[str]:
    """Match a field kept as JSON text that is not null: its text is made by `_explain`, whatever it holds."""
    names = {name for name, dtype in _walk(schema.wire) if isinstance(dtype, JsonText)} & keys
    return [rf'(?:{_any_of(names)})"{_COLON}[^ \t\r\nn]'] if names else []


def _mistyped_texts(schema: _Schema, keys: frozenset[str]) -> list[str]:
    """Match a list of texts with something else in it, which polars would take for a text."""
    lists = pl.List(pl.String())
    names = {name for name, dtype in _walk(schema.wire) if dtype == lists} & keys
    text = rf'{_SPACE}"(?:[^"\\]|\\.)*"{_SPACE},'
    return [rf'(?:{_any_of(names)})"{_COLON}\[(?:{text})*{_SPACE}[-0-9tf]'] if names else []


def _mistyped(schema: _Schema, keys: frozenset[str]) -> list[str]:
    """Match a value that polars would convert for every kind that its key has in the schema."""
    starts: dict[str, set[str]] = {}
    for name, dtype in _walk(pl.Struct({**_cursor_field(schema.cursor), **dict(_fields(schema.wire))})):
        converted = set(_CONVERTED[_kind(dtype)])
        starts[name] = starts.get(name, converted) & converted
    groups: dict[str, set[str]] = {}
    for name, converted in starts.items():
        if converted and name in {*keys, *schema.cursor}:
            groups.setdefault("".join(sorted(converted)), set()).add(name)
    return [rf'(?:{_any_of(names)})"{_COLON}[{re.escape(converted)}]' for converted, names in sorted(groups.items())]


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))


def _free_form_pattern(row: pl.Struct) -> str:
    """Matches a flat free-form object, with its key; nothing outside of one.

    Up to the first brace in it a free-form object is free, even where that brace stands in a text.
    """
    kinds: dict[str, list[bool]] = {}
    for name, dtype in _walk(row):
        kinds.setdefault(name, []).append(isinstance(dtype, pl.Map) and isinstance(dtype.value, pl.String))
    names = "|".join(re.escape(name) for name, free in kinds.items() if all(free)) or r"[^\s\S]"
    return f'"(?:{names})"{_COLON}\\{{[^{{}}]*\\}}'


# --- the second, explaining reading ---------------------------------------------------------------------------


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


def _explain(body: bytes, endpoint: Endpoint) -> Page:
    schema = _schema(endpoint)
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
        page = _read(json.dumps(checked).encode(), schema, schema.full)
    except (pl.exceptions.PolarsError, _Unusual) as error:
        raise MalformedResponse(f"The answer cannot be held in the declared columns: {error}.") from error
    return replace(page, body=body)


def _checked_envelope(answer: Any, schema: _Schema) -> dict[str, object]:
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
    expected, fits = _PYTHON_KINDS[_kind(dtype)]
    if not fits(value):
        raise _Mismatch(path, expected, value)
    match dtype:
        case pl.Struct():
            return {
                name: _checked(value[name], inner, f"{path}.{name}") for name, inner in _fields(dtype) if name in value
            }
        case pl.List():
            inner = _instance(dtype.inner)
            return [_checked(item, inner, f"{path}[{index}]") for index, item in enumerate(value)]
        case pl.Map():
            inner = _instance(dtype.value)
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


# --- drift ------------------------------------------------------------------------------------------------------


def undeclared_fields(body: bytes, endpoint: Endpoint, *, seen: Iterable[str] = ()) -> set[str]:
    """The paths of fields in `body` that the wire schema does not declare (keys of free-form objects are free).

    A body whose only undeclared keys are those of the paths in `seen` has nothing new to say.
    """
    schema = _schema(endpoint)
    if schema.undeclared_keys(body) <= {path.rsplit(".", 1)[-1] for path in seen}:
        return set()
    answer = json.loads(body)
    found = {name for name in answer if name not in {"data", schema.cursor[0]}}
    for row in answer["data"] if schema.is_list else [answer["data"]]:
        found.update(_undeclared(row, schema.wire, ""))
    return found


def _undeclared(value: Any, dtype: pl.DataType, path: str) -> Iterator[str]:
    match dtype:
        case pl.Struct() if isinstance(value, dict):
            declared = dict(_fields(dtype))
            for name, item in value.items():
                if name in declared:
                    yield from _undeclared(item, declared[name], f"{path}{name}.")
                else:
                    yield f"{path}{name}"
        case pl.List() if isinstance(value, list):
            for item in value:
                yield from _undeclared(item, _instance(dtype.inner), f"{path[:-1]}[].")
        case pl.Map() if isinstance(value, dict):
            for item in value.values():
                yield from _undeclared(item, _instance(dtype.value), f"{path}*.")
        case _:
            return
