"""Customers, their metrics, alerts and billing configurations, and what events would cost them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, batches, how_many, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.api.client import Request
    from metronome_analytics.arguments import Customers, Instant, OnError


class CustomerLoaders(Loaders):
    """The loaders of customers."""

    def customers(
        self,
        *,
        customer_ids: Customers | None = None,
        ingest_alias: str | None = None,
        salesforce_account_ids: str | Iterable[str] | None = None,
        only_archived: bool = False,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer: the columns of `tables.Customers`, key `id`.

        The API lists active customers, or with `only_archived=True` archived ones only: load both for all.
        """
        ids = args.customer_ids(customer_ids, argument="customer_ids")
        salesforce = args.texts("salesforce_account_ids", salesforce_account_ids)
        query = {
            "ingest_alias": args.text("ingest_alias", ingest_alias),
            "only_archived": args.flag("only_archived", only_archived) or None,
        }
        requests = [
            request_for("customers", query={**query, "customer_ids": some, "salesforce_account_ids": accounts})
            for some in batches(ids)
            for accounts in batches(salesforce)
        ]
        filters = {**query, "customer_ids": how_many(ids), "salesforce_account_ids": how_many(salesforce)}
        return self._just("customers", requests, on_error=on_error, filters=filters)

    def customer(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: the customer `id`, archived or not, in the columns of `tables.Customers`."""
        labels = {"customer_id": args.identifier("id", id)}
        return self._just("customer", [request_for("customer", labels)], on_error=on_error, filters={"id": id})

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

    def billing_configurations(
        self, customers: Customers | None, *, include_archived: bool | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per billing provider configuration: the columns of `tables.BillingConfigurations`, key `id`."""
        name, body = "billing_configurations", {"include_archived": args.flag("include_archived", include_archived)}
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, body=body)],
            on_error=on_error,
            filters=body,
        )

    def billing_config(self, customer: Customers, provider: str, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row: a Plans customer's configuration with one billing provider (`stripe`, `aws_marketplace`, ...).

        The columns of `tables.BillingConfig`. Plans only: a customer on contracts has none (NotFoundError).
        """
        labels = {
            "customer_id": args.one_customer(customer),
            "billing_provider_type": args.identifier("provider", provider),
        }
        requests = [request_for("billing_config", labels)]
        return self._just("billing_config", requests, on_error=on_error, filters={"provider": provider})

    def named_schedule(
        self,
        schedule_name: str,
        *,
        customer: Customers | None = None,
        contract: str | None = None,
        rate_card: str | None = None,
        covering_date: Instant | None = None,
        properties: Mapping[str, object] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per segment of a named schedule: the columns of `tables.NamedSchedule`.

        Of a `customer`, of a customer's `contract`, or of a `rate_card`. With `covering_date` at most one segment;
        `properties` tell the schedules of one name on a contract apart.
        Client-gated: an account may not have them.
        """
        if (customer is None) == (rate_card is None):
            raise ArgumentError("customer or rate_card, one of them and not both, says whose schedule it is.")
        if contract is not None and customer is None:
            raise ArgumentError("contract needs its customer.")
        if properties is not None and contract is None:
            raise ArgumentError("properties go with a contract.")
        labels = {"schedule_name": args.identifier("schedule_name", schedule_name)}
        if rate_card is not None:
            name, labels["rate_card_id"] = "rate_card_named_schedule", args.identifier("rate_card", rate_card)
        else:
            name, labels["customer_id"] = "customer_named_schedule", args.one_customer(customer)
        if contract is not None:
            name, labels["contract_id"] = "contract_named_schedule", args.identifier("contract", contract)
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "properties": args.an_object("properties", properties),
        }
        return self._just(name, [request_for(name, labels, body=body)], on_error=on_error, filters={**labels, **body})

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
        """
        labels = {"customer_id": args.one_customer(customer)}
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
        requests: list[Request] = [request_for("preview_events", labels, body=body)]
        return self._just(
            "preview_events", requests, on_error=on_error, filters={**body, "events": f"{len(sent)} events"}
        )
