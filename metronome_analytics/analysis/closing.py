"""A period's close: balances as they stood at its end, and the ledger of the period alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.entries import BALANCE
from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, literal, optional
from metronome_analytics.tables import ledger
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from datetime import datetime

_ENTRY = (*BALANCE, "entry_index")


class Close(NamedTuple):
    """The balances of a close and the ledger entries of its period.

    `balances` are the frame given, with `balance` and `ledger` as of the end; a balance that is not known (archived
    since, with its ledger gone) is null. `ledger` has the columns of `tables.Ledger`: what moved from the one close to
    the other, an entry for usage on both sides of a close by its share.
    """

    balances: pl.DataFrame
    ledger: pl.DataFrame


class Across(NamedTuple):
    """Whose billing periods lie on both sides of a close, and from when to when the days of them are needed."""

    customer_ids: list[str]
    starting: datetime
    ending: datetime


def across(invoices: Given, *edges: datetime) -> Across | None:
    """The customers with a billing period on both sides of one of `edges`; None where there is none.

    Only for them a close needs daily breakdowns (`account.invoice_breakdowns()`), and only of these days.
    """
    begins, ends = pl.col("start_timestamp"), pl.col("end_timestamp")
    over = pl.any_horizontal((begins < literal(edge)) & (literal(edge) < ends) for edge in edges)
    split = invoices.lazy().filter((pl.col("status") != InvoiceStatus.VOID) & over)
    found = split.select("customer_id", "start_timestamp", "end_timestamp").collect()
    if found.is_empty():
        return None
    return Across(
        found["customer_id"].unique(maintain_order=True).to_list(), *found.select(begins.min(), ends.max()).row(0)
    )


def close(
    balances: pl.DataFrame,
    *,
    starting: datetime,
    ending: datetime,
    loaded_at: datetime,
    invoices: Given,
    breakdowns: Given | None = None,
) -> Close:
    """The close of the period [`starting`, `ending`), from books that were read at `loaded_at`, later.

    At the end, 24:00 of its last day, access that ends there is over and its deductions, dated at their exclusive end,
    are booked; access that starts there belongs to the next period. Raises ArgumentError, saying what it needs, where
    a deduction covers usage on both sides of a close and no `breakdowns` tell the shares.
    """
    steps = [
        _steps(balances, at, loaded_at=loaded_at, invoices=invoices, breakdowns=breakdowns) for at in (starting, ending)
    ]
    before, after = (_booked(each) for each in steps)
    left = steps[1].group_by(BALANCE).agg(pl.col("change").sum().alias("left"))
    names = ledger(balances).columns
    moved = (
        after.join(before, on=_ENTRY, how="full", coalesce=True, suffix="_before")
        .select(*_ENTRY, (pl.col("booked").fill_null(ZERO) - pl.col("booked_before").fill_null(ZERO)).alias("moved"))
        .filter(pl.col("moved") != ZERO)
    )
    entries = ledger(balances).join(moved, on=_ENTRY, how="inner", maintain_order="left")
    return Close(
        _as_of(balances, left, after, ending), entries.with_columns(pl.col("moved").alias("amount")).select(names)
    )


def _steps(
    balances: pl.DataFrame, at: datetime, *, loaded_at: datetime, invoices: Given, breakdowns: Given | None
) -> pl.DataFrame:
    """Every step until `at`, without the segments that start there."""
    burn = burn_down(balances, as_of=at, loaded_at=loaded_at, invoices=invoices, breakdowns=breakdowns)
    return burn.filter(~pl.col("segment_starting_at").eq_missing(literal(at)))


def _booked(steps: pl.DataFrame) -> pl.DataFrame:
    """What of each ledger entry was in the books."""
    listed = steps.filter(pl.col("entry_index").is_not_null())
    return listed.group_by(_ENTRY).agg(pl.col("change").sum().cast(MONEY).alias("booked"))


def _as_of(balances: pl.DataFrame, left: pl.DataFrame, booked: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """`balances` as they stood at `at`."""
    gone = (optional(balances.columns, "archived_at", INSTANT) <= literal(at)).fill_null(False)
    rows = balances.with_row_index("row").rename({"id": "balance_id"})
    kept = (
        rows.select("row", *BALANCE, "ledger")
        .explode("ledger", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("row").alias("entry_index"))
        .join(booked, on=_ENTRY, how="inner", maintain_order="left")
        .select(
            "row",
            pl.col("ledger").struct.with_fields(
                pl.col("booked").alias("amount"),
                # Of an entry for usage on both sides only the share until here is left, dated here.
                pl.min_horizontal(pl.field("timestamp"), literal(at)).alias("timestamp"),
            ),
        )
        .group_by("row", maintain_order=True)
        .agg(pl.col("ledger").alias("booked"))
    )
    none = pl.lit([], balances.schema["ledger"])
    return (
        rows.join(left, on=BALANCE, how="left", maintain_order="left")
        .join(kept, on="row", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("ledger").is_not_null()).then(pl.col("booked").fill_null(none)).alias("ledger"),
            pl.when(gone)
            .then(ZERO)
            .when(pl.col("ledger").is_not_null())
            .then(pl.col("left").fill_null(ZERO))
            .alias("balance"),
            _begun_after(at).alias("access_schedule"),
        )
        .rename({"balance_id": "id"})
        .select(balances.columns)
        .cast(dict(balances.schema))  # type: ignore[arg-type]  # the frame's own
    )


def _begun_after(at: datetime) -> pl.Expr:
    """The access schedule, with what starts at the very close a microsecond later: at the close it is to come."""
    start = pl.element().struct.field("starting_at")
    later = pl.when(start == literal(at)).then(start + timedelta(microseconds=1)).otherwise(start)
    items = pl.col("access_schedule").struct.field("schedule_items")
    moved = items.list.eval(pl.element().struct.with_fields(later.alias("starting_at")))
    return pl.col("access_schedule").struct.with_fields(moved.alias("schedule_items"))
