"""From a frame to the columns of a sheet: flat, with units in the headers, every amount to its last digit."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

import polars as pl
import polars.selectors as cs

from metronome_analytics.tables.money import as_float, digits, major
from metronome_analytics.wording import drawable_column

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
    *("customer_name", "name", "type", "quantity", "unit", "unit_price", "total", "starting_at", "ending_before"),
    *("invoice_type", "invoice_status", "counts_as", "invoice_id", "line_item_index", "customer_id"),
)
BALANCES = (
    *("customer_name", "name", "type", "unit", "balance", "granted", "used", "pending", "expired", "rolled_over"),
    *("adjusted", "at_risk", "utilisation", "elapsed", "access_starting_at", "access_ending_before", "days_left"),
    *("id", "customer_id"),
)
LEDGER = (
    *("customer_name", "balance_name", "balance_type", "type", "timestamp", "unit", "amount", "reason"),
    *("balance_id", "entry_index", "invoice_id", "segment_id", "customer_id"),
)
CHECKS = (
    *("check", "verdict", "customer_name", "unit", "expected", "actual", "difference", "causes", "detail", "tolerance"),
    *("invoice_id", "balance_id", "segment_id", "external_id", "customer_id"),
)

_HEADERS = {"unit": "Currency", "utilisation": "Share used", "elapsed": "Share of time gone"}


@dataclass(frozen=True)
class Sheet:
    """What is written: `frame` has the headers as column names, and amounts as floats.

    `amounts` are the columns in major units, `raw` those in the API's unit, `headers` leads from a column's name to its
    header, `left_out` says in words what is not here.
    """

    name: str
    frame: pl.DataFrame
    headers: dict[str, str]
    amounts: tuple[str, ...]
    raw: tuple[str, ...]
    shares: tuple[str, ...]
    left_out: list[str] = field(default_factory=list)


def as_sheet(name: str, frame: pl.DataFrame, first: tuple[str, ...]) -> Sheet:
    """`frame` as a sheet: the columns `first`, then every other one that can be shown and has a value."""
    lead = [column for column in first if column in frame.columns]
    rest = [column for column in frame.columns if column not in lead]
    nested = [column for column in rest if not _flat(frame.schema[column])]
    empty = [column for column in rest if column not in nested and frame[column].null_count() == frame.height]
    shown = [*lead, *(column for column in rest if column not in nested and column not in empty)]
    columns = list(chain.from_iterable(_columns(frame, column) for column in shown))
    flat = frame.select(expression.alias(header) for _, header, expression in columns)
    flat, cut = _cut(flat.with_columns(drawable_column(cs.string())))
    left_out = [
        *([f"nested columns: {', '.join(nested)}"] if nested else []),
        *([f"columns without any value: {', '.join(empty)}"] if empty and frame.height else []),
        *([f"the ends of texts longer than {LONGEST:,} characters, in {', '.join(cut)}"] if cut else []),
    ]
    return Sheet(
        name,
        flat,
        {column: header(column, frame.schema[column]) for column in shown},
        tuple(title for kind, title, _ in columns if kind == "amount"),
        tuple(title for kind, title, _ in columns if kind == "raw"),
        tuple(header(column, frame.schema[column]) for column in shown if column in ("utilisation", "elapsed")),
        left_out,
    )


def header(column: str, dtype: pl.DataType) -> str:
    """The words above a column; instants say that they are UTC."""
    words = _HEADERS.get(column, column.replace("_", " ").capitalize())
    return f"{words} (UTC)" if isinstance(dtype, pl.Datetime) else words


def _flat(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() or isinstance(dtype, pl.Map) or dtype == pl.List(pl.String)


def _columns(frame: pl.DataFrame, column: str) -> list[tuple[str, str, pl.Expr]]:
    """Kind, header and values of what a column becomes: an amount is one in major and one in the API's unit."""
    dtype, value = frame.schema[column], pl.col(column)
    title = header(column, dtype)
    if isinstance(dtype, pl.Decimal):
        return _amount(frame, column, title)
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


def _amount(frame: pl.DataFrame, column: str, title: str) -> list[tuple[str, str, pl.Expr]]:
    value = pl.col(column)
    length = value.cast(pl.String).str.replace_all(r"[-.]", "").str.strip_chars("0").str.len_chars()
    long = length > DIGITS
    columns = [
        ("amount", title, as_float(major(value, pl.col("credit_type_name")))),
        ("raw", f"{title} (API unit)", as_float(value)),
    ]
    if frame.select(long.any()).item():
        columns.append(("text", f"{title} (API unit, exact)", pl.when(long).then(digits(value))))
    return columns


def _cut(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """`frame` with texts no longer than a cell, and the columns where one was."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    longest = frame.select(pl.col(texts).str.len_chars().max()).row(0, named=True) if texts else {}
    cut = [name for name, length in longest.items() if (length or 0) > LONGEST]
    return frame.with_columns(pl.col(cut).str.head(LONGEST - 1) + "…" if cut else pl.col(cut)), cut
