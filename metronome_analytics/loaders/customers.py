"""Customers, and how each is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders, batches, how_many, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable

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
