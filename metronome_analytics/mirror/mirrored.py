"""What a mirror holds: its tables, how each is asked for, and what in a row says when it can change again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import bounds, request_for
from metronome_analytics.loaders.invoices import BREAKDOWN_SPAN
from metronome_analytics.mirror.layout import Layout
from metronome_analytics.tables.columns import key_of
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from metronome_analytics.api.client import Request

# Usage older than this cannot be ingested (Metronome: usage ingestion), so what ended before can no longer move.
BACKDATING = timedelta(days=34)
_DAY = timedelta(days=1)
_INSTANT = pl.Datetime("us", "UTC")

# An invoice at the billing provider in another state may still be paid, voided or written off.
_SETTLED_ELSEWHERE = ("PAID", "VOID", "UNCOLLECTIBLE", "DELETED", "SKIPPED")


@dataclass(frozen=True, slots=True)
class Span:
    """What a reading of one customer must cover.

    Its time: from what happened first, or what may have changed, until now. Its units: the credit types of its
    balances, where they were just read.
    """

    start: datetime
    now: datetime
    credit_types: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[datetime, datetime]:
        """Whole days that hold the span, today included."""
        first, today = (at.replace(hour=0, minute=0, second=0, microsecond=0) for at in (self.start, self.now))
        return first, today + _DAY


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One table of the mirror.

    `requests` asks for one customer's rows (for everything, where `owner` is None). `dates` are the moments at which
    a row may change by itself; `is_open` says whether it can change at any time, and `is_late` whether it should have
    changed already. `begins` is when what a row is about began. `by_window` names the column of time by which the
    recent part alone may be read again.
    """

    name: str
    requests: Callable[[str, Span], list[Request]]
    owner: str | None = "customer_id"
    is_money: bool = True  # moves with usage and time; the others only when somebody edits them
    dates: tuple[pl.Expr, ...] = ()
    is_open: Callable[[datetime], pl.Expr] | None = None
    is_late: Callable[[datetime], pl.Expr] | None = None
    begins: str | None = None
    by_window: str | None = None
    by_default: bool = True

    @property
    def layout(self) -> Layout:
        """How the store keeps it."""
        table = TABLES[self.name].schema
        return Layout(self.name, dict(table.create_empty().schema), tuple(key_of(table)), self.owner)


@dataclass(frozen=True, slots=True)
class Moments:
    """When rows can change, as far as they tell themselves: None and False where they never do."""

    next_date: datetime | None
    is_open: bool
    open_since: datetime | None
    first: datetime | None


def moments(table: Mirrored, rows: pl.DataFrame, now: datetime) -> Moments:
    """What `rows` of `table`, read at `now`, say about that."""
    never = pl.lit(value=False)
    is_open = never if table.is_open is None else table.is_open(now).fill_null(value=False)
    is_late = never if table.is_late is None else table.is_late(now).fill_null(value=False)
    begins = pl.lit(None, _INSTANT) if table.begins is None else pl.col(table.begins)
    told = rows.select(
        is_open=is_open.any(), is_late=is_late.any(), since=begins.filter(is_open).min(), first=begins.min()
    ).row(0, named=True)
    dates = [rows.select(each.alias("at")).to_series() for each in table.dates]
    flat = [each.explode() if each.dtype == pl.List else each for each in dates]
    ahead = [now] if told["is_late"] else [first for each in flat if (first := each.filter(each > now).min()) is not None]
    return Moments(min(ahead, default=None), told["is_open"], told["since"], told["first"])


def _of_customer(name: str, **body: object) -> Callable[[str, Span], list[Request]]:
    return lambda id_, _: [request_for(name, {"customer_id": id_}, body=body)]


def _of_account(name: str, **body: object) -> Callable[[str, Span], list[Request]]:
    return lambda _, __: [request_for(name, body=body)]


def _net_balances(id_: str, span: Span) -> list[Request]:
    # One call answers for one credit type, USD unless another is named.
    bodies: list[dict[str, object]] = [{"credit_type_id": each} for each in span.credit_types] or [{}]
    return [request_for("net_balances", {"customer_id": id_}, body=body) for body in bodies]


def _invoices(id_: str, _: Span) -> list[Request]:
    return [request_for("invoices", {"customer_id": id_}, query={"sort": "date_asc"})]


def _breakdowns(id_: str, span: Span) -> list[Request]:
    return [
        request_for(
            "invoice_breakdowns",
            {"customer_id": id_},
            query={"window_size": "DAY", "sort": "date_asc", **bounds(*part)},
        )
        for part in args.chunks(*span.days, BREAKDOWN_SPAN["DAY"])
    ]


def _costs(id_: str, span: Span) -> list[Request]:
    return [request_for("costs", {"customer_id": id_}, query=bounds(*span.days))]


def _open_invoice(now: datetime) -> pl.Expr:
    unsettled = pl.col("billing_provider_invoice_external_status").is_in(_SETTLED_ELSEWHERE).not_()
    return (pl.col("status") == "DRAFT") | (pl.col("status") != "VOID") & (
        (pl.col("end_timestamp") > now - BACKDATING) | unsettled.fill_null(value=False)
    )


def _each(schedule: str, name: str) -> pl.Expr:
    items = pl.col(schedule).struct.field("schedule_items")
    return items.list.eval(pl.element().struct.field(name))


_DRAFT = pl.col("status") == "DRAFT"
_BALANCE_FLAGS = {
    "include_ledgers": True,
    "include_balance": True,
    "include_contract_balances": True,
    "include_archived": True,
}

# One line a table, as in the registry of endpoints.
_ROWS = (
    Mirrored(
        "invoices",
        _invoices,
        dates=(pl.when(_DRAFT).then("end_timestamp"), pl.when(pl.col("status") != "VOID").then("issued_at")),
        is_open=_open_invoice,
        is_late=lambda now: _DRAFT & (pl.col("end_timestamp") <= now),
        begins="start_timestamp",
    ),
    Mirrored(
        "balances",
        _of_customer("balances", **_BALANCE_FLAGS),
        dates=(
            _each("access_schedule", "starting_at"),
            _each("access_schedule", "ending_before"),
            _each("invoice_schedule", "timestamp"),
        ),
        is_open=lambda now: pl.col("archived_at").is_null() & (_each("access_schedule", "ending_before").list.max() > now),
    ),
    Mirrored("net_balances", _net_balances),
    Mirrored("costs", _costs),
    Mirrored(
        "contracts",
        _of_customer("contracts", include_archived=True),
        is_money=False,
        dates=(pl.col("starting_at"), pl.col("ending_before")),
    ),
    Mirrored("invoice_breakdowns", _breakdowns, by_window="breakdown_start_timestamp", by_default=False),
    Mirrored("products", _of_account("products", archive_filter="ALL"), owner=None, is_money=False),
    Mirrored("rate_cards", _of_account("rate_cards"), owner=None, is_money=False),
    Mirrored("credit_types", _of_account("credit_types"), owner=None, is_money=False),
)

CUSTOMERS = Mirrored("customers", lambda _, __: [], owner="id", is_money=False)
"""Every sync lists the customers as a whole, so this table is never asked for one by one."""

MIRRORED = {table.name: table for table in (CUSTOMERS, *_ROWS)}
LAYOUTS = tuple(table.layout for table in MIRRORED.values())
