"""Billable metrics, what they measured, the events behind it, and what events would be billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import (
    IDS_PER_REQUEST,
    Loaders,
    batches,
    bounds,
    how_many,
    request_for,
    within_window,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from metronome_analytics.arguments import Customers, Instant, OnError, Period

_WINDOW_SIZES = ("HOUR", "DAY", "NONE")


class UsageLoaders(Loaders):
    """The loaders of metrics and usage."""

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

        >>> account.billable_metrics().select("name", "aggregation_type").row(0)
        ('Input tokens (thousands)', 'SUM')
        """
        query = {"include_archived": args.flag("include_archived", include_archived)}
        if customers is None:
            if on_current_plan is not None:
                raise ArgumentError("on_current_plan needs customers.")
            return self._one("billable_metrics", query=query, on_error=on_error)
        query["on_current_plan"] = args.flag("on_current_plan", on_current_plan)
        return self._each("customer_billable_metrics", customers, query=query, on_error=on_error)

    def billable_metric(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: one billable metric, archived or not, in the columns of `tables.BillableMetrics`.

        >>> first = account.billable_metrics()["id"][0]
        >>> account.billable_metric(first)["name"].item()
        'Input tokens (thousands)'
        """
        labels = {"billable_metric_id": args.identifier("id", id)}
        return self._one("billable_metric", labels, on_error=on_error)

    def usage(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        window_size: str = "day",
        billable_metrics: str | Iterable[str | Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer, metric and window: the columns of `tables.Usage`.

        One list for all customers rather than one each. `window_size` is hour, day, or none for the whole window at
        once. A metric is an id, or an object with `id` and `group_by`; None is every metric.

        >>> usage = account.usage(month="2026-10", window_size="none")
        >>> usage.select("billable_metric_name", "value").row(0)
        ('Network egress (GB)', 7580.42)
        """
        start, end = args.required_window(starting_on, ending_before, month, period)
        ids = self._meant(customers)
        size = args.choice("window_size", window_size, *_WINDOW_SIZES)
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
        month: str | None = None,
        period: Period | None = None,
        group_key: str | Iterable[str] | None = None,
        group_filters: Mapping[str, object] | None = None,
        current_period: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per window and group of one customer's metric: the columns of `tables.UsageGroups`.

        A window needs both ends, or `current_period=True` instead of them.

        >>> harbor, tokens = account.customers()["id"][1], account.billable_metrics()["id"][0]
        >>> groups = account.usage_groups(harbor, tokens, month="2026-10", group_key="model")
        >>> groups.select(pl.col("starting_on").dt.date(), "group_value", "value").row(0)
        (datetime.date(2026, 10, 1), 'nimbus-large', 6919.0)
        """
        window = args.asked_window(starting_on, ending_before, month, period)
        labels = {"billable_metric_id": args.identifier("billable_metric_id", billable_metric_id)}
        body = {
            "group_key": args.texts("group_key", group_key),
            "group_filters": args.an_object("group_filters", group_filters),
        }
        return self._windows("usage_groups", customer, labels, body, window_size, window, current_period, on_error)

    def seat_usage(
        self,
        customer: Customers,
        seat_metric_id: str,
        usage_type: str,
        *,
        window_size: str = "day",
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        current_period: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per window of one customer's seats: the columns of `tables.SeatUsage`.

        `usage_type` is max or latest: the most seats of a window, or those at its end. A window needs both ends, or
        `current_period=True` instead of them.

        >>> osprey, seats = account.customers()["id"][0], "488459af-49ee-5043-8c87-ed25c13ea31a"
        >>> days = account.seat_usage(osprey, seats, "max", month="2026-10")
        >>> days.select(pl.col("starting_on").dt.date(), "value").row(0)
        (datetime.date(2026, 10, 1), 40.0)
        """
        window = args.asked_window(starting_on, ending_before, month, period)
        labels = {"seat_metric_id": args.identifier("seat_metric_id", seat_metric_id)}
        body = {"usage_type": args.choice("usage_type", args.identifier("usage_type", usage_type), "MAX", "LATEST")}
        return self._windows("seat_usage", customer, labels, body, window_size, window, current_period, on_error)

    def purchased_seats(self, customers: Customers | None = None, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per seat charge of a customer: the columns of `tables.PurchasedSeats`.

        >>> account.purchased_seats()["seat_count"].to_list()
        [1.0]
        """
        return self._each("purchased_seats", customers, on_error=on_error)

    def events(self, transaction_ids: str | Iterable[str], *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per event that was ingested with one of `transaction_ids`: the columns of `tables.Events`, key `id`.

        Says whether it counted as a duplicate, and which customer and metrics it matched. The vendor documents it as
        heavily limited: a tool for looking into single events, not for reading usage.

        >>> account.events(["never-sent"]).height
        0
        """
        ids = args.texts("transaction_ids", transaction_ids) or []
        requests = [
            request_for("events", body={"transactionIds": ids[first : first + IDS_PER_REQUEST]})
            for first in range(0, len(ids), IDS_PER_REQUEST)
        ]
        return self._just("events", requests, on_error=on_error, filters={"transaction_ids": how_many(ids)})

    def preview_events(
        self,
        customer: Customers,
        events: Iterable[Mapping[str, object]],
        mode: str = "replace",
        *,
        skip_zero_qty_line_items: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """The invoices that `events` would give: the columns of `tables.Invoices`. Computes, and changes nothing.

        An event is an object with `event_type`, and `timestamp`, `properties`, `transaction_id` as wanted. `mode` is
        replace (only these events) or merge (with those there are). The API takes 8 such requests a second, and no
        metric defined in SQL.

        >>> tokens = {"event_type": "input_tokens", "properties": {"model": "nimbus-mini", "quantity": "1000"}}
        >>> lines = ma.line_items(account.preview_events(account.customers()["id"][0], [tokens]))
        >>> lines.select("name", "quantity", "total").row(0)
        ('Network egress (GB)', 0.0, Decimal('0E-10'))
        """
        labels = {"customer_id": self._customer(customer)}
        sent = args.objects("events", events, "event_type", "timestamp", "properties", "transaction_id") or []
        for event in sent:
            args.identifier("event_type", event.get("event_type"))
            if "timestamp" in event:
                event["timestamp"] = args.optional_rfc3339("timestamp", cast("Instant", event["timestamp"]))
        body = {
            "events": sent,
            "mode": args.choice("mode", mode, "replace", "merge"),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
        }
        filters = {**body, "events": f"{len(sent)} events"}
        return self._one("preview_events", labels, body=body, on_error=on_error, filters=filters)

    def _windows(  # noqa: PLR0917  # what both have, in their order
        self,
        name: str,
        customer: Customers,
        labels: Mapping[str, str],
        body: Mapping[str, object],
        window_size: str,
        window: tuple[datetime | None, datetime | None],
        current_period: bool | None,  # noqa: FBT001  # as it was given
        on_error: OnError,
    ) -> pl.DataFrame:
        """The windows of one customer's metric, in the window asked for or in the current period."""
        start, end = window
        if (start is None) != (end is None) or (start is None) == (not current_period):
            raise ArgumentError(f"{name} needs starting_on and ending_before, or current_period=True instead.")
        size = args.choice("window_size", window_size, *_WINDOW_SIZES)
        days = {} if start is None or end is None else bounds(*args.whole_days(start, end))
        period = {"current_period": args.flag("current_period", current_period), **days}
        return self._one(
            name,
            {"customer_id": self._customer(customer), **labels},
            body={"window_size": size, **body, **period},
            on_error=on_error,
            within=None if size == "NONE" else within_window(pl.col("starting_on"), start, end),
        )
