"""What the fast reading must know of a body before it reads it, found by regular expressions over the bytes.

polars converts some values of another kind without a word (a number for a text, a scalar for a list), and others it
reads wrongly: an amount of many digits goes through a float, the year 20 is a year, half a surrogate pair is a NUL.
One expression per reading finds any of them, and any declared key that the reading leaves out. Finding too much is
only slow: `explain` decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

from metronome_analytics.api.decode.dtypes import instance, kind, walk
from metronome_analytics.api.wire.kinds import JsonText

Fields = Sequence[tuple[str, pl.DataType]]

# What may come between a key and its value.
_SPACE = r"[ \t\r\n]*"
_COLON = rf"{_SPACE}:{_SPACE}"
# A letter beyond ASCII is some bytes of UTF-8.
KEY = re.compile(rf'"([\w\x80-\xff]+)"{_SPACE}:'.encode())
"""Matches a key of a body, and what of it is between its quotes."""
_TEXT = r'"(?:[^"\\]|\\.)*"'
# A letter, a digit or an underscore written as an escape: nobody does that to a key, but one could.
_ESCAPED_WORD = r"\\u00(?:3[0-9]|[4-7])"
_SURROGATE = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"

# Days that are none, by month; the 29th of February by year.
_NO_DAY = "00|1[3-9]|[01][0-9]-(?:00|3[2-9])|(?:0[469]|11)-31|02-3[01]"
_NO_FOURTH = "(?:[02468][1235679]|[13579][01345789])"
_NO_LEAP_YEAR = f"(?:[0-9]{{2}}{_NO_FOURTH}|{_NO_FOURTH}00)"
# West of Greenwich the last day there is may go on in the year 10000.
_LAST_DAY = '9999-12-31[^"]*-'

# First characters of the JSON values that polars converts without a word, by the kind it was told; any other value
# of another kind it refuses itself. `n` is null, which stands for "missing" everywhere.
_CONVERTED = {
    "text": "-0123456789tf",
    "number": "tf",
    "list": '"-0123456789tf',
    "any": '"-0123456789tf',  # not wrong, but only `explain` keeps it as JSON text
    "flag": "",
    "object": "",
}


def surprise(fields: Fields, cursor: pl.Struct, keys: frozenset[str]) -> str:
    """Matches a body with a key of `fields` that is not among `keys`, or a value that polars would convert."""
    # A key that is not met surprises whatever its value, so the rest need only know those that are. All share
    # their first quote: one automaton that looks for it once reads twice as fast as alternatives that each do.
    unmet = {name for name, _ in fields} - keys
    met = [(name, dtype) for name, dtype in fields if name in keys]
    rest = [
        *_mistyped([*walk(cursor), *met]),
        *_mistyped_texts(met),
        *_mistyped_entries(met),
        *_json_values(met),
        *_long_amounts(met),
        *_odd_instants(met),
    ]
    if unmet:
        rest.append(rf'(?:{_any_of(unmet)})"{_SPACE}:')
    return f'"(?:{"|".join(rest)})'


def is_unclear(body: bytes, envelope: Iterable[str]) -> bool:
    """Whether a key of the `envelope` may stand in `body` twice, or an escape hides a key or half a character."""
    if any(_is_twice(f'"{name}'.encode(), body) for name in envelope):
        return True
    if b"\\" not in body:
        return False
    text = pl.Series([body]).cast(pl.String)
    if not text.str.contains(f"{_ESCAPED_WORD}|{_SURROGATE}").item():
        return False
    halves, pairs = (text.str.count_matches(pattern).item() for pattern in (_SURROGATE, _PAIR))
    return halves != 2 * pairs or bool(text.str.contains(_ESCAPED_WORD).item())


def _is_twice(start: bytes, body: bytes) -> bool:
    """Whether a key that begins with `start` may stand in `body` twice. Without its second quote it is found faster."""
    return body.find(start) != body.rfind(start) and body.count(start + b'"') > 1


def keys_in(body: bytes, key: re.Pattern[bytes] = KEY) -> set[str]:
    """The keys in `body`, as `key` finds them."""
    # Python's own expressions: of a body of any size they are done before polars has begun.
    return {found.decode() for found in set(key.findall(body)) if found}


def key_outside_free_forms(row: pl.Struct) -> re.Pattern[bytes]:
    """Matches a key, or a flat free-form object with its key and without a word between quotes of its own.

    Up to the first brace in it a free-form object is free, even where that brace stands in a text.
    """
    kinds: dict[str, list[bool]] = {}
    for name, dtype in walk(row):
        kinds.setdefault(name, []).append(isinstance(dtype, pl.Map) and isinstance(dtype.value, pl.String))
    names = "|".join(re.escape(name) for name, free in kinds.items() if all(free)) or r"[^\s\S]"
    return re.compile(f'"(?:{names})"{_COLON}\\{{[^{{}}]*\\}}|'.encode() + KEY.pattern)


# The rest continue after the opening quote of a key; see `surprise`.


def _mistyped(fields: Fields) -> list[str]:
    """Match a value that polars would convert for every kind that its key has in the schema."""
    starts: dict[str, set[str]] = {}
    for name, dtype in fields:
        converted = set(_CONVERTED[kind(dtype)])
        starts[name] = starts.get(name, converted) & converted
    groups: dict[str, set[str]] = {}
    for name, converted in starts.items():
        if converted:
            groups.setdefault("".join(sorted(converted)), set()).add(name)
    return [rf'(?:{_any_of(names)})"{_COLON}[{re.escape(converted)}]' for converted, names in sorted(groups.items())]


def _mistyped_texts(fields: Fields) -> list[str]:
    """Match a list of texts, or of lists of them, with something else in it, which polars would take for one."""
    item = rf"{_SPACE}(?:{_TEXT}|null){_SPACE}"
    wrong = rf"\[(?:{item},)*{_SPACE}[-0-9tf]"
    right = rf"{_SPACE}(?:null|\[(?:{item}(?:,{item})*|{_SPACE})\]){_SPACE}"
    patterns = (
        (pl.List(pl.String()), wrong),
        (pl.List(pl.List(pl.String())), rf'\[(?:{right},)*{_SPACE}(?:{wrong}|[-0-9tf"])'),
    )
    found = ((_any_of({name for name, dtype in fields if dtype == lists}), wrong) for lists, wrong in patterns)
    return [rf'(?:{names})"{_COLON}{wrong}' for names, wrong in found if names]


def _mistyped_entries(fields: Fields) -> list[str]:
    """Match a free-form object of numbers with true or false in it, which polars would take for 1 and 0."""
    names = {name for name, dtype in fields if isinstance(dtype, pl.Map) and kind(instance(dtype.value)) == "number"}
    key = rf"{_SPACE}{_TEXT}{_COLON}"
    return [rf'(?:{_any_of(names)})"{_COLON}\{{(?:{key}[-+.0-9eEnul]+{_SPACE},)*{key}[tf]'] if names else []


def _long_amounts(fields: Fields) -> list[str]:
    """Match an amount that a float, or ten decimals, may not hold: 16 digits, 11 decimals, or an exponent."""
    names = {name for name, dtype in fields if isinstance(dtype, pl.Decimal)}
    long = r"[0-9]{16}|[0-9.]{17}|[0-9]+\.[0-9]{11}|[0-9.]+[eE]"
    return [rf'(?:{_any_of(names)})"{_COLON}-?(?:{long})'] if names else []


def ambiguous_times(fields: Fields) -> set[str]:
    """The keys that are a time's in one place and some other value's in another: where a tier starts is a quantity."""
    times, others = (
        {name for name, dtype in fields if isinstance(dtype, pl.Datetime) is is_time} for is_time in (True, False)
    )
    return times & others


def _odd_instants(fields: Fields) -> list[str]:
    """Match a time of a year before 1900 or maybe after 9999, or that is none as RFC 3339 writes it.

    polars reads some of these, `explain` others, and what a time means must not depend on its neighbours. Under an
    ambiguous key, what has no dash, nor an escape that may be one, may be a quantity.
    """
    times = {name for name, dtype in fields if isinstance(dtype, pl.Datetime)}
    ambiguous = ambiguous_times(fields)
    year = "(?:[^1-9]|1[^9]|[2-9][^0-9]|(?:19|[2-9][0-9])(?:[0-9]?[^0-9]|[0-9]{2}[^-]))"
    day = f"{_LAST_DAY}|{_NO_LEAP_YEAR}-02-29|[0-9]{{4}}-(?:{_NO_DAY}|{_after_year()})"
    groups = ((times - ambiguous, year), (ambiguous, rf'{year}[^"]*[-\\]'))
    return [rf'(?:{_any_of(names)})"{_COLON}"(?:{odd}|{day})' for names, odd in groups if names]


def _after_year() -> str:
    """Match what follows the dash after a year, where that is not the rest of a time."""
    more = '[^"]'
    zone = f"[Zz]{more}|[+-](?:2[4-9]|{_unlike('0-2 0-9 : 0-5 0-9', then=more)})"
    rest = rf"(?:[^.Zz+-]|\.[^0-9]|\.[0-9]+[^0-9Zz+-]|(?:\.[0-9]+)?(?:{zone}))"
    return f"[0-9]{{2}}-[0-9]{{2}}[Tt]2[4-9]|{_unlike('01 0-9 - 0-3 0-9 Tt 0-2 0-9 : 0-5 0-9 : 0-5 0-9', then=rest)}"


def _unlike(characters: str, *, then: str) -> str:
    """Match what leaves a row of `characters` anywhere, or comes to its end and goes on with `then`."""
    pattern = then
    for allowed in reversed(characters.split()):
        pattern = f"(?:[^{allowed}]|[{allowed}]{pattern})"
    return pattern


def _json_values(fields: Fields) -> list[str]:
    """Match a field kept as JSON text that is not null: its text is made by `explain`, whatever it holds."""
    names = {name for name, dtype in fields if isinstance(dtype, JsonText)}
    return [rf'(?:{_any_of(names)})"{_COLON}[^ \t\r\nn]'] if names else []


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))
