"""Products, rate cards, credit types, packages, usage and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import (
    SELECTORS,
    Loaders,
    batches,
    bounds,
    given,
    how_many,
    request_for,
    within_window,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metronome_analytics.arguments import Customers, Instant, OnError

_ARCHIVE_FILTERS = ("NOT_ARCHIVED", "ARCHIVED", "ALL")


class CatalogueLoaders(Loaders):
    """The loaders of what an account sells, measures and logs."""

    def products(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per product: the columns of `tables.Products`, key `id`.

        `archive_filter` is NOT_ARCHIVED (the API's default), ARCHIVED or ALL.
        """
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *_ARCHIVE_FILTERS)}
        return self._just("products", [request_for("products", body=body)], on_error=on_error, filters=body)

    def rate_cards(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per rate card: the columns of `tables.RateCards`, key `id`."""
        return self._just("rate_cards", [request_for("rate_cards")], on_error=on_error, filters={})

    def rates(
        self,
        rate_card_id: str,
        *,
        at: Instant,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per rate of a rate card at an instant: the columns of `tables.Rates`."""
        labels = {"rate_card_id": args.identifier("rate_card_id", rate_card_id)}
        if at is None:
            raise ArgumentError("at is needed: rates change with time.")
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        requests = [request_for("rates", labels, body=body)]
        return self._just("rates", requests, on_error=on_error, filters={**labels, **body})

    def credit_types(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per currency or custom pricing unit: the columns of `tables.CreditTypes`, key `id`."""
        return self._just("credit_types", [request_for("credit_types")], on_error=on_error, filters={})

    def packages(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per package: the columns of `tables.Packages`, key `id`."""
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *_ARCHIVE_FILTERS)}
        return self._just("packages", [request_for("packages", body=body)], on_error=on_error, filters=body)

    def custom_field_keys(
        self, *, entities: str | Iterable[str] | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per custom field key: the columns of `tables.CustomFieldKeys`, key `entity`, `key`."""
        body = {"entities": args.texts("entities", entities)}
        requests = [request_for("custom_field_keys", body=body)]
        return self._just("custom_field_keys", requests, on_error=on_error, filters=body)

    def usage(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant,
        ending_before: Instant,
        window_size: str = "day",
        billable_metrics: str | Iterable[str | Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer, metric and window: the columns of `tables.Usage`.

        One list for all customers rather than one each. `window_size` is hour, day, or none for the whole window at
        once. A metric is an id, or an object with `id` and `group_by`; None is every metric.
        """
        start, end = args.required_window(starting_on, ending_before)
        ids = args.customer_ids(customers)
        size = args.choice("window_size", window_size, "HOUR", "DAY", "NONE")
        one = [billable_metrics] if isinstance(billable_metrics, str) else billable_metrics
        metrics = None if one is None else [{"id": item} if isinstance(item, str) else item for item in one]
        body = {
            "window_size": size,
            "billable_metrics": args.objects("billable_metrics", metrics, "id", "group_by"),
            **bounds(*args.whole_days(start, end)),
        }
        requests = [request_for("usage", body={**body, "customer_ids": some}) for some in batches(ids)]
        return self._just(
            "usage",
            requests if start < end else [],
            on_error=on_error,
            filters={**body, "customer_ids": how_many(ids), "starting_on": start, "ending_before": end},
            within=None if size == "NONE" else within_window(pl.col("start_timestamp"), start, end),
        )

    def usage_groups(
        self,
        customer: Customers,
        billable_metric_id: str,
        *,
        window_size: str = "day",
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        group_key: str | Iterable[str] | None = None,
        group_filters: Mapping[str, object] | None = None,
        current_period: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per window and group of one customer's metric: the columns of `tables.UsageGroups`.

        A window needs both ends, or `current_period=True` instead of them.
        """
        start, end = args.window(("starting_on", starting_on), ("ending_before", ending_before))
        if (start is None) != (end is None) or (start is None) == (not current_period):
            raise ArgumentError("usage_groups needs starting_on and ending_before, or current_period=True instead.")
        labels = {
            "customer_id": args.one_customer(customer),
            "billable_metric_id": args.identifier("billable_metric_id", billable_metric_id),
        }
        size = args.choice("window_size", window_size, "HOUR", "DAY", "NONE")
        body = given(
            {
                "window_size": size,
                "group_key": args.texts("group_key", group_key),
                "group_filters": args.an_object("group_filters", group_filters),
                "current_period": args.flag("current_period", current_period),
                **(bounds(*args.whole_days(start, end)) if start is not None and end is not None else {}),
            }
        )
        return self._just(
            "usage_groups",
            [request_for("usage_groups", labels, body=body)],
            on_error=on_error,
            filters={**labels, **body},
            within=None if size == "NONE" else within_window(pl.col("starting_on"), start, end),
        )

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
