"""What an account sells, measures and logs. Columns that hold settings nobody adds up are JSON text."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import catalogue as wire
from metronome_analytics.tables import columns as c


class Products(dy.Schema):
    """One row per product, as it is now. Key: `id`. How it was is in `initial` and `updates`."""

    id = c.key()
    name = c.text("current.name")
    type = c.text()
    billable_metric_id = c.text("current.billable_metric_id")
    tags = c.nested(wire.PRODUCT, "current.tags")
    pricing_group_key = c.nested(wire.PRODUCT, "current.pricing_group_key")
    presentation_group_key = c.nested(wire.PRODUCT, "current.presentation_group_key")
    quantity_conversion = c.nested(wire.PRODUCT, "current.quantity_conversion")
    quantity_rounding = c.nested(wire.PRODUCT, "current.quantity_rounding")
    composite_product_ids = c.nested(wire.PRODUCT, "current.composite_product_ids")
    composite_scope = c.text("current.composite_scope")
    composite_tags = c.nested(wire.PRODUCT, "current.composite_tags")
    exclude_free_usage = c.flag("current.exclude_free_usage")
    is_refundable = c.flag("current.is_refundable")
    netsuite_internal_item_id = c.text("current.netsuite_internal_item_id")
    netsuite_overage_item_id = c.text("current.netsuite_overage_item_id")
    starting_at = c.instant("current.starting_at")
    created_at = c.instant("current.created_at")
    created_by = c.text("current.created_by")
    archived_at = c.instant()
    initial = c.nested(wire.PRODUCT, "initial")
    updates = c.nested(wire.PRODUCT, "updates")
    custom_fields = c.mapping()


class RateCards(dy.Schema):
    """One row per rate card. Key: `id`. What a custom pricing unit is worth is in `credit_type_conversions`."""

    id = c.key()
    name = c.text()
    description = c.text()
    created_at = c.instant()
    created_by = c.text()
    fiat_credit_type_id = c.text("fiat_credit_type.id")
    fiat_credit_type_name = c.text("fiat_credit_type.name")
    credit_type_conversions = c.nested(wire.RATE_CARD, "credit_type_conversions")
    aliases = c.nested(wire.RATE_CARD, "aliases")
    custom_fields = c.mapping()


class CreditTypes(dy.Schema):
    """One row per currency or custom pricing unit. Key: `id`. Only `USD (cents)` is counted in hundredths."""

    id = c.key()
    name = c.text()
    is_currency = c.flag()


class Packages(dy.Schema):
    """One row per package, a template of contracts. Key: `id`. Its terms are JSON text, with durations for dates."""

    id = c.key()
    name = c.text()
    contract_name = c.text()
    rate_card_id = c.text()
    created_at = c.instant()
    created_by = c.text()
    archived_at = c.instant()
    duration_value = c.number("duration.value")
    duration_unit = c.text("duration.unit")
    aliases = c.nested(wire.PACKAGE, "aliases")
    billing_provider = c.text()
    delivery_method = c.text()
    net_payment_terms_days = c.number()
    usage_statement_schedule = c.nested(wire.PACKAGE, "usage_statement_schedule")
    multiplier_override_prioritization = c.text()
    scheduled_charges_on_usage_invoices = c.text()
    uniqueness_key = c.text()
    commits = c.text()
    credits = c.text()
    recurring_commits = c.text()
    recurring_credits = c.text()
    overrides = c.text()
    scheduled_charges = c.text()
    subscriptions = c.text()
    spend_threshold_configuration = c.text()
    prepaid_balance_threshold_configuration = c.text()


class CustomFieldKeys(dy.Schema):
    """One row per custom field key. Key: `entity`, `key`."""

    entity = c.key()
    key = c.key()
    enforce_uniqueness = c.flag()


class BillableMetrics(dy.Schema):
    """One row per billable metric, of the account or of each customer. Key: `id`, `customer_id`.

    `customer_id` is null in the account's own list. `aggregate`, `aggregate_keys`, `filter` and `group_by` are
    deprecated and come with customers only.
    """

    id = c.in_key(c.text())
    customer_id = c.in_key(c.text())
    name = c.text()
    aggregation_type = c.text()
    aggregation_key = c.text()
    event_type_filter = c.nested(wire.BILLABLE_METRIC, "event_type_filter")
    property_filters = c.nested(wire.BILLABLE_METRIC, "property_filters")
    group_keys = c.nested(wire.BILLABLE_METRIC, "group_keys")
    sql = c.text()
    archived_at = c.instant()
    custom_fields = c.mapping()
    aggregate = c.text()
    aggregate_keys = c.nested(wire.BILLABLE_METRIC, "aggregate_keys")
    filter_ = c.mapping(alias="filter")  # dataframely has a method of that name
    group_by = c.nested(wire.BILLABLE_METRIC, "group_by")


class Usage(dy.Schema):
    """One row per customer, metric and window. Key: `customer_id`, `billable_metric_id`, `start_timestamp`.

    `value` is a quantity of the metric, null where nothing can be said; `groups` splits it where a grouping was asked
    for.
    """

    customer_id = c.key()
    billable_metric_id = c.key()
    billable_metric_name = c.text()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    value = c.number()
    groups = c.nested(wire.USAGE, "groups")


class UsageGroups(dy.Schema):
    """One row per window and group of one customer's metric.

    Key: `customer_id`, `billable_metric_id`, `starting_on`, `group` (which may be null). `group` has
    every key and value; `group_key` and `group_value` are deprecated.
    """

    customer_id = c.in_key(c.text())
    billable_metric_id = c.in_key(c.text())
    starting_on = c.in_key(c.instant())
    ending_before = c.instant()
    group_key = c.text()
    group_value = c.text()
    group = c.in_key(c.mapping())
    value = c.number()


class AuditLogs(dy.Schema):
    """One row per audit log entry. Key: `id`. Trap: the API's cursor never ends; an empty page does."""

    id = c.key()
    timestamp = c.instant()
    action = c.text()
    status = c.text()
    description = c.text()
    resource_type = c.text()
    resource_id = c.text()
    actor_id = c.text("actor.id")
    actor_name = c.text("actor.name")
    actor_email = c.text("actor.email")
    request_id = c.text("request.id")
    request_ip = c.text("request.ip")
    request_user_agent = c.text("request.user_agent")


class Alerts(dy.Schema):
    """One row per customer and alert. Key: `customer_id`, `id`.

    `customer_status` is ok, in_alarm, evaluating, or null for an archived alert. `threshold` is in the unit of
    `credit_type_name`, or in days or percent by `alert_type`. Trap: only ENABLED alerts are listed unless asked.
    """

    customer_id = c.key()
    id = c.key("alert.id")
    customer_status = c.text()
    triggered_by = c.text()
    name = c.text("alert.name")
    alert_type = c.text("alert.type")
    status = c.text("alert.status")
    threshold = c.amount("alert.threshold")
    credit_type_id = c.text("alert.credit_type.id")
    credit_type_name = c.text("alert.credit_type.name")
    updated_at = c.instant("alert.updated_at")
    uniqueness_key = c.text("alert.uniqueness_key")
    access_type = c.text("alert.access_type")
    credit_grant_type_filters = c.nested(wire.CUSTOMER_ALERT, "alert.credit_grant_type_filters")
    invoice_types_filter = c.nested(wire.CUSTOMER_ALERT, "alert.invoice_types_filter")
    custom_field_filters = c.text("alert.custom_field_filters")
    group_key_filter = c.text("alert.group_key_filter")
    group_values = c.text("alert.group_values")
    seat_filter = c.text("alert.seat_filter")
    alert_specifiers = c.text("alert.alert_specifiers")


class BillingConfigurations(dy.Schema):
    """One row per billing provider configuration of a customer. Key: `id`. Configurations are JSON text."""

    id = c.key()
    customer_id = c.text()
    billing_provider = c.text()
    delivery_method = c.text()
    delivery_method_id = c.text()
    configuration = c.text()
    delivery_method_configuration = c.text()
    archived_at = c.instant()


class Payments(dy.Schema):
    """One row per payment of an invoice. Key: `id`. Amounts are in the unit of `fiat_credit_type_name`."""

    id = c.key()
    invoice_id = c.text()
    customer_id = c.text()
    contract_id = c.text()
    status = c.text()
    amount = c.amount()
    amount_paid = c.amount()
    fiat_credit_type_id = c.text("fiat_credit_type.id")
    fiat_credit_type_name = c.text("fiat_credit_type.name")
    payment_gateway = c.text()
    revenue_system_payments = c.text()
    error_message = c.text()
    created_at = c.instant()
    updated_at = c.instant()
