"""One table of daily cost for customers on contracts and on Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.tables.flatten import cost_lines, line_items
from metronome_analytics.tables.schemas import DailyCosts

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

_KEYS = ("customer_id", "date", "credit_type_id", "credit_type_name", "product_id", "pending", "source")


def daily_costs(breakdowns: Frame, costs: Frame) -> Frame:
    """The columns of `DailyCosts`, from the daily breakdowns of contracts and the costs of Plans.

    A USAGE_CONSOLIDATED invoice repeats the lines of others, so its windows are left out.
    DataFrames give a DataFrame, LazyFrames a LazyFrame, in the order given.
    """
    parts = [_of_contracts(breakdowns.lazy()), _of_plans(costs.lazy())]
    days = pl.concat([part.select(DailyCosts.column_names()) for part in parts])
    return days.collect() if isinstance(breakdowns, pl.DataFrame) else days


def _of_contracts(breakdowns: pl.LazyFrame) -> pl.LazyFrame:
    applied = pl.col("type") == "applied_commit_or_credit"
    # A postpaid commit's usage is payable, so applying it takes nothing off the cost (fact: OpenAPI, Invoice.total).
    # `applied_commit_or_credit` may be absent; `commit_type` then says whether the commit was postpaid.
    told = (pl.col("applied_commit_or_credit_type") == "POSTPAID").fill_null(pl.col("commit_type") == "PostpaidCommit")
    lowers = applied & ~told.fill_null(value=False)
    once = (pl.col("invoice_type") != "USAGE_CONSOLIDATED").fill_null(value=True)
    lines = (
        line_items(breakdowns)
        .filter(once)
        .with_columns(
            date=pl.col("breakdown_start_timestamp").dt.date(),
            # An applied line is named after its commit: the product's own name is that of its usage lines.
            product_name=pl.when(~applied).then("name"),
            pending=pl.col("invoice_status") == "DRAFT",
            gross=pl.when(~applied).then("total").otherwise(0),
            cost=pl.when(~applied | lowers).then("total").otherwise(0),
            source=pl.lit("breakdowns"),
        )
    )
    # Added up before they are named: naming needs every row at hand, and the lines may be more than fit.
    days = (
        lines.with_row_index("line")
        .with_columns(line=pl.when(pl.col("product_name").is_not_null()).then("line"))
        .group_by(_KEYS, maintain_order=True)
        .agg(pl.col("cost", "gross").sum(), pl.col("product_name", "line").first(ignore_nulls=True))
    )
    named = pl.col("product_name").sort_by("line", nulls_last=True).first().over("customer_id", "product_id")
    return days.with_columns(product_name=named)


def _of_plans(costs: pl.LazyFrame) -> pl.LazyFrame:
    lines = cost_lines(costs).with_columns(
        date=pl.col("start_timestamp").dt.date(),
        product_id=pl.lit(None, dtype=pl.String),
        product_name=pl.col("name"),
        pending=pl.lit(value=True),
        gross=pl.col("cost"),
        source=pl.lit("costs"),
    )
    return lines.group_by(*_KEYS, "product_name", maintain_order=True).agg(pl.col("cost", "gross").sum())
