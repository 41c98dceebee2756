"""Billable metrics and what they measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, batches, bounds, given, how_many, request_for, within_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metronome_analytics.arguments import Customers, Instant, OnError


class UsageLoaders(Loaders):
    """The loaders of usage."""

    def billable_metrics(
        self,
        customers: Customers | None = None,
        *,
        on_current_plan: bool | None = None,
        include_archived: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per billable metric: the columns of `tables.BillableMetrics`.

        Without `customers` the account's own list (key `id`); with them one list a customer (key `customer_id`, `id`).
        `on_current_plan` is for customers on Plans.
        """
        query = {"include_archived": args.flag("include_archived", include_archived)}
        if customers is None:
            if on_current_plan is not None:
                raise ArgumentError("on_current_plan needs customers.")
            requests = [request_for("billable_metrics", query=query)]
            return self._just("billable_metrics", requests, on_error=on_error, filters=query)
        query["on_current_plan"] = args.flag("on_current_plan", on_current_plan)
        name = "customer_billable_metrics"
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, query=query)],
            on_error=on_error,
            filters=query,
        )

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
