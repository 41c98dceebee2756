"""What belongs to the account as a whole: units, custom field keys, billing providers, services, the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, within_window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.arguments import Instant, OnError, Period


class AccountLoaders(Loaders):
    """The loaders of what is the account's own."""

    def credit_types(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per currency or custom pricing unit: the columns of `tables.CreditTypes`, key `id`.

        >>> account.credit_types().select("name", "is_currency").rows()
        [('USD (cents)', True), ('EUR', True), ('AI Credits', False)]
        """
        return self._one("credit_types", on_error=on_error)

    def custom_field_keys(
        self, *, entities: str | Iterable[str] | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per custom field key: the columns of `tables.CustomFieldKeys`, key `entity`, `key`.

        >>> account.custom_field_keys().select("entity", "key").head(2).rows()
        [('contract', 'order_form'), ('contract_credit', 'campaign')]
        """
        body = {"entities": args.texts("entities", entities)}
        return self._one("custom_field_keys", body=body, on_error=on_error)

    def configured_billing_providers(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per way to deliver invoices: the columns of `tables.BillingProviders`, key `delivery_method_id`.

        >>> account.configured_billing_providers()["billing_provider"].to_list()
        ['stripe', 'aws_marketplace', 'netsuite']
        """
        return self._one("configured_billing_providers", on_error=on_error)

    def services(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per service of Metronome's and the addresses it uses: the columns of `tables.Services`.

        Key `name`, `usage`: for a firewall's list.

        >>> account.services().select("name", "usage").rows()
        [('webhooks', 'makes_connections_from'), ('api', 'accepts_connections_at')]
        """
        return self._one("services", on_error=on_error)

    def audit_logs(
        self,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        sort: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per audit log entry, oldest first: the columns of `tables.AuditLogs`, key `id`.

        Ends although the API's cursor never does. `resource_type` and `resource_id` go together; `sort` is date_asc
        or date_desc.

        >>> account.audit_logs(month="2026-10").select("action", "status", "resource_type", "actor_name").rows()
        [('create', 'success', 'credit', 'Billing Ops')]
        """
        start, end = args.asked_window(starting_on, ending_before, month, period)
        if (resource_type is None) != (resource_id is None):
            raise ArgumentError("resource_type and resource_id go together.")
        query = {
            "starting_on": None if start is None else args.rfc3339(start),
            "ending_before": None if end is None else args.rfc3339(end),
            "resource_type": args.text("resource_type", resource_type),
            "resource_id": args.text("resource_id", resource_id),
            "sort": args.choice("sort", sort, "date_asc", "date_desc") or "date_asc",
        }
        within = within_window(pl.col("timestamp"), start, end)
        return self._one("audit_logs", query=query, on_error=on_error, filters={**query, "sort": sort}, within=within)
