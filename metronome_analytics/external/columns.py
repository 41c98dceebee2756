"""Another system's rows under our names: which column is what, exact amounts, moments, currencies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, get_args

import polars as pl

from metronome_analytics.errors import ArgumentError
from metronome_analytics.external.amounts import Amount, DecimalMark, TwoWays, read
from metronome_analytics.external.files import FileTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIELDS = ("invoice_id", "amount", "currency", "date", "customer_id")
REQUIRED = ("invoice_id", "amount")

_SHOWN = 5
_SCHEMA = {
    "external_id": pl.String(),
    "amount": pl.Decimal(38, 10),
    "currency": pl.String(),
    "date": pl.Datetime("us", "UTC"),
    "external_customer_id": pl.String(),
    "trouble": pl.String(),
}
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d")


@dataclass(frozen=True)
class Words:
    """How an error names what the user wrote: in Python or on a command line."""

    source: str = "external"
    columns: str = "Say which is which: external_columns={ours: theirs}, such as {'amount': 'Amount due'}."
    decimal: str = 'Say what separates decimals: decimal="," or decimal=".".'
    row: str = "row"


PYTHON = Words()


@dataclass(frozen=True)
class External:
    """The other system's rows: external_id, amount (exact), currency (its code), date, external_customer_id, trouble.

    `trouble` says why a row has no amount.
    """

    rows: pl.DataFrame

    @classmethod
    def of(
        cls,
        given: object,
        columns: Mapping[str, str] | None = None,
        decimal: DecimalMark | None = None,
        *,
        words: Words = PYTHON,
    ) -> External:
        """Of a file that was read, or of a polars, pandas or any other frame that speaks Arrow.

        `columns` maps our names to its own. Raises ArgumentError, in `words`, for a mapping that does not fit, and
        for amounts whose number format is not plain.
        """
        if decimal is not None and decimal not in get_args(DecimalMark):
            raise ArgumentError(f"decimal must be '.' or ',', not {decimal!r}.")
        mapping = mapped(columns)
        table = given if isinstance(given, FileTable) else _of_frame(given, words)
        _need(table, [mapping.get(name, name) for name in FIELDS if name in REQUIRED or name in mapping], words)
        cells = {
            name: table.column(mapping.get(name, name)) if mapping.get(name, name) in table.names else None
            for name in FIELDS
        }
        ids, written = [_text(cell) for cell in cells["invoice_id"] or ()], cells["amount"] or ()
        kept = [place for place, id_ in enumerate(ids) if id_ or _text(written[place])]
        amounts = _amounts([written[place] for place in kept], [table.numbers[place] for place in kept], decimal, words)
        units = [
            _currency(_text(_at(cells["currency"], place)), each) for place, each in zip(kept, amounts, strict=True)
        ]
        found = {
            "external_id": [ids[place] or f"{words.row} {table.numbers[place]}, without an id" for place in kept],
            "amount": [each.value for each in amounts],
            "currency": [code for code, _ in units],
            "date": [moment(_at(cells["date"], place)) for place in kept],
            "external_customer_id": [_text(_at(cells["customer_id"], place)) for place in kept],
            "trouble": [trouble for _, trouble in units],
        }
        return cls(pl.DataFrame(found, schema=_SCHEMA))


def mapped(columns: Mapping[str, str] | None) -> dict[str, str]:
    """`columns` if it names our fields only, else ArgumentError."""
    mapping = dict(columns or {})
    if unknown := [name for name in mapping if name not in FIELDS]:
        raise ArgumentError(
            f"external_columns names {', '.join(map(repr, unknown))}.", advice=f"It may name {', '.join(FIELDS)}."
        )
    return mapping


def wanted(columns: Mapping[str, str] | None) -> list[str]:
    """The names, as the other system writes them, that its header must have."""
    mapping = mapped(columns)
    return [mapping.get(name, name) for name in FIELDS if name in REQUIRED or name in mapping]


def moment(cell: object) -> datetime | None:
    """A moment in UTC; dates and naive moments are read as UTC, a text by its day. What is no date is None."""
    match cell:
        case datetime():
            return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)
        case date():
            return datetime.combine(cell, time(), UTC)
        case str():
            for form in _DAYS:
                try:
                    return datetime.strptime(cell.strip()[:10], form).replace(tzinfo=UTC)
                except ValueError:
                    continue
    return None


def _of_frame(given: object, words: Words) -> FileTable:
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if not isinstance(given, pl.DataFrame):
        if not hasattr(given, "__arrow_c_stream__"):
            raise ArgumentError(
                f"{words.source} cannot be {type(given).__name__}.",
                advice="Pass a polars, pandas or Arrow table, or what read_file() made of a file.",
            )
        given = pl.DataFrame(given)
    columns = {name: given[name].to_list() for name in given.columns if not given[name].dtype.is_nested()}
    return FileTable(list(columns), [*zip(*columns.values(), strict=True)], list(range(given.height)))


def _need(table: FileTable, names: Iterable[str], words: Words) -> None:
    if missing := [name for name in names if name not in table.names]:
        theirs = ", ".join(map(repr, filter(None, table.names))) or "none"
        raise ArgumentError(
            f"{words.source} has no column {', '.join(map(repr, missing))}; its columns are {theirs}.",
            advice=words.columns,
        )


def _amounts(
    cells: Sequence[object], numbers: Sequence[int], decimal: DecimalMark | None, words: Words
) -> list[Amount]:
    try:
        return read(cells, decimal)
    except TwoWays as found:
        rows = [f"{words.row} {numbers[place]}: {str(cells[place]).strip()!r}" for place in found.places[:_SHOWN]]
        more = f" and {len(found.places) - _SHOWN:,} more" if len(found.places) > _SHOWN else ""
        raise ArgumentError(
            f"{words.source} has {found.problem} ({', '.join(rows)}{more}).", advice=words.decimal
        ) from None


def _currency(told: str | None, amount: Amount) -> tuple[str | None, str | None]:
    """The row's currency, and what is wrong with the row."""
    code = None if told is None else told.upper()
    if code is not None and amount.currency not in {None, code}:
        return code, f"its amount is in {amount.currency}, its currency is {code}"
    return code or amount.currency, amount.trouble


def _at(cells: Sequence[object] | None, place: int) -> object:
    return None if cells is None else cells[place]


def _text(cell: object) -> str | None:
    return None if cell is None else str(cell).strip() or None
