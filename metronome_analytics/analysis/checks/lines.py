"""Invoice lines, reduced to what the checks add up."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.drawdown import draws
from metronome_analytics.tables.vocabulary import BalanceType, CommitType, LineType

NEEDED = (
    *("id", "customer_id", "contract_id", "type", "status", "credit_type_id", "credit_type_name", "total"),
    *("start_timestamp", "end_timestamp", "issued_at", "line_items"),
)

_READ = (
    *("invoice_adjustments", "plan_id", "corrected_invoice_id", "constituent_invoices", "external_invoice"),
    *("billing_provider_invoice_id", "regenerated_from_invoice_id"),
)
"""What the checks read of an invoice where the frame has it."""


def numbered(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """The invoices with `row`, `key` (a number made of the id), and whether a row is the first of its id."""
    return invoices.with_row_index("row").with_columns(
        pl.col("id").hash().alias("key"), pl.col("id").is_first_distinct().alias("first")
    )


def heads(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Numbered invoices without their lines and without what no check reads."""
    given = invoices.collect_schema().names()
    read = [name for name in (*NEEDED, *_READ) if name in given and name != "line_items"]
    return invoices.select("row", "key", "first", *read)


def lines(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """One row per line of numbered invoices: `row`, `key`, the amount, and what it pays for or draws on.

    An invoice that was loaded without its lines has one row, `bare`. The nested structs are unpacked field by field:
    unpacking all forty of them is what makes a reconciliation slow.
    """
    item = pl.col("line_items").struct
    applied, postpaid = item.field("applied_commit_or_credit"), item.field("postpaid_commit")
    exploded = invoices.select(
        "row", "key", pl.col("credit_type_id").alias("invoice_credit_type_id"), "line_items"
    ).explode("line_items", empty_as_null=False, keep_nulls=True)
    unpacked = exploded.select(
        "row",
        "key",
        pl.col("line_items").is_null().alias("bare"),
        item.field("total"),
        item.field("type").alias("line_type"),
        item.field("commit_id"),
        item.field("commit_type"),
        pl.coalesce(item.field("credit_type").struct.field("id"), "invoice_credit_type_id").alias("credit_type_id"),
        "invoice_credit_type_id",
        applied.struct.field("id").alias("applied_id"),
        applied.struct.field("type").alias("applied_type"),
        postpaid.struct.field("id").alias("postpaid_id"),
    )
    return (
        unpacked.with_columns(draws().alias("draws"))
        .with_columns(counted().alias("counted"))
        .drop("invoice_credit_type_id", "commit_type", "applied_type")
    )


def added_up(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`lines` with those of an invoice in one that differ in nothing a check asks: a few rows each, however many lines.

    Which product a line is for, and what usage names as its commit beside the line that draws, no check asks.
    """
    draws, bought = pl.col("draws"), (pl.col("line_type") == LineType.PURCHASE).fill_null(False)
    plain = lines.with_columns(
        pl.when(bought).then(pl.col("line_type", "credit_type_id")),
        pl.when(draws | bought).then(pl.col("commit_id", "applied_id")),
    )
    return plain.group_by(pl.exclude("total")).agg(pl.col("total").sum())


def counted() -> pl.Expr:
    """Whether a line is in its invoice's total: in the invoice's currency, and no drawdown of a postpaid commit.

    Usage under a postpaid commit is payable, so its applied line is left out of the total; lines in a custom pricing
    unit are informational, a `cpu_conversion` line carries them over (fact sheet 4.5, 4.6).
    """
    return (pl.col("credit_type_id") == pl.col("invoice_credit_type_id")) & ~(pl.col("draws") & under_postpaid())


def under_postpaid() -> pl.Expr:
    """Whether the balance a line names is a postpaid commit."""
    named = (pl.col("applied_type") == BalanceType.POSTPAID) | (
        pl.col("applied_type").is_null() & (pl.col("commit_type") == CommitType.POSTPAID)
    )
    return named.fill_null(False)
