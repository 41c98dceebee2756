"""What deferred revenue is made of: commits, what leaves them, and what is billed for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics.analysis.entries import NEEDED, access
from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, checked, literal, optional
from metronome_analytics.analysis.invoiced import is_invoiced
from metronome_analytics.analysis.statements.movements import UNIT, moved
from metronome_analytics.analysis.statements.periods import month_of
from metronome_analytics.tables.vocabulary import BalanceType, LineType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LEFT = ("used", "expired", "rolled_over", "adjusted")


class Books(NamedTuple):
    """Prepaid commits and credits, and commits that are billed and not in the frame, all by `balance_id`.

    `facts`: its keys, `granted` by the access schedule, `scheduled` to be billed in `scheduled_in` (with its name),
    `source_id`, `end_month` once access is over. `moves`: `LEFT`, by month, signed as in the ledger. `purchases`:
    `billed`, by month and currency. `access`: the segments. `lineage`: the `source_id` of balances, which needs no
    invoice. `months`: those asked for.
    """

    facts: pl.LazyFrame
    moves: pl.LazyFrame
    purchases: pl.LazyFrame
    access: pl.LazyFrame
    lineage: pl.LazyFrame
    months: Sequence[str]


def books(
    balances: Given,
    invoices: Given,
    *,
    at: datetime | None,
    loaded_at: datetime | None,
    breakdowns: Given | None,
    months: Sequence[str],
) -> Books:
    """The books at `at`."""
    rows = moved(balances, invoices, at=at, loaded_at=loaded_at, breakdowns=breakdowns, basis="service")
    given = checked(balances, "balances", *NEEDED, "invoice_schedule")
    prepaid = given.filter(pl.col("type").ne_missing(pl.lit(BalanceType.POSTPAID.value)))
    segments = access(prepaid)
    # What several plans read is worked out once.
    purchases = _purchases(invoices, at).cache()
    known = _facts(prepaid, segments, at).cache()
    strangers = (
        purchases.group_by("balance_id")
        .agg(pl.col("customer_id").min())
        .join(known.select("balance_id"), on="balance_id", how="anti")
    )
    return Books(
        facts=pl.concat([known, strangers], how="diagonal"),
        moves=rows.group_by("balance_id", "month").agg(pl.col(LEFT).sum()).cache(),
        purchases=purchases.drop("customer_id"),
        access=segments.drop("customer_id"),
        lineage=known.select("balance_id", "source_id"),
        months=months,
    )


def _facts(balances: pl.LazyFrame, segments: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """What is agreed about each balance."""
    names = balances.collect_schema().names()
    ends = pl.col("segment_ending_before")
    granted = segments.group_by("balance_id").agg(
        pl.col("segment_amount").sum().alias("granted"),
        pl.when(ends.is_null().any()).then(None).otherwise(ends.max()).alias("ends_at"),
    )
    schedule: Any = pl.col("invoice_schedule").struct
    unit = schedule.field("credit_type").struct
    amounts = schedule.field("schedule_items").list.eval(pl.element().struct.field("amount")).list.sum()
    billed = pl.when(schedule.field("do_not_invoice").fill_null(False)).then(ZERO).otherwise(amounts)
    over = pl.min_horizontal("ends_at", "archived_at")
    if at is not None:
        over = pl.when(over <= literal(at)).then(over)
    return (
        balances.select(
            pl.col("id").alias("balance_id"),
            "customer_id",
            pl.col("type").alias("balance_type"),
            *(optional(names, name) for name in ("product_id", "contract_id")),
            billed.cast(MONEY).fill_null(ZERO).alias("scheduled"),
            unit.field("id").alias("scheduled_in"),
            unit.field("name").alias("scheduled_in_name"),
            optional(names, "rolled_over_from_commit_id").alias("source_id"),
            optional(names, "archived_at", INSTANT),
        )
        .unique("balance_id", keep="first", maintain_order=True)
        .join(granted, on="balance_id", how="left")
        .with_columns(month_of(over.dt.offset_by("-1us")).alias("end_month"))
        .drop("ends_at", "archived_at")
    )


def _purchases(invoices: Given, at: datetime | None) -> pl.LazyFrame:
    """What was billed for each commit, by month of issue and currency. On such a line `commit_id` is what is paid for.

    A line of a prepaid purchase names its commit (fact sheet 4.5); one that does not has no balance.
    """
    needed = ("customer_id", "status", "type", *UNIT, "issued_at", "line_items")
    given = checked(invoices, "invoices", *needed).filter(is_invoiced())
    if at is not None:
        given = given.filter(pl.col("issued_at") <= literal(at))
    item: Any = pl.col("line_items").struct
    bought = pl.element().struct.field("type") == LineType.PURCHASE
    unit = item.field("credit_type").struct
    return (
        given.select("customer_id", *UNIT, month_of(pl.col("issued_at")).alias("month"), "line_items")
        # Lines are wide, and few invoices sell anything: the others are not unpacked.
        .filter(pl.col("month").is_not_null() & pl.col("line_items").list.eval(bought).list.any())
        .explode("line_items", empty_as_null=False, keep_nulls=False)
        .filter(item.field("type") == LineType.PURCHASE)
        .select(
            "customer_id",
            "month",
            item.field("commit_id").alias("balance_id"),
            pl.coalesce(unit.field("id"), "credit_type_id").alias("credit_type_id"),
            pl.coalesce(unit.field("name"), "credit_type_name").alias("credit_type_name"),
            item.field("total").alias("billed"),
        )
        .group_by("balance_id", *UNIT, "month")
        .agg(pl.col("billed").sum(), pl.col("customer_id").min())
    )
