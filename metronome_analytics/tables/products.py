"""What an account sells: products and packages. Columns that hold settings nobody adds up are JSON text."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import products as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "PackageContracts",
    "Packages",
    "Products",
]


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
    include_composite_spend = c.flag("current.include_composite_spend")
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
    spend_trackers = c.text()
    spend_threshold_configuration = c.text()
    prepaid_balance_threshold_configuration = c.text()


class PackageContracts(dy.Schema):
    """One row per contract that was made from a package. Key: `contract_id`."""

    contract_id = c.key()
    customer_id = c.text()
    package_id = c.text()
    starting_at = c.instant()
    ending_before = c.instant()
    archived_at = c.instant()
