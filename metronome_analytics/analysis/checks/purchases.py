"""The check of purchases: what a prepaid commit should have been billed for against what was."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.frames import INSTANT, ZERO, optional
from metronome_analytics.tables.vocabulary import BalanceType, InvoiceStatus, LineType

_SOLD = ("balance_id", "invoice_id")


def prepaid_purchase(invoices: pl.LazyFrame, lines: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """Each item of a prepaid commit's invoice schedule against the purchase lines of its invoice.

    On a fixed product's line `commit_id` is the commit being paid for, not one that was applied (fact sheet 4.5).
    """
    sold = _sold(invoices, lines)
    joined = _due(balances).join(sold, on=_SOLD, how="full", coalesce=True)
    heads = invoices.filter("first").select(
        pl.col("id").alias("invoice_id"), "status", "row", pl.col("customer_id").alias("billed_id")
    )
    known = balances.select(
        pl.col("id").alias("balance_id"), pl.col("customer_id").alias("owner_id"), pl.lit(True).alias("known")
    ).unique("balance_id", keep="first", maintain_order=True)
    joined = joined.join(heads, on="invoice_id", how="left").join(known, on="balance_id", how="left")
    void = pl.col("status") == InvoiceStatus.VOID
    other = pl.col("credit_type_id").is_not_null() & (pl.col("credit_type_id") != pl.col("sold_in"))
    return joined.sort("owner_id", "row", "balance_id", "invoice_id", nulls_last=True).select(
        pl.coalesce("owner_id", "billed_id").alias("customer_id"),
        *_SOLD,
        pl.coalesce("credit_type_id", "sold_in").alias("credit_type_id"),
        pl.coalesce("credit_type_name", "sold_in_name").alias("credit_type_name"),
        pl.col("expected").fill_null(ZERO),
        pl.col("actual").fill_null(ZERO),
        pl.when(void & ~pl.col("archived").fill_null(False))
        .then(pl.lit("the purchase's invoice is void and access remains"))
        .when(other)
        .then(pl.lit("billed in another credit type than scheduled"))
        .alias("blame"),
        pl.when(pl.col("invoice_id").is_null())
        .then(pl.lit("the purchase has no invoice yet"))
        .when(pl.col("status").is_null())
        .then(pl.lit("the invoice is not in the frame"))
        .when(pl.col("known").is_null())
        .then(pl.lit("the balance is not in the frame"))
        .alias("skip"),
        pl.when(void).then(pl.lit("the invoice is void")).alias("hint"),
    )


def _sold(invoices: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """What was billed for each commit on each invoice."""
    bought = lines.filter((pl.col("line_type") == LineType.PURCHASE) & pl.col("commit_id").is_not_null())
    first = invoices.filter("first").select("row", pl.col("id").alias("invoice_id"))
    names = invoices.select(
        pl.col("credit_type_id").alias("sold_in"), pl.col("credit_type_name").alias("sold_in_name")
    ).unique("sold_in")
    return (
        bought.group_by("row", pl.col("commit_id").alias("balance_id"), pl.col("credit_type_id").alias("sold_in"))
        .agg(pl.col("total").sum().alias("actual"))
        .join(first, on="row", how="inner")
        .join(names, on="sold_in", how="left")
        .drop("row")
    )


def _due(balances: pl.LazyFrame) -> pl.LazyFrame:
    """What the invoice schedules of prepaid commits say is billed; commits that are not invoiced have nothing due."""
    schedule = pl.col("invoice_schedule").struct
    prepaid = balances.filter(
        (pl.col("type") == BalanceType.PREPAID) & ~schedule.field("do_not_invoice").fill_null(False)
    )
    names = balances.collect_schema().names()
    items = prepaid.select(
        pl.col("id").alias("balance_id"),
        pl.coalesce(schedule.field("credit_type").struct.field("id"), "credit_type_id").alias("credit_type_id"),
        pl.coalesce(schedule.field("credit_type").struct.field("name"), "credit_type_name").alias("credit_type_name"),
        optional(names, "archived_at", INSTANT).is_not_null().alias("archived"),
        schedule.field("schedule_items").alias("item"),
    ).explode("item", empty_as_null=False, keep_nulls=False)
    item = pl.col("item").struct
    key = ["balance_id", "invoice_id", "credit_type_id", "credit_type_name", "archived"]
    return (
        items.with_columns(item.field("invoice_id"), item.field("amount"))
        .group_by(key, maintain_order=True)
        .agg(pl.col("amount").sum().alias("expected"))
    )
