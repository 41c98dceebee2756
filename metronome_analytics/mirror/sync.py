"""One sync: what the account says changed, what is read because of it, and what that came to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import (
    AuthenticationError,
    MirrorMismatch,
    NotFoundError,
    RequestRejected,
    load_error,
)
from metronome_analytics.loading import Load
from metronome_analytics.mirror import rules
from metronome_analytics.mirror.estimate import Estimate
from metronome_analytics.mirror.mirrored import BACKDATING, MIRRORED, WANTED
from metronome_analytics.mirror.reading import Cell, Limit, Reader, Visit
from metronome_analytics.mirror.store import PROGRESS, Fresh, Store
from metronome_analytics.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metronome_analytics.mirror.store import Snapshot, Writer

# About so many customers share a bucket: the unit in which a mirror is written, and analyses are run.
CUSTOMERS_PER_BUCKET = 32

# What an account that may not read a signal answers.
_NO_SIGNAL = (AuthenticationError, NotFoundError, RequestRejected)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked of a sync."""

    tables: tuple[str, ...]
    customers: tuple[str, ...] | None
    max_requests: int | None
    is_over: Callable[[], bool]
    open_every: timedelta
    full_every: timedelta


class Sync:
    """Brings the mirror in `store` up to date with `account`."""

    def __init__(self, account: Any, wish: Wish) -> None:
        self._account = account
        self._wish = wish
        self._now: Callable[[], datetime] = account._now  # noqa: SLF001  # a part of the account
        self._sync_id = uuid.uuid4().hex[:12]
        self._spent: dict[str, int] = {}
        self._events = pl.DataFrame()

    # --- what the account says --------------------------------------------------------------------------------------

    def listing(self) -> pl.DataFrame:
        """Every customer, archived ones too."""
        both = [self._ask("customers", only_archived=archived) for archived in (False, True)]
        return pl.concat(both).unique("id", keep="first", maintain_order=True)

    def _ask(self, loader: str, **how: object) -> pl.DataFrame:
        try:
            frame: pl.DataFrame = getattr(self._account, loader)(**how)
        finally:
            receipt = self._account._receipts[-1]  # noqa: SLF001  # as above
            self._spent[loader] = self._spent.get(loader, 0) + receipt["requests"]
        return frame

    def _signals(self, listing: pl.DataFrame, snapshot: Snapshot | None) -> rules.Signals:
        """What changed since `snapshot`, as far as a few requests can tell."""
        progress = pl.DataFrame(schema=PROGRESS) if snapshot is None else _of_customers(snapshot.progress())
        anchors = self._anchors(progress)
        try:
            usage: pl.DataFrame | None = pl.concat([self._usage(anchor) for anchor in anchors])
        except _NO_SIGNAL:
            usage = None
        signals = rules.Signals(listing, anchors, usage)
        since = progress["read_at"].min()
        if snapshot is None or not isinstance(since, datetime):
            return signals
        try:
            self._events = self._ask("audit_logs", starting_on=since - rules.SKEW)
        except _NO_SIGNAL:
            return replace(signals, named=None)
        return self._attributed(signals, snapshot)

    def _attributed(self, signals: rules.Signals, snapshot: Snapshot) -> rules.Signals:
        """`signals` with the customers whose own the audit log names, and when it last named what is nobody's."""
        events = self._events.select("timestamp", "resource_id").drop_nulls()
        owners = [signals.listing.select(resource_id="id", customer_id="id")]
        rest = events.filter(~pl.col("resource_id").is_in(signals.listing["id"].implode()))
        if rest.height:
            ids = rest["resource_id"].unique().implode()
            for table in ("contracts", "invoices", "balances"):
                held = snapshot.scan(table).filter(pl.col("id").is_in(ids))
                owners.append(
                    held.select("customer_id", resource_id="id").select("resource_id", "customer_id").collect()
                )
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
        tomorrow = self._now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return rules.usage_digests(
            self._ask("usage", starting_on=anchor, ending_before=tomorrow, window_size="none"), anchor
        )

    # --- what to read -----------------------------------------------------------------------------------------------

    def _visits(self, signals: rules.Signals, store: Store | None, *, with_unknown: bool = False) -> list[Visit]:
        """Whom to visit for what, in the order of their buckets."""
        known = pl.DataFrame(schema=PROGRESS) if store is None else store.snapshot().progress()
        due = rules.due(
            signals,
            _of_customers(known),
            self._wish.tables,
            now=self._now(),
            open_every=self._wish.open_every,
            full_every=self._wish.full_every,
            customers=self._wish.customers,
            with_unknown=with_unknown,
        )
        held = known.select("table", "customer_id", "digest", "open_since")
        then = {(table, id_): rest for table, id_, *rest in held.iter_rows()}
        # What this very sync has read is not read twice, whatever the reason.
        now = known.filter(pl.col("sync_id") == self._sync_id)
        due = due.join(now, on=["table", "customer_id"], how="anti", maintain_order="left")
        order = {name: index for index, name in enumerate(MIRRORED)}
        visits: dict[str, Visit] = {}
        ids = due["customer_id"].unique(maintain_order=True)
        buckets = [0] * len(ids) if store is None else store.bucket_of(ids).to_list()
        facts = self._facts(signals, ids)
        for id_, bucket in zip(ids, buckets, strict=True):
            visits[id_] = Visit(id_, bucket, facts[id_].pop("start"), [], facts[id_])
        for id_, table, reason in due.rows():
            digest, open_since = then.get((table, id_), (None, None))
            visits[id_].cells.append(Cell(MIRRORED[table], reason, digest, self._since(table, reason, open_since)))
        for visit in visits.values():
            visit.cells.sort(key=lambda cell: order[cell.table.name])
        return sorted(visits.values(), key=lambda visit: visit.bucket)

    def _since(self, table: str, reason: str, open_since: datetime | None) -> datetime | None:
        """From when on a table of windows is read again; None: from the start."""
        if MIRRORED[table].by_window is None or reason not in {"usage", "date", "open"}:
            return None
        recent = (self._now() - BACKDATING).replace(hour=0, minute=0, second=0, microsecond=0)
        return min(recent, open_since or recent)

    def _facts(self, signals: rules.Signals, ids: pl.Series) -> dict[str, dict[str, Any]]:
        """What the progress keeps of each customer beside its rows, and when something of it can have happened."""
        anchor = signals.anchors[0]
        usage = pl.DataFrame(schema=rules.USAGE) if signals.usage is None else signals.usage
        digests = dict(usage.filter(pl.col("usage_anchor") == anchor).select("customer_id", "usage_digest").rows())
        wanted = signals.listing.filter(pl.col("id").is_in(ids.implode()))
        return {
            id_: {
                "start": (created_at or self._now()) - BACKDATING,
                "updated_at": updated_at,
                "archived_at": archived_at,
                "usage_anchor": None if signals.usage is None else anchor,
                "usage_digest": digests.get(id_, ""),
            }
            for id_, created_at, updated_at, archived_at in wanted.select(
                "id", "created_at", "updated_at", "archived_at"
            ).rows()
        }

    def _of_account(self, known: pl.DataFrame) -> Visit:
        """The visit of the account's own tables."""
        digests = dict(known.filter(pl.col("customer_id").is_null()).select("table", "digest").rows())
        names = [name for name in self._wish.tables if MIRRORED[name].owner is None]
        cells = [Cell(MIRRORED[name], "list", digests.get(name)) for name in names]
        return Visit(None, 0, self._now(), cells, {})

    # --- doing it ---------------------------------------------------------------------------------------------------

    def estimate(self, listing: pl.DataFrame, store: Store | None) -> Estimate:
        """What a sync would read, without reading it; costs the requests of the signals."""
        snapshot = None if store is None else store.snapshot()
        known = pl.DataFrame(schema=PROGRESS) if snapshot is None else snapshot.progress()
        before = {row[:2]: row[2] for row in known.select("table", "customer_id", "requests").rows()}
        visits = [self._of_account(known), *self._visits(self._signals(listing, snapshot), store)]
        rows = [
            (
                cell.table.name,
                cell.reason,
                0 if visit.customer_id is None else 1,
                before.get((cell.table.name, visit.customer_id)) or visit.least(self._now(), cell),
            )
            for visit in visits
            for cell in visit.cells
        ]
        return Estimate.of(rows, self._account._rate)  # noqa: SLF001  # its own part

    def run(self, listing: pl.DataFrame, store: Store, writer: Writer) -> None:
        """Bring the mirror up to date, as far as the limits let; what failed is raised when all else is done."""
        account = self._account
        load = Load(account._client, account._drift, account._concurrency, collect=True)  # noqa: SLF001  # its own part
        bar = ProgressBar("sync", account._progress)  # noqa: SLF001  # as above
        _same_account(listing, store)
        self._want(store, writer)
        self._write_customers(listing, store, writer)
        signals = self._signals(listing, store.snapshot())
        limit = Limit(load.tally, max_requests=self._left(), is_over=self._wish.is_over)
        reader = Reader(load, writer, limit, now=self._now, sync_id=self._sync_id)

        def read(visits: Sequence[Visit]) -> None:
            account._background.run(  # noqa: SLF001  # as above
                partial(reader.run, visits),
                tick=lambda: bar.show(requests=load.tally.requests, foreseen=load.foreseen, rows=load.tally.rows),
            )

        with account._receipt("sync", load.tally, {"tables": self._wish.tables}) as receipt:  # noqa: SLF001  # as above
            try:
                read([self._of_account(store.snapshot().progress()), *self._visits(signals, store)])
                if signals.unknown_at is not None and not reader.stopped:
                    # What the log names may be of customers read just now.
                    signals = self._attributed(signals, store.snapshot())
                    read(self._visits(signals, store, with_unknown=True))
                receipt["complete"] = not reader.stopped and not load.failures
            finally:
                bar.close()
                self._tell(writer)
                receipt |= {"customers": listing.height, "unknown_fields": len(load.unknown_fields)}
        if load.failures:
            raise load_error(load.failures[0], partial=store.snapshot().progress(), failures=load.failure_frame())

    def _left(self) -> int | None:
        """The requests that may still be sent, after those of the signals."""
        if self._wish.max_requests is None:
            return None
        return max(self._wish.max_requests - sum(self._spent.values()), 0)

    def _want(self, store: Store, writer: Writer) -> None:
        """Note the tables that belong to the mirror from now on, so that it knows what it lacks."""
        known = store.snapshot().progress().filter(pl.col("customer_id").is_null())["table"].to_list()
        rows = [
            {"table": name, "bucket": 0, "sync_id": self._sync_id, "status": WANTED}
            for name in self._wish.tables
            if name not in known
        ]
        if rows:
            writer.commit({}, pl.DataFrame(rows, schema=PROGRESS))

    def _write_customers(self, listing: pl.DataFrame, store: Store, writer: Writer) -> None:
        """The table of customers, which the listing is: rows that differ take the place of the old ones."""
        was = store.snapshot().scan("customers").collect()
        old = was.select("id", then=was.hash_rows(seed=0))
        new = listing.with_columns(now=listing.hash_rows(seed=0), bucket=store.bucket_of(listing["id"]))
        moved = new.join(old, on="id", how="left").filter(pl.col("now").ne_missing(pl.col("then"))).drop("now", "then")
        changes = {}
        for (bucket,), rows in moved.partition_by("bucket", as_dict=True, include_key=False).items():
            writer.part("customers", bucket, rows)
            changes[bucket] = Fresh(set(rows["id"]))
        told = moved.select(
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
            writer.commit({"customers": changes}, told)

    def _tell(self, writer: Writer) -> None:
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


def _of_customers(progress: pl.DataFrame) -> pl.DataFrame:
    return progress.filter(pl.col("customer_id").is_not_null())


def _same_account(listing: pl.DataFrame, store: Store) -> None:
    """Raises MirrorMismatch where the mirror holds customers and the account lists none of them."""
    held = store.snapshot().scan("customers").select("id").collect().to_series()
    if len(held) and not held.is_in(listing["id"].implode()).any():
        raise MirrorMismatch(
            f"The mirror holds {len(held):,} customers, and this account lists none of them.",
            advice="Use the token of the account that the mirror was made from, or another place for this one.",
        )
