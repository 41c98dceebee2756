"""Contracts, what they embed, their edits, and named schedules.

Columns that hold settings nobody adds up (`*_configuration`, `discounts`, edits and the like) are JSON text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import contracts as wire
from metronome_analytics.arguments import frame_with
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.balances import Balances
from metronome_analytics.tables.columns import select
from metronome_analytics.tables.flatten import embedded

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "ContractBalances",
    "ContractEdits",
    "Contracts",
    "ContractsV1",
    "NamedSchedule",
    "NamedSchedules",
    "Overrides",
    "ScheduledCharges",
    "contract_commits",
    "contract_credits",
    "overrides",
    "scheduled_charges",
]


class Contracts(dy.Schema):
    """One row per contract. Key: `id`.

    Trap: a contract truncates the commits and credits it embeds (`has_more_commits`, `has_more_credits`); the whole
    of them is in `balances`. `total_contract_value` has no credit type of its own: the rate card's fiat currency.
    """

    id = c.key()
    customer_id = c.text()
    name = c.text()
    starting_at = c.instant()
    ending_before = c.instant()
    archived_at = c.instant()
    created_at = c.instant()
    created_by = c.text()
    rate_card_id = c.text()
    package_id = c.text()
    priority = c.number()
    net_payment_terms_days = c.number()
    total_contract_value = c.amount()
    usage_statement_schedule_frequency = c.text("usage_statement_schedule.frequency")
    usage_statement_schedule_billing_anchor_date = c.instant("usage_statement_schedule.billing_anchor_date")
    multiplier_override_prioritization = c.text()
    scheduled_charges_on_usage_invoices = c.text()
    uniqueness_key = c.text()
    netsuite_sales_order_id = c.text()
    salesforce_opportunity_id = c.text()
    custom_fields = c.mapping()
    has_more_commits = c.flag("has_more.commits")
    has_more_credits = c.flag("has_more.credits")
    commits = c.nested(wire.CONTRACT_V2, "commits")
    credits = c.nested(wire.CONTRACT_V2, "credits")
    recurring_commits = c.nested(wire.CONTRACT_V2, "recurring_commits")
    recurring_credits = c.nested(wire.CONTRACT_V2, "recurring_credits")
    subscriptions = c.nested(wire.CONTRACT_V2, "subscriptions")
    overrides = c.nested(wire.CONTRACT_V2, "overrides")
    scheduled_charges = c.nested(wire.CONTRACT_V2, "scheduled_charges")
    transitions = c.nested(wire.CONTRACT_V2, "transitions")
    usage_filter = c.text()
    discounts = c.text()
    professional_services = c.text()
    reseller_royalties = c.text()
    hierarchy_configuration = c.text()
    spend_threshold_configuration = c.text()
    prepaid_balance_threshold_configuration = c.text()
    customer_billing_provider_configuration = c.text()
    billing_provider_configuration_schedule = c.text()
    revenue_system_configuration_schedule = c.text()
    spend_trackers = c.text()
    initial = c.text(c.ABSENT)
    amendments = c.text(c.ABSENT)


class ContractsV1(Contracts):
    """One row per contract of the v1 endpoints, in the columns of `Contracts`. Key: `id`.

    In v1 dates and terms live under `current` (what holds now) and `initial`; these columns are `current`'s.
    """

    name = c.text("current.name")
    starting_at = c.instant("current.starting_at")
    ending_before = c.instant("current.ending_before")
    created_at = c.instant("current.created_at")
    created_by = c.text("current.created_by")
    rate_card_id = c.text("current.rate_card_id")
    priority = c.number(c.ABSENT)
    net_payment_terms_days = c.number("current.net_payment_terms_days")
    total_contract_value = c.amount("current.total_contract_value")
    usage_statement_schedule_frequency = c.text("current.usage_statement_schedule.frequency")
    usage_statement_schedule_billing_anchor_date = c.instant("current.usage_statement_schedule.billing_anchor_date")
    multiplier_override_prioritization = c.text("current.multiplier_override_prioritization")
    scheduled_charges_on_usage_invoices = c.text(
        ("scheduled_charges_on_usage_invoices", "current.scheduled_charges_on_usage_invoices")
    )
    netsuite_sales_order_id = c.text("current.netsuite_sales_order_id")
    salesforce_opportunity_id = c.text("current.salesforce_opportunity_id")
    has_more_commits = c.flag(c.ABSENT)
    has_more_credits = c.flag(c.ABSENT)
    commits = c.nested(wire.CONTRACT_V1, "current.commits")
    credits = c.nested(wire.CONTRACT_V1, "current.credits")
    recurring_commits = c.nested(wire.CONTRACT_V1, "current.recurring_commits")
    recurring_credits = c.nested(wire.CONTRACT_V1, "current.recurring_credits")
    overrides = c.nested(wire.CONTRACT_V1, "current.overrides")
    scheduled_charges = c.nested(wire.CONTRACT_V1, "current.scheduled_charges")
    transitions = c.nested(wire.CONTRACT_V1, "current.transitions")
    usage_filter = c.text("current.usage_filter")
    discounts = c.text("current.discounts")
    professional_services = c.text("current.professional_services")
    reseller_royalties = c.text("current.reseller_royalties")
    hierarchy_configuration = c.text("current.hierarchy_configuration")
    spend_threshold_configuration = c.text(("spend_threshold_configuration", "current.spend_threshold_configuration"))
    prepaid_balance_threshold_configuration = c.text(
        ("prepaid_balance_threshold_configuration", "current.prepaid_balance_threshold_configuration")
    )
    billing_provider_configuration_schedule = c.text(c.ABSENT)
    revenue_system_configuration_schedule = c.text(c.ABSENT)
    spend_trackers = c.text(("spend_trackers", "current.spend_trackers"))
    initial = c.text()
    amendments = c.text()


class ContractBalances(Balances):
    """One row per commit or credit that a contract embeds, in the columns of `Balances`. Key: `customer_id`, `id`.

    `contract_id` is the embedding contract's.
    """

    contract_id = c.text("contract_id")


class Overrides(dy.Schema):
    """One row per override of a contract's rates. Key: `contract_id`, `id`.

    Prices are in the unit of `credit_type_name`, where the override names one.
    """

    contract_id = c.key()
    id = c.key("item.id")
    customer_id = c.text()
    type = c.text("item.type")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    created_at = c.instant("item.created_at")
    product_id = c.text("item.product.id")
    product_name = c.text("item.product.name")
    applicable_product_tags = c.nested(pl.Struct({"item": wire.OVERRIDE}), "item.applicable_product_tags")
    entitled = c.flag("item.entitled")
    is_commit_specific = c.flag("item.is_commit_specific")
    target = c.text("item.target")
    priority = c.number("item.priority")
    multiplier = c.number("item.multiplier")
    rate_type = c.text(("item.overwrite_rate.rate_type", "item.rate_type"))
    price = c.amount(("item.overwrite_rate.price", "item.price"))
    credit_type_id = c.text(("item.overwrite_rate.credit_type.id", "item.credit_type.id"))
    credit_type_name = c.text(("item.overwrite_rate.credit_type.name", "item.credit_type.name"))
    overwrite_rate = c.nested(pl.Struct({"item": wire.OVERRIDE}), "item.overwrite_rate")
    tiers = c.nested(pl.Struct({"item": wire.OVERRIDE}), "item.tiers")
    override_tiers = c.nested(pl.Struct({"item": wire.OVERRIDE}), "item.override_tiers")
    override_specifiers = c.text("item.override_specifiers")


class ScheduledCharges(dy.Schema):
    """One row per scheduled charge of a contract. Key: `contract_id`, `id`. What is charged when is in `schedule`."""

    contract_id = c.key()
    id = c.key("item.id")
    customer_id = c.text()
    name = c.text("item.name")
    product_id = c.text("item.product.id")
    product_name = c.text("item.product.name")
    credit_type_id = c.text("item.schedule.credit_type.id")
    credit_type_name = c.text("item.schedule.credit_type.name")
    schedule = c.nested(pl.Struct({"item": wire.SCHEDULED_CHARGE}), "item.schedule")
    netsuite_sales_order_id = c.text("item.netsuite_sales_order_id")
    archived_at = c.instant("item.archived_at")
    custom_fields = c.mapping("item.custom_fields")


class ContractEdits(dy.Schema):
    """One row per edit of a contract. Key: `id`. What was added, updated or archived is JSON text, a column a kind."""

    id = c.key()
    customer_id = c.text()
    contract_id = c.text()
    timestamp = c.instant()
    uniqueness_key = c.text()
    update_contract_name = c.text()
    update_contract_end_date = c.instant()
    add_commits = c.text()
    add_credits = c.text()
    add_discounts = c.text()
    add_overrides = c.text()
    add_prepaid_balance_threshold_configuration = c.text()
    add_pro_services = c.text()
    add_recurring_commits = c.text()
    add_recurring_credits = c.text()
    add_reseller_royalties = c.text()
    add_scheduled_charges = c.text()
    add_spend_threshold_configuration = c.text()
    add_subscriptions = c.text()
    add_usage_filters = c.text()
    archive_commits = c.text()
    archive_credits = c.text()
    archive_scheduled_charges = c.text()
    remove_overrides = c.text()
    update_commits = c.text()
    update_credits = c.text()
    update_discounts = c.text()
    update_prepaid_balance_threshold_configuration = c.text()
    update_recurring_commits = c.text()
    update_recurring_credits = c.text()
    update_refund_invoices = c.text()
    update_scheduled_charges = c.text()
    update_spend_threshold_configuration = c.text()
    update_subscriptions = c.text()


class NamedSchedule(dy.Schema):
    """One row per segment of a named schedule. Key: `schedule_name`, `starting_at`.

    `value` is JSON text. One of `customer_id` (alone or with `contract_id`) and `rate_card_id` says whose it is.
    """

    schedule_name = c.key()
    starting_at = c.instant(primary_key=True)
    ending_before = c.instant()
    customer_id = c.text()
    contract_id = c.text()
    rate_card_id = c.text()
    properties = c.mapping(c.ABSENT)
    value = c.text()


class NamedSchedules(NamedSchedule):
    """One row per segment of every named schedule on contracts, in the columns of `NamedSchedule`.

    Key: `contract_id`, `schedule_name`, `properties`, `starting_at`. `properties` tell schedules of one name apart.
    """

    contract_id = c.in_key(c.text())
    properties = c.in_key(c.mapping())
    starting_at = c.instant("segments.starting_at", primary_key=True)
    ending_before = c.instant("segments.ending_before")
    value = c.text("segments.value")


def contract_commits(contracts: Frame) -> Frame:
    """One row per commit that `account.contracts()` embeds, in the columns of `ContractBalances`.

    A contract truncates them (`has_more_commits`); `account.commits()` has all. Raises ArgumentError when there are
    no `commits`.

    >>> osprey = account.customers()["id"][0]
    >>> commits = ma.contract_commits(account.contracts(osprey))
    >>> commits.select("name", "type").row(0)
    ('Prepaid commitment', 'PREPAID')
    """
    return _embedded_balances(contracts, "commits")


def contract_credits(contracts: Frame) -> Frame:
    """One row per credit that `account.contracts()` embeds, in the columns of `ContractBalances`.

    A contract truncates them (`has_more_credits`); `account.credits()` has all. Raises ArgumentError when there are
    no `credits`.

    >>> credits = ma.contract_credits(account.contracts())
    >>> credits.select("name", "type").row(0)
    ('Promotional credit', 'CREDIT')
    """
    return _embedded_balances(contracts, "credits")


def overrides(contracts: Frame) -> Frame:
    """One row per rate override of `account.contracts()`: the columns of `Overrides`, key `contract_id`, `id`.

    Raises ArgumentError when there are no `overrides`.

    >>> ma.overrides(account.contracts()).select("product_name", "type", "multiplier").rows()
    [('Audit log events', 'MULTIPLIER', 0.5)]
    """
    return embedded(contracts, Overrides, "overrides")


def scheduled_charges(contracts: Frame) -> Frame:
    """One row per scheduled charge of `account.contracts()`: `ScheduledCharges`, key `contract_id`, `id`.

    Raises ArgumentError when there are no `scheduled_charges`.

    >>> osprey = account.customers()["id"][0]
    >>> ma.scheduled_charges(account.contracts(osprey)).select("name", "credit_type_name").rows()
    [('Onboarding package', 'USD (cents)')]
    """
    return embedded(contracts, ScheduledCharges, "scheduled_charges")


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
