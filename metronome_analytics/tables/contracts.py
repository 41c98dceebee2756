"""Contracts, what they embed, their rates, subscriptions, seats and named schedules.

Columns that hold settings nobody adds up (`*_configuration`, `discounts`, edits and the like) are JSON text.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import contracts as wire
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.schemas import Balances


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
    spend_trackers = c.text(c.ABSENT)
    initial = c.text()
    amendments = c.text()


class ContractBalances(Balances):
    """One row per commit or credit that a contract embeds, in the columns of `Balances`. Key: `customer_id`, `id`.

    `contract_id` is the embedding contract's.
    """

    contract_id = c.text("contract_id")


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
    billing_frequency = c.text("item.subscription_rate.billing_frequency")
    collection_schedule = c.text("item.collection_schedule")
    quantity_management_mode = c.text("item.quantity_management_mode")
    seat_group_key = c.text("item.seat_config.seat_group_key")
    invoice_behavior = c.text("item.proration.invoice_behavior")
    is_prorated = c.flag("item.proration.is_prorated")
    fiat_credit_type_id = c.text("item.fiat_credit_type_id")
    custom_credit_type_id = c.text("item.custom_credit_type_id")
    billing_cycle_config = c.text("item.billing_cycle_config")
    billing_periods = c.nested(pl.Struct({"item": wire.SUBSCRIPTION}), "item.billing_periods")
    quantity_schedule = c.nested(pl.Struct({"item": wire.SUBSCRIPTION}), "item.quantity_schedule")
    custom_fields = c.mapping("item.custom_fields")


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


class RateSchedule(dy.Schema):
    """One row per entitled rate of a contract and period.

    Key: `contract_id`, `product_id`, `starting_at`, `pricing_group_values`, `billing_frequency` (the last two may be
    null). Prices are per unit, in the unit of `credit_type_name`. An override, where there is one, is what is charged.
    """

    contract_id = c.in_key(c.text())
    product_id = c.in_key(c.text())
    starting_at = c.in_key(c.instant())
    ending_before = c.instant()
    customer_id = c.text()
    rate_card_id = c.text()
    product_name = c.text()
    product_tags = c.nested(wire.CONTRACT_RATE, "product_tags")
    product_custom_fields = c.mapping()
    pricing_group_values = c.in_key(c.mapping())
    billing_frequency = c.in_key(c.text())
    entitled = c.flag()
    credit_type_id = c.text(("override_rate.credit_type.id", "list_rate.credit_type.id"))
    credit_type_name = c.text(("override_rate.credit_type.name", "list_rate.credit_type.name"))
    list_rate_type = c.text("list_rate.rate_type")
    list_rate_price = c.amount("list_rate.price")
    override_rate_type = c.text("override_rate.rate_type")
    override_rate_price = c.amount("override_rate.price")
    commit_rate_type = c.text("commit_rate.rate_type")
    commit_rate_price = c.amount("commit_rate.price")
    list_rate = c.nested(wire.CONTRACT_RATE, "list_rate")
    override_rate = c.nested(wire.CONTRACT_RATE, "override_rate")
    commit_rate = c.nested(wire.CONTRACT_RATE, "commit_rate")


class Rates(dy.Schema):
    """One row per rate of a rate card and period.

    Key: `rate_card_id`, `product_id`, `starting_at`, `pricing_group_values`, `billing_frequency` (the last two may be
    null). `price` is per unit, in the unit of `credit_type_name`.
    """

    rate_card_id = c.in_key(c.text())
    product_id = c.in_key(c.text())
    starting_at = c.in_key(c.instant())
    ending_before = c.instant()
    product_name = c.text()
    product_tags = c.nested(wire.CARD_RATE, "product_tags")
    product_custom_fields = c.mapping()
    pricing_group_values = c.in_key(c.mapping())
    billing_frequency = c.in_key(c.text())
    entitled = c.flag()
    rate_type = c.text("rate.rate_type")
    price = c.amount("rate.price")
    credit_type_id = c.text("rate.credit_type.id")
    credit_type_name = c.text("rate.credit_type.name")
    commit_rate_type = c.text("commit_rate.rate_type")
    commit_rate_price = c.amount("commit_rate.price")
    rate = c.nested(wire.CARD_RATE, "rate")
    commit_rate = c.nested(wire.CARD_RATE, "commit_rate")


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
    value = c.text()
