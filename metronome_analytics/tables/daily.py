"""One table of daily cost for customers on contracts and on Plans."""

from __future__ import annotations

import polars as pl

from metronome_analytics.tables.flatten import cost_lines, line_items
from metronome_analytics.tables.schemas import DailyCosts

_KEYS = ("customer_id", "date", "credit_type_id", "credit_type_name", "product_id", "product_name", "pending")


def daily_costs(breakdowns: pl.DataFrame, costs: pl.DataFrame) -> pl.DataFrame:
    """The columns of `DailyCosts`, from the daily breakdowns of contracts and the costs of Plans."""
    applied = pl.col("type") == "applied_commit_or_credit"
    # A postpaid commit's usage is payable, so applying it takes nothing off the cost (fact: OpenAPI, Invoice.total).
    lowers = applied & (pl.col("applied_commit_or_credit_type") != "POSTPAID").fill_null(value=True)
    contracts = (
        line_items(breakdowns)
        .with_columns(
            date=pl.col("breakdown_start_timestamp").dt.date(),
            product_name=pl.col("name"),
            pending=pl.col("invoice_status") == "DRAFT",
            gross=pl.when(~applied).then("total").otherwise(0),
            cost=pl.when(~applied | lowers).then("total").otherwise(0),
            source=pl.lit("breakdowns"),
        )
        # The applied line of a product is named after its commit: the product's own name is that of its usage lines.
        .with_columns(product_name=pl.when(~applied).then("product_name"))
        .with_columns(pl.col("product_name").first(ignore_nulls=True).over("customer_id", "product_id"))
    )
    plans = cost_lines(costs).with_columns(
        date=pl.col("start_timestamp").dt.date(),
        product_id=pl.lit(None, dtype=pl.String),
        product_name=pl.col("name"),
        pending=pl.lit(value=True),
        gross=pl.col("cost"),
        source=pl.lit("costs"),
    )
    names = DailyCosts.column_names()
    return (
        pl.concat([contracts.select(names), plans.select(names)])
        .group_by(*_KEYS, "source", maintain_order=True)
        .agg(pl.col("cost", "gross").sum())
        .select(names)
    )
