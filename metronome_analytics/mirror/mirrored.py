"""What a mirror holds: its tables, how each is asked for, and what in a row says when it can change again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.loaders.balances import net_balance_units
from metronome_analytics.loaders.base import bounds, given, request_for
from metronome_analytics.loaders.invoices import BREAKDOWN_SPAN
from metronome_analytics.mirror.digests import columns_of
from metronome_analytics.mirror.layout import Layout
from metronome_analytics.tables.columns import key_of
from metronome_analytics.tables.registry import TABLES
from metronome_analytics.tables.vocabulary import SETTLED, InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.api.request import Request
    from metronome_analytics.loaders.load import Chunk

# Usage older than this cannot be ingested (Metronome: usage ingestion), so what ended before can no longer move.
BACKDATING = timedelta(days=34)
_DAY = timedelta(days=1)
_INSTANT = pl.Datetime("us", "UTC")

# The status of a table that belongs to the mirror and has not been read yet.
WANTED = "wanted"
# The status of a table of a customer, a file of which is gone or damaged.
LOST = "lost"


# A column of moments, or the name of a schedule and that of a moment of its items.
Dates = pl.Expr | tuple[str, str]


@dataclass(frozen=True, slots=True)
class ReadingSpan:
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
        return args.midnight(self.start), args.midnight(self.now) + _DAY


@dataclass(frozen=True, slots=True)
class MirroredTable:
    """One table of the mirror.

    `requests` asks for one customer's rows (for everything, where `owner` is None). `dates` are the moments at which
    a row may change by itself; `is_open` says whether it can change at any time, and `is_late` whether it should have
    changed already. `begins` is when what a row is about began. `by_window` names the column of time by which the
    recent part alone may be read again.
    """

    name: str
    requests: Callable[[str, ReadingSpan], list[Request]]
    owner: str | None = "customer_id"
    is_money: bool = True  # moves with usage and time; the others only when somebody edits them
    dates: tuple[Dates, ...] = ()
    is_open: Callable[[datetime], pl.Expr] | None = None
    is_late: Callable[[datetime], pl.Expr] | None = None
    begins: str | None = None
    by_window: str | None = None
    by_default: bool = True

    @property
    def layout(self) -> Layout:
        """How the store keeps it."""
        return _layout(self.name, self.owner)

    @property
    def columns(self) -> str:
        """What tells its columns from those of another version."""
        return _columns(self.name, self.owner)


@cache
def _layout(name: str, owner: str | None) -> Layout:
    table = TABLES[name].schema
    return Layout(name, dict(table.create_empty().schema), tuple(key_of(table)), owner)


@cache
def _columns(name: str, owner: str | None) -> str:
    return columns_of(_layout(name, owner).schema)


def row_facts(table: MirroredTable, rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """What each of `rows` of `table`, read at `now`, says: customer_id, key, hash, next_date, open, open_since.

    `key` is the first column of the table's key.
    """
    never = pl.lit(value=False)
    is_open = never if table.is_open is None else table.is_open(now).fill_null(value=False)
    is_late = never if table.is_late is None else table.is_late(now).fill_null(value=False)
    begins = pl.lit(None, _INSTANT) if table.begins is None else pl.col(table.begins)
    # What is late may change now.
    ahead = [pl.when(is_late).then(pl.lit(now, _INSTANT)), *(_next(each, now) for each in table.dates)]
    return rows.select(
        customer_id=pl.lit(None, pl.String) if table.owner is None else pl.col(table.owner),
        key=pl.col(table.layout.key[0]),
        hash=rows.hash_rows(seed=0),
        next_date=pl.min_horizontal(ahead),
        open=is_open,
        open_since=pl.when(is_open).then(begins),
    )


def by_customer(facts: pl.DataFrame) -> pl.DataFrame:
    """`row_facts` put together: customer_id, rows, hash, next_date, open, open_since.

    `hash` is the same for the same rows in any order.
    """
    return facts.group_by("customer_id").agg(
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col("hash").bitwise_xor(),
        pl.col("next_date").min(),
        pl.col("open").any(),
        pl.col("open_since").min(),
    )


def facts_of(table: MirroredTable, rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """What `rows` of `table`, read at `now`, say of each customer, for the progress: see `by_customer`."""
    return by_customer(row_facts(table, rows, now))


def _next(dates: Dates, now: datetime) -> pl.Expr:
    """The first of a row's `dates` that is to come."""
    if isinstance(dates, pl.Expr):
        return pl.when(dates > now).then(dates)
    schedule, name = dates
    items = pl.col(schedule).struct.field("schedule_items")
    at = pl.element().struct.field(name)
    return items.list.eval(at.filter(at > now)).list.min()


def _of_customer(name: str, **body: object) -> Callable[[str, ReadingSpan], list[Request]]:
    return lambda id_, _: [request_for(name, {"customer_id": id_}, body=body)]


def _of_account(name: str, **body: object) -> Callable[[str, ReadingSpan], list[Request]]:
    return lambda _, __: [request_for(name, body=body)]


def first(page: Chunk, column: str) -> datetime | None:
    """The earliest moment in `column`, where the page has it."""
    moments = page.completion.column(page.rows, column)
    at = None if moments is None else moments.min()
    return at if isinstance(at, datetime) else None


def balance_parts(balances: pl.DataFrame) -> pl.DataFrame:
    """What net balances come from, of a page of balances as the API answers it.

    Columns: customer_id, credit_type_id, balance, archived_at.
    """
    credit_type = pl.col("access_schedule").struct.field("credit_type").struct.field("id")
    return balances.select("customer_id", credit_type.alias("credit_type_id"), "balance", "archived_at")


def net_of(balances: pl.DataFrame) -> pl.DataFrame:
    """What the net balances of a customer are, if they follow from all its `balance_parts`.

    By credit type the sum of those not archived: the columns of `tables.NetBalances`.
    """
    in_force = pl.col("balance").filter(pl.col("archived_at").is_null())
    return balances.group_by("customer_id", "credit_type_id", maintain_order=True).agg(in_force.sum())


def _net_balances(id_: str, span: ReadingSpan) -> list[Request]:
    return [
        request_for("net_balances", {"customer_id": id_}, body=given({"credit_type_id": unit}))
        for unit in net_balance_units(span.credit_types)
    ]


def _invoices(id_: str, _: ReadingSpan) -> list[Request]:
    return [request_for("invoices", {"customer_id": id_}, query={"sort": "date_asc"})]


def newest_invoices(id_: str) -> Request:
    """The invoices of a customer, the newest first."""
    return request_for("invoices", {"customer_id": id_}, query={"sort": "date_desc"})


def _breakdowns(id_: str, span: ReadingSpan) -> list[Request]:
    return [
        request_for(
            "invoice_breakdowns",
            {"customer_id": id_},
            query={"window_size": "DAY", "sort": "date_asc", **bounds(*part)},
        )
        for part in args.chunks(*span.days, BREAKDOWN_SPAN["DAY"])
    ]


def _costs(id_: str, span: ReadingSpan) -> list[Request]:
    return [request_for("costs", {"customer_id": id_}, query=bounds(*span.days))]


# A status that nobody declared is that of an invoice that may still move.
_UNSETTLED = pl.col("status").is_in([InvoiceStatus.FINALIZED, InvoiceStatus.VOID]).not_().fill_null(value=True)


def _open_invoice(now: datetime) -> pl.Expr:
    unsettled = pl.col("billing_provider_invoice_external_status").is_in(SETTLED).not_()
    return _UNSETTLED | (pl.col("status") != InvoiceStatus.VOID) & (
        (pl.col("end_timestamp") > now - BACKDATING) | unsettled.fill_null(value=False)
    )


_BALANCE_FLAGS = {
    "include_ledgers": True,
    "include_balance": True,
    "include_contract_balances": True,
    "include_archived": True,
}

# One line a table, as in the registry of endpoints.
_ROWS = (
    MirroredTable(
        "invoices",
        _invoices,
        dates=(
            pl.when(_UNSETTLED).then("end_timestamp"),
            pl.when(pl.col("status") != InvoiceStatus.VOID).then("issued_at"),
        ),
        is_open=_open_invoice,
        is_late=lambda now: _UNSETTLED & (pl.col("end_timestamp") <= now),
        begins="start_timestamp",
    ),
    MirroredTable(
        "balances",
        _of_customer("balances", **_BALANCE_FLAGS),
        dates=(
            ("access_schedule", "starting_at"),
            ("access_schedule", "ending_before"),
            ("invoice_schedule", "timestamp"),
        ),
        is_open=lambda now: (
            pl.col("archived_at").is_null() & _next(("access_schedule", "ending_before"), now).is_not_null()
        ),
    ),
    MirroredTable("net_balances", _net_balances),
    MirroredTable("costs", _costs),
    MirroredTable(
        "contracts",
        _of_customer("contracts", include_archived=True),
        is_money=False,
        dates=(pl.col("starting_at"), pl.col("ending_before")),
    ),
    MirroredTable("invoice_breakdowns", _breakdowns, by_window="breakdown_start_timestamp", by_default=False),
    MirroredTable("products", _of_account("products", archive_filter="ALL"), owner=None, is_money=False),
    MirroredTable("rate_cards", _of_account("rate_cards"), owner=None, is_money=False),
    MirroredTable("credit_types", _of_account("credit_types"), owner=None, is_money=False),
)

CUSTOMERS = MirroredTable("customers", lambda _, __: [], owner="id", is_money=False)
"""Every sync lists the customers as a whole, so this table is never asked for one by one."""

MIRRORED = {table.name: table for table in (CUSTOMERS, *_ROWS)}
LAYOUTS = tuple(table.layout for table in MIRRORED.values())
