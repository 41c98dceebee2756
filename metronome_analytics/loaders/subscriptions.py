"""Subscriptions and their seats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders, given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.arguments import Customers, Instant, OnError


class SubscriptionLoaders(Loaders):
    """The loaders of subscriptions."""

    def subscription_quantities(
        self,
        customer: Customers | None = None,
        contract_id: str | None = None,
        subscription_id: str | None = None,
        *,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per past quantity and price of a subscription: the columns of `tables.SubscriptionQuantities`.

        Without `contract_id` and `subscription_id`, of every subscription on every contract of the customers, archived
        ones too (one more request a customer to list them).

        >>> account.subscription_quantities().select("quantity", "unit_price", "total").row(0)
        (40.0, Decimal('2000.0000000000'), Decimal('80000.0000000000'))
        """
        if (contract_id is None) != (subscription_id is None):
            raise ArgumentError("contract_id and subscription_id go together.")
        if contract_id is None or subscription_id is None:
            return self._of_contracts(
                "subscription_quantities",
                customer,
                subscription_id=pl.col("subscriptions").list.eval(pl.element().struct.field("id")),
                on_error=on_error,
            )
        labels = self._subscription(customer, contract_id, subscription_id)
        return self._one("subscription_quantities", labels, on_error=on_error)

    def subscription_seats(
        self,
        customer: Customers,
        contract_id: str,
        subscription_id: str,
        *,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        ending_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per period of a subscription's seats: the columns of `tables.SubscriptionSeats`.

        `covering_date` excludes the other two.

        >>> osprey = account.customers()["id"][0]
        >>> seats = ma.subscriptions(account.contracts(osprey)).filter(seat_group_key="seat_id").row(0, named=True)
        >>> history = account.subscription_seats(seats["customer_id"], seats["contract_id"], seats["id"])
        >>> history.select(pl.col("starting_at").dt.date(), "total_quantity").row(0)
        (datetime.date(2025, 10, 1), 40.0)
        """
        args.not_both(covering_date=covering_date, starting_at=starting_at)
        args.not_both(covering_date=covering_date, ending_before=ending_before)
        args.window(("starting_at", starting_at), ("ending_before", ending_before))
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "starting_at": args.optional_rfc3339("starting_at", starting_at),
            "ending_before": args.optional_rfc3339("ending_before", ending_before),
        }
        labels = self._subscription(customer, contract_id, subscription_id)
        return self._one("subscription_seats", labels, body=body, on_error=on_error)

    def seat_balances(
        self,
        customer: Customers,
        contract_id: str,
        *,
        subscription_ids: str | Iterable[str] | None = None,
        seat_ids: str | Iterable[str] | None = None,
        include_credits_and_commits: bool = False,
        include_ledgers: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        skip_missing_seat_ids: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per seat of a contract: the columns of `tables.SeatBalances`, key `contract_id`, `seat_id`.

        `include_ledgers` needs `include_credits_and_commits`; `covering_date` excludes `starting_at` and
        `effective_before`. An unknown id among `seat_ids` fails the request unless `skip_missing_seat_ids=True`.

        >>> osprey = account.customers()["id"][0]
        >>> seats = ma.subscriptions(account.contracts(osprey)).filter(seat_group_key="seat_id").row(0, named=True)
        >>> account.seat_balances(seats["customer_id"], seats["contract_id"])["seat_id"][0]
        'seat-0001'
        """
        args.not_both(covering_date=covering_date, starting_at=starting_at)
        args.not_both(covering_date=covering_date, effective_before=effective_before)
        if include_ledgers and not include_credits_and_commits:
            raise ArgumentError("include_ledgers needs include_credits_and_commits=True.")
        body = given(
            {
                "subscription_ids": args.texts("subscription_ids", subscription_ids),
                "seat_ids": args.texts("seat_ids", seat_ids),
                "include_credits_and_commits": args.flag("include_credits_and_commits", include_credits_and_commits),
                "include_ledgers": args.flag("include_ledgers", include_ledgers),
                "covering_date": args.optional_rfc3339("covering_date", covering_date),
                "starting_at": args.optional_rfc3339("starting_at", starting_at),
                "effective_before": args.optional_rfc3339("effective_before", effective_before),
                "skip_missing_seat_ids": args.flag("skip_missing_seat_ids", skip_missing_seat_ids),
            }
        )
        return self._one("seat_balances", self._contract(customer, contract_id), body=body, on_error=on_error)

    def _subscription(self, customer: Customers | None, contract_id: str, subscription_id: str) -> dict[str, str]:
        subscription = args.identifier("subscription_id", subscription_id)
        return {**self._contract(customer, contract_id), "subscription_id": subscription}
