"""The part of an account that keeps a mirror of it."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, overload

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError, MirrorMismatch
from metronome_analytics.loaders.base import Loaders
from metronome_analytics.loaders.invoices import BREAKDOWN_SPAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import polars as pl

    from metronome_analytics.arguments import Customers, Instant
    from metronome_analytics.mirror.estimate import Estimate
    from metronome_analytics.mirror.mirror import Mirror

# What is no table of its own: it comes out of another.
_WITHIN = {
    "line_items": "invoices",
    "commits": "balances",
    "credits": "balances",
    "ledger": "balances",
    "segments": "balances",
    "cost_lines": "costs",
}

# The loaders that ask for each customer by itself.
_ESTIMATED = (
    *("invoices", "invoice_breakdowns", "costs", "balances", "commits", "credits", "net_balances"),
    *("contracts", "alerts", "plans", "credit_grants"),
)


class MirrorDesk(Loaders):
    """What an account offers for its mirror."""

    customers: Callable[..., pl.DataFrame]
    _base_url: str
    _rate: float | None

    @overload
    def sync(
        self,
        uri: str | Path,
        *,
        tables: str | Iterable[str] | None = ...,
        customers: Customers | None = ...,
        max_requests: int | None = ...,
        deadline: datetime | timedelta | float | None = ...,
        full: bool = ...,
        open_every: timedelta = ...,
        full_every: timedelta = ...,
        dry_run: Literal[False] = ...,
        storage_options: Mapping[str, str] | None = ...,
    ) -> Mirror: ...

    @overload
    def sync(
        self,
        uri: str | Path,
        *,
        tables: str | Iterable[str] | None = ...,
        customers: Customers | None = ...,
        max_requests: int | None = ...,
        deadline: datetime | timedelta | float | None = ...,
        full: bool = ...,
        open_every: timedelta = ...,
        full_every: timedelta = ...,
        dry_run: Literal[True],
        storage_options: Mapping[str, str] | None = ...,
    ) -> Estimate: ...

    @overload
    def sync(
        self,
        uri: str | Path,
        *,
        tables: str | Iterable[str] | None = ...,
        customers: Customers | None = ...,
        max_requests: int | None = ...,
        deadline: datetime | timedelta | float | None = ...,
        full: bool = ...,
        open_every: timedelta = ...,
        full_every: timedelta = ...,
        dry_run: bool,
        storage_options: Mapping[str, str] | None = ...,
    ) -> Mirror | Estimate: ...

    def sync(
        self,
        uri: str | Path,
        *,
        tables: str | Iterable[str] | None = None,
        customers: Customers | None = None,
        max_requests: int | None = None,
        deadline: datetime | timedelta | float | None = None,
        full: bool = False,
        open_every: timedelta = timedelta(days=1),
        full_every: timedelta = timedelta(days=7),
        dry_run: bool = False,
        storage_options: Mapping[str, str] | None = None,
    ) -> Mirror | Estimate:
        """Write the account to `uri` as Delta Lake tables, or bring what is there up to date, and open it.

        `uri` is a local path, `s3://`, `gs://` or `az://` (with `storage_options`). `tables` are customers, invoices,
        invoice_breakdowns, costs, balances, net_balances, contracts, products, rate_cards, credit_types, and what
        those nest (line_items, ledger, ...). None is what the mirror has; for a new one all but `invoice_breakdowns`,
        which cost a request for each 35 days of a customer. Archived customers and balances are included.

        The first sync reads everything; a later one only what may have changed, by the rules of
        `metronome_analytics.mirror.rules`, and everything that was read longer than `full_every` ago; `full=True`
        reads all of it now. `max_requests` and `deadline` (a time, or how long) stop it cleanly: it begins no customer
        that would not fit. However it ends, customers are in the mirror whole or not at all, and the next sync goes on
        there. `dry_run=True` returns an Estimate instead, and writes nothing.

        Raises LoadError when customers could not be read (the others are in the mirror), MirrorLocked while another
        sync is at work, MirrorMismatch for the mirror of another account or environment, MirrorError where it cannot
        be written.
        """
        from metronome_analytics.mirror.mirror import Mirror  # noqa: PLC0415  # deltalake is an extra
        from metronome_analytics.mirror.mirrored import LAYOUTS, MIRRORED  # noqa: PLC0415  # as above
        from metronome_analytics.mirror.store import Store  # noqa: PLC0415  # as above
        from metronome_analytics.mirror.sync import CUSTOMERS_PER_BUCKET, Sync, Wish  # noqa: PLC0415  # as above

        ids = args.customer_ids(customers)
        wish = Wish(
            tables=_tables(tables),
            customers=None if ids is None else tuple(ids),
            max_requests=_limit("max_requests", max_requests),
            is_over=_is_over(deadline),
            open_every=_interval("open_every", open_every),
            full_every=timedelta() if args.flag("full", full) else _interval("full_every", full_every),
        )
        identity = {"base_url": self._base_url, "environment": self.environment or ""}
        store = Store.find(uri, LAYOUTS, storage_options=storage_options)
        if store is not None:
            _same_place(store.identity, identity, uri)
            if tables is None:
                held = set(store.snapshot().progress("table")["table"])
                wish = replace(wish, tables=tuple(name for name in MIRRORED if name in held) or wish.tables)
        sync = Sync(self, wish)
        listing = sync.listing()
        if args.flag("dry_run", dry_run):
            return sync.estimate(listing, store)
        if store is None:
            buckets = max(1, math.ceil(listing.height / CUSTOMERS_PER_BUCKET))
            store = Store.create(uri, LAYOUTS, identity=identity, buckets=buckets, storage_options=storage_options)
        with store.writing() as writer:
            sync.run(listing, store, writer)
        return Mirror(store)

    def estimate(
        self,
        loader: str,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        window_size: str = "day",
    ) -> Estimate:
        """How many requests `loader` ("invoices", "balances", ...) takes at least, and how long at the account's pace.

        Sends nothing when `customers` are given; None lists them. A customer counts what it took on average in the
        loads so far, one request if there were none; `invoice_breakdowns` one for each part of its window.
        """
        from metronome_analytics.mirror.estimate import Estimate  # noqa: PLC0415  # only this needs it

        if loader not in _ESTIMATED:
            raise ArgumentError(f"{loader!r} cannot be estimated.", advice=f"Loaders are {', '.join(_ESTIMATED)}.")
        least = 1
        if loader == "invoice_breakdowns":
            if starting_on is None or ending_before is None:
                raise ArgumentError("invoice_breakdowns need starting_on and ending_before.")
            window = args.whole_days(*args.required_window(starting_on, ending_before))
            size = args.choice("window_size", window_size, "DAY", "HOUR") or "DAY"
            least = sum(1 for _ in args.chunks(*window, BREAKDOWN_SPAN[size]))
        ids = args.customer_ids(customers)
        if ids is None:
            ids = self.customers()["id"].to_list()
        past = [receipt for receipt in self._receipts if receipt["endpoint"] == loader and receipt["complete"]]
        pages, heads = (sum(receipt[name] for receipt in past) for name in ("pages", "customers"))
        requests = math.ceil(len(ids) * max(least, pages / heads if heads else 0))
        return Estimate.of([(loader, "asked", len(ids), requests)], self._rate)


def _tables(tables: str | Iterable[str] | None) -> tuple[str, ...]:
    from metronome_analytics.mirror.mirrored import MIRRORED  # noqa: PLC0415  # deltalake is an extra

    names = args.texts("tables", tables)
    if names is None:
        return tuple(name for name, table in MIRRORED.items() if table.by_default)
    chosen = {_WITHIN.get(name, name) for name in names} | {"customers"}
    unknown = sorted(chosen - set(MIRRORED))
    if unknown:
        known = ", ".join([*MIRRORED, *_WITHIN])
        raise ArgumentError(f"tables holds {unknown[0]!r}, which no mirror has.", advice=f"Tables are {known}.")
    # The windows of the breakdowns begin where the invoices do.
    needed = {"invoices"} if "invoice_breakdowns" in chosen else set()
    return tuple(name for name in MIRRORED if name in chosen | needed)


def _limit(argument: str, value: int | None) -> int | None:
    return None if value is None else args.whole_number(argument, value)


def _interval(argument: str, value: timedelta) -> timedelta:
    if not isinstance(value, timedelta) or value < timedelta():
        raise ArgumentError(f"{argument} must be a timedelta that is not negative, not {value!r}.")
    return value


def _is_over(deadline: datetime | timedelta | float | None) -> Callable[[], bool]:
    """Whether `deadline` has passed: a time, or how long from now (a number of seconds)."""
    match deadline:
        case None:
            return lambda: False
        case datetime():
            at = args.instant("deadline", deadline)
            return lambda: at is not None and datetime.now(UTC) >= at
        case timedelta():
            seconds = deadline.total_seconds()
        case int() | float() if not isinstance(deadline, bool):
            seconds = float(deadline)
        case _:
            raise ArgumentError(f"deadline must be a time, a timedelta or seconds, not {deadline!r}.")
    began = time.monotonic()
    return lambda: time.monotonic() - began >= seconds


def _same_place(held: Mapping[str, str], here: Mapping[str, str], uri: object) -> None:
    for what, ours in here.items():
        theirs = held.get(what, "")
        if theirs != ours:
            raise MirrorMismatch(
                f"The mirror at {uri} is of {what} {theirs!r}, this account's is {ours!r}.",
                advice="Connect as the mirror was made, or sync to another place.",
            )
