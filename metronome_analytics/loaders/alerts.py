"""Alerts, as they stand for each customer, and notifications of what happens in an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import ARCHIVE_FILTERS, Loaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, OnError


class AlertLoaders(Loaders):
    """The loaders of alerts and notifications."""

    def alerts(
        self,
        customers: Customers | None = None,
        *,
        alert_statuses: str | Iterable[str] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer and alert: the columns of `tables.Alerts`, key `customer_id`, `id`.

        The API lists ENABLED alerts unless `alert_statuses` (ENABLED, DISABLED, ARCHIVED) says otherwise.

        >>> alarms = account.alerts().filter(customer_status="in_alarm")
        >>> alarms["name"].value_counts(sort=True).rows()
        [('Balance below 1,000 dollars', 2), ('More than 5,000 dollars this month', 1)]
        """
        body = {"alert_statuses": args.choices("alert_statuses", alert_statuses, "ENABLED", "DISABLED", "ARCHIVED")}
        return self._each("alerts", customers, body=body, on_error=on_error)

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
        """One row: how one alert stands for one customer, in the columns of `tables.Alerts`.

        >>> first = account.alerts().row(0, named=True)
        >>> account.alert(first["customer_id"], first["id"]).select("name", "customer_status").rows()
        [('Balance below 1,000 dollars', 'ok')]
        """
        body = {
            "alert_id": args.identifier("alert_id", alert_id),
            "plans_or_contracts": args.choice("plans_or_contracts", plans_or_contracts, "PLANS", "CONTRACTS"),
            "group_values": args.objects("group_values", group_values, "key", "value"),
            "seat_filter": args.an_object("seat_filter", seat_filter, "seat_group_key", "seat_group_value"),
        }
        labels = {"customer_id": self._customer(customer)}
        return self._one("alert", labels, body=body, on_error=on_error, filters=body)

    def notifications(self, *, archive_filter: str | None = None, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per notification at an offset from a lifecycle event: the columns of `tables.Notifications`.

        Key `id`. `archive_filter` is NOT_ARCHIVED, ARCHIVED or ALL.

        >>> account.notifications().select("policy_type", "policy_offset", "name").row(0)
        ('contract.end', '-P30D', 'A month before a contract ends')
        """
        body = {"archive_filter": args.choice("archive_filter", archive_filter, *ARCHIVE_FILTERS)}
        return self._one("notifications", body=body, on_error=on_error)

    def notification(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: one notification, in the columns of `tables.Notifications`.

        >>> first = account.notifications()["id"][0]
        >>> account.notification(first)["name"].item()
        'A month before a contract ends'
        """
        return self._one("notification", body={"id": args.identifier("id", id)}, on_error=on_error)

    def system_notifications(self, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per lifecycle event that Metronome tells of by itself: the columns of `tables.Notifications`.

        They have no id; `policy_type` is the event.

        >>> account.system_notifications()["policy_type"].to_list()
        ['contract.create', 'contract.start', 'contract.end', 'invoice.issue']
        """
        return self._one("system_notifications", on_error=on_error)
