"""Reading customers for a mirror: many at once, each whole, in bounded memory, straight into the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

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
from metronome_analytics.mirror.mirrored import Mirrored, Span, credit_types, first, told
from metronome_analytics.mirror.store import Fresh
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anyio.abc import TaskStatus
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from metronome_analytics.api.client import Tally
    from metronome_analytics.loaders.load import Chunk, Load
    from metronome_analytics.mirror.store import Part, Writer

# What a customer's rows of one table may hold before they go to disk, and those of all that wait for their bucket;
# as much again is on its way there meanwhile.
_SPILL_CUSTOMER = 4 * 1024 * 1024
_SPILL_ALL = 16 * 1024 * 1024
# Whole buckets are committed when so many are ready, or so long after the last time.
_COMMIT_BUCKETS = 16
_COMMIT_SECONDS = 30.0

# These concern one customer; whatever else goes wrong would go wrong for the next one too.
_PERSONAL = (NotFoundError, RequestRejected, MalformedResponse, PaginationError)


@dataclass(slots=True)
class Cell:
    """One table of one customer (or of the account) to be read, and then what came of it."""

    table: Mirrored
    reason: str
    known: str | None = None  # the digest of what the mirror holds
    since: datetime | None = None  # where only what came since then is read again
    wire: list[Chunk] = field(default_factory=list)  # pages that wait to be shaped
    held: int = 0  # their bytes
    parts: list[Part] = field(default_factory=list)
    requests: int = 0
    rows: int = 0
    hash: int = 0
    next_date: datetime | None = None
    open: bool = False
    open_since: datetime | None = None

    @property
    def digest(self) -> str | None:
        """What tells these rows from others, as this version of polars hashes them; None for a part of a table."""
        return None if self.since is not None else f"{pl.__version__}:{self.rows}:{self.hash:016x}"

    @property
    def changed(self) -> bool:
        """Whether the mirror held something else."""
        return self.known != self.digest

    @property
    def replaces(self) -> bool:
        """Whether what was read takes the place of what the mirror holds."""
        return self.changed or self.since is not None or bool(self.parts)

    def take(self, page: Chunk) -> None:
        """Hold a page."""
        self.requests += 1
        if page.rows.height:
            self.wire.append(page)
            self.held += int(page.rows.estimated_size())

    def let_go(self) -> list[Chunk]:
        """The pages held, which are not held any more."""
        wire, self.wire, self.held = self.wire, [], 0
        return wire

    def note(self, told: Mapping[str, Any]) -> None:
        """Add what some of the rows say; see `mirrored.told`."""
        self.rows += told["rows"]
        self.hash ^= told["hash"]
        self.open |= told["open"]
        self.next_date = min(filter(None, (self.next_date, told["next_date"])), default=None)
        self.open_since = min(filter(None, (self.open_since, told["open_since"])), default=None)


@dataclass(slots=True)
class Visit:
    """One customer and what is to be read of it; `customer_id` is None for the account's own tables."""

    customer_id: str | None
    bucket: int
    start: datetime  # when something of it can have happened first
    cells: list[Cell]
    facts: Mapping[str, object]  # what else the progress keeps of it
    read_at: datetime | None = None
    error: MetronomeError | None = None

    def least(self, now: datetime, *cells: Cell) -> int:
        """The requests that `cells` (all of them, if none are given) take at least."""
        spans = ((cell, Span(cell.since or self.start, now)) for cell in cells or self.cells)
        return sum(len(cell.table.requests(self.customer_id or "", span)) for cell, span in spans)


class Batch(NamedTuple):
    """Pages of one table and bucket on their way to disk, and whose they are."""

    bucket: int
    cells: Sequence[tuple[Visit, Cell]]
    pages: Sequence[Chunk]


def _batches(waiting: Mapping[int, Sequence[Visit]]) -> list[Batch]:
    """The pages that `waiting` holds, which it does not hold any more."""
    batches = []
    for bucket, visits in waiting.items():
        by_table: dict[str, list[tuple[Visit, Cell]]] = {}
        for visit in visits:
            for cell in visit.cells:
                if cell.wire:
                    by_table.setdefault(cell.table.name, []).append((visit, cell))
        batches += [
            Batch(bucket, cells, [page for _, cell in cells for page in cell.let_go()]) for cells in by_table.values()
        ]
    return batches


class Limit:
    """When to stop: before a customer whose reading would not fit any more."""

    def __init__(self, tally: Tally, *, max_requests: int | None, is_over: Callable[[], bool]) -> None:
        self._tally = tally
        self._max_requests = max_requests
        self._is_over = is_over
        self._promised = 0

    def admits(self, need: int) -> bool:
        """Whether there is time, and there are `need` requests, left; they are promised then."""
        spent = max(self._promised, self._tally.requests) + need
        if self._is_over() or (self._max_requests is not None and spent > self._max_requests):
            return False
        self._promised = spent
        return True


class Reader:
    """Reads visits and commits them, bucket by bucket, as they are whole."""

    def __init__(self, load: Load, writer: Writer, limit: Limit, *, now: Callable[[], datetime], sync_id: str) -> None:
        self._load = load
        self._writer = writer
        self._limit = limit
        self._now = now
        self._sync_id = sync_id
        self._fatal: MetronomeError | None = None
        self._can_write = True
        self._turn = anyio.Lock()  # of those who write
        self.stopped = False  # by a limit, before the last visit

    async def run(self, visits: Iterable[Visit], customers: Counter[int]) -> None:
        """Read `visits`, in the order of their buckets, or as many of them as the limits and the network let.

        `customers` counts them by bucket: a bucket is committed when the last of its customers is in.

        Raises the first error that is not about one customer only; what was whole is in the mirror all the same.
        Those of one customer are in the load's failures.
        """
        queue = self._admitted(visits)
        send, receive = anyio.create_memory_object_stream[Visit](1)

        async def work(done: MemoryObjectSendStream[Visit]) -> None:
            async with done:
                for visit in queue:
                    await self._read(visit)
                    await done.send(visit)
                    if self._fatal is not None:
                        return

        async with anyio.create_task_group() as group:
            group.start_soon(self._collect, receive, customers)
            for _ in range(self._load.concurrency):
                group.start_soon(work, send.clone())
            send.close()
        if self._fatal is not None:
            raise self._fatal

    def _admitted(self, visits: Iterable[Visit]) -> Iterator[Visit]:
        for visit in visits:
            if not self._limit.admits(visit.least(self._now())):
                self.stopped = True
                return
            yield visit

    # --- one customer ----------------------------------------------------------------------------------------------

    async def _read(self, visit: Visit) -> None:
        visit.read_at = now = self._now()
        start, units = visit.start, dict[str, None]()
        try:
            for cell in visit.cells:
                span = Span(cell.since or start, now, tuple(units))
                for request in cell.table.requests(visit.customer_id or "", span):
                    async for page in self._load.chunks(request):
                        self._check(visit, cell, page.rows)
                        cell.take(page)
                        if cell.table.begins is not None:
                            start = min(start, first(page.rows, cell.table.begins) or start)
                        if cell.table.name == "balances":
                            units |= dict.fromkeys(credit_types(whole([page])))
                        if cell.held > _SPILL_CUSTOMER:
                            batch = Batch(visit.bucket, [(visit, cell)], cell.let_go())
                            cell.parts += await anyio.to_thread.run_sync(self._shape, batch)
                self._load.finished += 1
        except _PERSONAL as error:
            visit.error = error
            self._load.failures.append(error)
        except MetronomeError as error:
            visit.error = error
            self._fatal = self._fatal or error

    @staticmethod
    def _check(visit: Visit, cell: Cell, rows: pl.DataFrame) -> None:
        """Rows of somebody else would take the place of nobody's, and be there twice."""
        if visit.customer_id is None or not rows.height:
            return
        whose = rows["customer_id"] if "customer_id" in rows.columns else pl.Series([None], dtype=pl.String)
        if not (whose == visit.customer_id).all(ignore_nulls=False):
            raise MalformedResponse(
                f"Asked for the rows of one customer, the API answered those of {whose.unique().to_list()}.",
                endpoint=str(ENDPOINTS[cell.table.name]),
                customer_id=visit.customer_id,
            )

    # --- their buckets ---------------------------------------------------------------------------------------------

    async def _collect(self, receive: MemoryObjectReceiveStream[Visit], left: Counter[int]) -> None:
        """Commit the buckets whose last visit is in, now and then; in the end whatever there is."""
        waiting: dict[int, list[Visit]] = {}
        last = anyio.current_time()
        async with receive, anyio.create_task_group() as group:
            async for visit in receive:
                waiting.setdefault(visit.bucket, []).append(visit)
                left[visit.bucket] -= 1
                if visit.error is not None:
                    await self._write(self._discard, visit)
                if sum(cell.held for visits in waiting.values() for one in visits for cell in one.cells) > _SPILL_ALL:
                    # Goes on once it is their turn: what comes in while they are written is held, and no more.
                    await group.start(self._write, self._bring, _batches(waiting))
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

    def _discard(self, visit: Visit) -> None:
        """Let go of what was read of a customer that failed."""
        for cell in visit.cells:
            cell.let_go()
            while cell.parts:
                self._writer.discard(cell.parts.pop())

    def _bring(self, batches: Sequence[Batch]) -> None:
        """Bring `batches` to disk."""
        for batch in batches:
            self._shape(batch)

    def _shape(self, batch: Batch) -> list[Part]:
        """Bring `batch` to disk as its table; not the rows of those whose are in the mirror as they are."""
        table = batch.cells[0][1].table
        rows = TABLES[table.name].shape(whole(batch.pages))
        of = {visit.customer_id: cell for visit, cell in batch.cells}
        for told_of in told(table, rows, min(visit.read_at for visit, _ in batch.cells if visit.read_at)).to_dicts():
            of[told_of["customer_id"]].note(told_of)
        if table.owner is not None:
            same = [id_ for id_, cell in of.items() if not cell.replaces]
            rows = rows.filter(~pl.col(table.owner).is_in(same)) if same else rows
        elif not batch.cells[0][1].replaces:
            rows = rows.clear()
        return [self._writer.part(table.name, batch.bucket, rows)] if rows.height else []

    def _commit(self, waiting: Mapping[int, Sequence[Visit]]) -> None:
        """Make whole customers visible, and tell of all."""
        self._bring(_batches(waiting))
        rows = [self._told(visit, cell) for visits in waiting.values() for visit in visits for cell in visit.cells]
        changed: dict[str, dict[int, list[tuple[str, Cell]]]] = {}
        for bucket, visits in waiting.items():
            for visit in visits:
                for cell in visit.cells if visit.error is None else ():
                    if cell.replaces:
                        here = changed.setdefault(cell.table.name, {}).setdefault(bucket, [])
                        here.append((visit.customer_id or "", cell))
        changes = {
            table: {bucket: _fresh(cells) for bucket, cells in buckets.items()} for table, buckets in changed.items()
        }
        self._writer.commit(changes, pl.DataFrame(rows, schema=PROGRESS))

    def _told(self, visit: Visit, cell: Cell) -> dict[str, object]:
        """A row of the progress; of what failed only that."""
        row: dict[str, object] = {
            "table": cell.table.name,
            "customer_id": visit.customer_id,
            "bucket": visit.bucket,
            "sync_id": self._sync_id,
            "reason": cell.reason,
            "requests": cell.requests,
            "status": "complete" if visit.error is None else "failed",
            "error": None if visit.error is None else str(visit.error),
        }
        if visit.error is not None:
            return row
        return row | {
            "read_at": visit.read_at,
            "rows": cell.rows,
            "digest": cell.digest,
            "changed": cell.changed if cell.known is not None and cell.since is None else None,
            "next_date": cell.next_date,
            "open": cell.open,
            "open_since": cell.open_since,
            **visit.facts,
        }


def _fresh(cells: Sequence[tuple[str, Cell]]) -> Fresh:
    """The new rows of these customers take the place of their old ones, or of those since a time."""
    keep = None
    for id_, cell in cells:
        if cell.since is not None and cell.table.by_window is not None and cell.table.owner is not None:
            older = (pl.col(cell.table.owner) == id_) & (pl.col(cell.table.by_window) < cell.since)
            keep = older if keep is None else keep | older
    return Fresh({id_ for id_, _ in cells}, keep)
