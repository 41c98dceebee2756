"""The mirror, as those who read it see it: every table as a LazyFrame, how complete it is, and what changed."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, overload

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError, IncompleteLoadWarning, MirrorError
from metronome_analytics.mirror import state
from metronome_analytics.mirror.changes import changes
from metronome_analytics.mirror.cluster import map_buckets
from metronome_analytics.mirror.housekeeping import optimize, vacuum
from metronome_analytics.mirror.mirrored import LAYOUTS, MIRRORED
from metronome_analytics.mirror.store import Store
from metronome_analytics.mirror.verify import problems
from metronome_analytics.tables import cost_lines, ledger, line_items, segments
from metronome_analytics.tables.costs import daily_costs
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from distributed import Client

    from metronome_analytics.analysis import Reconciliation
    from metronome_analytics.arguments import Instant
    from metronome_analytics.mirror.store import Snapshot


def open_mirror(uri: str | Path, *, storage_options: Mapping[str, str] | None = None) -> Mirror:
    """The mirror that `account.sync(uri)` wrote, as it stands now; needs no token and sends nothing to Metronome.

    `uri` is a local path, or one of `s3://`, `gs://`, `az://` with `storage_options` as polars and deltalake take them.
    Raises MirrorError where there is no mirror, or one of a newer version of this package.

    >>> mirror = account.sync("mirror", tables="customers")
    >>> ma.open_mirror("mirror").customers().select("name").collect()["name"][0]
    'Osprey Biotech Inc.'
    """
    return Mirror(Store.open(uri, LAYOUTS, storage_options=storage_options))


class Mirror:
    """An account on disk or in object storage: the tables of the loaders, as polars LazyFrames of the same schemas.

    It shows what was whole when it was opened, whatever a sync does meanwhile: open it again for what came since. Of a
    table a file of which is gone or cut short MirrorError tells. Damage within a file is polars' own error when the
    LazyFrame is collected, or other rows without an error: `verify` tells either.
    Archived customers are in it. `completeness` tells how much of the account it holds.

    >>> mirror = account.sync("mirror", tables=["customers", "invoices"])
    >>> mirror.invoices().filter(status="FINALIZED").collect().height
    146
    """

    def __init__(self, store: Store, snapshot: Snapshot | None = None, *, bucket: int | None = None) -> None:
        self._store = store
        self._snapshot = store.snapshot() if snapshot is None else snapshot
        self._bucket = bucket

    # --- the tables ------------------------------------------------------------------------------------------------

    def customers(self) -> pl.LazyFrame:
        """Every customer, archived ones too: the columns of `tables.Customers`."""
        return self._scan("customers")

    def invoices(self) -> pl.LazyFrame:
        """The columns of `tables.Invoices`; see `account.invoices()`."""
        return self._scan("invoices")

    def line_items(self) -> pl.LazyFrame:
        """The columns of `tables.LineItems`; see `ma.line_items`."""
        return line_items(self.invoices())

    def invoice_breakdowns(self) -> pl.LazyFrame:
        """Daily breakdowns: the columns of `tables.InvoiceBreakdowns`. Synced only where asked for by name."""
        return self._scan("invoice_breakdowns")

    def costs(self) -> pl.LazyFrame:
        """Daily costs of customers on Plans: the columns of `tables.Costs`."""
        return self._scan("costs")

    def cost_lines(self) -> pl.LazyFrame:
        """The columns of `tables.CostLines`; see `ma.cost_lines`."""
        return cost_lines(self.costs())

    def daily_costs(self) -> pl.LazyFrame:
        """The columns of `tables.DailyCosts`; see `account.daily_costs()`. Needs `invoice_breakdowns`."""
        return daily_costs(self.invoice_breakdowns(), self.costs())

    def balances(self) -> pl.LazyFrame:
        """Commits and credits, archived ones too: the columns of `tables.Balances`."""
        return self._scan("balances")

    def commits(self) -> pl.LazyFrame:
        """The commits among the balances."""
        return self.balances().filter(pl.col("type") != BalanceType.CREDIT)

    def credits(self) -> pl.LazyFrame:
        """The credits among the balances."""
        return self.balances().filter(pl.col("type") == BalanceType.CREDIT)

    def ledger(self) -> pl.LazyFrame:
        """The columns of `tables.Ledger`; see `ma.ledger`."""
        return ledger(self.balances())

    def segments(self) -> pl.LazyFrame:
        """The columns of `tables.Segments`; see `ma.segments`."""
        return segments(self.balances())

    def net_balances(self) -> pl.LazyFrame:
        """The columns of `tables.NetBalances`, as of each customer's reading."""
        return self._scan("net_balances")

    def contracts(self) -> pl.LazyFrame:
        """The columns of `tables.Contracts`."""
        return self._scan("contracts")

    def products(self) -> pl.LazyFrame:
        """The columns of `tables.Products`."""
        return self._scan("products")

    def rate_cards(self) -> pl.LazyFrame:
        """The columns of `tables.RateCards`."""
        return self._scan("rate_cards")

    def credit_types(self) -> pl.LazyFrame:
        """The columns of `tables.CreditTypes`."""
        return self._scan("credit_types")

    def _scan(self, table: str) -> pl.LazyFrame:
        if self._bucket is None:
            self._warn_if_incomplete(table)
            return self._snapshot.scan(table)
        return self._snapshot.scan(table, None if MIRRORED[table].owner is None else [self._bucket])

    def files(self, table: str) -> list[str]:
        """The Parquet files that hold `table` now, for engines that read Parquet but not Delta Lake."""
        return self._snapshot.files(table)

    # --- how much of it there is, and how it changed ----------------------------------------------------------------

    @property
    def environment(self) -> str | None:
        """The label of the account it is of."""
        return self._store.identity.get("environment") or None

    @property
    def version(self) -> int:
        """Counts what was committed; `as_of` takes it."""
        return self._snapshot.version

    @property
    def at(self) -> datetime | None:
        """When the newest of it was committed."""
        return self._snapshot.at

    @cached_property
    def completeness(self) -> pl.DataFrame:
        """One row per table: table, customers (of the account), complete, failed, missing, rows, oldest, newest.

        `oldest` and `newest` are when the customers in it were read. A table of the account itself has one customer.
        """
        return state.completeness(self._snapshot.progress())

    @property
    def is_complete(self) -> bool:
        """Whether every table that was synced holds every customer."""
        rows = self.completeness
        return bool(rows.height) and bool((rows["complete"] == rows["customers"]).all())

    def _warn_if_incomplete(self, table: str) -> None:
        rows = self.completeness.filter(pl.col("table") == table)
        if rows.is_empty():
            advice = f'Sync it: account.sync(uri, tables=["{table}"]).'
            raise MirrorError(f"The mirror holds no {table}.", advice=advice)
        complete, customers = rows.select("complete", "customers").row(0)
        if complete != customers:
            warnings.warn(
                f"{table}: the mirror holds {complete:,} of {customers:,} customers; the next sync goes on there.",
                IncompleteLoadWarning,
                stacklevel=4,
            )

    @property
    def receipt(self) -> pl.DataFrame:
        """What the last sync read and why, by table and reason.

        Columns: table, reason, customers, requests, rows, changed, saved, files, bytes, error.

        `reason` is one of those in `metronome_analytics.mirror.rules`, or "nothing changed" for customers that were
        not read: `saved` is what they took the last time. `changed` counts customers of whom the mirror held
        something else; with the reason "full" those are changes that no signal told of. `files` and `bytes` are those
        of the whole table as it is shown, and stand in the first of its rows. What could not be read comes first, a
        signal (audit_logs, usage) that the token has no right to among it: `error` says why.
        """
        sizes = {name: self._snapshot.listed(name) for name in self._snapshot.pins}
        held = {name: (len(files), sum(file.size for file in files)) for name, files in sizes.items()}
        return state.receipt(self._snapshot.progress(), held)

    @property
    def quarantined(self) -> pl.DataFrame:
        """Who could not be read: customer_id, tables, error, since, read_at. The next sync tries again.

        `since` is when the first try failed; `read_at` when what the mirror still shows was read, null if nothing.
        """
        return state.quarantined(self._snapshot.progress())

    @property
    def is_up_to_date(self) -> bool:
        """Whether the last sync read all that it was asked for: no limit stopped it, and nobody failed."""
        progress = self._snapshot.progress()
        return not state.note(progress, "customers").get("stopped", False) and state.quarantined(progress).is_empty()

    def freshness(self, now: Instant | None = None) -> pl.DataFrame:
        """How old what one sees can be, and why: a row per table and reason, what is missing first.

        table; `reason`: "signal missing" (table says which), "never read", "quarantined", "lost", "open" (can still
        change), "closed", "edited" (changes only when somebody edits it), "list"; customers; `oldest`: when the one
        read longest ago was read, and `age`: how long that is ago at `now` (when the newest was read, unless given);
        `at_most`: once it is older than that, the next sync to begin reads it; `unseen`: what could have happened that
        this mirror does not show; `why`.
        """
        progress = self._snapshot.progress()
        return state.freshness(progress, args.instant("now", now) or state.newest(progress) or datetime.now(UTC))

    def verify(self) -> pl.DataFrame:
        """What is wrong with it; no rows where nothing is: table, bucket, customer_id, path, problem.

        Compares every file with the log (missing, of another size, unreadable), and every customer's rows with the
        digest noted when they were read; the table of customers, which every sync lists anew, has none. Reads all of
        the mirror, bucket by bucket; sends nothing. A sync mends what is missing, of another size or, on a disk, no
        Parquet at either end, one with `full=True` all of it.
        """
        return problems(self._snapshot, contents=True)

    def vacuum(self, keep: str | timedelta = "90d") -> pl.DataFrame:
        """Remove the files that nothing of the last `keep` ("90d", "12h", or a timedelta) shows: table, files, bytes.

        `as_of` goes on to show every moment inside that window, and none before it. Raises MirrorLocked while a sync
        is at work.
        """
        return vacuum(self._store, keep)

    def optimize(self) -> Mirror:
        """Put the small files of each bucket together, and open the result; what it shows stays the same.

        The old files stay for `as_of` until `vacuum`. Raises MirrorLocked while a sync is at work.
        """
        optimize(self._store, LAYOUTS)
        return Mirror(self._store)

    def as_of(self, when: Instant | int) -> Mirror:
        """The mirror as it was at a time (UTC) or at a `version`. Raises MirrorError for before the first sync."""
        return Mirror(self._store, self._store.snapshot(_moment(when)), bucket=self._bucket)

    def changes(self, since: Instant | int) -> pl.DataFrame:
        """What was added, changed, voided and removed since a time or version, by key and column.

        Columns: table, customer_id, key, change (added, changed, voided, removed), column, before, after (as text).
        A customer that was read for the first time after `since` is all added.
        """
        return changes(self._store.snapshot(_moment(since)), self._snapshot, LAYOUTS)

    # --- beyond one machine -----------------------------------------------------------------------------------------

    @overload
    def map(
        self, analysis: Callable[[Mirror], pl.DataFrame | pl.LazyFrame], *, client: Client | None = ...
    ) -> pl.DataFrame: ...

    @overload
    def map(self, analysis: Callable[[Mirror], Reconciliation], *, client: Client | None = ...) -> Reconciliation: ...

    def map(
        self,
        analysis: Callable[[Mirror], pl.DataFrame | pl.LazyFrame | Reconciliation],
        *,
        client: Client | None = None,
    ) -> pl.DataFrame | Reconciliation:
        """What `analysis` finds bucket by bucket: `mirror.map(lambda part: ma.burn_down(part.balances(), as_of=now))`.

        `part` is the mirror with the customers of one bucket. The analysis must hold for each customer by itself, as
        burn_down, utilisation, forecast, drain_order, balance_lint and daily_costs do, and reconcile except for parent
        and child contracts (in another bucket they are "not checked") and `external=` (leave it out here). Without a
        `client` the buckets are read one after the other in this process; with a Dask client on its workers, which
        read for themselves (from object storage, unless they share this disk), and whose deaths Dask makes good.
        Rows come in the order of the buckets, the same with and without a client. Return what you need, not every
        row: only that is kept.
        """
        return map_buckets(self.part, self.buckets, analysis, client=client)  # type: ignore[arg-type]  # either kind

    @property
    def buckets(self) -> list[int]:
        """The buckets that the customers are laid out in: an analysis by customer may run on each by itself."""
        return list(range(self._store.buckets))

    def part(self, bucket: int) -> Mirror:
        """The mirror with the customers of one bucket only."""
        return Mirror(self._store, self._snapshot, bucket=bucket)

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (self._store.uri, self._store.storage_options, self._snapshot.version, self._bucket)

    def __repr__(self) -> str:
        return f"Mirror({', '.join(self._facts())})"

    def _facts(self) -> Sequence[str]:
        rows = self.completeness
        facts = [repr(str(self._store.uri)), *(f"{key}={value!r}" for key, value in self._store.identity.items())]
        facts += [f"version={self.version}", "empty" if rows.is_empty() else ""]
        facts += [
            f"{table}: {complete:,} of {customers:,}"
            for table, complete, customers in rows.select("table", "complete", "customers").iter_rows()
            if complete != customers
        ] or ["complete"]
        return [fact for fact in facts if fact]

    def _repr_html_(self) -> str:
        return f"<div><strong>Mirror</strong> {escape(', '.join(self._facts()))}{self.completeness._repr_html_()}</div>"


def _moment(when: Instant | int) -> int | datetime:
    """A version as it is, a time in UTC."""
    if isinstance(when, int):
        return when
    at = args.instant("when", when)
    if at is None:
        raise ArgumentError("A time or a version is needed.")
    return at


def _reopened(uri: str, storage_options: Mapping[str, str] | None, version: int, bucket: int | None) -> Mirror:
    store = Store.open(uri, LAYOUTS, storage_options=storage_options)
    return Mirror(store, store.snapshot(version), bucket=bucket)
