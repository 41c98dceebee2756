"""Answers of every endpoint, mutated: each is an error of ours, or the frame that a slow reader gives too.

Hours of it: `python -m tests.api.fuzz --seconds 7200`. A seed gives the same cases in the same order: `--seed`.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics.api.decode import decode, undeclared_fields
from metronome_analytics.api.endpoints import ENDPOINTS, Endpoint
from metronome_analytics.api.wire.kinds import JsonText
from metronome_analytics.errors import MetronomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ = [endpoint for endpoint in ENDPOINTS.values() if endpoint.wire is not None]


class Case(NamedTuple):
    """One answer of one endpoint; `whole` where nothing was mutated, so that it must be read."""

    number: int
    endpoint: Endpoint
    body: bytes
    whole: bool


class DisagreementError(AssertionError):
    """The decoder let something else than an error of ours out, or gave another frame than the slow reader."""


def cases(seed: int) -> Iterator[Case]:
    """The cases of `seed`, without end."""
    number = 0
    while True:
        dice = Random(f"{seed}/{number}")  # noqa: S311  # a game, not a secret
        endpoint = dice.choice(READ)
        answer = _answer(dice, endpoint)
        mutations = dice.choice((0, 1, 1, 1, 2, 3))
        for _ in range(mutations):
            _mutate(dice, answer)
        body = _written(dice, answer).encode(errors="surrogatepass")
        bytewise = dice.random() < 0.3
        if bytewise:
            for _ in range(dice.randint(1, 3)):
                body = dice.choice(_BYTEWISE)(dice, body)
        yield Case(number, endpoint, body, whole=not mutations and not bytewise)
        number += 1


def judge(case: Case) -> bool:
    """Whether the answer was read; DisagreementError where the decoder is not right about it."""
    try:
        page = decode(case.body, case.endpoint)
        undeclared_fields(case.body, case.endpoint)
    except MetronomeError as error:
        str(error).encode()
        if case.whole:
            raise DisagreementError(f"{_told(case)}: refused as {error}") from error
        return False
    except Exception as error:
        raise DisagreementError(f"{_told(case)}: {type(error).__name__} came out") from error
    try:
        rows, cursor = _slowly(case)
        _compare(page.rows.to_dicts(), rows, "data")
        _compare(page.next_page, cursor or None, "cursor")
    except (_WrongError, AssertionError, ValueError) as error:
        raise DisagreementError(f"{_told(case)}: the slow reader says {error!r}") from error
    return True


def run(seed: int, seconds: float) -> tuple[int, int]:
    """Judge the cases of `seed` for `seconds`: how many there were, and how many of them were read."""
    until = time.monotonic() + seconds
    judged = read = 0
    for case in cases(seed):
        if time.monotonic() >= until:
            break
        read += judge(case)
        judged += 1
    return judged, read


def _told(case: Case) -> str:
    return f"case {case.number}, {case.endpoint.name}, {case.body!r}"


# --- answers -----------------------------------------------------------------------------------------------------


class _Literal(str):
    """A JSON value as it is written."""

    __slots__ = ()


class _Object(list[Any]):
    """A JSON object: its keys and values in turn, as lists of two, so that a key can come twice."""


def _answer(dice: Random, endpoint: Endpoint) -> _Object:
    """An answer as the API declares it."""
    assert endpoint.wire is not None
    rows = [_value(dice, endpoint.wire, 0) for _ in range(dice.randint(0, 3) if endpoint.is_list else 1)]
    data: Any = rows if endpoint.is_list else rows[0]
    cursor: Any = dice.choice((None, "", _text(dice)))
    for name in reversed(endpoint.cursor.answered):
        cursor = _Object([[name, cursor]])
    pairs = [["data", data], *cursor]
    dice.shuffle(pairs)
    return _Object(pairs)


def _value(dice: Random, dtype: Any, depth: int) -> Any:  # noqa: PLR0911  # one return a kind
    match dtype:
        case pl.Struct():
            share = dice.choice((0.1, 0.5, 1.0)) if depth < 2 else 0.2
            here = [field for field in dtype.fields if dice.random() < share]
            return _Object([[f.name, _or_null(dice, f.dtype, depth + 1)] for f in here])
        case pl.List():
            return [_value(dice, dtype.inner, depth + 1) for _ in range(dice.randint(0, 2))]
        case pl.Map():
            names = {_text(dice) for _ in range(dice.randint(0, 3))}
            return _Object([[name, _or_null(dice, dtype.value, depth + 1)] for name in sorted(names)])
        case JsonText():
            return dice.choice((_text(dice), [1, _Object([["a", None]])], _Object([["b", True]]), 7, False))
        case pl.Decimal():
            return _Literal(f"{Decimal(dice.randint(-(10**12), 10**12)).scaleb(-dice.randint(0, 10)):f}")
        case pl.Float64():
            return _Literal(repr(dice.choice((0.0, dice.uniform(-1e6, 1e6), float(dice.randint(0, 10**9))))))
        case pl.Boolean():
            return dice.random() < 0.5
        case pl.Datetime():
            at = datetime.fromtimestamp(dice.randint(0, 2**32), UTC)
            return at.isoformat() if dice.random() < 0.5 else at.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return _text(dice)


def _or_null(dice: Random, dtype: Any, depth: int) -> Any:
    return None if dice.random() < 0.1 else _value(dice, dtype, depth)


_TEXTS = (
    "",
    "a",
    "USD (cents)",
    "two\nlines",
    '"',
    "\\",
    "ü",
    "🚀",
    "\u202e",
    "\x01",
    '"total": 5',
    "{",
    "true",
    "\\ud83d",
)


def _text(dice: Random) -> str:
    return "".join(dice.choice(_TEXTS) for _ in range(dice.randint(0, 3)))


def _written(dice: Random, value: Any) -> str:
    """`value` as JSON, with white space and escapes as they come."""
    blank = dice.choice(("", "", " ", "\n\t"))
    match value:
        case _Literal():
            return str(value)
        case _Object():
            pairs = (f"{_written(dice, name)}{blank}:{blank}{_written(dice, item)}" for name, item in value)
            return f"{{{blank}{f'{blank},{blank}'.join(pairs)}{blank}}}"
        case list():
            return f"[{blank}{f'{blank},{blank}'.join(_written(dice, item) for item in value)}{blank}]"
        case str():
            return json.dumps(value, ensure_ascii=dice.random() < 0.3)
        case _:
            return json.dumps(value)


# --- mutations ---------------------------------------------------------------------------------------------------

_NUMBERS = (
    *("1e400", "-1e400", "1e-400", "9007199254740993", "3.15e-12", "-0", "-0.0", "1E+2", "0.30000000000000004"),
    *("33.333333333333336", "123456789012345678901234567890", "9" * 28 + "." + "9" * 10, "0.00000000015", "01", "1."),
    *("10000000.0000000001", ".5", "+1", "NaN", "Infinity", "1" * 400, "1" * 5000, "0x10", "1_000", "nul"),
)
_STRINGS = (
    *("0020-10-01T00:00:00Z", "+10000-01-01T00:00:00Z", "2026-10-01T00:00:00", "2026-10-01T00:00:60Z", "yesterday"),
    *("9999-12-31T23:59:59-01:00", "2026-10-01t00:00:00.5z", "2026-10-01 00:00:00Z", "2026-10-01T00:00:00+0200"),
    *("\ud800", "\udc00x", "\x00", "x" * 5000, "5", "true", "null", "2026-10-01T00:00:00.123456789+02:00", "next_page"),
)


def _junk(dice: Random) -> Any:
    kind = dice.randrange(8)
    if kind == 0:
        return _Literal(dice.choice(_NUMBERS))
    if kind == 1:
        return dice.choice(_STRINGS)
    if kind == 2 and dice.random() < 0.05:
        depth = dice.choice((200, 2_000))
        return _Literal("[" * depth + "]" * depth)
    plain: tuple[Any, ...] = (
        None,
        True,
        False,
        0,
        -1,
        "",
        "5",
        [],
        _Object(),
        [None],
        [1],
        ["a", 5],
        _Object([["a", 1]]),
    )
    return dice.choice(plain)


def _mutate(dice: Random, answer: _Object) -> None:
    """Change one thing somewhere in `answer`."""
    places = list(_places(answer))
    holder, index = dice.choice(places) if places else (answer, None)
    pairs = isinstance(holder, _Object)
    if index is None or dice.random() < 0.1:
        holder.insert(
            0, [dice.choice(("data", "next_page", "id", "odd", "\ud800")), _junk(dice)] if pairs else _junk(dice)
        )
        return
    change = dice.randrange(6)
    if change == 0:
        del holder[index]
    elif change == 1:
        holder.insert(dice.randint(0, len(holder)), [holder[index][0], _junk(dice)] if pairs else holder[index])
    elif change == 2 and pairs:
        holder[index] = [dice.choice(("data", "next_page", "odd", holder[index][0] + "x")), holder[index][1]]
    elif pairs:
        holder[index] = [holder[index][0], [holder[index][1]] if change == 3 else _junk(dice)]
    else:
        holder[index] = _junk(dice)


def _places(value: Any) -> Iterator[tuple[Any, int]]:
    """Every place below `value`: what holds it, and where."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from _places(item[1] if isinstance(value, _Object) else item)


def _at(dice: Random, body: bytes) -> int:
    return dice.randint(0, len(body))


def _flip(dice: Random, body: bytes) -> bytes:
    place = _at(dice, body[1:])
    return body[:place] + bytes([dice.randrange(256)]) + body[place + 1 :]


def _cut(dice: Random, body: bytes) -> bytes:
    return body[: _at(dice, body)]


def _delete(dice: Random, body: bytes) -> bytes:
    place = _at(dice, body)
    return body[:place] + body[place + dice.randint(1, 8) :]


_TOKENS = (
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\u0000",
        b"\xed\xa0\xbd",
        b"\xff",
        b"\x00",
    ),
    *(
        b"e5",
        b"-",
        b".",
        b"0",
        b"99999999999999999",
        b"null",
        b"true",
        b'"next_page":null,',
        b'"data":[],',
        b" ",
        b"//",
    ),
)


def _insert(dice: Random, body: bytes) -> bytes:
    place = _at(dice, body)
    return body[:place] + dice.choice(_TOKENS) + body[place:]


def _repeat(dice: Random, body: bytes) -> bytes:
    place = _at(dice, body)
    return body[:place] + body[place : place + dice.randint(1, 40)] + body[place:]


def _encode(dice: Random, body: bytes) -> bytes:
    return body.decode(errors="replace").encode(dice.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1")), "replace")


_BYTEWISE: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _delete,
    _insert,
    _insert,
    _repeat,
    _encode,
)


# --- the slow reader -----------------------------------------------------------------------------------------------


class _WrongError(Exception):
    """The answer is not what the API declares."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it came."""

    def first(self, name: str) -> Any:
        return next((value for key, value in self if key == name), None)


def _slowly(case: Case) -> tuple[list[Any], str | None]:
    """The rows and the cursor of an answer, by the definition of each dtype."""

    def reject(constant: str) -> None:
        raise _WrongError(constant)

    answer = json.loads(
        case.body.decode("utf-8-sig"),
        parse_float=_number,
        parse_int=_number,
        parse_constant=reject,
        object_pairs_hook=_Pairs,
    )
    names = ["data", case.endpoint.cursor.answered[0]]
    if not isinstance(answer, _Pairs) or any(sum(key == name for key, _ in answer) > 1 for name in names):
        raise _WrongError("the envelope")
    data = answer.first("data")
    if not isinstance(data, list) or isinstance(data, _Pairs) == case.endpoint.is_list:
        raise _WrongError("data")
    cursor: Any = answer
    for name in case.endpoint.cursor.answered:
        if cursor is not None and not isinstance(cursor, _Pairs):
            raise _WrongError("the cursor")
        cursor = cursor.first(name) if cursor is not None else None
    rows = data if case.endpoint.is_list else [data]
    if any(row is None for row in rows):
        raise _WrongError("a row")
    return [_expected(row, case.endpoint.wire) for row in rows], _expected(cursor, pl.String())


def _expected(value: Any, dtype: Any) -> Any:  # noqa: C901, PLR0911  # one return a kind
    if value is None:
        return None
    match dtype:
        case pl.Struct():
            _must(isinstance(value, _Pairs), value)
            return {field.name: _expected(value.first(field.name), field.dtype) for field in dtype.fields}
        case pl.List():
            _must(isinstance(value, list) and not isinstance(value, _Pairs), value)
            return [_expected(item, dtype.inner) for item in value]
        case pl.Map():
            _must(isinstance(value, _Pairs), value)
            if isinstance(dtype.value, pl.String):
                return {key: item if item is None or isinstance(item, str) else _Json(item) for key, item in value}
            entries = {key: _expected(item, dtype.value) for key, item in dict(value).items()}
            if isinstance(dtype.value, pl.Struct):
                return [{"key": key, "value": item} for key, item in entries.items()]
            return entries
        case JsonText():
            return _Json(value)
        case pl.Decimal():
            _must(isinstance(value, Decimal), value)
            return _amount(value)
        case pl.Float64():
            _must(isinstance(value, Decimal), value)
            return float(value)
        case pl.Boolean():
            _must(isinstance(value, bool), value)
            return value
        case pl.Datetime():
            _must(isinstance(value, str), value)
            return _Instant(value)
        case _:
            _must(isinstance(value, str), value)
            return value


def _number(text: str) -> Decimal | str:
    """The number as it is written; one whose exponent no Decimal has stays text, and fits no column."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _must(fits: bool, value: object) -> None:  # noqa: FBT001  # the only thing it is asked
    if not fits:
        raise _WrongError(f"{value!r:.80}")


def _amount(value: Decimal) -> Decimal:
    """Exact, or a quotient rounded at the tenth decimal by less than a millionth of it."""
    try:
        held = value.quantize(Decimal("1e-10"), context=Context(prec=38, rounding=ROUND_HALF_EVEN))
    except InvalidOperation:
        raise _WrongError(f"{value!r:.80}") from None
    exact = Context(prec=6000)
    digits = str(
        value.normalize(exact).as_tuple().digits and "".join(map(str, value.normalize(exact).as_tuple().digits))
    )
    rounded = exact.subtract(value, held)
    _must(rounded == 0 or (len(digits) > 15 and abs(rounded) <= abs(exact.multiply(value, Decimal("1e-6")))), value)
    return held


class _Json(NamedTuple):
    """A value that is held as its JSON text."""

    value: Any

    def check(self, got: Any, path: str) -> None:
        try:
            held = json.loads(got, parse_float=_number, parse_int=_number, object_pairs_hook=_Pairs)
        except (TypeError, ValueError):
            held = None
        assert _plain(held) == _plain(self.value), f"{path}: {got!r:.80} for {self.value!r:.80}"


def _plain(value: Any) -> Any:
    match value:
        case _Pairs():
            return {key: _plain(item) for key, item in value}
        case list():
            return [_plain(item) for item in value]
        case Decimal():
            return float(value)
        case _:
            return value


class _Instant(NamedTuple):
    """A timestamp as it was written."""

    text: str

    def check(self, got: Any, path: str) -> None:
        assert isinstance(got, datetime), f"{path}: {got!r} for {self.text!r}"
        assert got.year >= 1900, f"{path}: {got!r} for {self.text!r}"
        at = datetime.fromisoformat(self.text.upper())
        assert at.tzinfo is not None, f"{path}: {self.text!r} has no zone"
        assert got == at, f"{path}: {got!r} for {self.text!r}"


def _compare(got: Any, expected: Any, path: str) -> None:
    match expected:
        case _Json() | _Instant():
            expected.check(got, path)
        case dict():
            assert isinstance(got, dict), f"{path}: {got!r:.80} is no object"
            assert got.keys() == expected.keys(), f"{path}: {sorted(got)} for {sorted(expected)}"
            for name, item in expected.items():
                _compare(got[name], item, f"{path}.{name}")
        case list():
            assert isinstance(got, list), f"{path}: {got!r:.80} is no list"
            assert len(got) == len(expected), f"{path}: {len(got)} for {len(expected)}"
            for index, (left, right) in enumerate(zip(got, expected, strict=True)):
                _compare(left, right, f"{path}[{index}]")
        case _:
            assert got == expected, f"{path}: {got!r:.80} for {expected!r:.80}"
            assert type(got) is type(expected), f"{path}: {got!r:.80} for {expected!r:.80}"


def main() -> None:
    """Run for as long as asked, and say what was done; the first disagreement ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.api.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    sys.stdout.flush()
    judged, read = run(given.seed, given.seconds)
    sys.stdout.write(f"{judged:,} answers, {read:,} of them read, the others refused by errors of ours\n")


if __name__ == "__main__":
    main()
