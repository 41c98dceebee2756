"""Contracts, their edits, named schedules, and what usage of the past would be billed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.base import Loaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant, OnError


_HISTORICAL = (
    *("customer_id", "contract_id", "credit_type_id", "inclusive_start_date", "exclusive_end_date", "issue_date"),
    *("breakdown_granularity", "usage_line_items", "billable_status", "custom_fields"),
)


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

        >>> contracts = account.contracts(covering_date="2026-10-15")
        >>> contracts.select("name", "net_payment_terms_days").row(0)
        ('Order form 00000-main', 30.0)
        """
        name = _versioned("contracts", version)
        args.not_both(covering_date=covering_date, starting_at=starting_at)
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "starting_at": args.optional_rfc3339("starting_at", starting_at),
            "include_archived": args.flag("include_archived", include_archived),
            "include_balance": args.flag("include_balance", include_balance),
            "include_ledgers": args.flag("include_ledgers", include_ledgers),
        }
        return self._each(name, customers, body=body, on_error=on_error)

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

        >>> osprey = account.customers()["id"][0]
        >>> first = account.contracts(osprey).row(0, named=True)
        >>> account.contract(first["customer_id"], first["id"], as_of_date="2026-06-01")["name"].item()
        'Order form 00000-main'
        """
        name = _versioned("contract", version)
        if as_of_date is not None and (include_ledgers or name == "contract_v1"):
            raise ArgumentError("as_of_date goes neither with include_ledgers nor with version=1.")
        body = {
            "include_balance": args.flag("include_balance", include_balance),
            "include_ledgers": args.flag("include_ledgers", include_ledgers),
            "as_of_date": args.optional_rfc3339("as_of_date", as_of_date),
        }
        return self._one(name, self._contract(customer, contract_id), body=body, on_error=on_error)

    def contract_edits(
        self,
        customers: Customers | None = None,
        *,
        contract_id: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per edit of a contract: the columns of `tables.ContractEdits`, key `id`.

        Of every contract of the customers, archived ones too (one more request a customer to list them), or of
        `contract_id` of one customer.

        >>> account.contract_edits()["timestamp"].dt.date().to_list()
        [datetime.date(2025, 9, 30), datetime.date(2026, 4, 28)]
        """
        if contract_id is None:
            return self._of_contracts("contract_edits", customers, on_error=on_error)
        return self._one("contract_edits", self._contract(customers, contract_id), on_error=on_error)

    def named_schedules(
        self,
        customers: Customers | None = None,
        *,
        contract_id: str | None = None,
        schedule_name: str | None = None,
        covering_date: Instant | None = None,
        properties: Mapping[str, object] | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per segment of every named schedule on the contracts of customers: `tables.NamedSchedules`.

        Of all their contracts, or of `contract_id`; of all schedules, or of those of one name and with `properties`.
        Client-gated: an account may not have them. `named_schedule` reads those of customers and rate cards.

        >>> schedules = account.named_schedules(schedule_name="support-tier", covering_date="2026-11-01")
        >>> schedules.select("schedule_name", "value").row(0)
        ('support-tier', '"premium"')
        """
        body = {
            "contract_id": None if contract_id is None else args.identifier("contract_id", contract_id),
            "schedule_name": args.text("schedule_name", schedule_name),
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "properties": args.an_object("properties", properties),
        }
        return self._each("named_schedules", customers, body=body, on_error=on_error)

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

        >>> osprey = account.customers()["id"][0]
        >>> contract = account.contracts(osprey).row(0, named=True)
        >>> tier = account.named_schedule("support-tier", customer=contract["customer_id"], contract=contract["id"])
        >>> tier["value"].to_list()
        ['"premium"']
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
            name, labels["customer_id"] = "customer_named_schedule", self._customer(customer)
        if contract is not None:
            name, labels["contract_id"] = "contract_named_schedule", args.identifier("contract", contract)
        body = {
            "covering_date": args.optional_rfc3339("covering_date", covering_date),
            "properties": args.an_object("properties", properties),
        }
        return self._one(name, labels, body=body, on_error=on_error)

    def preview_historical_invoices(
        self, invoices: Iterable[Mapping[str, object]], *, on_error: OnError = "raise"
    ) -> pl.DataFrame:
        """What historical `invoices` would be: the columns of `tables.Invoices`. Computes, and changes nothing.

        An invoice is an object in the API's words: `customer_id`, `contract_id`, `credit_type_id`,
        `inclusive_start_date`, `exclusive_end_date`, `issue_date`, `usage_line_items`, `custom_fields` as wanted.
        `ma.changes.CreateHistoricalInvoices` makes them.

        >>> osprey = account.customers()["id"][0]
        >>> contract = account.contracts(osprey).row(0, named=True)
        >>> invoice = {
        ...     "customer_id": contract["customer_id"],
        ...     "contract_id": contract["id"],
        ...     "credit_type_id": account.credit_types()["id"][0],
        ...     "inclusive_start_date": "2026-09-01T00:00:00Z",
        ...     "exclusive_end_date": "2026-10-01T00:00:00Z",
        ...     "issue_date": "2026-10-01T00:00:00Z",
        ...     "usage_line_items": [],
        ... }
        >>> try:
        ...     account.preview_historical_invoices([invoice])
        ... except ma.RequestRejected as refused:
        ...     print(refused.__cause__.args[0][:80])
        Metronome rejected the request (400 Bad Request: the period is invoiced already)
        """
        sent = args.objects("invoices", invoices, *_HISTORICAL) or []
        # Without `preview` the same call would bill them: it is written here, and no argument reaches it.
        body = {"invoices": sent, "preview": True}
        filters = {"invoices": f"{len(sent)} invoices"}
        return self._one("preview_historical_invoices", body=body, on_error=on_error, filters=filters)


def _versioned(name: str, version: int) -> str:
    if version not in {1, 2}:
        raise ArgumentError(f"version is 1 or 2, not {version!r}.")
    return f"{name}_v1" if version == 1 else name
