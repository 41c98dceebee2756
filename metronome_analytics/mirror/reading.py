"""Reading customers for a mirror: many at once, each whole, in bounded memory, straight into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.errors import (
    MalformedResponse,
    MetronomeError,
    NotFoundError,
    PaginationError,
    RequestRejected,
)
from metronome_analytics.loaders.load import whole
from metronome_analytics.mirror.layout import PROGRESS
from metronome_analytics.mirror.mirrored import ReadingSpan, credit_types, facts_of, first
from metronome_analytics.mirror.readings import Batch, Budget, CustomerReading, TableReading, batches
from metronome_analytics.mirror.storage import reaching
from metronome_analytics.mirror.store import Replacement
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anyio.abc import TaskStatus
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from metronome_analytics.loaders.load import Load
    from metronome_analytics.mirror.store import MirrorWriter, WaitingFile

# What a customer's rows of one table may hold before they go to disk, and those of all that wait for their bucket;
# as much again is on its way there meanwhile.
_SPILL_CUSTOMER = 4 * 1024 * 1024
_SPILL_ALL = 16 * 1024 * 1024
# Whole buckets are committed when so many are ready, or so long after the last time.
_COMMIT_BUCKETS = 16
_COMMIT_SECONDS = 30.0

# These concern one customer; whatever else goes wrong would go wrong for the next one too.
_PERSONAL = (NotFoundError, RequestRejected, MalformedResponse, PaginationError)


class Reader:
    """Reads customers and commits them, bucket by bucket, as they are whole."""

    def __init__(
        self, load: Load, writer: MirrorWriter, limit: Budget, *, now: Callable[[], datetime], sync_id: str
    ) -> None:
        self._load = load
        self._writer = writer
        self._limit = limit
        self._now = now
        self._sync_id = sync_id
        self._fatal: MetronomeError | None = None
        self._can_write = True
        self._turn = anyio.Lock()  # of those who write
        self.stopped = False  # by a limit, before the last customer

    async def run(self, due: Iterable[CustomerReading], customers: Counter[int]) -> None:
        """Read `due`, in the order of their buckets, or as many of them as the limits and the network let.

        `customers` counts them by bucket: a bucket is committed when the last of its customers is in.

        Raises the first error that is not about one customer only; what was whole is in the mirror all the same.
        Those of one customer are in the load's failures.
        """
        queue = self._admitted(due)
        send, receive = anyio.create_memory_object_stream[CustomerReading](1)

        async def work(done: MemoryObjectSendStream[CustomerReading]) -> None:
            async with done:
                for customer in queue:
                    await self._read(customer)
                    await done.send(customer)
                    if self._fatal is not None:
                        return

        async with anyio.create_task_group() as group:
            group.start_soon(self._collect, receive, customers)
            for _ in range(self._load.concurrency):
                group.start_soon(work, send.clone())
            send.close()
        if self._fatal is not None:
            raise self._fatal

    def _admitted(self, due: Iterable[CustomerReading]) -> Iterator[CustomerReading]:
        for customer in due:
            if not self._limit.admits(customer.least(self._now())):
                self.stopped = True
                return
            yield customer

    # --- one customer ----------------------------------------------------------------------------------------------

    async def _read(self, customer: CustomerReading) -> None:
        customer.read_at = now = self._now()
        start, units = customer.start, dict[str, None]()
        try:
            for reading in customer.tables:
                span = ReadingSpan(reading.since or start, now, tuple(units))
                for request in reading.table.requests(customer.customer_id or "", span):
                    async for page in self._load.chunks(request):
                        self._check(customer, reading, page.rows)
                        reading.take(page)
                        if reading.table.begins is not None:
                            start = min(start, first(page.rows, reading.table.begins) or start)
                        if reading.table.name == "balances":
                            units |= dict.fromkeys(credit_types(whole([page])))
                        if reading.held > _SPILL_CUSTOMER:
                            batch = Batch(customer.bucket, [(customer, reading)], reading.release())
                            reading.files += await anyio.to_thread.run_sync(self._write_batch, batch)
                self._load.finished += 1
        except _PERSONAL as error:
            customer.error = error
            self._load.failures.append(error)
        except MetronomeError as error:
            customer.error = error
            self._fatal = self._fatal or error

    @staticmethod
    def _check(customer: CustomerReading, reading: TableReading, rows: pl.DataFrame) -> None:
        """Rows of somebody else would take the place of nobody's, and be there twice."""
        if customer.customer_id is None or not rows.height:
            return
        whose = rows["customer_id"] if "customer_id" in rows.columns else pl.Series([None], dtype=pl.String)
        if not (whose == customer.customer_id).all(ignore_nulls=False):
            raise MalformedResponse(
                f"Asked for the rows of one customer, the API answered those of {whose.unique().to_list()}.",
                endpoint=str(ENDPOINTS[reading.table.name]),
                customer_id=customer.customer_id,
            )

    # --- their buckets ---------------------------------------------------------------------------------------------

    async def _collect(self, receive: MemoryObjectReceiveStream[CustomerReading], left: Counter[int]) -> None:
        """Commit the buckets whose last customer is in, now and then; in the end whatever there is."""
        waiting: dict[int, list[CustomerReading]] = {}
        last = anyio.current_time()
        async with receive, anyio.create_task_group() as group:
            async for customer in receive:
                waiting.setdefault(customer.bucket, []).append(customer)
                left[customer.bucket] -= 1
                if customer.error is not None:
                    await self._write(self._discard, customer)
                if _held(waiting) > _SPILL_ALL:
                    # Goes on once it is their turn: what comes in while they are written is held, and no more.
                    await group.start(self._write, self._write_batches, batches(waiting))
                ready = [bucket for bucket in waiting if not left[bucket]]
                if len(ready) >= _COMMIT_BUCKETS or (ready and anyio.current_time() - last > _COMMIT_SECONDS):
                    await self._write(self._commit, {bucket: waiting.pop(bucket) for bucket in ready})
                    last = anyio.current_time()
        if waiting:
            await self._write(self._commit, waiting)

    async def _write(
        self, work: Callable[..., None], what: object, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """`work` in a thread, one at a time; after the first time that it fails nothing is written any more."""
        async with self._turn:
            task_status.started()
            if not self._can_write:
                return
            try:
                await anyio.to_thread.run_sync(work, what)
            except MetronomeError as error:
                self._can_write = False
                self._fatal = self._fatal or error

    def _discard(self, customer: CustomerReading) -> None:
        """Let go of what was read of a customer that failed."""
        for reading in customer.tables:
            reading.release()
            while reading.files:
                self._writer.discard(reading.files.pop())

    def _write_batches(self, batches: Sequence[Batch]) -> None:
        """Bring `batches` to disk."""
        for batch in batches:
            self._write_batch(batch)

    def _write_batch(self, batch: Batch) -> list[WaitingFile]:
        """Bring `batch` to disk as its table; not the rows of those whose are in the mirror as they are."""
        table = batch.readings[0][1].table
        rows = TABLES[table.name].shape(whole(batch.pages))
        of = {customer.customer_id: reading for customer, reading in batch.readings}
        self._renew_digests(batch.bucket, of)
        read_at = min(customer.read_at for customer, _ in batch.readings if customer.read_at)
        for facts in facts_of(table, rows, read_at).to_dicts():
            of[facts["customer_id"]].add(facts)
        if table.owner is not None:
            same = [id_ for id_, reading in of.items() if not reading.replaces]
            rows = rows.filter(~pl.col(table.owner).is_in(same)) if same else rows
        elif not batch.readings[0][1].replaces:
            rows = rows.clear()
        return [self._writer.write(table.name, batch.bucket, rows)] if rows.height else []

    def _renew_digests(self, bucket: int, of: Mapping[str | None, TableReading]) -> None:
        """Digests that another version made are made again, of the rows that the mirror holds."""
        stale = {id_: reading for id_, reading in of.items() if reading.is_stale}
        if not stale:
            return
        table = next(iter(stale.values())).table
        held = self._writer.rows(table.name, bucket)
        if table.owner is not None:
            held = held.filter(pl.col(table.owner).is_in(list(stale)))
        with reaching("Reading", f"{self._writer.uri}/{table.name}"):
            found = facts_of(table, held.collect(engine="streaming").rechunk(), self._now())
        there = {facts["customer_id"]: facts for facts in found.to_dicts()}
        for id_, reading in stale.items():
            facts = there.get(id_, {"rows": 0, "hash": 0})
            reading.renew(facts["rows"], facts["hash"])

    def _commit(self, waiting: Mapping[int, Sequence[CustomerReading]]) -> None:
        """Make whole customers visible, and note how all were read."""
        self._write_batches(batches(waiting))
        for bucket, customers in waiting.items():
            # Those without a row came by no batch.
            for of in _by_table(customers).values():
                self._renew_digests(bucket, of)
        everyone = [customer for customers in waiting.values() for customer in customers]
        rows = [self._progress_row(customer, reading) for customer in everyone for reading in customer.tables]
        changed: dict[str, dict[int, list[tuple[str, TableReading]]]] = {}
        for customer in everyone:
            for reading in customer.tables if customer.error is None else ():
                if reading.replaces:
                    here = changed.setdefault(reading.table.name, {}).setdefault(customer.bucket, [])
                    here.append((customer.customer_id or "", reading))
        changes = {
            table: {bucket: _replacement(readings) for bucket, readings in buckets.items()}
            for table, buckets in changed.items()
        }
        self._writer.commit(changes, pl.DataFrame(rows, schema=PROGRESS))

    def _progress_row(self, customer: CustomerReading, reading: TableReading) -> dict[str, object]:
        """A row of the progress; of what failed only that."""
        row: dict[str, object] = {
            "table": reading.table.name,
            "customer_id": customer.customer_id,
            "bucket": customer.bucket,
            "sync_id": self._sync_id,
            "reason": reading.reason,
            "requests": reading.requests,
            "status": "complete" if customer.error is None else "failed",
            "error": None if customer.error is None else str(customer.error),
        }
        if customer.error is not None:
            return row
        return row | {
            "read_at": customer.read_at,
            "rows": reading.rows,
            "digest": reading.digest,
            "changed": reading.changed,
            "next_date": reading.next_date,
            "open": reading.open,
            "open_since": reading.open_since,
            **customer.facts,
        }


def _held(waiting: Mapping[int, Sequence[CustomerReading]]) -> int:
    """The bytes of the pages that wait for their bucket."""
    return sum(reading.held for customers in waiting.values() for one in customers for reading in one.tables)


def _by_table(customers: Iterable[CustomerReading]) -> dict[str, dict[str | None, TableReading]]:
    """What was read of these customers, table by table."""
    found: dict[str, dict[str | None, TableReading]] = {}
    for customer in customers:
        for reading in customer.tables:
            found.setdefault(reading.table.name, {})[customer.customer_id] = reading
    return found


def _replacement(readings: Sequence[tuple[str, TableReading]]) -> Replacement:
    """The new rows of these customers take the place of their old ones, or of those since a time."""
    keep = None
    for id_, reading in readings:
        if reading.since is not None and reading.table.by_window is not None and reading.table.owner is not None:
            older = (pl.col(reading.table.owner) == id_) & (pl.col(reading.table.by_window) < reading.since)
            keep = older if keep is None else keep | older
    return Replacement({id_ for id_, _ in readings}, keep)
