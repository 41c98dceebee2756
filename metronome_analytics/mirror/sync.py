"""One sync: what the account says changed, what is read because of it, and what that came to."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.arguments import midnight
from metronome_analytics.errors import (
    AuthenticationError,
    MirrorMismatch,
    NotFoundError,
    RequestRejected,
    load_error,
)
from metronome_analytics.loaders.load import Load
from metronome_analytics.mirror import rules
from metronome_analytics.mirror.estimate import Estimate
from metronome_analytics.mirror.mirrored import BACKDATING, MIRRORED, WANTED
from metronome_analytics.mirror.reading import Reader
from metronome_analytics.mirror.readings import Budget, CustomerReading, TableReading
from metronome_analytics.mirror.store import PROGRESS, Replacement, Store
from metronome_analytics.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.mirror.request import SyncRequest
    from metronome_analytics.mirror.store import MirrorWriter, Snapshot

# About so many customers share a bucket: the unit in which a mirror is written, and analyses are run.
CUSTOMERS_PER_BUCKET = 32

# Customers read at once where no pace is set: a page in flight costs several times its size, and few keep the decoders
# busy. A pace needs as many as the account allows, since each may wait long for its answer, and few pages are there.
UNPACED_AT_ONCE = 8

# What an account that may not read a signal answers.
_NO_SIGNAL = (AuthenticationError, NotFoundError, RequestRejected)


class Sync:
    """Brings a mirror up to date with the account that `loaders` read."""

    def __init__(self, loaders: AllLoaders, request: SyncRequest) -> None:
        self._loaders = loaders
        self._session = loaders.session
        self._request = request
        self._now: Callable[[], datetime] = self._session.clock.now
        self._sync_id = uuid.uuid4().hex[:12]
        self._spent: dict[str, int] = {}
        self._events = pl.DataFrame()

    # --- what the account says --------------------------------------------------------------------------------------

    def listing(self) -> pl.DataFrame:
        """Every customer, archived ones too."""
        both = [self._ask("customers", only_archived=archived) for archived in (False, True)]
        return pl.concat(both).unique("id", keep="first", maintain_order=True)

    def _ask(self, loader: str, **how: object) -> pl.DataFrame:
        with self._session.receipts.collecting() as receipts:
            try:
                frame: pl.DataFrame = getattr(self._loaders, loader)(**how)
            finally:
                spent = sum(receipt.tally.requests for receipt in receipts)
                self._spent[loader] = self._spent.get(loader, 0) + spent
        return frame

    def _signals(self, listing: pl.DataFrame, store: Store | None) -> rules.Signals:
        """What changed since the last sync, as far as a few requests can tell."""
        progress = _known(store, "customer_id", "read_at", "usage_anchor").filter(pl.col("customer_id").is_not_null())
        anchors = self._anchors(progress)
        try:
            usage: pl.DataFrame | None = pl.concat([self._usage(anchor) for anchor in anchors])
        except _NO_SIGNAL:
            usage = None
        signals = rules.Signals(listing, anchors, usage)
        since = progress["read_at"].min()
        if store is None or not isinstance(since, datetime):
            return signals
        try:
            self._events = self._ask("audit_logs", starting_on=since - rules.SKEW)
        except _NO_SIGNAL:
            return replace(signals, named=None)
        return self._attributed(signals, store.snapshot())

    def _attributed(self, signals: rules.Signals, snapshot: Snapshot) -> rules.Signals:
        """`signals` with the customers whose own the audit log names, and when it last named what is nobody's."""
        events = self._events.select("timestamp", "resource_id").drop_nulls()
        owners = [signals.listing.select(resource_id="id", customer_id="id")]
        rest = events.filter(~pl.col("resource_id").is_in(signals.listing["id"].implode()))
        if rest.height:
            ids = rest["resource_id"].unique().implode()
            for table in ("contracts", "invoices", "balances"):
                held = snapshot.scan(table).filter(pl.col("id").is_in(ids))
                owners.append(held.select(pl.col("id").alias("resource_id"), "customer_id").collect())
        of = pl.concat(owners).unique()
        named = events.join(of, on="resource_id").group_by("customer_id").agg(named_at=pl.col("timestamp").max())
        unknown_at = events.join(of, on="resource_id", how="anti")["timestamp"].max()
        return replace(
            signals,
            named=named.select(pl.col(name).cast(kind) for name, kind in rules.NAMED.items()),
            unknown_at=unknown_at if isinstance(unknown_at, datetime) else None,
        )

    def _anchors(self, progress: pl.DataFrame) -> tuple[datetime, ...]:
        """The windows over which usage is compared: the one from now on, and those of the latest readings."""
        here = rules.anchor_of(self._now())
        kept = progress["usage_anchor"].drop_nulls().unique().sort(descending=True).to_list()
        return tuple(dict.fromkeys([here, *kept[: rules.ANCHORS_KEPT]]))

    def _usage(self, anchor: datetime) -> pl.DataFrame:
        tomorrow = midnight(self._now()) + timedelta(days=1)
        return rules.usage_digests(
            self._ask("usage", starting_on=anchor, ending_before=tomorrow, window_size="none"), anchor
        )

    # --- what to read -----------------------------------------------------------------------------------------------

    def _plan(self, signals: rules.Signals, store: Store | None, *, with_unknown: bool = False) -> pl.DataFrame:
        """What of whom to read: the columns of `rules.DUE`, bucket and usage_digest, in the order of the buckets."""
        due = rules.due(
            signals,
            _known(store, *rules.THEN),
            self._request.tables,
            now=self._now(),
            open_every=self._request.open_every,
            full_every=self._request.full_every,
            customers=self._request.customers,
            with_unknown=with_unknown,
            already=self._sync_id,
        )
        usage = pl.DataFrame(schema=rules.USAGE) if signals.usage is None else signals.usage
        usage = usage.filter(pl.col("usage_anchor") == signals.anchors[0]).select("customer_id", "usage_digest")
        ids = due["customer_id"]
        bucket = pl.repeat(0, len(ids), dtype=pl.Int32, eager=True) if store is None else store.bucket_of(ids)
        return (
            due.with_columns(bucket.alias("bucket"), pl.col("table").cast(pl.Enum(list(MIRRORED))))
            .join(usage, on="customer_id", how="left", maintain_order="left")
            .with_columns(pl.col("usage_digest").fill_null(""))
            .with_row_index("order")
            .sort("bucket", pl.col("order").min().over("customer_id"), "table")
        )

    def _visits(self, plan: pl.DataFrame, signals: rules.Signals) -> Iterator[CustomerReading]:
        """Each customer of `plan`, made when it is its turn: an account may have very many."""
        anchor = None if signals.usage is None else signals.anchors[0]
        for _, bucket in plan.group_by("bucket", maintain_order=True):
            for _, rows in groupby(bucket.iter_rows(named=True), key=itemgetter("customer_id")):
                tables = [*rows]
                row = tables[0]
                facts = {name: row[name] for name in ("updated_at", "archived_at", "usage_digest")}
                yield CustomerReading(
                    row["customer_id"],
                    row["bucket"],
                    (row["created_at"] or self._now()) - BACKDATING,
                    [self._cell(cell) for cell in tables],
                    {**facts, "usage_anchor": anchor},
                )

    def _cell(self, row: Mapping[str, Any]) -> TableReading:
        table = MIRRORED[row["table"]]
        since = None  # from the start, unless it is a table of windows of which only the last may have moved
        if table.by_window is not None and row["reason"] in {"usage", "date", "open"}:
            recent = midnight(self._now() - BACKDATING)
            since = min(recent, row["open_since"] or recent)
        return TableReading(table, row["reason"], row["digest"], since)

    def _of_account(self, store: Store | None) -> CustomerReading:
        """The visit of the account's own tables."""
        known = _known(store, "table", "customer_id", "digest").filter(pl.col("customer_id").is_null())
        digests = dict(known.select("table", "digest").rows())
        names = [name for name in self._request.tables if MIRRORED[name].owner is None]
        tables = [TableReading(MIRRORED[name], "list", digests.get(name)) for name in names]
        return CustomerReading(None, 0, self._now(), tables, {})

    # --- doing it ---------------------------------------------------------------------------------------------------

    def estimate(self, listing: pl.DataFrame, store: Store | None) -> Estimate:
        """What a sync would read, without reading it; costs the requests of the signals."""
        signals = self._signals(listing, store)
        plan = self._plan(signals, store)
        before = plan["requests"].to_list()
        rows = [(cell.table.name, cell.reason, 0, 1) for cell in self._of_account(store).tables]
        tables = ((visit, cell) for visit in self._visits(plan, signals) for cell in visit.tables)
        for taken, (visit, cell) in zip(before, tables, strict=True):
            rows.append((cell.table.name, cell.reason, 1, taken or visit.least(self._now(), cell)))
        return Estimate.of(rows, self._session.connection.max_requests_per_second)

    def run(self, listing: pl.DataFrame, store: Store, writer: MirrorWriter) -> None:
        """Bring the mirror up to date, as far as the limits let; what failed is raised when all else is done."""
        session = self._session
        at_once = session.connection.max_concurrency
        if session.connection.max_requests_per_second is None:
            at_once = min(at_once, UNPACED_AT_ONCE)
        load = Load(session, collect=True, concurrency=at_once)
        bar = ProgressBar("sync", session.progress)
        _same_account(listing, store)
        self._add_tables(store, writer)
        self._write_customers(listing, store, writer)
        signals = self._signals(listing, store)
        limit = Budget(load.tally, max_requests=self._left(), is_over=self._request.is_over)
        reader = Reader(load, writer, limit, now=self._now, sync_id=self._sync_id)

        def read(visits: Iterable[CustomerReading], customers: Counter[int], tables: int) -> None:
            load.planned += tables
            session.run(
                partial(reader.run, visits, customers),
                tick=lambda: bar.show(requests=load.tally.requests, foreseen=load.foreseen, rows=load.tally.rows),
            )

        def keep_up(signals: rules.Signals, *, with_unknown: bool) -> None:
            plan = self._plan(signals, store, with_unknown=with_unknown)
            heads = dict(plan.group_by("bucket").agg(pl.col("customer_id").n_unique()).rows())
            read(self._visits(plan, signals), Counter(heads), plan.height)

        with session.receipts.writing("sync", load.tally, self._filters()) as receipt:
            try:
                own = self._of_account(store)
                read([own], Counter({0: 1}), len(own.tables))
                keep_up(signals, with_unknown=False)
                if signals.unknown_at is not None and not reader.stopped:
                    # What the log names may be of customers read just now.
                    signals = self._attributed(signals, store.snapshot())
                    keep_up(signals, with_unknown=True)
                receipt.complete = not reader.stopped and not load.failures
            finally:
                bar.close()
                self._record_signals(writer)
                receipt.customers, receipt.unknown_fields = listing.height, len(load.unknown_fields)
        if load.failures:
            raise load_error(load.failures[0], partial=store.snapshot().progress(), failures=load.failure_frame())

    def _filters(self) -> dict[str, object]:
        return {"environment": self._session.environment, "tables": self._request.tables}

    def _left(self) -> int | None:
        """The requests that may still be sent, after those of the signals."""
        if self._request.max_requests is None:
            return None
        return max(self._request.max_requests - sum(self._spent.values()), 0)

    def _add_tables(self, store: Store, writer: MirrorWriter) -> None:
        """Note the tables that belong to the mirror from now on, so that it knows what it lacks."""
        held = _known(store, "table", "customer_id")
        known = held.filter(pl.col("customer_id").is_null())["table"].to_list()
        new = [name for name in self._request.tables if name not in known]
        if new:
            writer.make(new)
            rows = [{"table": name, "bucket": 0, "sync_id": self._sync_id, "status": WANTED} for name in new]
            writer.commit({}, pl.DataFrame(rows, schema=PROGRESS))

    def _write_customers(self, listing: pl.DataFrame, store: Store, writer: MirrorWriter) -> None:
        """The table of customers, which the listing is: rows that differ take the place of the old ones."""
        was = store.snapshot().scan("customers").collect()
        old = was.select("id", then=was.hash_rows(seed=0))
        new = listing.with_columns(now=listing.hash_rows(seed=0), bucket=store.bucket_of(listing["id"]))
        moved = new.join(old, on="id", how="left").filter(pl.col("now").ne_missing(pl.col("then"))).drop("now", "then")
        changes = {}
        for (bucket,), rows in moved.partition_by("bucket", as_dict=True, include_key=False).items():
            writer.write("customers", bucket, rows)
            changes[bucket] = Replacement(set(rows["id"]))
        read = moved.select(
            "bucket",
            "updated_at",
            "archived_at",
            customer_id="id",
            table=pl.lit("customers"),
            reason=pl.lit("list"),
            status=pl.lit("complete"),
            sync_id=pl.lit(self._sync_id),
            read_at=pl.lit(self._now(), PROGRESS["read_at"]),
            rows=pl.lit(1, pl.Int64),
        )
        if changes:
            writer.commit({"customers": changes}, read)

    def _record_signals(self, writer: MirrorWriter) -> None:
        """Keep what the signals cost."""
        spent = [
            {
                "table": name,
                "bucket": 0,
                "sync_id": self._sync_id,
                "status": "complete",
                "reason": "list" if name == "customers" else "signal",
                "requests": requests,
                "read_at": self._now(),
            }
            for name, requests in self._spent.items()
        ]
        writer.commit({}, pl.DataFrame(spent, schema=PROGRESS))


def _known(store: Store | None, *columns: str) -> pl.DataFrame:
    """What the mirror holds, by table and customer."""
    if store is None:
        return pl.DataFrame(schema={name: PROGRESS[name] for name in columns})
    return store.snapshot().progress(*columns)


def _same_account(listing: pl.DataFrame, store: Store) -> None:
    """Raises MirrorMismatch where the mirror holds customers and the account lists none of them."""
    held = store.snapshot().scan("customers").select("id").collect().to_series()
    if len(held) and not held.is_in(listing["id"].implode()).any():
        raise MirrorMismatch(
            f"The mirror holds {len(held):,} customers, and this account lists none of them.",
            advice="Use the token of the account that the mirror was made from, or another place for this one.",
        )
