"""What belongs to the account as a whole: credit types, custom field keys, the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, request_for, within_window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.arguments import Instant, OnError


class AccountLoaders(Loaders):
    """The loaders of what is the account's own."""

    def credit_types(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per currency or custom pricing unit: the columns of `tables.CreditTypes`, key `id`."""
        return self._just("credit_types", [request_for("credit_types")], on_error=on_error, filters={})

    def custom_field_keys(
        self, *, entities: str | Iterable[str] | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per custom field key: the columns of `tables.CustomFieldKeys`, key `entity`, `key`."""
        body = {"entities": args.texts("entities", entities)}
        requests = [request_for("custom_field_keys", body=body)]
        return self._just("custom_field_keys", requests, on_error=on_error, filters=body)

    def audit_logs(
        self,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per audit log entry, oldest first: the columns of `tables.AuditLogs`, key `id`.

        Ends although the API's cursor never does. `resource_type` and `resource_id` go together.
        """
        start, end = args.window(("starting_on", starting_on), ("ending_before", ending_before))
        if (resource_type is None) != (resource_id is None):
            raise ArgumentError("resource_type and resource_id go together.")
        query = {
            "starting_on": None if start is None else args.rfc3339(start),
            "ending_before": None if end is None else args.rfc3339(end),
            "resource_type": args.text("resource_type", resource_type),
            "resource_id": args.text("resource_id", resource_id),
        }
        requests = [request_for("audit_logs", query={**query, "sort": "date_asc"})]
        return self._just(
            "audit_logs",
            requests,
            on_error=on_error,
            filters=query,
            within=within_window(pl.col("timestamp"), start, end),
        )
