"""Commits, credits, balances and net balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders, given, request_for
from metronome_analytics.tables.vocabulary import InvoiceInclusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError


def net_balance_units(held: Iterable[str]) -> tuple[str | None, ...]:
    """The credit types in which a customer's net balance is asked for, of those its commits and credits are in.

    One call answers for one credit type. A customer without any is asked for in the API's default, USD (None): that
    it is zero there too is the only proof that no balance was left out.
    """
    return tuple(dict.fromkeys(held)) or (None,)


class BalanceLoaders(Loaders):
    """The loaders of balances."""

    def commits(
        self,
        customers: Customers | None = None,
        *,
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_commits: bool = True,
        include_archived: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per commit, prepaid and postpaid: the columns of `tables.Balances`, key `customer_id`, `id`."""
        flags = {
            "include_ledgers": include_ledgers,
            "include_balance": include_balance,
            "include_contract_commits": include_contract_commits,
            "include_archived": include_archived,
        }
        instants = {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before}
        return self._balances("commits", customers, flags, instants, on_error)

    def credits(
        self,
        customers: Customers | None = None,
        *,
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_credits: bool = True,
        include_archived: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per credit: the columns of `tables.Balances`, key `customer_id`, `id`."""
        flags = {
            "include_ledgers": include_ledgers,
            "include_balance": include_balance,
            "include_contract_credits": include_contract_credits,
            "include_archived": include_archived,
        }
        instants = {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before}
        return self._balances("credits", customers, flags, instants, on_error)

    def balances(
        self,
        customers: Customers | None = None,
        *,
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_balances: bool = True,
        include_archived: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per commit or credit, in one pass: the columns of `tables.Balances`, key `customer_id`, `id`.

        The API's own defaults leave out ledgers, balances and everything at contract level; here they are in.
        `covering_date` picks balances by their access on that date, `balance` still means now. See `ledger` and
        `segments` for what the rows nest.
        """
        flags = {
            "include_ledgers": include_ledgers,
            "include_balance": include_balance,
            "include_contract_balances": include_contract_balances,
            "include_archived": include_archived,
        }
        instants = {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before}
        return self._balances("balances", customers, flags, instants, on_error)

    def net_balances(
        self,
        customers: Customers | None = None,
        *,
        credit_type_id: str | None = None,
        filters: Iterable[Mapping[str, object]] | None = None,
        invoice_inclusion_mode: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer: the columns of `tables.NetBalances`, key `customer_id`, `credit_type_id`.

        One credit type a call, USD (cents) unless `credit_type_id` says otherwise. POSTPAID commits count unless
        `filters` (a list of objects with `balance_types`, `ids`, `custom_fields`) leaves them out.
        `invoice_inclusion_mode` is FINALIZED_AND_DRAFT (the API's default) or FINALIZED.
        """
        body = given(
            {
                "credit_type_id": args.text("credit_type_id", credit_type_id),
                "filters": args.objects("filters", filters, "balance_types", "ids", "custom_fields"),
                "invoice_inclusion_mode": args.choice(
                    "invoice_inclusion_mode", invoice_inclusion_mode, *InvoiceInclusion
                ),
            }
        )
        return self._fan_out(
            "net_balances",
            customers,
            lambda id_: [request_for("net_balances", {"customer_id": id_}, body=body)],
            on_error=on_error,
            filters=body,
        )

    def _balances(
        self,
        name: str,
        customers: Customers | None,
        flags: Mapping[str, bool],
        instants: Mapping[str, Instant | None],
        on_error: OnError,
    ) -> pl.DataFrame:
        # Flags are always sent: the API's defaults would leave most of a balance out.
        body = given(
            {argument: args.flag(argument, value) for argument, value in flags.items()}
            | {argument: args.optional_rfc3339(argument, value) for argument, value in instants.items()}
        )
        return self._fan_out(
            name,
            customers,
            lambda id_: [request_for(name, {"customer_id": id_}, body=body)],
            on_error=on_error,
            filters=body,
        )
