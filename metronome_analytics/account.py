"""Account: every loader, and what each load cost."""

from __future__ import annotations

import json
import sys
import time
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.api.client import Client, Request
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.background import Background
from metronome_analytics.errors import ArgumentError, IncompleteLoadWarning, load_error
from metronome_analytics.loading import DriftLog, Load
from metronome_analytics.progress import ProgressBar, ProgressMode
from metronome_analytics.settings import read_settings
from metronome_analytics.tables import (
    Balances,
    Costs,
    Customers,
    InvoiceBreakdowns,
    Invoices,
    NetBalances,
    Receipts,
    select,
)

if TYPE_CHECKING:
    import dataframely as dy
    import httpx
    from pydantic import SecretStr

    from metronome_analytics.arguments import Customers as CustomersArgument
    from metronome_analytics.arguments import Instant, OnError

# `customer_ids` and `salesforce_account_ids` take at most this many.
_IDS_PER_REQUEST = 100
# What one response of invoices/breakdowns may cover; the API would answer the rest behind a cursor.
_BREAKDOWN_SPAN = {"DAY": timedelta(days=35), "HOUR": timedelta(hours=24)}


def connect(
    token: str | SecretStr | None = None,
    *,
    base_url: str | None = None,
    environment: str | None = None,
    allow_writes: bool = False,
    max_requests_per_second: float | None = 7.5,
    max_concurrency: int = 16,
    timeout: float = 60.0,
    progress: ProgressMode = "auto",
    transport: httpx.AsyncBaseTransport | None = None,
) -> Account:
    """An account to load from. Nothing is sent until something is loaded.

    `token` is the argument, else METRONOME_BEARER_TOKEN; `base_url` the argument, else METRONOME_BASE_URL, else
    https://api.metronome.com (sandbox and production share it: the token decides). `environment` is a label of yours,
    shown in reprs, plans and receipts. `max_requests_per_second=None` means unpaced. `transport` replaces the network.

    Raises ConfigurationError without a usable token or base URL, ArgumentError for any other argument.
    """
    secret, url = read_settings(token, base_url)
    return Account(
        secret,
        url,
        environment=args.text("environment", environment),
        allow_writes=bool(args.flag("allow_writes", allow_writes)),
        max_requests_per_second=_pace(max_requests_per_second),
        max_concurrency=int(_positive("max_concurrency", max_concurrency)),
        timeout=_positive("timeout", timeout),
        progress=progress,
        transport=transport,
    )


def _pace(value: float | None) -> float | None:
    return None if value is None else _positive("max_requests_per_second", value)


def _positive(argument: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ArgumentError(f"{argument} must be a positive number, not {value!r}.")
    if argument == "max_concurrency" and value != int(value):
        raise ArgumentError(f"{argument} must be a whole number, not {value!r}.")
    return value


class Account:
    """One Metronome account, read as polars tables. Open it with `connect()` or `demo()`.

    Every loader returns every row or raises LoadError (`on_error="raise"`, the default), or returns the rows it could
    get, warns, and marks its receipt incomplete (`on_error="collect"`). `customers=` is None (every customer that is
    not archived, as `customers()` lists them), an id, several ids, a Series, a frame with a `customer_id` or `id`
    column, or a picker; rows come in the order of the customers given, then in the API's own.
    """

    def __init__(
        self,
        token: SecretStr,
        base_url: str,
        *,
        environment: str | None,
        allow_writes: bool,
        max_requests_per_second: float | None,
        max_concurrency: int,
        timeout: float,
        progress: ProgressMode,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.environment = environment
        self._base_url = base_url
        self._allow_writes = allow_writes
        self._rate = max_requests_per_second
        self._concurrency = max_concurrency
        self._progress: ProgressMode = progress
        self._client = Client(
            token,
            base_url,
            max_requests_per_second=max_requests_per_second,
            max_concurrency=max_concurrency,
            timeout=timeout,
            transport=transport,
        )
        self._background = Background()
        self._drift = DriftLog()
        self._receipts: list[dict[str, Any]] = []
        # Closes at interpreter exit too; holds no reference to the account itself.
        self._closer = weakref.finalize(self, self._background.close, self._client.aclose)

    # --- the loaders ------------------------------------------------------------------------------------------

    def customers(
        self,
        *,
        customer_ids: CustomersArgument | None = None,
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
        endpoint = ENDPOINTS["customers"]
        requests = [
            Request(endpoint, query={**query, "customer_ids": some, "salesforce_account_ids": accounts})
            for some in _batches(ids)
            for accounts in _batches(salesforce)
        ]

        async def plan(_: Load) -> list[Request]:
            return requests

        return self._load(
            "customers",
            Customers,
            plan,
            on_error=on_error,
            filters={
                **query,
                "customer_ids": None if ids is None else f"{len(ids)} ids",
                "salesforce_account_ids": salesforce,
            },
        )

    def invoices(
        self,
        customers: CustomersArgument | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        status: str | None = None,
        credit_type_id: str | None = None,
        skip_zero_qty_line_items: bool | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per invoice, lines nested: the columns of `tables.Invoices`, key `id`; see `line_items`.

        The window [starting_on, ending_before) holds an invoice whose service period starts in it, or, where it has
        no period (SCHEDULED), that is issued in it: consecutive windows share no invoice and miss none. The API's own
        date filter drops a period that ends exactly at `ending_before` and says nothing of SCHEDULED invoices, so the
        window is applied here. `status` is DRAFT, FINALIZED or VOID; `credit_type_id` the invoice's own.
        """
        start, end = args.window(("starting_on", starting_on), ("ending_before", ending_before))
        query = {
            "status": None if args.text("status", status) is None else str(status).upper(),
            "credit_type_id": args.text("credit_type_id", credit_type_id),
            "skip_zero_qty_line_items": args.flag("skip_zero_qty_line_items", skip_zero_qty_line_items),
        }
        at = pl.coalesce("start_timestamp", "issued_at", "created_at")
        return self._fan_out(
            "invoices",
            Invoices,
            customers,
            # The two descriptions of the default order contradict each other, so it is always asked for.
            lambda id_: [self._of_customer("invoices", id_, query={**query, "sort": "date_asc"})],
            on_error=on_error,
            filters={**query, "starting_on": start, "ending_before": end},
            within=_within(at, start, end),
        )

    def invoice_breakdowns(
        self,
        customers: CustomersArgument | None = None,
        *,
        starting_on: Instant,
        ending_before: Instant,
        window_size: str = "day",
        status: str | None = None,
        credit_type_id: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per invoice and day or hour: the columns of `tables.InvoiceBreakdowns`.

        Key `id`, `breakdown_start_timestamp`. Any window is split into what one response may cover (35 days of
        days, 24 hours of hours). Holds DRAFT and FINALIZED invoices; usage that came after finalisation is in the
        breakdown and not on the invoice.
        """
        start, end = args.required_window(starting_on, ending_before)
        size = args.choice("window_size", window_size, "DAY", "HOUR") or "DAY"
        query = {
            "window_size": size,
            "status": args.choice("status", status, "DRAFT", "FINALIZED"),
            "credit_type_id": args.text("credit_type_id", credit_type_id),
            "sort": "date_asc",
        }
        windows = list(args.chunks(*args.whole_days(start, end), _BREAKDOWN_SPAN[size]))
        return self._fan_out(
            "invoice_breakdowns",
            InvoiceBreakdowns,
            customers,
            lambda id_: [
                self._of_customer("invoice_breakdowns", id_, query=query | _bounds(*some)) for some in windows
            ],
            on_error=on_error,
            filters={**query, "starting_on": start, "ending_before": end},
            within=_within(pl.col("breakdown_start_timestamp"), start, end),
        )

    def costs(
        self,
        customers: CustomersArgument | None = None,
        *,
        starting_on: Instant,
        ending_before: Instant,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """Pending cost by customer, UTC day and credit type: the columns of `tables.Costs`; see `cost_lines`.

        Plans-only at the vendor: a customer on contracts has no rows. Use `invoice_breakdowns` for them.
        """
        start, end = args.required_window(starting_on, ending_before)
        query = _bounds(*args.whole_days(start, end))
        return self._fan_out(
            "costs",
            Costs,
            customers,
            lambda id_: [self._of_customer("costs", id_, query=query)] if start < end else [],
            on_error=on_error,
            filters={"starting_on": start, "ending_before": end},
            within=_within(pl.col("start_timestamp"), start, end),
            unnest="credit_types",
        )

    def commits(
        self,
        customers: CustomersArgument | None = None,
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
        return self._balances(
            "commits",
            customers,
            {
                "include_ledgers": include_ledgers,
                "include_balance": include_balance,
                "include_contract_commits": include_contract_commits,
                "include_archived": include_archived,
            },
            {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before},
            on_error,
        )

    def credits(
        self,
        customers: CustomersArgument | None = None,
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
        return self._balances(
            "credits",
            customers,
            {
                "include_ledgers": include_ledgers,
                "include_balance": include_balance,
                "include_contract_credits": include_contract_credits,
                "include_archived": include_archived,
            },
            {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before},
            on_error,
        )

    def balances(
        self,
        customers: CustomersArgument | None = None,
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
        return self._balances(
            "balances",
            customers,
            {
                "include_ledgers": include_ledgers,
                "include_balance": include_balance,
                "include_contract_balances": include_contract_balances,
                "include_archived": include_archived,
            },
            {"covering_date": covering_date, "starting_at": starting_at, "effective_before": effective_before},
            on_error,
        )

    def net_balances(
        self,
        customers: CustomersArgument | None = None,
        *,
        credit_type_id: str | None = None,
        filters: Sequence[Mapping[str, object]] | None = None,
        invoice_inclusion_mode: str | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """One row per customer: the columns of `tables.NetBalances`, key `customer_id`, `credit_type_id`.

        One credit type a call, USD (cents) unless `credit_type_id` says otherwise. POSTPAID commits count unless
        `filters` (a list of objects with `balance_types`, `ids`, `custom_fields`) leaves them out.
        `invoice_inclusion_mode` is FINALIZED_AND_DRAFT (the API's default) or FINALIZED.
        """
        body = _given(
            {
                "credit_type_id": args.text("credit_type_id", credit_type_id),
                "filters": _filters(filters),
                "invoice_inclusion_mode": args.choice(
                    "invoice_inclusion_mode", invoice_inclusion_mode, "FINALIZED_AND_DRAFT", "FINALIZED"
                ),
            }
        )
        return self._fan_out(
            "net_balances",
            NetBalances,
            customers,
            lambda id_: [Request(ENDPOINTS["net_balances"], id_, body={"customer_id": id_, **body})],
            on_error=on_error,
            filters=body,
        )

    # --- what the loads cost -----------------------------------------------------------------------------------

    @property
    def receipts(self) -> pl.DataFrame:
        """One row per load so far: the columns of `tables.Receipts`."""
        return pl.DataFrame(self._receipts, schema=Receipts.create_empty().schema, orient="row")

    @property
    def drift(self) -> pl.DataFrame:
        """The fields the API sent that no table declares: the columns of `tables.Drift`."""
        return self._drift.frame()

    # --- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of every connection and the background thread; again does nothing."""
        self._closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        facts = [
            repr(self._base_url),
            *([f"environment={self.environment!r}"] if self.environment else []),
            "token='********'",
            "may write" if self._allow_writes else "reads only",
            "unpaced" if self._rate is None else f"{self._rate:g} requests/s",
            *(["closed"] if not self._closer.alive else []),
        ]
        if self._receipts:
            spent = self.receipts.select("requests", "rows").sum().row(0)
            facts.append(f"{len(self._receipts)} loads, {spent[0]:,} requests, {spent[1]:,} rows so far")
        return f"Account({', '.join(facts)})"

    # --- how a load goes -----------------------------------------------------------------------------------------

    @staticmethod
    def _of_customer(name: str, customer_id: str, *, query: Mapping[str, object]) -> Request:
        return Request(ENDPOINTS[name], customer_id, path={"customer_id": customer_id}, query=query)

    def _balances(
        self,
        name: Literal["commits", "credits", "balances"],
        customers: CustomersArgument | None,
        flags: Mapping[str, bool],
        instants: Mapping[str, Instant | None],
        on_error: OnError,
    ) -> pl.DataFrame:
        # Flags are always sent: the API's defaults would leave most of a balance out.
        body = _given(
            {argument: args.flag(argument, value) for argument, value in flags.items()}
            | {argument: args.optional_rfc3339(argument, value) for argument, value in instants.items()}
        )
        return self._fan_out(
            name,
            Balances,
            customers,
            lambda id_: [Request(ENDPOINTS[name], id_, body={"customer_id": id_, **body})],
            on_error=on_error,
            filters=body,
        )

    def _fan_out(
        self,
        name: str,
        table: type[dy.Schema],
        customers: CustomersArgument | None,
        requests_of: Callable[[str], list[Request]],
        *,
        on_error: OnError,
        filters: Mapping[str, object],
        within: pl.Expr | None = None,
        unnest: str | None = None,
    ) -> pl.DataFrame:
        """A load of the requests that `requests_of` makes for each of `customers`."""
        ids = args.customer_ids(customers)

        async def plan(load: Load) -> list[Request]:
            found = await load.column(Request(ENDPOINTS["customers"]), "id") if ids is None else ids
            return [request for id_ in found for request in requests_of(id_)]

        return self._load(name, table, plan, on_error=on_error, filters=filters, within=within, unnest=unnest)

    def _load(
        self,
        name: str,
        table: type[dy.Schema],
        plan: Callable[[Load], Awaitable[Sequence[Request]]],
        *,
        on_error: OnError,
        filters: Mapping[str, object],
        within: pl.Expr | None = None,
        unnest: str | None = None,
    ) -> pl.DataFrame:
        """Run the requests of `plan`, shape their rows as `table`, and leave a receipt whatever happens."""
        collect = args.choice("on_error", on_error, "raise", "collect") == "collect"
        load = Load(self._client, self._drift, self._concurrency, collect)
        bar = ProgressBar(name, self._progress)
        started_at, began = datetime.now(UTC), time.monotonic()
        complete = False

        async def work() -> None:
            requests = await plan(load)
            if collect or not load.failures:
                await load.gather(requests)

        try:
            self._background.run(
                work, tick=lambda: bar.show(requests=load.tally.requests, foreseen=load.foreseen, rows=load.tally.rows)
            )
            frame = _shaped(load.frame(ENDPOINTS[name]), table, within=within, unnest=unnest)
            complete = not load.failures
        finally:
            bar.close()
            self._receipts.append(
                {
                    "load_id": f"{len(self._receipts) + 1:04d}",
                    "endpoint": name,
                    "customers": load.customers,
                    **asdict(load.tally),
                    "started_at": started_at,
                    "seconds": time.monotonic() - began,
                    "complete": complete,
                    "unknown_fields": len(load.unknown_fields),
                    "filters": json.dumps(_given({"environment": self.environment, **filters}), default=str),
                }
            )
        if not complete and collect:
            warnings.warn(
                f"{name}: {len(load.failures)} of {load.planned} requests failed, the frame is incomplete. "
                f"The first: {load.failures[0]}",
                IncompleteLoadWarning,
                stacklevel=_caller_depth(),
            )
        elif not complete:
            raise load_error(load.failures[0], partial=frame, failures=load.failure_frame())
        return frame


def _shaped(rows: pl.DataFrame, table: type[dy.Schema], *, within: pl.Expr | None, unnest: str | None) -> pl.DataFrame:
    """Wire rows as `table`: one row per element of `unnest`, only those `within` the window asked for."""
    if unnest is not None:
        rows = rows.explode(unnest, empty_as_null=False, keep_nulls=False)
    frame = select(rows, table)
    return frame if within is None else frame.filter(within)


def _within(at: pl.Expr, start: datetime | None, end: datetime | None) -> pl.Expr:
    """Whether `at` lies in [start, end); a row without any time is kept rather than lost."""
    inside = pl.lit(value=True)
    if start is not None:
        inside &= at >= start
    if end is not None:
        inside &= at < end
    return inside | at.is_null()


def _bounds(start: datetime, end: datetime) -> dict[str, object]:
    return {"starting_on": args.rfc3339(start), "ending_before": args.rfc3339(end)}


def _given(parameters: Mapping[str, object]) -> dict[str, object]:
    """Only what was given: the API tells an absent parameter from a null one."""
    return {name: value for name, value in parameters.items() if value is not None}


def _batches(ids: list[str] | None) -> list[list[str] | None]:
    """`ids` in lists as long as one request takes; None stays one batch without ids."""
    if ids is None:
        return [None]
    return [ids[first : first + _IDS_PER_REQUEST] for first in range(0, len(ids), _IDS_PER_REQUEST)]


def _filters(filters: Sequence[Mapping[str, object]] | None) -> list[dict[str, object]] | None:
    if filters is None:
        return None
    if isinstance(filters, Mapping | str) or not all(isinstance(one, Mapping) for one in filters):
        raise ArgumentError("filters must be a list of objects with balance_types, ids or custom_fields.")
    unknown = {name for one in filters for name in one} - {"balance_types", "ids", "custom_fields"}
    if unknown:
        raise ArgumentError(f"filters knows balance_types, ids and custom_fields, not {', '.join(sorted(unknown))}.")
    return [dict(one) for one in filters]


def _caller_depth() -> int:
    """The stack level of the first frame outside this package, where a warning belongs."""
    depth, frame = 1, sys._getframe(1)  # noqa: SLF001  # the documented way to look at the stack
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("metronome_analytics"):
        depth, frame = depth + 1, frame.f_back
    return depth
