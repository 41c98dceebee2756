"""Costs by day: of customers on Plans as the API gives them, and of all customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import costs as wire
from metronome_analytics.arguments import frame_with
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.flatten import flatten
from metronome_analytics.tables.invoices import counts_once, line_items
from metronome_analytics.tables.vocabulary import BalanceType, CommitType, InvoiceStatus, LineType

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "CostLines",
    "Costs",
    "DailyCosts",
    "cost_lines",
]


class Costs(dy.Schema):
    """Pending daily cost of customers on Plans. Key: `customer_id`, `start_timestamp`, `credit_type_id`.

    Trap: `/costs` is Plans-only; a customer on contracts has no rows here, or days that cost 0 (one page of the
    vendor's reports such). Use `invoice_breakdowns` for them.
    """

    customer_id = c.key()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    credit_type_id = c.key("credit_types.key")
    credit_type_name = c.text("credit_types.value.name")
    cost = c.amount("credit_types.value.cost")
    line_item_breakdown = c.nested(wire.COST, "credit_types.value.line_item_breakdown")


class CostLines(dy.Schema):
    """One row per line of a daily cost. Key: `customer_id`, `start_timestamp`, `credit_type_id`, `line_index`.

    `line_index` counts from 0 in API order.
    """

    customer_id = c.key()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    credit_type_id = c.key()
    credit_type_name = c.text()
    line_index = c.index()
    name = c.text("item.name")
    cost = c.amount("item.cost")
    group_key = c.text("item.group_key")
    group_value = c.text("item.group_value")


class DailyCosts(dy.Schema):
    """One row per customer, UTC day, credit type and product: what was used that day, and what is left to pay of it.

    Key: `customer_id`, `date`, `credit_type_id`, `product_id`, `product_name`, `source`, `pending`. `gross` is before
    commits and credits, `cost` after; `source` is breakdowns (contracts) or costs (Plans, whose product is a line's
    name); `pending` marks what a draft still may change.
    """

    customer_id = c.in_key(c.text())
    date = c.in_key(dy.Date(nullable=True))
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    product_id = c.in_key(c.text())
    product_name = c.in_key(c.text())
    cost = c.amount()
    gross = c.amount()
    source = c.in_key(c.text())
    pending = c.in_key(c.flag())


def cost_lines(costs: Frame) -> Frame:
    """One row per line of `account.costs()`.

    Returns the columns of `CostLines` (the key of `Costs` and `line_index`). Raises ArgumentError when there is no
    `line_item_breakdown`.

    >>> lines = ma.cost_lines(account.costs(month="2026-10"))
    >>> lines.select("name", "cost", "group_value").row(0)
    ('Output tokens (thousands)', Decimal('10211.0000000000'), 'nimbus-large')
    """
    frame_with(costs, "costs", "line_item_breakdown")
    return flatten(costs, CostLines, pl.col("line_item_breakdown"), index="line_index")


_KEYS = ("customer_id", "date", "credit_type_id", "credit_type_name", "product_id", "pending", "source")


def daily_costs(breakdowns: Frame, costs: Frame) -> Frame:
    """The columns of `DailyCosts`, from the daily breakdowns of contracts and the costs of Plans.

    Void invoices, which keep their windows, are left out, and USAGE_CONSOLIDATED ones, which repeat those of others.
    DataFrames give a DataFrame, LazyFrames a LazyFrame, in the order given.
    """
    parts = [_of_contracts(breakdowns.lazy()), _of_plans(costs.lazy())]
    days = pl.concat([part.select(DailyCosts.column_names()) for part in parts])
    return days.collect() if isinstance(breakdowns, pl.DataFrame) else days


def _of_contracts(breakdowns: pl.LazyFrame) -> pl.LazyFrame:
    applied = pl.col("type") == LineType.APPLIED
    # A postpaid commit's usage is payable, so applying it takes nothing off the cost (fact: OpenAPI, Invoice.total).
    # `applied_commit_or_credit` may be absent; `commit_type` then says which kind of commit it was.
    named = pl.col("applied_commit_or_credit_type") == BalanceType.POSTPAID
    postpaid = named.fill_null(pl.col("commit_type") == CommitType.POSTPAID).fill_null(value=False)
    lowers = applied & ~postpaid
    lines = (
        line_items(breakdowns)
        .filter(counts_once("invoice_status", "invoice_type"))
        .with_columns(
            date=pl.col("breakdown_start_timestamp").dt.date(),
            # An applied line is named after its commit: the product's own name is that of its usage lines.
            product_name=pl.when(~applied).then("name"),
            pending=pl.col("invoice_status") == InvoiceStatus.DRAFT,
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
