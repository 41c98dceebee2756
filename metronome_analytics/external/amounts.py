"""Amounts as people and systems write them, read exactly: one number format for a column as a whole.

`1.234` is a thousand and more in Berlin and a bit over one in Boston. What separates decimals is decided by the amounts
that can be read one way only; where none can, or they contradict each other, nothing is guessed.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DecimalMark = Literal[".", ","]
MARKS: tuple[DecimalMark, DecimalMark] = (".", ",")

NO_NUMBER = "the other system's amount is no number"
TOO_FINE = "the other system's amount has more than ten decimals"
TOO_LARGE = "the other system's amount has more than 28 digits before its decimals"

_PLACES, _DIGITS = Decimal("1e-10"), 28
_EXACT = Context(prec=120)

_MINUS = dict.fromkeys(map(ord, "\u2212\u2012\u2013\ufe63\uff0d"), "-")
_SPACE = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\t"), " ")
_APOSTROPHE = dict.fromkeys(map(ord, "\u2019\u02bc\u00b4`"), "'")
_PLAIN = _MINUS | _SPACE | _APOSTROPHE

# A code of three letters, a currency sign with the letters that some put before it, or one of the signs made of
# letters. CR and DR are none of these on purpose: whose credit it is, they do not say.
_UNIT = r"(?:(?P<code{0}>[A-Za-z]{{3}})|[A-Za-z]{{0,2}}[$€£¥₹₺₽₩₦₪₱฿¢]|kr\.?|Fr\.?|zł|Kč|Rs\.?)"
_NUMBER = r"(?P<number>\d[\d.,' ]*(?:[eE][-+]?\d+)?|[.,]\d+)"
_WRITTEN = re.compile(
    rf"(?P<lead>[-+])?\s*(?P<open>\()?\s*(?P<inner>[-+])?\s*(?:{_UNIT.format(1)}\s*)?(?P<after>[-+])?\s*(?P<open2>\()?\s*"
    rf"{_NUMBER}\s*(?P<trail>-)?\s*(?P<close2>\))?\s*(?:{_UNIT.format(2)})?\s*(?P<last>-)?\s*(?P<close>\))?"
)
_GROUPS = {
    # Groups of three by one and the same mark; groups of two before the last, as in India, by a comma only.
    ".": r"[1-9]\d{0,2}(?:(?P<by>[,' ])\d{3})(?:(?P=by)\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3}",
    ",": r"[1-9]\d{0,2}(?:(?P<by>[.' ])\d{3})(?:(?P=by)\d{3})*",
}
_READ = {
    mark: re.compile(rf"(?P<whole>{_GROUPS[mark]}|\d*)(?:[{mark}](?P<part>\d*))?(?P<power>[eE][-+]?\d+)?")
    for mark in MARKS
}


class Amount(NamedTuple):
    """What a cell says: an amount, or why it is none; and a currency where it is written beside the number."""

    value: Decimal | None
    currency: str | None
    trouble: str | None


class TwoWays(ValueError):  # noqa: N818  # caught in this room and told in the caller's words
    """A column whose number format is not plain: what is wrong, and in which places."""

    def __init__(self, problem: str, places: Sequence[int]) -> None:
        super().__init__(problem)
        self.problem = problem
        self.places = places


def read(cells: Sequence[object], decimal: DecimalMark | None) -> list[Amount]:
    """The amount in each cell. Texts are read by `decimal`, else by what the column shows; TwoWays if it does not."""
    written = [_written(cell) if isinstance(cell, str) else None for cell in cells]
    mark = _decided([None if each is None else each.number for each in written], decimal)
    return [_typed(cell) if each is None else _amount(each, mark) for cell, each in zip(cells, written, strict=True)]


class _Written(NamedTuple):
    """A text taken apart: the digits and their marks, whether it is negative, and the currency beside them."""

    number: str
    negative: bool
    currency: str | None


def _written(text: str) -> _Written | None:
    found = _WRITTEN.fullmatch(text.translate(_PLAIN).strip())
    if found is None:
        return None
    signs = [found[name] for name in ("lead", "inner", "after", "trail", "last") if found[name]]
    opened, closed = (sum(bool(found[name]) for name in names) for names in (("open", "open2"), ("close", "close2")))
    codes = [found[name] for name in ("code1", "code2") if found[name]]
    if opened != closed or len(signs) + opened > 1 or len(codes) > 1:
        return None
    negative = bool(opened) or "-" in signs
    return _Written(found["number"].strip(), negative, codes[0].upper() if codes else None)


def _decided(numbers: Sequence[str | None], decimal: DecimalMark | None) -> DecimalMark:
    """The mark that separates decimals in all of `numbers`."""
    only: dict[DecimalMark, list[int]] = {".": [], ",": []}
    unsure: list[int] = []
    for place, number in enumerate(numbers):
        if number is None:
            continue
        point, comma = (_value(number, mark) for mark in MARKS)
        if point is not None and comma is None:
            only["."].append(place)
        elif comma is not None and point is None:
            only[","].append(place)
        elif point != comma:
            unsure.append(place)
    if decimal is not None:
        other: DecimalMark = "," if decimal == "." else "."
        if only[other]:
            raise TwoWays(f"amounts that decimal {decimal!r} cannot read", only[other])
        return decimal
    if only["."] and only[","]:
        first = (only["."][0], only[","][0])
        raise TwoWays("amounts of two number formats", first)
    if unsure and not (only["."] or only[","]):
        raise TwoWays("amounts that can be read two ways", unsure)
    return "," if only[","] else "."


def _value(number: str, mark: DecimalMark) -> Decimal | None:
    """`number` with decimals after `mark`, exactly; None where it is not written so."""
    found = _READ[mark].fullmatch(number)
    if found is None:
        return None
    whole = re.sub(r"\D", "", found["whole"])
    return Decimal(f"{whole or '0'}.{found['part'] or '0'}{found['power'] or ''}")


def _amount(written: _Written, mark: DecimalMark) -> Amount:
    value = _value(written.number, mark)
    if value is None:
        return Amount(None, written.currency, NO_NUMBER)
    return _held(value.copy_negate() if written.negative else value, written.currency)


def _typed(cell: object) -> Amount:
    """A cell that is a number already. A float stands for the shortest text that reads as it, to ten decimals."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return Amount(None, None, NO_NUMBER)
    value = Decimal(repr(cell)) if isinstance(cell, float) else Decimal(cell)
    if not value.is_finite():
        return Amount(None, None, NO_NUMBER)
    if isinstance(cell, float) and abs(value) < 10**_DIGITS:
        value = value.quantize(_PLACES, ROUND_HALF_EVEN, _EXACT)
    return _held(value, None)


def _held(value: Decimal, currency: str | None) -> Amount:
    """`value` if ten decimals and 28 digits before them hold it whole."""
    if value.adjusted() >= _DIGITS:
        return Amount(None, currency, TOO_LARGE)
    if value.adjusted() < -_DIGITS or value != value.quantize(_PLACES, context=_EXACT):
        return Amount(None, currency, TOO_FINE) if value else Amount(Decimal(0), currency, None)
    return Amount(value, currency, None)
