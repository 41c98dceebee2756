"""Plans, deprecated at the vendor and kept because accounts still have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, batches, how_many, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from metronome_analytics.api.request import Request
    from metronome_analytics.arguments import Customers, Instant, OnError, Period
    from metronome_analytics.loaders.load import Load


class PlanLoaders(Loaders):
    """The loaders of Plans: no rows, or an error of the API, for customers on contracts."""

    def plans(self, customers: Customers | None = None, *, on_error: OnError = "raise") -> pl.DataFrame:
        """One row per plan of a customer: the columns of `tables.Plans`, key `customer_id`, `id`. Plans only.

        >>> account.plans().select("plan_name", "net_payment_terms_days").rows()
        [('Legacy scale plan', 30.0)]
        """
        return self._each("plans", customers, on_error=on_error)

    def plan_price_adjustments(
        self, customers: Customers | None = None, *, customer_plan_id: str | None = None, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per adjusted charge of a customer's plan: the columns of `tables.PlanPriceAdjustments`. Plans only.

        Lists the plans of each customer first, or reads `customer_plan_id` (the `id` of `plans()`) of one customer.

        >>> account.plan_price_adjustments().select("charge_type", "start_period").rows()
        [('usage', 0.0)]
        """
        name = "plan_price_adjustments"
        if customer_plan_id is not None:
            plan_id = args.identifier("customer_plan_id", customer_plan_id)
            labels = {"customer_id": self._customer(customers), "customer_plan_id": plan_id}
            return self._one(name, labels, on_error=on_error)
        ids = self._meant(customers)

        async def plan(load: Load) -> Sequence[Request]:
            found = await self._ids(load, ids)
            lists = [request_for("plans", {"customer_id": id_}) for id_ in found]
            return [
                request_for(name, {"customer_id": owner, "customer_plan_id": id_})
                for owner, id_ in (await load.look_up("plans", lists, "customer_id", "id")).rows()
            ]

        return self._load(name, plan, on_error=on_error, filters={})

    def credit_grants(
        self,
        customers: Customers | None = None,
        *,
        credit_type_ids: str | Iterable[str] | None = None,
        credit_grant_ids: str | Iterable[str] | None = None,
        not_expiring_before: Instant | None = None,
        effective_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per credit grant: the columns of `tables.CreditGrants`, key `id`. Plans only.

        >>> grants = ma.major_units(account.credit_grants())
        >>> grants.select("name", "grant_amount", "currency").row(0)
        ('Welcome grant', Decimal('500.000000000000'), 'USD')
        """
        ids = self._meant(customers)
        body = {
            "credit_type_ids": args.texts("credit_type_ids", credit_type_ids),
            "credit_grant_ids": args.texts("credit_grant_ids", credit_grant_ids),
            "not_expiring_before": args.optional_rfc3339("not_expiring_before", not_expiring_before),
            "effective_before": args.optional_rfc3339("effective_before", effective_before),
        }
        requests = [request_for("credit_grants", body={**body, "customer_ids": some}) for some in batches(ids)]
        filters = {**body, "customer_ids": how_many(ids)}
        return self._just("credit_grants", requests, on_error=on_error, filters=filters)

    def credit_grant_entries(
        self,
        customers: Customers | None = None,
        *,
        credit_type_ids: str | Iterable[str] | None = None,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        sort: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer and credit type: the columns of `tables.CreditGrantEntries`. Plans only.

        `sort` is asc or desc: the order of the entries of each, by time.

        >>> account.credit_grant_entries(month="2026-10")["starting_balance"][0]["including_pending"]
        Decimal('120000.0000000000')
        """
        ids = self._meant(customers)
        start, end = args.asked_window(starting_on, ending_before, month, period)
        body = {
            "credit_type_ids": args.texts("credit_type_ids", credit_type_ids),
            "starting_on": None if start is None else args.rfc3339(start),
            "ending_before": None if end is None else args.rfc3339(end),
        }
        query = {"sort": args.choice("sort", sort, "asc", "desc") or "asc"}
        # The order of entries is asked for: its default is not documented.
        requests = [
            request_for("credit_grant_entries", query=query, body={**body, "customer_ids": some})
            for some in batches(ids)
        ]
        filters = {**body, "sort": sort, "customer_ids": how_many(ids)}
        return self._just("credit_grant_entries", requests, on_error=on_error, filters=filters)

    def billing_config(
        self, customers: Customers | None = None, provider: str | None = None, *, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per Plans customer: its configuration with one billing provider (`stripe`, `aws_marketplace`, ...).

        The columns of `tables.BillingConfig`. Plans only: the API answers 404 for a customer without one, as it does
        for one that it does not know. Of one customer that is NotFoundError, of several it is no row.

        >>> account.billing_config(provider="stripe")["billing_provider_customer_id"].to_list()
        ['cus_b49ce4be71dba484']
        """
        name = "billing_config"
        if provider is None:
            raise ArgumentError("provider is needed here.", advice="stripe, aws_marketplace, azure_marketplace, ...")
        ids, label = self._meant(customers), {"billing_provider_type": args.identifier("provider", provider)}
        several = ids is None or len(ids) > 1
        return self._fan_out(
            name,
            ids,
            lambda id_: [request_for(name, {"customer_id": id_, **label}, may_be_absent=several)],
            on_error=on_error,
            filters={"provider": provider},
        )
