"""One sync: what the account says changed, what is read because of it, and what that came to."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.arguments import midnight
from metronome_analytics.errors import MirrorMismatch, load_error
from metronome_analytics.loaders.load import Load
from metronome_analytics.mirror import rules
from metronome_analytics.mirror.commits import Committer
from metronome_analytics.mirror.estimate import Estimate
from metronome_analytics.mirror.mirrored import BACKDATING, MIRRORED, WANTED
from metronome_analytics.mirror.reading import Reader
from metronome_analytics.mirror.readings import Budget, CustomerReading, TableReading
from metronome_analytics.mirror.signals import USAGE, SignalReader
from metronome_analytics.mirror.store import PROGRESS, Replacement, Store
from metronome_analytics.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.mirror.request import SyncRequest
    from metronome_analytics.mirror.store import MirrorWriter

# Customers read at once where no pace is set: a page in flight costs several times its size, and few keep the decoders
# busy. A pace needs as many as the account allows, since each may wait long for its answer, and few pages are there.
UNPACED_AT_ONCE = 8

# Customers looked through at first for what nobody is known to own; then twice as many each time.
_SEARCHED = 128

_THEN = ("rows", "read_at", "full_at", "full_requests", "failed_since", "usage_anchor", "usage_digest")


class Sync:
    """Brings a mirror up to date with the account that `loaders` read."""

    def __init__(self, loaders: AllLoaders, request: SyncRequest) -> None:
        self._session = loaders.session
        self._request = request
        self._now: Callable[[], datetime] = self._session.clock.now
        self._sync_id = uuid.uuid4().hex[:12]
        self._reader = SignalReader(loaders, self._now, request.max_requests)

    def listing(self) -> pl.DataFrame:
        """Every customer, archived ones too."""
        return self._reader.listing()

    # --- what to read -----------------------------------------------------------------------------------------------

    def _plan(
        self,
        signals: rules.Signals,
        store: Store | None,
        *,
        search: Mapping[str, datetime] | None = None,
        customers: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """What of whom to read: the columns of `rules.DUE`, bucket and usage_digest, in the order of the buckets."""
        due = rules.due(
            signals,
            _known(store, *rules.THEN),
            self._request.tables,
            now=self._now(),
            open_every=self._request.open_every,
            full_every=self._request.full_every,
            customers=self._request.customers if customers is None else customers,
            search=search,
            already=self._sync_id,
        )
        usage = pl.DataFrame(schema=rules.USAGE) if signals.usage is None else signals.usage
        usage = usage.filter(pl.col("usage_anchor") == signals.anchors[0]) if signals.anchors else usage
        ids = due["customer_id"]
        bucket = pl.repeat(0, len(ids), dtype=pl.Int32, eager=True) if store is None else store.bucket_of(ids)
        return (
            due.with_columns(bucket.alias("bucket"), pl.col("table").cast(pl.Enum(list(MIRRORED))))
            .join(
                usage.select("customer_id", usage_now="usage_digest"),
                on="customer_id",
                how="left",
                maintain_order="left",
            )
            .with_row_index("order")
            .sort("bucket", pl.col("order").min().over("customer_id"), "table")
        )

    def _readings(self, plan: pl.DataFrame, signals: rules.Signals) -> Iterator[CustomerReading]:
        """Each customer of `plan`, made when it is its turn: an account may have very many."""
        for _, bucket in plan.group_by("bucket", maintain_order=True):
            for _, group in groupby(bucket.iter_rows(named=True), key=itemgetter("customer_id")):
                rows = [*group]
                row = rows[0]
                facts = {name: row[name] for name in ("updated_at", "archived_at")}
                if signals.usage is not None:
                    facts |= {"usage_anchor": signals.anchors[0], "usage_digest": row["usage_now"] or ""}
                yield CustomerReading(
                    row["customer_id"],
                    row["bucket"],
                    (row["created_at"] or self._now()) - BACKDATING,
                    [self._reading(each) for each in rows],
                    facts,
                )

    def _reading(self, row: Mapping[str, Any]) -> TableReading:
        since = None  # from the start, unless it is a table of windows of which only the last may have moved
        if row["way"] == rules.RECENT:
            recent = midnight(self._now() - BACKDATING)
            since = min(recent, row["open_since"] or recent)
        then = {name: row[name] for name in _THEN}
        return TableReading(MIRRORED[row["table"]], row["reason"], row["way"], row["digest"], since, then)

    def _of_account(self, store: Store | None) -> CustomerReading:
        """The reading of the account's own tables."""
        known = _known(store, "table", "customer_id", "digest").filter(pl.col("customer_id").is_null())
        digests = dict(known.select("table", "digest").rows())
        names = [name for name in self._request.tables if MIRRORED[name].owner is None]
        tables = [TableReading(MIRRORED[name], "list", known=digests.get(name)) for name in names]
        return CustomerReading(None, 0, self._now(), tables, {})

    # --- doing it ---------------------------------------------------------------------------------------------------

    def estimate(self, listing: pl.DataFrame, store: Store | None) -> Estimate:
        """What a sync would read, without reading it; costs the requests of the signals."""
        signals = self._signals(listing, store)
        plan = self._plan(signals, store)
        rows = [(reading.table.name, reading.reason, 0, 1) for reading in self._of_account(store).tables]
        rows += [(name, f"missing: {why}", 0, 0) for name, why in signals.missing.items()]
        if "skipped" in self._reader.notes.get(USAGE, {}):
            rows.append((USAGE, f"skipped: {self._reader.notes[USAGE]['skipped']}", 0, 0))
        for customer in self._readings(plan, signals):
            customer.foresee(self._now())
            rows += [(reading.table.name, reading.reason, 1, reading.promised) for reading in customer.tables]
        return Estimate.of(rows, self._session.connection.max_requests_per_second)

    def _signals(self, listing: pl.DataFrame, store: Store | None) -> rules.Signals:
        snapshot = None if store is None else store.snapshot()
        return self._reader.read(listing, snapshot, open_every=self._request.open_every)

    def run(self, listing: pl.DataFrame, store: Store, writer: MirrorWriter) -> None:
        """Bring the mirror up to date, as far as the limits let; what failed is raised when all else is done."""
        session = self._session
        at_once = session.connection.max_concurrency
        if session.connection.max_requests_per_second is None:
            at_once = min(at_once, UNPACED_AT_ONCE)
        load = Load(session, collect=True, concurrency=at_once)
        _same_account(listing, store)
        self._add_tables(store, writer)
        self._write_customers(listing, store, writer)
        signals = self._signals(listing, store)
        budget = Budget(load.tally, max_requests=self._reader.left(), is_over=self._request.is_over)
        reader = Reader(load, Committer(writer, sync_id=self._sync_id, now=self._now), budget, now=self._now)
        bar = ProgressBar("sync", session.progress)
        is_done = False

        def read(due: Iterable[CustomerReading], customers: Counter[int], tables: int) -> bool:
            load.planned += tables
            session.run(
                partial(reader.run, due, customers),
                tick=lambda: bar.show(requests=load.tally.requests, foreseen=load.foreseen, rows=load.tally.rows),
            )
            return not reader.stopped

        with session.receipts.writing("sync", load.tally, self._filters()) as receipt:
            try:
                self._keep_up(signals, store, read)
                is_done = not reader.stopped
                receipt.complete = is_done and not load.failures
            finally:
                bar.close()
                self._record_signals(store, writer, is_done=is_done)
                receipt.customers, receipt.unknown_fields = listing.height, len(load.unknown_fields)
        if load.failures:
            raise load_error(load.failures[0], partial=store.snapshot().progress(), failures=load.failure_frame())

    def _keep_up(
        self,
        signals: rules.Signals,
        store: Store,
        read: Callable[[Iterable[CustomerReading], Counter[int], int], bool],
    ) -> None:
        """The account's own tables, what is due, and then whoever owns what the audit log names."""

        def read_due(plan: pl.DataFrame) -> bool:
            heads = dict(plan.group_by("bucket").agg(pl.col("customer_id").n_unique()).rows())
            return read(self._readings(plan, signals), Counter(heads), plan.height)

        own = self._of_account(store)
        if not (read([own], Counter({0: 1}), len(own.tables)) and read_due(self._plan(signals, store))):
            return
        # What the log names may be of customers read just now; else it is looked for, the newest customers first.
        signals = self._reader.attributed(signals, store.snapshot())
        ids = signals.listing.sort("created_at", descending=True, maintain_order=True)["id"]
        if self._request.customers is not None:
            ids = ids.filter(ids.is_in(list(self._request.customers)))
        start, count = 0, _SEARCHED
        while signals.unknown and start < len(ids):
            some = ids[start : start + count].to_list()
            if not read_due(self._plan(signals, store, search=signals.unknown, customers=some)):
                return
            signals = self._reader.attributed(signals, store.snapshot())
            start, count = start + count, count * 2
        read_due(self._plan(signals, store))

    def _filters(self) -> dict[str, object]:
        return {"environment": self._session.environment, "tables": self._request.tables}

    def _add_tables(self, store: Store, writer: MirrorWriter) -> None:
        """Note the tables that belong to the mirror from now on, so that it knows what it lacks."""
        held = _known(store, "table", "customer_id")
        known = held.filter(pl.col("customer_id").is_null())["table"].to_list()
        new = [name for name in self._request.tables if name not in known]
        # Also those that are there already: a column that came since belongs to them even if no row fills it.
        writer.make(self._request.tables)
        if new:
            rows = [{"table": name, "bucket": 0, "sync_id": self._sync_id, "status": WANTED} for name in new]
            writer.commit({}, pl.DataFrame(rows, schema=PROGRESS))

    def _write_customers(self, listing: pl.DataFrame, store: Store, writer: MirrorWriter) -> None:
        """The table of customers, which the listing is: rows that differ take the place of the old ones."""
        was = store.snapshot().collect("customers")
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

    def _record_signals(self, store: Store, writer: MirrorWriter, *, is_done: bool) -> None:
        """Keep what the signals cost and said, and how far the audit log was read: to where all of it was heeded."""
        notes = {name: dict(note) for name, note in self._reader.notes.items()}
        before = _known(store, "table", "customer_id", "note").filter(pl.col("customer_id").is_null())
        held = dict(before.select("table", "note").drop_nulls().rows())
        everything = self._request.customers is None and {*self._request.tables} >= {*held} & {*MIRRORED}
        if "audit_logs" in held and not (is_done and everything):
            kept = {name: value for name, value in json.loads(held["audit_logs"]).items() if name != "missing"}
            missing = {name: why for name, why in notes["audit_logs"].items() if name == "missing"}
            notes["audit_logs"] = kept | missing
        notes["customers"] = {
            "open_every": self._request.open_every.total_seconds(),
            "full_every": self._request.full_every.total_seconds(),
            "stopped": not is_done,
        }
        rows = [
            {
                "table": name,
                "bucket": 0,
                "sync_id": self._sync_id,
                "status": "failed" if "missing" in notes.get(name, {}) else "complete",
                "reason": "list" if name == "customers" else "signal",
                "requests": self._reader.spent.get(name, 0),
                "read_at": self._now(),
                "error": notes.get(name, {}).get("missing"),
                "note": json.dumps(notes.get(name, {})),
            }
            for name in dict.fromkeys([*self._reader.spent, *notes])
        ]
        writer.commit({}, pl.DataFrame(rows, schema=PROGRESS))


def _known(store: Store | None, *columns: str) -> pl.DataFrame:
    """What the mirror holds, by table and customer."""
    if store is None:
        return pl.DataFrame(schema={name: PROGRESS[name] for name in columns})
    return store.snapshot().progress(*columns)


def _same_account(listing: pl.DataFrame, store: Store) -> None:
    """Raises MirrorMismatch where the mirror holds customers and the account lists none of them."""
    held = store.snapshot().collect("customers", pl.col("id")).to_series()
    if len(held) and not held.is_in(listing["id"].implode()).any():
        raise MirrorMismatch(
            f"The mirror holds {len(held):,} customers, and this account lists none of them.",
            advice="Use the token of the account that the mirror was made from, or another place for this one.",
        )
