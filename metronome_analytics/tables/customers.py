"""Customers, and how each is billed."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import customers as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "BillingConfigurations",
    "Customers",
    "RevenueSystemConfigurations",
]


class Customers(dy.Schema):
    """One row per customer. Key: `id`.

    `archived_at` is null for an active customer. `salesforce_account_id` and `billable_status` are lifted out of
    `customer_config` and `current_billable_status`; the latter may be missing for an account.
    """

    id = c.key()
    name = c.text()
    external_id = c.text()
    ingest_aliases = c.nested(wire.CUSTOMER, "ingest_aliases")
    salesforce_account_id = c.text("customer_config.salesforce_account_id")
    custom_fields = c.mapping()
    created_at = c.instant()
    updated_at = c.instant()
    archived_at = c.instant()
    billable_status = c.text("current_billable_status.value")
    billable_status_effective_at = c.instant("current_billable_status.effective_at")


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


class RevenueSystemConfigurations(dy.Schema):
    """One row per revenue system configuration of a customer. Key: `id`. Configurations are JSON text."""

    id = c.key()
    customer_id = c.text()
    provider = c.text()
    delivery_method = c.text()
    delivery_method_id = c.text()
    configuration = c.text()
    delivery_method_configuration = c.text()
    archived_at = c.instant()
