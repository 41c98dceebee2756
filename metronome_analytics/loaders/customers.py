"""Customers, how each is billed, and the dashboards that may be shown to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import SecretStr

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError, MalformedResponse
from metronome_analytics.loaders.base import Loaders, batches, given, how_many, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, OnError


class CustomerLoaders(Loaders):
    """The loaders of customers."""

    def customers(
        self,
        *,
        customer_ids: Customers | None = None,
        ingest_alias: str | None = None,
        salesforce_account_ids: str | Iterable[str] | None = None,
        only_archived: bool = False,
        include_archived: bool = False,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer: the columns of `tables.Customers`, key `id`.

        The API lists active customers, or with `only_archived=True` archived ones only; `include_archived=True` reads
        both lists, the active ones first.

        >>> account.customers().select("name", "billable_status").head(2).rows()
        [('Osprey Biotech Inc.', 'billable'), ('Harbor Telecom LLC', 'billable')]
        """
        if only_archived and include_archived:
            raise ArgumentError("only_archived and include_archived exclude each other.")
        ids = args.customer_ids(customer_ids, argument="customer_ids")
        salesforce = args.texts("salesforce_account_ids", salesforce_account_ids)
        alias = args.text("ingest_alias", ingest_alias)
        archived = args.flag("only_archived", only_archived) or None
        both = args.flag("include_archived", include_archived)
        requests = [
            request_for(
                "customers",
                query={
                    "ingest_alias": alias,
                    "only_archived": one,
                    "customer_ids": some,
                    "salesforce_account_ids": accounts,
                },
            )
            for one in ((None, True) if both else (archived,))
            for some in batches(ids)
            for accounts in batches(salesforce)
        ]
        filters = {
            "ingest_alias": alias,
            "only_archived": archived,
            "include_archived": both or None,
            "customer_ids": how_many(ids),
            "salesforce_account_ids": how_many(salesforce),
        }
        frame = self._just("customers", requests, on_error=on_error, filters=filters)
        self.session.names.note(frame)
        return frame

    def customer(self, id: str, *, on_error: OnError = "raise") -> pl.DataFrame:  # noqa: A002  # the API's name
        """One row: the customer `id`, archived or not, in the columns of `tables.Customers`.

        >>> osprey = account.customers()["id"][0]
        >>> account.customer(osprey)["name"].item()
        'Osprey Biotech Inc.'
        """
        labels = {"customer_id": self._customer(args.identifier("id", id))}
        return self._one("customer", labels, on_error=on_error, filters={"id": id})

    def billing_configurations(
        self, customers: Customers | None = None, *, include_archived: bool | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per billing provider configuration: the columns of `tables.BillingConfigurations`, key `id`.

        >>> account.billing_configurations()["billing_provider"].value_counts(sort=True).rows()
        [('netsuite', 4), ('stripe', 3), ('aws_marketplace', 1)]
        """
        body = {"include_archived": args.flag("include_archived", include_archived)}
        return self._each("billing_configurations", customers, body=body, on_error=on_error)

    def revenue_system_configurations(
        self,
        customers: Customers | None = None,
        *,
        provider: str | None = None,
        include_archived: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per revenue system configuration: the columns of `tables.RevenueSystemConfigurations`, key `id`.

        The API knows one `provider` so far: netsuite.

        >>> account.revenue_system_configurations()["provider"].to_list()
        ['netsuite']
        """
        body = {
            "provider": args.growing("provider", provider, "netsuite"),
            "include_archived": args.flag("include_archived", include_archived),
        }
        return self._each("revenue_system_configurations", customers, body=body, on_error=on_error)

    def dashboard_url(
        self,
        customer: Customers,
        dashboard: str,
        *,
        dashboard_options: Iterable[Mapping[str, object]] | None = None,
        color_overrides: Iterable[Mapping[str, object]] | None = None,
        bm_group_key_overrides: Iterable[Mapping[str, object]] | None = None,
    ) -> SecretStr:
        """The address of an embeddable dashboard of a customer: `invoices`, `usage` or `commits_and_credits`.

        Whoever has the address sees the dashboard, so it is masked wherever it is shown, and neither a receipt nor a
        frame holds it: `.get_secret_value()` gives it.
        Raises ArgumentError unless `customer` is one.

        >>> osprey = account.customers()["id"][0]
        >>> account.dashboard_url(osprey, "invoices")
        SecretStr('**********')
        """
        labels = {"customer_id": self._customer(customer)}
        kinds = ("invoices", "usage", "commits_and_credits")
        body = given(
            {
                "dashboard": args.growing("dashboard", args.identifier("dashboard", dashboard), *kinds),
                "dashboard_options": args.objects("dashboard_options", dashboard_options, "key", "value"),
                "color_overrides": args.objects("color_overrides", color_overrides, "name", "value"),
                "bm_group_key_overrides": args.objects(
                    "bm_group_key_overrides",
                    bm_group_key_overrides,
                    "group_key_name",
                    "display_name",
                    "value_display_names",
                ),
            }
        )
        request = request_for("dashboard_url", labels, body=body)
        answer = self._bytes(request, filters={"dashboard": body["dashboard"]})
        try:
            url = json.loads(answer)["data"]["url"]
        except (ValueError, TypeError, KeyError):
            url = None
        if not isinstance(url, str):
            raise MalformedResponse(
                f"The answer holds no address: {len(answer)} bytes.",
                endpoint=str(request.endpoint),
                customer_id=request.customer_id,
            )
        return SecretStr(url)
