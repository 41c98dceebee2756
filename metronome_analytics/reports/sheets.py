"""From a frame to the columns of a sheet: flat, with units in the headers, every amount to its last digit."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from metronome_analytics.display import SHARES
from metronome_analytics.tables.money import as_float, digits, major
from metronome_analytics.wording import drawable_column

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGITS = 15
"""Significant digits that Excel keeps of a number."""
LONGEST = 32_767
"""Characters that Excel keeps in a cell."""

# What goes first, and stays even without a value; the other columns follow if they hold anything.
INVOICES = (
    *("customer_name", "type", "status", "counts_as", "unit", "total", "start_timestamp", "end_timestamp", "issued_at"),
    *("billing_provider_invoice_external_status", "id", "customer_id"),
)
LINES = (
    *("customer_name", "name", "type", "quantity", "unit", "unit_price", "total", "in_the_total", "starting_at"),
    *("ending_before", "invoice_type", "invoice_status", "counts_as", "invoice_id", "line_item_index", "customer_id"),
)
BALANCES = (
    *("customer_name", "name", "type", "unit", "granted", "used", "expired", "rolled_over", "trued_up", "adjusted"),
    *("overdraft", "not_started", "balance", "pending", "at_risk", "utilisation", "elapsed", "access_starting_at"),
    *("access_ending_before", "days_left", "id", "customer_id"),
)
LEDGER = (
    *("customer_name", "balance_name", "balance_type", "type", "timestamp", "unit", "amount", "reason"),
    *("balance_id", "entry_index", "invoice_id", "segment_id", "customer_id"),
)
RECEIPTS = (
    *("load_id", "endpoint", "complete", "customers", "requests", "pages", "rows", "retries", "started_at", "seconds"),
    "filters",
)

UNIT = "Currency"
_HEADERS = {
    "unit": UNIT,
    "utilisation": "Share used",
    "elapsed": "Share of time gone",
    "check_in_words": "Check",
    "check": "Check id",
    "billing_provider_invoice_external_status": "Provider status",
}
_PRICES = ("unit_price",)


@dataclass(frozen=True)
class Sheet:
    """What is written: `frame` has the headers as column names, and amounts as floats.

    `table` is the name of its table, and `headers` leads from a column's name to its header. `amounts` are the columns
    in major units, `prices` those of them with all their digits, `raw` those in the API's unit. `live` are the columns
    that are formulas of their row, with what they give in `frame`. `lead` is how many columns come first and are
    printed, `long` which columns hold more digits than a cell. `left_out` says in words what is not here.
    """

    name: str
    table: str
    frame: pl.DataFrame
    headers: dict[str, str]
    amounts: tuple[str, ...]
    prices: tuple[str, ...]
    raw: tuple[str, ...]
    shares: tuple[str, ...]
    lead: int
    live: Mapping[str, str] = field(default_factory=dict)
    long: tuple[str, ...] = ()
    left_out: list[str] = field(default_factory=list)


def as_sheet(
    name: str,
    frame: pl.DataFrame,
    first: tuple[str, ...],
    *,
    live: Mapping[str, str] | None = None,
    table: str | None = None,
    raw: bool = True,
    without: tuple[str, ...] = (),
) -> Sheet:
    """`frame` as a sheet: the columns `first`, then every other one that can be shown and has a value.

    Amounts are in major units; `raw` adds what the API says, further right. `without` are columns nobody asks for here.
    """
    lead = [column for column in first if column in frame.columns]
    rest = [column for column in frame.columns if column not in (*lead, *without)]
    nested = [column for column in rest if not _flat(frame.schema[column])]
    empty = [column for column in rest if column not in nested and frame[column].null_count() == frame.height]
    kept = [column for column in rest if column not in nested and column not in empty]
    columns = [_columns(frame, column, raw=raw) for column in (*lead, *kept)]
    # The API's own number of an amount that comes first stands behind what comes first: that is what is printed.
    firsts = [each[0] for each in columns[: len(lead)]]
    places = [*firsts, *chain.from_iterable(each[1:] for each in columns[: len(lead)])]
    places += chain.from_iterable(columns[len(lead) :])
    flat = frame.select(expression.alias(header) for _, header, expression in places)
    flat, cut = _cut(flat.with_columns(drawable_column(cs.string())))
    long = tuple(title for kind, title, _ in places if kind == "exact")
    left_out = [
        *([f"nested columns: {', '.join(nested)}"] if nested else []),
        *([f"columns without any value: {', '.join(empty)}"] if empty and frame.height else []),
        *([f"the ends of texts longer than {LONGEST:,} characters, in {', '.join(cut)}"] if cut else []),
        *([f"digits beyond the {DIGITS} of a number, which are text in {', '.join(long)}"] if long else []),
    ]
    headers = {column: header(column, frame.schema[column]) for column in (*lead, *kept)}
    return Sheet(
        name,
        table or name.replace(" ", ""),
        flat,
        headers,
        amounts=tuple(title for kind, title, _ in places if kind == "amount"),
        prices=tuple(headers[column] for column in _PRICES if column in headers),
        raw=tuple(title for kind, title, _ in places if kind == "raw"),
        shares=tuple(headers[column] for column in SHARES if column in headers),
        lead=len(lead),
        live={headers[column]: formula for column, formula in (live or {}).items()},
        long=long,
        left_out=left_out,
    )


def header(column: str, dtype: pl.DataType) -> str:
    """The words above a column; instants say that they are UTC."""
    words = _HEADERS.get(column, column.replace("_", " ").capitalize())
    return f"{words} (UTC)" if isinstance(dtype, pl.Datetime) else words


def _flat(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() or isinstance(dtype, pl.Map) or dtype == pl.List(pl.String)


def _columns(frame: pl.DataFrame, column: str, *, raw: bool) -> list[tuple[str, str, pl.Expr]]:
    """Kind, header and values of what a column becomes: an amount is one in major and one in the API's unit."""
    dtype, value = frame.schema[column], pl.col(column)
    title = header(column, dtype)
    if isinstance(dtype, pl.Decimal):
        return _amount(frame, column, title, raw=raw)
    if isinstance(dtype, pl.Datetime):
        return [("instant", title, value.dt.convert_time_zone("UTC").dt.replace_time_zone(None))]
    if isinstance(dtype, pl.Map):
        pair = pl.concat_str(
            pl.element().struct.field("key"), pl.lit("="), pl.element().struct.field("value").fill_null("")
        )
        pairs = value.cast(pl.List(pl.Struct({"key": pl.String, "value": pl.String})))
        return [("text", title, pairs.list.eval(pair).list.join("; "))]
    if dtype == pl.List(pl.String):
        return [("text", title, value.list.join(", ", ignore_nulls=True))]
    return [("plain", title, value)]


def _amount(frame: pl.DataFrame, column: str, title: str, *, raw: bool) -> list[tuple[str, str, pl.Expr]]:
    value, unit = pl.col(column), pl.col("credit_type_name")
    columns = [("amount", title, as_float(major(value, unit)))]
    exact, words = (value, "API unit, exact") if raw else (major(value, unit), "exact")
    if raw:
        columns.append(("raw", f"{title} (API unit)", as_float(value)))
    text = beyond_a_cell(exact)
    if frame.select(text.is_not_null().any()).item():
        columns.append(("exact", f"{title} ({words})", text))
    return columns


def beyond_a_cell(exact: pl.Expr) -> pl.Expr:
    """The text of a Decimal that has more digits than a cell; null where a cell keeps them all."""
    length = exact.cast(pl.String).str.replace_all(r"[-.]", "").str.strip_chars("0").str.len_chars()
    return pl.when(length > DIGITS).then(digits(exact))


def _cut(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """`frame` with texts no longer than a cell, and the columns where one was."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    longest = frame.select(pl.col(texts).str.len_chars().max()).row(0, named=True) if texts else {}
    cut = [name for name, length in longest.items() if (length or 0) > LONGEST]
    return frame.with_columns(pl.col(cut).str.head(LONGEST - 1) + "…" if cut else pl.col(cut)), cut
