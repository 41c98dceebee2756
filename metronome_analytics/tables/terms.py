"""What contracts keep as JSON text, as tables: thresholds, hierarchies, usage filters, discounts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.decode import decode
from metronome_analytics.api.endpoints import Cursor, Effect, Endpoint
from metronome_analytics.api.wire import contracts as wire
from metronome_analytics.arguments import frame_with
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.columns import select

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "Discounts",
    "Hierarchies",
    "Thresholds",
    "UsageFilters",
    "discounts",
    "hierarchies",
    "thresholds",
    "usage_filters",
]


class Thresholds(dy.Schema):
    """One row per threshold of a contract. Key: `contract_id`, `kind` (SPEND or PREPAID_BALANCE).

    Amounts are in `custom_credit_type_id` where there is one (of prepaid balances), else in the rate card's currency.
    """

    contract_id = c.key()
    kind = c.key()
    customer_id = c.text()
    is_enabled = c.flag("item.is_enabled")
    threshold_amount = c.amount("item.threshold_amount")
    recharge_to_amount = c.amount("item.recharge_to_amount")
    custom_credit_type_id = c.text("item.custom_credit_type_id")
    commit_product_id = c.text("item.commit.product_id")
    commit_name = c.text("item.commit.name")
    commit_description = c.text("item.commit.description")
    commit_priority = c.number("item.commit.priority")
    commit_applicable_product_ids = c.nested(pl.Struct({"item": wire.THRESHOLD}), "item.commit.applicable_product_ids")
    commit_applicable_product_tags = c.nested(
        pl.Struct({"item": wire.THRESHOLD}), "item.commit.applicable_product_tags"
    )
    payment_gate_type = c.text("item.payment_gate_config.payment_gate_type")
    tax_type = c.text("item.payment_gate_config.tax_type")
    stripe_payment_type = c.text("item.payment_gate_config.stripe_config.payment_type")
    payment_fraction = c.number("item.discount_configuration.payment_fraction")


class Hierarchies(dy.Schema):
    """One row per parent and child contract. Key: `contract_id` (whose contract says so), `child_contract_id`.

    `role` is PARENT for a contract that lists its children, CHILD for one that names its parent: a pair stands here
    twice where both contracts were read.
    """

    contract_id = c.key()
    child_contract_id = c.in_key(c.text())
    customer_id = c.text()
    role = c.text()
    child_customer_id = c.text()
    parent_contract_id = c.text()
    parent_customer_id = c.text()
    payer = c.text("item.payer")
    usage_statement_behavior = c.text("item.usage_statement_behavior")
    invoice_consolidation_type = c.text("item.parent_behavior.invoice_consolidation_type")


class UsageFilters(dy.Schema):
    """One row per usage filter of a contract. Key: `contract_id`, `group_key`, `starting_at`.

    Only usage whose `group_key` has one of `group_values` is the contract's. v1 has no `ending_before`: one lasts
    until the next.
    """

    contract_id = c.key()
    group_key = c.in_key(c.text("item.group_key"))
    starting_at = c.in_key(c.instant("item.starting_at"))
    customer_id = c.text()
    ending_before = c.instant("item.ending_before")
    group_values = c.nested(pl.Struct({"item": wire.FILTER}), "item.group_values")


class Discounts(dy.Schema):
    """One row per scheduled amount of a discount on a contract. Key: `contract_id`, `id`, `schedule_item_id`."""

    contract_id = c.key()
    id = c.key("item.id")
    schedule_item_id = c.in_key(c.text("line.id"))
    customer_id = c.text()
    name = c.text("item.name")
    product_id = c.text("item.product.id")
    product_name = c.text("item.product.name")
    timestamp = c.instant("line.timestamp")
    amount = c.amount("line.amount")
    unit_price = c.amount("line.unit_price")
    quantity = c.number("line.quantity")
    invoice_id = c.text("line.invoice_id")
    credit_type_id = c.text("item.schedule.credit_type.id")
    credit_type_name = c.text("item.schedule.credit_type.name")
    do_not_invoice = c.flag("item.schedule.do_not_invoice")
    netsuite_sales_order_id = c.text("item.netsuite_sales_order_id")
    custom_fields = c.mapping("item.custom_fields")


def thresholds(contracts: Frame) -> Frame:
    """One row per threshold of `account.contracts()`: the columns of `Thresholds`, key `contract_id`, `kind`.

    Raises ArgumentError for another frame.

    >>> osprey = account.customers()["id"][0]
    >>> ma.thresholds(account.contracts(osprey)).height
    0
    """
    kinds = {"SPEND": "spend_threshold_configuration", "PREPAID_BALANCE": "prepaid_balance_threshold_configuration"}
    found = [_read(contracts, name, wire.THRESHOLD).with_columns(kind=pl.lit(kind)) for kind, name in kinds.items()]
    return _like(contracts, pl.concat(found), Thresholds)


def hierarchies(contracts: Frame) -> Frame:
    """One row per parent and child of `account.contracts()`: `Hierarchies`, key `contract_id`, `child_contract_id`.

    Raises ArgumentError when there is no `hierarchy_configuration`.

    >>> osprey = account.customers()["id"][0]
    >>> ma.hierarchies(account.contracts(osprey)).select("contract_id", "child_contract_id").height
    0
    """
    found = _read(contracts, "hierarchy_configuration", wire.HIERARCHY)
    node = pl.col("item").struct.field
    parents = (
        found.with_columns(node("children").alias("child"))
        .explode("child", empty_as_null=False, keep_nulls=False)
        .with_columns(
            role=pl.lit("PARENT"),
            child_contract_id=pl.col("child").struct.field("contract_id"),
            child_customer_id=pl.col("child").struct.field("customer_id"),
            parent_contract_id=pl.col("contract_id"),
            parent_customer_id=pl.col("customer_id"),
        )
        .drop("child")
    )
    children = found.filter(node("parent").struct.field("contract_id").is_not_null()).with_columns(
        role=pl.lit("CHILD"),
        child_contract_id=pl.col("contract_id"),
        child_customer_id=pl.col("customer_id"),
        parent_contract_id=node("parent").struct.field("contract_id"),
        parent_customer_id=node("parent").struct.field("customer_id"),
    )
    return _like(contracts, pl.concat([parents, children], how="diagonal"), Hierarchies)


def usage_filters(contracts: Frame) -> Frame:
    """One row per usage filter of `account.contracts()`: `UsageFilters`, key `contract_id`, `group_key`, `starting_at`.

    Of a v1 contract those are what it began with and each that followed.
    Raises ArgumentError for another frame.

    >>> osprey = account.customers()["id"][0]
    >>> ma.usage_filters(account.contracts(osprey)).height
    0
    """
    found = _read(contracts, "usage_filter", wire.USAGE_FILTER, listed="filters")
    field = pl.col("item").struct.field
    first = pl.when(field("initial").struct.field("group_key").is_not_null()).then(field("initial"))
    every = pl.concat_list(
        field("filters").fill_null([]), pl.concat_list(first).list.drop_nulls(), field("updates").fill_null([])
    )
    rows = found.with_columns(every.alias("item")).explode("item", empty_as_null=False, keep_nulls=False)
    return _like(contracts, rows, UsageFilters)


def discounts(contracts: Frame) -> Frame:
    """One row per scheduled amount of a discount: the columns of `Discounts`.

    `contracts` is the frame of `account.contracts()`; key `contract_id`, `id`, `schedule_item_id`.
    Raises ArgumentError when there are no `discounts`.

    >>> osprey = account.customers()["id"][0]
    >>> ma.discounts(account.contracts(osprey)).height
    0
    """
    found = _read(contracts, "discounts", wire.DISCOUNT, listed="discounts")
    rows = found.with_columns(pl.col("item").struct.field("discounts").alias("item")).explode(
        "item", empty_as_null=False, keep_nulls=False
    )
    lines = pl.col("item").struct.field("schedule").struct.field("schedule_items").alias("line")
    return _like(contracts, rows.with_columns(lines).explode("line", empty_as_null=True, keep_nulls=True), Discounts)


def _read(contracts: Frame, name: str, row: pl.Struct, *, listed: str | None = None) -> pl.DataFrame:
    """`contract_id`, `customer_id` and `item`, the object in the JSON text `name`; a list of them is under `listed`.

    Read as answers of the API are: exact amounts, and MalformedResponse for a field of another type than declared.
    """
    frame_with(contracts, "contracts", "id", "customer_id", name)
    rows = contracts.lazy().select(pl.col("id").alias("contract_id"), "customer_id", name).drop_nulls(name).collect()
    texts = [f'{{"{listed}":{text}}}' if listed is not None and text.startswith("[") else text for text in rows[name]]
    body = f'{{"data":[{",".join(texts)}]}}'.encode()
    read = decode(body, _answer_of(name, row)).rows
    return rows.select("contract_id", "customer_id").with_columns(read.to_struct("item"))


@cache
def _answer_of(name: str, row: pl.Struct) -> Endpoint:
    """What the decoder knows an answer by."""
    return Endpoint(name, "GET", "", Effect.READ, Cursor.NONE, None, row)


def _like(contracts: Frame, rows: pl.DataFrame, table: type[dy.Schema]) -> Frame:
    found = select(rows, table)
    return found if isinstance(contracts, pl.DataFrame) else found.lazy()
