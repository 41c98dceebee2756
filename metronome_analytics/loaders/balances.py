"""Commits, credits, balances and net balances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import Loaders, given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError

_ACCESS_TYPES = ("SPEND", "QUANTITY")

# How each parameter of the three lists is read, by its name; what begins with include_ or exclude_ is a flag.
_READ: dict[str, Callable[[str, Any], object]] = {
    "id": args.text,
    "commit_id": args.text,
    "credit_id": args.text,
    "covering_date": args.optional_rfc3339,
    "starting_at": args.optional_rfc3339,
    "effective_before": args.optional_rfc3339,
    "access_type": lambda name, value: args.growing(name, value, *_ACCESS_TYPES),
}


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
        commit_id: str | None = None,
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_commits: bool = True,
        include_archived: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        access_type: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per commit, prepaid and postpaid: the columns of `tables.Balances`, key `customer_id`, `id`.

        The arguments are those of `balances`; `commit_id` asks for one commit.

        >>> account.commits().group_by("type").len().sort("type").rows()
        [('POSTPAID', 3), ('PREPAID', 12)]
        """
        return self._balances("commits", locals())

    def credits(
        self,
        customers: Customers | None = None,
        *,
        credit_id: str | None = None,
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_credits: bool = True,
        include_archived: bool = False,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per credit: the columns of `tables.Balances`, key `customer_id`, `id`.

        The arguments are those of `balances`; `credit_id` asks for one credit.

        >>> unused = account.credits().filter(pl.col("balance") > 0)
        >>> unused.select("name", "credit_type_name", "balance").row(0)
        ('Credit in dollars that nothing may draw', 'USD (cents)', Decimal('100000.0000000000'))
        """
        return self._balances("credits", locals())

    def balances(
        self,
        customers: Customers | None = None,
        *,
        id: str | None = None,  # noqa: A002  # the API's name
        include_ledgers: bool = True,
        include_balance: bool = True,
        include_contract_balances: bool = True,
        include_archived: bool = False,
        exclude_zero_balances: bool | None = None,
        covering_date: Instant | None = None,
        starting_at: Instant | None = None,
        effective_before: Instant | None = None,
        access_type: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per commit or credit, in one pass: the columns of `tables.Balances`, key `customer_id`, `id`.

        The API's own defaults leave out ledgers, balances and everything at contract level; here they are in.
        `covering_date` picks balances by their access on that date, `balance` still means now. `id` asks for one
        balance; `access_type` is SPEND or QUANTITY (known to the official client, not to the OpenAPI file). See
        `ledger` and `segments` for what the rows nest.

        >>> balances = account.balances()
        >>> left = ma.major_units(balances).group_by("currency").agg(pl.col("balance").sum())
        >>> [f"{currency} {balance:,.2f}" for currency, balance in left.sort("currency").rows()]
        ['AI Credits 2,899,416.40', 'EUR 1,129.53', 'USD 663,493.87']
        """
        return self._balances("balances", locals())

    def net_balances(
        self,
        customers: Customers | None = None,
        *,
        credit_type_id: str | None = None,
        filters: Iterable[Mapping[str, object]] | None = None,
        invoice_inclusion_mode: str | None = None,
        access_type: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer: the columns of `tables.NetBalances`, key `customer_id`, `credit_type_id`.

        One credit type a call, USD (cents) unless `credit_type_id` says otherwise. POSTPAID commits count unless
        `filters` (a list of objects with `balance_types`, `ids`, `custom_fields`) leaves them out.
        `invoice_inclusion_mode` is FINALIZED_AND_DRAFT (the API's default) or FINALIZED; `access_type` as in
        `balances`.

        >>> net = ma.major_units(account.net_balances(invoice_inclusion_mode="FINALIZED"))
        >>> net.select("balance", "currency").row(0)
        (Decimal('14514.668600000000'), 'USD')
        """
        from metronome_analytics.tables.vocabulary import InvoiceInclusion  # noqa: PLC0415  # as in `receipts`

        body = given(
            {
                "credit_type_id": args.text("credit_type_id", credit_type_id),
                "filters": args.objects("filters", filters, "balance_types", "ids", "custom_fields"),
                "invoice_inclusion_mode": args.choice(
                    "invoice_inclusion_mode", invoice_inclusion_mode, *InvoiceInclusion
                ),
                "access_type": args.growing("access_type", access_type, *_ACCESS_TYPES),
            }
        )
        return self._each("net_balances", customers, body=body, on_error=on_error)

    def _balances(self, name: str, asked: Mapping[str, Any]) -> pl.DataFrame:
        """The list `name`, with the arguments of its loader as they were `asked`."""
        parameters = {key: value for key, value in asked.items() if key not in {"self", "customers", "on_error"}}
        # Flags are always sent: the API's defaults would leave most of a balance out.
        body = given({key: _READ.get(key, args.flag)(key, value) for key, value in parameters.items()})
        return self._each(name, asked["customers"], body=body, on_error=asked["on_error"])
