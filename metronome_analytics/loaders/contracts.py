"""Contracts, their edits, rates, subscriptions and seats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import SELECTORS, Loaders, given, request_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from metronome_analytics.api.client import Request
    from metronome_analytics.arguments import Customers, Instant, OnError
    from metronome_analytics.loaders.load import Load


class ContractLoaders(Loaders):
    """The loaders of contracts."""

    def contracts(
        self,
        customers: Customers | None = None,
        *,
        version: int = 2,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        include_archived: bool = False,
        include_balance: bool = False,
        include_ledgers: bool = False,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per contract: the columns of `tables.Contracts`, key `id`, from the v2 endpoint or from v1's.

        Commits and credits are nested, and truncated where there are many (`has_more_commits`): `balances` has all.
        `covering_date` and `starting_at` exclude each other. See `contract_commits`, `contract_credits`,
        `subscriptions`, `overrides` and `scheduled_charges` for what the rows nest.
        """
        name = _versioned("contracts", version)
        _not_both(covering_date=covering_date, starting_at=starting_at)
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "starting_at": args.optional_rfc3339("starting_at", starting_at),
            "include_archived": args.flag("include_archived", include_archived),
            "include_balance": args.flag("include_balance", include_balance),
            "include_ledgers": args.flag("include_ledgers", include_ledgers),
        }
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, body=body)],
            on_error=on_error,
            filters=body,
        )

    def contract(
        self,
        customer: Customers,
        contract_id: str,
        *,
        version: int = 2,
        include_balance: bool = False,
        include_ledgers: bool = False,
        as_of_date: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row: one contract, in the columns of `tables.Contracts`.

        `as_of_date` (v2 only, and not with ledgers) shows it as it was.
        """
        name = _versioned("contract", version)
        if as_of_date is not None and (include_ledgers or name == "contract_v1"):
            raise ArgumentError("as_of_date goes neither with include_ledgers nor with version=1.")
        labels = _of_contract(customer, contract_id)
        body = {
            "include_balance": args.flag("include_balance", include_balance),
            "include_ledgers": args.flag("include_ledgers", include_ledgers),
            "as_of_date": args.optional_rfc3339("as_of_date", as_of_date),
        }
        requests = [request_for(name, labels, body=body)]
        return self._just(name, requests, on_error=on_error, filters={"contract_id": contract_id, **body})

    def contract_edits(
        self,
        customers: Customers | None,
        *,
        contract_id: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per edit of a contract: the columns of `tables.ContractEdits`, key `id`.

        Of every contract of the customers, archived ones too (one more request a customer to list them), or of
        `contract_id` of one customer.
        """
        name = "contract_edits"
        if contract_id is not None:
            requests = [request_for(name, _of_contract(customers, contract_id))]
            return self._just(name, requests, on_error=on_error, filters={"contract_id": contract_id})
        ids = args.customer_ids(customers)

        async def plan(load: Load) -> Sequence[Request]:
            found = await self._ids(load, ids)
            lists = [request_for("contracts", {"customer_id": id_}, body={"include_archived": True}) for id_ in found]
            contracts = await load.look_up(lists, "customer_id", "id")
            return [request_for(name, {"customer_id": owner, "contract_id": id_}) for owner, id_ in contracts]

        return self._load(name, plan, on_error=on_error, filters={})

    def rate_schedule(
        self,
        customer: Customers,
        contract_id: str,
        *,
        at: Instant | None = None,
        selectors: Iterable[Mapping[str, object]] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per entitled rate of a contract: the columns of `tables.RateSchedule`. `at` is now by default."""
        body = {
            "at": args.optional_rfc3339("at", at),
            "selectors": args.objects("selectors", selectors, *SELECTORS),
        }
        requests = [request_for("rate_schedule", _of_contract(customer, contract_id), body=body)]
        return self._just("rate_schedule", requests, on_error=on_error, filters={"contract_id": contract_id, **body})

    def subscription_quantities(
        self, customer: Customers, contract_id: str, subscription_id: str, *, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """One row per past quantity and price of a subscription: the columns of `tables.SubscriptionQuantities`."""
        labels = _of_subscription(customer, contract_id, subscription_id)
        requests = [request_for("subscription_quantities", labels)]
        return self._just("subscription_quantities", requests, on_error=on_error, filters=labels)

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
        """
        _not_both(covering_date=covering_date, starting_at=starting_at)
        _not_both(covering_date=covering_date, ending_before=ending_before)
        labels = _of_subscription(customer, contract_id, subscription_id)
        args.window(("starting_at", starting_at), ("ending_before", ending_before))
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "starting_at": args.optional_rfc3339("starting_at", starting_at),
            "ending_before": args.optional_rfc3339("ending_before", ending_before),
        }
        requests = [request_for("subscription_seats", labels, body=body)]
        return self._just("subscription_seats", requests, on_error=on_error, filters={**labels, **body})

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
        """
        _not_both(covering_date=covering_date, starting_at=starting_at)
        _not_both(covering_date=covering_date, effective_before=effective_before)
        if include_ledgers and not include_credits_and_commits:
            raise ArgumentError("include_ledgers needs include_credits_and_commits=True.")
        labels = _of_contract(customer, contract_id)
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
        requests = [request_for("seat_balances", labels, body=body)]
        return self._just("seat_balances", requests, on_error=on_error, filters={"contract_id": contract_id, **body})


def _versioned(name: str, version: int) -> str:
    if version not in {1, 2}:
        raise ArgumentError(f"version is 1 or 2, not {version!r}.")
    return f"{name}_v1" if version == 1 else name


def _not_both(**instants: Instant | None) -> None:
    if all(value is not None for value in instants.values()):
        raise ArgumentError(f"{' and '.join(instants)} exclude each other.")


def _of_contract(customer: Customers | None, contract_id: str) -> dict[str, str]:
    return {"customer_id": args.one_customer(customer), "contract_id": args.identifier("contract_id", contract_id)}


def _of_subscription(customer: Customers, contract_id: str, subscription_id: str) -> dict[str, str]:
    subscription = args.identifier("subscription_id", subscription_id)
    return {**_of_contract(customer, contract_id), "subscription_id": subscription}
