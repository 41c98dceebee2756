"""Formulas of a workbook: structured references to named tables, which stay right when rows are sorted or added."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CENTS = 2
"""Decimals that are shown."""
_TIES_AT = 6
"""Decimals at which sums of floats are compared: Excel adds in 15 digits."""
_THIS_ROW = re.compile(r"\[@([^\]]+)\]")
_SPECIAL = re.compile(r"(['#\[\]])")


class Place(NamedTuple):
    """Where rows are: a sheet, the named table on it, how many rows it has, and the number of its header's row."""

    sheet: str
    table: str
    height: int
    head: int


Places = list[Place]
"""The tables of what one sheet is too small for, in order."""


@dataclass(frozen=True)
class Formula:
    """A formula and what it gives; an amount has a unit, a count or a word has none.

    One that is about its neighbours is made of the row and column (from 0) where it comes to stand.
    """

    formula: str | Callable[[int, int], str]
    value: float | str
    unit: str | None = None

    def at(self, row: int, column: int) -> str:
        """The formula at a place."""
        return self.formula if isinstance(self.formula, str) else self.formula(row, column)


@dataclass(frozen=True)
class Amount:
    """An amount that is no formula."""

    value: float
    unit: str


Cell = str | int | Amount | Formula


@dataclass(frozen=True)
class Block:
    """A small table of cells: headers, and rows below them."""

    title: str
    note: str
    headers: tuple[str, ...]
    rows: list[list[Cell]]


def total(places: Sequence[Place], amount: str, where: Mapping[str, str | None]) -> str:
    """The sum of a column over the rows `where` columns hold these texts; without `=`."""
    return "+".join(f"SUMIFS({column(place, amount)},{_criteria(place, where)})" for place in places)


def number(places: Sequence[Place], where: Mapping[str, str | None]) -> str:
    """The number of rows `where` columns hold these texts; without `=`."""
    return "+".join(f"COUNTIFS({_criteria(place, where)})" for place in places)


def rounding(places: Sequence[Place], amount: str, where: Mapping[str, str | None], whole: str) -> str:
    """What the rounded `whole` has more than its rounded rows; without `=`."""
    parts = []
    for place in places:
        rows = "*".join(f"({column(place, header)}={_text(text)})" for header, text in where.items())
        parts.append(f"SUMPRODUCT({rows}*ROUND({column(place, amount)},{CENTS}))")
    return f"ROUND({whole},{CENTS})-({'+'.join(parts)})"


def ties(difference: str) -> str:
    """Whether a difference is nothing, in a word; without `=`."""
    return f'IF(ABS({difference})<0.000001,"foots","does not foot")'


def rounded(value: str) -> str:
    """A difference of floats without what floats add to it; without `=`."""
    return f"ROUND({value},{_TIES_AT})"


def column(place: Place, header: str) -> str:
    """A column of a table."""
    escaped = _SPECIAL.sub(r"'\1", header)
    return f"{place.table}[{escaped}]"


def of_row(text: str, table: str) -> str:
    """`text`, in which `[@Total]` is the row's own value, as a formula of `table`."""
    return _THIS_ROW.sub(lambda found: f"{table}[[#This Row],[{found[1]}]]", text)


def link(places: Sequence[Place], key: str, id_header: str, words: str) -> str:
    """A link to the first row whose `key` is the id in this row, wherever sorting has put it."""
    reached = '"-"'
    for place in reversed(places):
        row = f"{place.head}+MATCH([@{id_header}],{column(place, key)},0)"
        reached = f'IFERROR(HYPERLINK("#\'{place.sheet}\'!A"&({row}),"{words}"),{reached})'
    return f'=IF([@{id_header}]="","",{reached})'


def _criteria(place: Place, where: Mapping[str, str | None]) -> str:
    return ",".join(f"{column(place, header)},{_criterion(text)}" for header, text in where.items())


def _criterion(text: str | None) -> str:
    """What a cell must be equal to; wildcards in names are none here."""
    return _text("=" + re.sub(r"([~*?])", r"~\1", text or ""))


def _text(text: str | None) -> str:
    return '"' + (text or "").replace('"', '""') + '"'
