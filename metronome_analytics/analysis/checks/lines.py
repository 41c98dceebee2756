"""Invoice lines, reduced to what the checks add up."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.frames import ZERO

NEEDED = (
    *("id", "customer_id", "contract_id", "type", "status", "credit_type_id", "credit_type_name", "total"),
    *("start_timestamp", "end_timestamp", "issued_at", "line_items"),
)

_FIELDS = {
    "total": "total",
    "type": "line_type",
    "commit_id": "commit_id",
    "commit_type": "commit_type",
}


def numbered(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """The invoices with `row`, and whether a row is the first of its id."""
    return invoices.with_row_index("row").with_columns(pl.col("id").is_first_distinct().alias("first"))


def lines(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """One row per line of numbered invoices: `row`, the amount, and what it pays for or draws on.

    The nested structs are unpacked field by field: unpacking all forty of them is what makes a reconciliation slow.
    """
    item = pl.col("line_items").struct
    applied, postpaid = item.field("applied_commit_or_credit"), item.field("postpaid_commit")
    exploded = invoices.select("row", pl.col("credit_type_id").alias("invoice_credit_type_id"), "line_items").explode(
        "line_items", empty_as_null=False, keep_nulls=False
    )
    unpacked = exploded.select(
        "row",
        *(item.field(field).alias(name) for field, name in _FIELDS.items()),
        pl.coalesce(item.field("credit_type").struct.field("id"), "invoice_credit_type_id").alias("credit_type_id"),
        "invoice_credit_type_id",
        applied.struct.field("id").alias("applied_id"),
        applied.struct.field("type").alias("applied_type"),
        postpaid.struct.field("id").alias("postpaid_id"),
    )
    draws = (pl.col("line_type") == "applied_commit_or_credit") | (
        (pl.col("total") < ZERO) & pl.col("commit_id").is_not_null()
    )
    return unpacked.with_columns(draws.fill_null(False).alias("draws"))


def counted() -> pl.Expr:
    """Whether a line is in its invoice's total: in the invoice's currency, and no drawdown of a postpaid commit.

    Usage under a postpaid commit is payable, so its applied line is left out of the total; lines in a custom pricing
    unit are informational, a `cpu_conversion` line carries them over (fact sheet 4.5, 4.6).
    """
    postpaid = (pl.col("applied_type") == "POSTPAID") | (
        pl.col("applied_type").is_null() & (pl.col("commit_type") == "PostpaidCommit")
    )
    return (pl.col("credit_type_id") == pl.col("invoice_credit_type_id")) & ~(
        pl.col("draws") & postpaid.fill_null(False)
    )
