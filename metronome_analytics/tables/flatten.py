"""The flatteners: what a table nests, one row each. Pure functions over DataFrame or LazyFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.arguments import frame_with
from metronome_analytics.tables.columns import Frame, select
from metronome_analytics.tables.contracts import ContractBalances, Overrides, ScheduledCharges, Subscriptions
from metronome_analytics.tables.schemas import BreakdownLineItems, CostLines, Ledger, LineItems, Segments

if TYPE_CHECKING:
    import dataframely as dy


def line_items(invoices: Frame) -> Frame:
    """One row per line of `account.invoices()` or `account.invoice_breakdowns()`.

    Returns the columns of `LineItems` (key `invoice_id`, `line_item_index`); of breakdowns those of
    `BreakdownLineItems`, whose key holds the window too. Amounts are in each line's own credit type.
    Raises ArgumentError when the frame has no `line_items`.
    """
    names = frame_with(invoices, "invoices", "line_items")
    table = BreakdownLineItems if "breakdown_start_timestamp" in names else LineItems
    return _flatten(invoices, table, pl.col("line_items"), index="line_item_index")


def ledger(balances: Frame) -> Frame:
    """One row per ledger entry of `account.balances()`, `commits()` or `credits()`.

    Returns the columns of `Ledger` (key `balance_id`, `entry_index`), in API order; amounts keep the API's sign and
    unit. A balance loaded with `include_ledgers=False` has no rows. Raises ArgumentError when there is no `ledger`.
    """
    frame_with(balances, "balances", "ledger")
    return _flatten(balances, Ledger, pl.col("ledger"), index="entry_index")


def segments(balances: Frame) -> Frame:
    """One row per access schedule item of `account.balances()`, `commits()` or `credits()`.

    Returns the columns of `Segments` (key `balance_id`, `segment_id`). Raises ArgumentError when there is no
    `access_schedule`.
    """
    frame_with(balances, "balances", "access_schedule")
    return _flatten(balances, Segments, pl.col("access_schedule").struct.field("schedule_items"))


def cost_lines(costs: Frame) -> Frame:
    """One row per line of `account.costs()`.

    Returns the columns of `CostLines` (the key of `Costs` and `line_index`). Raises ArgumentError when there is no
    `line_item_breakdown`.
    """
    frame_with(costs, "costs", "line_item_breakdown")
    return _flatten(costs, CostLines, pl.col("line_item_breakdown"), index="line_index")


def contract_commits(contracts: Frame) -> Frame:
    """One row per commit that `account.contracts()` embeds, in the columns of `ContractBalances`.

    A contract truncates them (`has_more_commits`); `account.commits()` has all. Raises ArgumentError when there are
    no `commits`.
    """
    return _embedded_balances(contracts, "commits")


def contract_credits(contracts: Frame) -> Frame:
    """One row per credit that `account.contracts()` embeds, in the columns of `ContractBalances`.

    A contract truncates them (`has_more_credits`); `account.credits()` has all. Raises ArgumentError when there are
    no `credits`.
    """
    return _embedded_balances(contracts, "credits")


def subscriptions(contracts: Frame) -> Frame:
    """One row per subscription of `account.contracts()`: the columns of `Subscriptions`, key `contract_id`, `id`."""
    return _embedded(contracts, Subscriptions, "subscriptions")


def overrides(contracts: Frame) -> Frame:
    """One row per rate override of `account.contracts()`: the columns of `Overrides`, key `contract_id`, `id`."""
    return _embedded(contracts, Overrides, "overrides")


def scheduled_charges(contracts: Frame) -> Frame:
    """One row per scheduled charge of `account.contracts()`: `ScheduledCharges`, key `contract_id`, `id`."""
    return _embedded(contracts, ScheduledCharges, "scheduled_charges")


def _embedded(contracts: Frame, table: type[dy.Schema], name: str) -> Frame:
    frame_with(contracts, "contracts", name)
    return _flatten(contracts.rename({"id": "contract_id"}), table, pl.col(name))


def _embedded_balances(contracts: Frame, name: str) -> Frame:
    frame_with(contracts, "contracts", name)
    items = (
        contracts.lazy()
        .select("customer_id", pl.col("id").alias("contract_id"), pl.col(name).alias("item"))
        .explode("item", empty_as_null=False, keep_nulls=False)
        .unnest("item")
    )
    flat = select(items, ContractBalances)
    return flat.collect() if isinstance(contracts, pl.DataFrame) else flat


def _flatten(frame: Frame, table: type[dy.Schema], items: pl.Expr, index: str | None = None) -> Frame:
    """`table` with one row per element of `items`, numbered in `index`; null and empty lists give no row."""
    # Lazily, so that columns `table` does not select (the nested lists themselves) are not repeated for every element.
    exploded = frame.lazy().with_columns(items.alias("item"))
    columns = ["item"]
    if index is not None:
        exploded = exploded.with_columns(
            pl.when(pl.col("item").is_not_null()).then(pl.int_ranges(pl.col("item").list.len())).alias(index)
        )
        columns.append(index)
    flat = select(exploded.explode(columns, empty_as_null=False, keep_nulls=False), table)
    return flat.collect() if isinstance(frame, pl.DataFrame) else flat
