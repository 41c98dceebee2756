"""The fast reading: polars reads the whole answer at once, as far as the keys in it were met.

It is exact only with care. JSON numbers that are money are read as Float64, whose shortest text is then parsed as
Decimal(38, 10): that text is the JSON number for up to 15 significant digits, and `surprises` finds those with more.
Timestamps are read as text and parsed strictly as RFC 3339. What it cannot judge is `Unusual`. Columns of small pages
are converted later, those of many customers at once: nothing of what was taken can fail then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.api.decode.dtypes import convert, fields_of, held, only, physical, walk
from metronome_analytics.api.decode.surprises import (
    ambiguous_times,
    is_unclear,
    key_outside_free_forms,
    keys_in,
    surprise,
)
from metronome_analytics.errors import MalformedResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.api.endpoints import Endpoint

# What may come before an answer: white space and a byte order mark.
_BEFORE = b"\xef\xbb\xbf \t\r\n"
_NUMBER = pl.Float64()

# A body up to so many bytes is converted with its neighbours: what polars spends on an expression of a contract's
# forty lists does not depend on the rows, and is ten times what it spends on those of one customer.
_SHARED = 64 * 1024


class Completion:
    """What makes an endpoint's rows of those that were read: every column of it, in the dtype it is held in.

    One for many pages: what polars spends on an expression it spends once.
    """

    def __init__(self, columns: Mapping[str, pl.Expr]) -> None:
        self._columns = columns

    def whole(self, met: pl.DataFrame) -> pl.DataFrame:
        """Rows as far as they were met, and what was left out as nulls; other columns of `met` stay behind it."""
        others = (name for name in met.columns if name not in self._columns)
        try:
            return met.select(*self._columns.values(), *others)
        except pl.exceptions.PolarsError as error:
            raise MalformedResponse(f"An answer cannot be held in the declared columns: {error}.") from error

    def column(self, met: pl.DataFrame, name: str) -> pl.Series | None:
        """One column of rows; None where they came without it."""
        return met.select_seq(self._columns[name]).to_series() if name in met.columns else None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, decoded: `met`, its rows as far as their fields were met, and the cursor to the next page.

    A field of `met` may still be what polars read: for values take `rows`, or a column by `completion`.
    """

    met: pl.DataFrame
    completion: Completion
    next_page: str | None
    body: bytes = field(repr=False)

    @property
    def rows(self) -> pl.DataFrame:
        """The rows in the endpoint's wire dtypes."""
        return self.completion.whole(self.met)


class Unusual(Exception):  # noqa: N818  # not an error: it asks for the second reading
    """The fast reading found something it cannot judge."""


class Schema:
    """What the fast path needs to know of one endpoint's answer, worked out once."""

    def __init__(self, endpoint: Endpoint) -> None:
        assert endpoint.wire is not None  # noqa: S101  # the registry: only a write answers nothing
        self.wire = endpoint.wire
        self.is_list = endpoint.is_list
        self.cursor = endpoint.cursor.answered
        self.cursor_field = _cursor_field(self.cursor)
        self.fields = list(walk(self.wire))
        self.known_keys = frozenset({"data", *self.cursor, *(name for name, _ in self.fields)})
        self._met = Reading(self, frozenset())
        self._exact = Reading(self, frozenset(), amount=pl.String())
        self._key = key_outside_free_forms(self.wire)

    def reading_of(self, body: bytes) -> Reading:
        """The reading that knows every key in `body`; Unusual where polars would convert a value without a word."""
        if not body.lstrip(_BEFORE).startswith(b"{"):
            raise Unusual
        answer, reading = pl.Series([body]).cast(pl.String), self._met
        if is_unclear(body, ("data", *self.cursor)):
            raise Unusual
        if reading.is_surprised_by(answer):
            met = keys_in(body) & self.known_keys
            if met <= reading.keys:
                raise Unusual
            self._met = reading = Reading(self, reading.keys | met)
            if reading.is_surprised_by(answer):
                raise Unusual
        return reading

    def exact_of(self, body: bytes) -> Reading:
        """The reading that knows every key in `body`, in which amounts are texts."""
        met = keys_in(body) & self.known_keys
        # Pages are decoded side by side: what another one stores meanwhile must not be what this one gets.
        reading = self._exact
        if not met <= reading.keys:
            self._exact = reading = Reading(self, reading.keys | met, amount=pl.String())
        return reading

    def undeclared_keys(self, body: bytes) -> set[str]:
        """The keys in `body` that no field has, without those of free-form objects that nest nothing."""
        return keys_in(body, self._key) - self.known_keys


class Reading:
    """How polars reads an answer in which, of all declared keys, only `keys` occur.

    What polars takes for a field it takes for every row, whether the field is there or not, and the API declares
    three times as many as it sends. So fields are left out until a body has their key, and come back as nulls. An
    amount is read as `amount`: a number, or the text that `explain` makes of it.
    """

    def __init__(self, schema: Schema, keys: frozenset[str], *, amount: pl.DataType = _NUMBER) -> None:
        self.keys = keys
        row = only(schema.wire, keys)
        data = physical(row, amount)
        self.envelope = pl.Schema({"data": pl.List(data) if schema.is_list else data, **dict(schema.cursor_field)})
        here = dict(fields_of(row))
        converted = {name: _converted(name, dtype) for name, dtype in here.items()}
        self._converted = [column.alias(name) for name, column in converted.items()]
        self._of_converted = _completion(schema, here, {name: pl.col(name) for name in here})
        self._of_read = _completion(schema, here, converted)
        self._surprise = pl.col("answer").str.contains(surprise(schema.fields, schema.cursor_field, keys))
        # What can fail is converted at once: only then can be said which page it was.
        self._shared = 0 if ambiguous_times(schema.fields) else _SHARED

    def page(self, rows: pl.DataFrame, next_page: str | None, body: bytes) -> Page:
        """The page of `rows` as polars read them."""
        if len(body) <= self._shared:
            return Page(rows, self._of_read, next_page, body)
        # One after the other: pages are decoded side by side, and polars' own threads would get into each other's way.
        return Page(rows.select_seq(self._converted), self._of_converted, next_page, body)

    def is_surprised_by(self, answer: pl.Series) -> bool:
        """Whether there is a key that was not met yet, or a value that polars would convert without a word."""
        return bool(answer.to_frame("answer").select_seq(self._surprise).item())


@cache
def schema_of(endpoint: Endpoint) -> Schema:
    """What is known of `endpoint`, the fields met so far too."""
    return Schema(endpoint)


def _cursor_field(path: tuple[str, ...]) -> pl.Struct:
    """The field of the answer that holds the cursor at `path`."""
    first, *rest = path
    return pl.Struct({first: _cursor_field(tuple(rest)) if rest else pl.String()})


def read(body: bytes, schema: Schema, reading: Reading) -> Page:
    """The page in `body`; Unusual or a PolarsError where `explain` must decide."""
    answer = pl.read_json(body, schema=reading.envelope)
    if answer.height != 1 or answer["data"].null_count():
        raise Unusual
    rows = answer["data"].item() if schema.is_list else answer["data"]
    if rows.null_count():
        raise Unusual
    cursor = answer[schema.cursor[0]]
    for name in schema.cursor[1:]:
        cursor = cursor.struct.field(name)
    return reading.page(rows.struct.unnest(), cursor.item() or None, body)


def _converted(name: str, here: pl.DataType) -> pl.Expr:
    """The column `name` in the dtype it is held in, as far as it is `here`."""
    converted = convert(pl.col(name), here)
    return pl.col(name) if converted is None else converted


def _completion(schema: Schema, here: Mapping[str, pl.DataType], columns: Mapping[str, pl.Expr]) -> Completion:
    """All that is declared, of the `columns` that are held as far as they are `here`."""
    found = {}
    for name, declared in fields_of(schema.wire):
        if name not in here:
            column = pl.lit(None, dtype=held(declared))
        elif here[name] != declared:
            # What is here has its dtype already: not strict only means that fields which are not here become nulls.
            column = columns[name].cast(held(declared), strict=False)
        else:
            column = columns[name]
        found[name] = column.alias(name)
    return Completion(found)
