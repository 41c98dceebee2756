"""Tiny books: one line per ledger entry, one frame per test."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from metronome_analytics.tables import Balances, InvoiceBreakdowns, Invoices, NetBalances

USD = ("2714e483-4ff1-48e4-9e25-ac732e8f24f2", "USD (cents)")
EUR = ("e0000000-0000-4000-8000-000000000000", "EUR")
PREFIX = {"PREPAID": "PREPAID_COMMIT_", "POSTPAID": "POSTPAID_COMMIT_", "CREDIT": "CREDIT_"}


def on(text: str) -> datetime:
    """A moment in UTC from `2026-10-01` or `2026-10-01T09:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Entry(NamedTuple):
    """One ledger entry: the type without its prefix, the date, the amount."""

    type: str
    at: str
    amount: str
    segment: str | None = "s1"
    invoice: str | None = None
    reason: str | None = None
    contract: str | None = None


class Segment(NamedTuple):
    """One item of an access schedule."""

    amount: str
    starting_at: str
    ending_before: str | None
    id: str = "s1"


def start(at: str, amount: str, segment: str | None = "s1") -> Entry:
    """The entry that opens a segment."""
    return Entry("SEGMENT_START", at, amount, segment)


def drawn(at: str, amount: str, invoice: str = "i1", segment: str | None = "s1") -> Entry:
    """A deduction for an invoice."""
    return Entry("AUTOMATED_INVOICE_DEDUCTION", at, amount, segment, invoice)


def manual(at: str, amount: str, reason: str | None = "because") -> Entry:
    """An entry by hand, which has no segment."""
    return Entry("MANUAL", at, amount, None, None, reason)


def expired(at: str, amount: str, segment: str | None = "s1") -> Entry:
    """The entry that closes a segment."""
    return Entry("EXPIRATION", at, amount, segment)


def frame(table: Any, columns: dict[str, list[Any]]) -> pl.DataFrame:
    """A frame of a declared table: the columns given, null elsewhere."""
    empty, schema = _empty(table)
    given = pl.DataFrame(columns, schema={name: schema[name] for name in columns})
    return pl.concat([empty, given], how="diagonal")


@cache
def _empty(table: Any) -> tuple[pl.DataFrame, pl.Schema]:
    """A declared table without rows, and its schema."""
    empty: pl.DataFrame = table.create_empty()
    return empty, empty.schema


def balance(
    entries: list[Entry] | None,
    segments: list[Segment],
    *,
    kind: str = "PREPAID",
    key: str = "b1",
    customer: str = "c1",
    balance: str | None = None,
    unit: tuple[str, str] = USD,
    **columns: Any,
) -> pl.DataFrame:
    """One balance as `account.balances()` returns it."""
    schedule = {
        "credit_type": {"id": unit[0], "name": unit[1]},
        "schedule_items": [
            {
                "id": segment.id,
                "amount": Decimal(segment.amount),
                "starting_at": on(segment.starting_at),
                "ending_before": None if segment.ending_before is None else on(segment.ending_before),
            }
            for segment in segments
        ],
        "access_type": None,
    }
    ledger = (
        None
        if entries is None
        else [
            {
                "type": PREFIX[kind] + entry.type,
                "timestamp": on(entry.at),
                "amount": Decimal(entry.amount),
                "segment_id": entry.segment,
                "invoice_id": entry.invoice,
                "contract_id": entry.contract,
                "new_contract_id": None,
                "reason": entry.reason,
            }
            for entry in entries
        ]
    )
    return frame(
        Balances,
        {
            "id": [key],
            "customer_id": [customer],
            "type": [kind],
            "name": ["Commit"],
            "credit_type_id": [unit[0]],
            "credit_type_name": [unit[1]],
            "balance": [None if balance is None else Decimal(balance)],
            "access_schedule": [schedule],
            "ledger": [ledger],
            **{name: [value] for name, value in columns.items()},
        },
    )


def line(total: str, **fields: Any) -> dict[str, Any]:
    """One invoice line; `unit` is its credit type."""
    unit = fields.pop("unit", USD)
    return {
        "name": "line",
        "type": "usage",
        "total": Decimal(total),
        "credit_type": {"id": unit[0], "name": unit[1]},
        **fields,
    }


def applied(total: str, commit: str = "b1", segment: str | None = "s1", kind: str = "PREPAID") -> dict[str, Any]:
    """The negative line of usage that a balance covered."""
    return line(
        total,
        type="applied_commit_or_credit",
        commit_id=commit,
        commit_segment_id=segment,
        applied_commit_or_credit={"id": commit, "type": kind, "access_type": None},
    )


def invoice(lines: list[dict[str, Any]], total: str, *, table: Any = Invoices, **columns: Any) -> pl.DataFrame:
    """One invoice as `account.invoices()` returns it; `unit` is its currency."""
    unit = columns.pop("unit", USD)
    item: Any = _empty(table)[1]["line_items"]
    names = [field.name for field in item.inner.fields]
    values: dict[str, Any] = {
        "id": "i1",
        "customer_id": "c1",
        "type": "USAGE",
        "status": "FINALIZED",
        "credit_type_id": unit[0],
        "credit_type_name": unit[1],
        "total": Decimal(total),
        "line_items": [{name: given.get(name) for name in names} for given in lines],
        **columns,
    }
    return frame(table, {name: [value] for name, value in values.items()})


def window(day: str, lines: list[dict[str, Any]], **columns: Any) -> pl.DataFrame:
    """One day of an invoice as `account.invoice_breakdowns()` returns it."""
    begin = on(day)
    return invoice(
        lines,
        "0",
        table=InvoiceBreakdowns,
        breakdown_start_timestamp=begin,
        breakdown_end_timestamp=datetime.fromtimestamp(begin.timestamp() + 86_400, UTC),
        **columns,
    )


def net(balance: str, *, customer: str = "c1", unit: tuple[str, str] = USD) -> pl.DataFrame:
    """The net balance of one customer."""
    return frame(NetBalances, {"customer_id": [customer], "credit_type_id": [unit[0]], "balance": [Decimal(balance)]})


def amounts(series: pl.Series) -> list[str | None]:
    """Decimal amounts as plain text: `-98.5`, `2000`."""
    return [None if value is None else f"{value.normalize():f}" for value in series.to_list()]
