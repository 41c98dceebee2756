"""Commits and credits, their ledgers and segments, and net balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import balances as wire
from metronome_analytics.arguments import frame_with
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.flatten import embedded, flatten

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "Balances",
    "Ledger",
    "NetBalances",
    "RecurringBalances",
    "Segments",
    "ledger",
    "recurring_balances",
    "segments",
]


class Balances(dy.Schema):
    """One row per commit or credit. Key: `customer_id`, `id`. `type` is PREPAID, POSTPAID or CREDIT.

    `balance` is what is accessible now, in the unit of `credit_type_name`: expired and future segments count zero,
    deductions of draft invoices are already off, and it never goes below zero while the ledger may. `contract_id` is
    null for a balance at customer level. `created_at` may be missing for credits. `rolled_over_from_commit_id` and
    `recurring_commit_id` hold the credit's id for credits, as in the Data Export.
    """

    id = c.key()
    customer_id = c.key()
    type = c.text()
    name = c.text()
    description = c.text()
    priority = c.number()
    product_id = c.text("product.id")
    product_name = c.text("product.name")
    contract_id = c.text("contract.id")
    invoice_contract_id = c.text("invoice_contract.id")
    rate_type = c.text()
    credit_type_id = c.text("access_schedule.credit_type.id")
    credit_type_name = c.text("access_schedule.credit_type.name")
    access_type = c.text("access_schedule.access_type")
    amount = c.amount()
    balance = c.amount()
    cost_basis = c.number()
    rollover_fraction = c.number()
    rolled_over_from_commit_id = c.text(("rolled_over_from.commit_id", "rolled_over_from.credit_id"))
    rolled_over_from_contract_id = c.text("rolled_over_from.contract_id")
    recurring_commit_id = c.text(("recurring_commit_id", "recurring_credit_id"))
    subscription_config = c.nested(wire.BALANCE, "subscription_config")
    applicable_product_ids = c.nested(wire.BALANCE, "applicable_product_ids")
    applicable_product_tags = c.nested(wire.BALANCE, "applicable_product_tags")
    applicable_contract_ids = c.nested(wire.BALANCE, "applicable_contract_ids")
    specifiers = c.nested(wire.BALANCE, "specifiers")
    hierarchy_child_access = c.nested(wire.BALANCE, "hierarchy_configuration.child_access")
    spend_tracker_attributes = c.nested(wire.BALANCE, "spend_tracker_attributes")
    uniqueness_key = c.text()
    netsuite_sales_order_id = c.text()
    salesforce_opportunity_id = c.text()
    created_at = c.instant()
    created_by = c.text()
    archived_at = c.instant()
    custom_fields = c.mapping()
    access_schedule = c.nested(wire.BALANCE, "access_schedule")
    invoice_schedule = c.nested(wire.BALANCE, "invoice_schedule")
    ledger = c.nested(wire.BALANCE, "ledger")


class Ledger(dy.Schema):
    """One row per ledger entry. Key: `balance_id`, `entry_index` (from 0, API order: an entry has no id).

    `amount` is signed as the API signs it: grants positive, deductions negative. Traps: a draft invoice's deduction
    is dated in the future; manual entries, postpaid initial balances, true-ups and postpaid expirations carry no
    `segment_id`; `contract_id` is the contract whose invoice drew, not the balance's own.
    """

    customer_id = c.text()
    balance_id = c.key("id")
    balance_type = c.text("type")
    entry_index = c.index()
    type = c.text("item.type")
    timestamp = c.instant("item.timestamp")
    amount = c.amount("item.amount")
    segment_id = c.text("item.segment_id")
    invoice_id = c.text("item.invoice_id")
    contract_id = c.text("item.contract_id")
    new_contract_id = c.text("item.new_contract_id")
    reason = c.text("item.reason")
    credit_type_id = c.text()
    credit_type_name = c.text()


class Segments(dy.Schema):
    """One row per access schedule item. Key: `balance_id`, `segment_id`.

    Access runs from `starting_at` to `ending_before`, exclusive.
    """

    customer_id = c.text()
    balance_id = c.key("id")
    balance_type = c.text("type")
    segment_id = c.key("item.id")
    amount = c.amount("item.amount")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    credit_type_id = c.text()
    credit_type_name = c.text()


class NetBalances(dy.Schema):
    """One row per customer. Key: `customer_id`, `credit_type_id`. `balance` is in the unit of that credit type."""

    customer_id = c.key()
    credit_type_id = c.key()
    balance = c.amount()


def ledger(balances: Frame) -> Frame:
    """One row per ledger entry of `account.balances()`, `commits()` or `credits()`.

    Returns the columns of `Ledger` (key `balance_id`, `entry_index`), in API order; amounts keep the API's sign and
    unit. A balance loaded with `include_ledgers=False` has no rows. Raises ArgumentError when there is no `ledger`.

    >>> entries = ma.ledger(account.balances())
    >>> entries["type"].value_counts(sort=True).row(0)
    ('PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION', 85)
    """
    frame_with(balances, "balances", "ledger")
    return flatten(balances, Ledger, pl.col("ledger"), index="entry_index")


def segments(balances: Frame) -> Frame:
    """One row per access schedule item of `account.balances()`, `commits()` or `credits()`.

    Returns the columns of `Segments` (key `balance_id`, `segment_id`). Raises ArgumentError when there is no
    `access_schedule`.

    >>> segments = ma.segments(account.balances())
    >>> segments.select("amount", pl.col("starting_at").dt.date(), pl.col("ending_before").dt.date()).row(0)
    (Decimal('1600000.0000000000'), datetime.date(2025, 10, 1), datetime.date(2026, 10, 1))
    """
    frame_with(balances, "balances", "access_schedule")
    return flatten(balances, Segments, pl.col("access_schedule").struct.field("schedule_items"))


class RecurringBalances(dy.Schema):
    """One row per recurring commit or credit of a contract. Key: `contract_id`, `id`. `type` is COMMIT or CREDIT.

    Each period grants `access_unit_price` times `access_quantity`, in the unit of `access_credit_type_id`, and bills
    the `invoice_*` ones. The balances it has granted are in `balances`, by `recurring_commit_id`.
    """

    contract_id = c.key()
    id = c.key("item.id")
    customer_id = c.text()
    type = c.text()
    name = c.text("item.name")
    description = c.text("item.description")
    product_id = c.text("item.product.id")
    product_name = c.text("item.product.name")
    priority = c.number("item.priority")
    rate_type = c.text("item.rate_type")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    anchor_date = c.instant("item.anchor_date")
    access_unit_price = c.amount("item.access_amount.unit_price")
    access_quantity = c.number("item.access_amount.quantity")
    access_credit_type_id = c.text("item.access_amount.credit_type_id")
    access_type = c.text("item.access_amount.access_type")
    invoice_unit_price = c.amount("item.invoice_amount.unit_price")
    invoice_quantity = c.number("item.invoice_amount.quantity")
    invoice_credit_type_id = c.text("item.invoice_amount.credit_type_id")
    commit_duration = c.number("item.commit_duration.value")
    commit_duration_unit = c.text("item.commit_duration.unit")
    recurrence_frequency = c.text("item.recurrence_frequency")
    proration = c.text("item.proration")
    proration_rounding = c.text("item.proration_rounding")
    rollover_fraction = c.number("item.rollover_fraction")
    subscription_config = c.text("item.subscription_config")


def recurring_balances(contracts: Frame) -> Frame:
    """One row per recurring commit and credit of `account.contracts()`: `RecurringBalances`, commits first.

    Raises ArgumentError when there are no `recurring_commits` or `recurring_credits`.

    >>> recurring = ma.recurring_balances(account.contracts())
    >>> recurring.select("name", "type", "recurrence_frequency", "access_unit_price").row(0)
    ('Monthly allowance', 'CREDIT', 'MONTHLY', Decimal('2000000.0000000000'))
    """
    lists = {"COMMIT": "recurring_commits", "CREDIT": "recurring_credits"}
    frame_with(contracts, "contracts", *lists.values())
    parts = [
        embedded(contracts.with_columns(type=pl.lit(kind)), RecurringBalances, name).lazy()
        for kind, name in lists.items()
    ]
    found = pl.concat(parts)
    return found.collect() if isinstance(contracts, pl.DataFrame) else found
