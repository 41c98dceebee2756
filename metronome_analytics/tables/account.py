"""What belongs to the account as a whole: credit types, custom field keys, the audit log."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import account as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "AuditLogs",
    "BillingProviders",
    "CreditTypes",
    "CustomFieldKeys",
    "Services",
]


class CreditTypes(dy.Schema):
    """One row per currency or custom pricing unit. Key: `id`. Only `USD (cents)` is counted in hundredths."""

    id = c.key()
    name = c.text()
    is_currency = c.flag()


class CustomFieldKeys(dy.Schema):
    """One row per custom field key. Key: `entity`, `key`."""

    entity = c.key()
    key = c.key()
    enforce_uniqueness = c.flag()


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


class BillingProviders(dy.Schema):
    """One row per way in which an account delivers invoices. Key: `delivery_method_id`.

    The configuration is JSON text.
    """

    delivery_method_id = c.key()
    billing_provider = c.text()
    delivery_method = c.text()
    delivery_method_configuration = c.text()


class Services(dy.Schema):
    """One row per service of Metronome's. Key: `name`, `usage`.

    `usage` is makes_connections_from or accepts_connections_at: what `ips` mean to a firewall.
    """

    name = c.key("services.name")
    usage = c.key("services.usage")
    ips = c.nested(wire.SERVICES, "services.ips")
