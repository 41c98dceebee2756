"""Alerts, as they stand for each customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, OnError


class AlertLoaders(Loaders):
    """The loaders of alerts."""

    def alerts(
        self,
        customers: Customers | None,
        *,
        alert_statuses: str | Iterable[str] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer and alert: the columns of `tables.Alerts`, key `customer_id`, `id`.

        The API lists ENABLED alerts unless `alert_statuses` (ENABLED, DISABLED, ARCHIVED) says otherwise.
        """
        statuses = args.choices("alert_statuses", alert_statuses, "ENABLED", "DISABLED", "ARCHIVED")
        body = {"alert_statuses": statuses}
        return self._fan_out(
            "alerts",
            customers,
            lambda id_: [request_for("alerts", {"customer_id": id_}, body=body)],
            on_error=on_error,
            filters=body,
        )

    def alert(
        self,
        customer: Customers,
        alert_id: str,
        *,
        plans_or_contracts: str | None = None,
        group_values: Iterable[Mapping[str, object]] | None = None,
        seat_filter: Mapping[str, object] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row: how one alert stands for one customer, in the columns of `tables.Alerts`."""
        labels = {"customer_id": args.one_customer(customer)}
        body = {
            "alert_id": args.identifier("alert_id", alert_id),
            "plans_or_contracts": args.choice("plans_or_contracts", plans_or_contracts, "PLANS", "CONTRACTS"),
            "group_values": args.objects("group_values", group_values, "key", "value"),
            "seat_filter": args.an_object("seat_filter", seat_filter, "seat_group_key", "seat_group_value"),
        }
        return self._just("alert", [request_for("alert", labels, body=body)], on_error=on_error, filters=body)
