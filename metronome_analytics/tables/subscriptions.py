"""Subscriptions, their quantities, and the balances of their seats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import subscriptions as wire
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.flatten import embedded

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "SeatBalances",
    "SubscriptionQuantities",
    "SubscriptionSeats",
    "Subscriptions",
    "subscriptions",
]


class Subscriptions(dy.Schema):
    """One row per subscription of a contract. Key: `contract_id`, `id`.

    `quantity_schedule` holds current and future quantities only; the past is in `subscription_quantities`.
    """

    contract_id = c.key()
    id = c.key("item.id")
    customer_id = c.text()
    name = c.text("item.name")
    description = c.text("item.description")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    created_at = c.instant("item.created_at")
    product_id = c.text("item.subscription_rate.product.id")
    product_name = c.text("item.subscription_rate.product.name")
    product_custom_fields = c.mapping("item.product_custom_fields")
    billing_frequency = c.text("item.subscription_rate.billing_frequency")
    collection_schedule = c.text("item.collection_schedule")
    quantity_management_mode = c.text("item.quantity_management_mode")
    seat_group_key = c.text("item.seat_config.seat_group_key")
    invoice_behavior = c.text("item.proration.invoice_behavior")
    is_prorated = c.flag("item.proration.is_prorated")
    proration_rounding = c.text("item.proration.rounding")
    fiat_credit_type_id = c.text("item.fiat_credit_type_id")
    custom_credit_type_id = c.text("item.custom_credit_type_id")
    billing_cycle_config = c.text("item.billing_cycle_config")
    billing_periods = c.nested(pl.Struct({"item": wire.SUBSCRIPTION}), "item.billing_periods")
    quantity_schedule = c.nested(pl.Struct({"item": wire.SUBSCRIPTION}), "item.quantity_schedule")
    custom_fields = c.mapping("item.custom_fields")


class SubscriptionQuantities(dy.Schema):
    """One row per price of a subscription from a moment on. Key: `subscription_id`, `starting_at`, `unit_price`.

    The past only: future quantities are in the contract's `quantity_schedule`. Amounts are in the unit of
    `fiat_credit_type_id`, or of `custom_credit_type_id` where there is one.
    """

    subscription_id = c.in_key(c.text())
    starting_at = c.in_key(c.instant("history.starting_at"))
    customer_id = c.text()
    contract_id = c.text()
    quantity = c.number("data.quantity")
    unit_price = c.in_key(c.amount("data.unit_price"))
    total = c.amount("data.total")
    fiat_credit_type_id = c.text()
    custom_credit_type_id = c.text()


class SubscriptionSeats(dy.Schema):
    """One row per period of a subscription's seats. Key: `subscription_id`, `starting_at`."""

    subscription_id = c.key()
    starting_at = c.instant(primary_key=True)
    ending_before = c.instant()
    customer_id = c.text()
    contract_id = c.text()
    total_quantity = c.number()
    assigned_seat_ids = c.nested(wire.SUBSCRIPTION_SEATS, "assigned_seat_ids")


class SeatBalances(dy.Schema):
    """One row per seat. Key: `contract_id`, `seat_id`.

    `balances` has a balance per credit type; `commits` and `credits` are null unless asked for. Their dates and
    entries are named `start_date`, `end_date` and `ledger_entries`, unlike everywhere else in the API.
    """

    contract_id = c.key()
    seat_id = c.key()
    customer_id = c.text()
    balances = c.nested(wire.SEAT_BALANCE, "balances")
    commits = c.nested(wire.SEAT_BALANCE, "commits")
    credits = c.nested(wire.SEAT_BALANCE, "credits")


def subscriptions(contracts: Frame) -> Frame:
    """One row per subscription of `account.contracts()`: the columns of `Subscriptions`, key `contract_id`, `id`.

    Raises ArgumentError when there are no `subscriptions`.

    >>> ma.subscriptions(account.contracts()).select("name", "quantity_management_mode").rows()
    [('Platform seats', 'SEAT_BASED'), ('Platform seats', 'QUANTITY_ONLY')]
    """
    return embedded(contracts, Subscriptions, "subscriptions")
