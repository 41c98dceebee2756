"""Reading customers for a mirror: many at once, each whole, in bounded memory, straight into the store."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.errors import (
    MalformedResponse,
    MetronomeError,
    MirrorError,
    NotFoundError,
    PaginationError,
    RequestRejected,
)
from metronome_analytics.loaders.load import whole
from metronome_analytics.mirror.mirrored import (
    ReadingSpan,
    balance_parts,
    by_customer,
    first,
    net_of,
    newest_invoices,
    row_facts,
)
from metronome_analytics.mirror.readings import Budget, CustomerReading, TableReading, batch, batches
from metronome_analytics.mirror.rules import DERIVED, NEWEST, WHOLE
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anyio.abc import TaskStatus
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from metronome_analytics.api.request import Request
    from metronome_analytics.loaders.load import Chunk, Load
    from metronome_analytics.mirror.commits import Committer

# What a customer's rows of one table may hold before they go to disk, and those of all that wait for their bucket;
# as much again is on its way there meanwhile.
_SPILL_CUSTOMER = 4 * 1024 * 1024
_SPILL_ALL = 16 * 1024 * 1024
# Whole buckets are committed when so many are ready, or so long after the last time.
_COMMIT_BUCKETS = 16
_COMMIT_SECONDS = 30.0

# These concern one customer. Anything else may: it does not once so many in a row have failed by it.
_PERSONAL = (NotFoundError, RequestRejected, MalformedResponse, PaginationError)
_FAILED_IN_A_ROW = 20


class _OutOfBudgetError(Exception):
    """The next page does not fit any more."""


class Reader:
    """Reads customers and commits them, bucket by bucket, as they are whole."""

    def __init__(self, load: Load, committer: Committer, budget: Budget, *, now: Callable[[], datetime]) -> None:
        self._load = load
        self._committer = committer
        self._budget = budget
        self._now = now
        self._fatal: MetronomeError | None = None
        self._failed: list[CustomerReading] = []  # in a row, by what may be the account's
        self._begun = 0
        self._can_write = True
        self._turn = anyio.Lock()  # of those who write
        self.stopped = False  # by a limit, before the last customer

    async def run(self, due: Iterable[CustomerReading], customers: Counter[int]) -> None:
        """Read `due`, in the order of their buckets, or as many of them as the limits and the network let.

        `customers` counts them by bucket: a bucket is committed when the last of its customers is in.

        Raises the first error that is not about some customers only; what was whole is in the mirror all the same.
        Those of single customers are in the load's failures, and noted in the mirror.
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
            self._begun += 1
            customer.number = self._begun
            customer.foresee(self._now())
            if self.stopped or not self._budget.admits(customer.promised):
                self.stopped = True
                return
            yield customer

    # --- one customer ----------------------------------------------------------------------------------------------

    async def _read(self, customer: CustomerReading) -> None:
        customer.read_at = self._now()
        try:
            await _Visit(self, customer).read()
        except _OutOfBudgetError:
            self.stopped = customer.given_up = True
        except MirrorError as error:
            customer.given_up = True
            self._fatal = self._fatal or error
        except MetronomeError as error:
            self._note(customer, error)
        else:
            # Whoever began earlier than those that fail now says nothing of them.
            self._failed = [failed for failed in self._failed if failed.number > customer.number]
            self._load.finished += len(customer.tables)

    def _note(self, customer: CustomerReading, error: MetronomeError) -> None:
        """One customer that fails is passed over; so many in a row are no customers' failures."""
        customer.error = error
        self._load.failures.append(error)
        if isinstance(error, _PERSONAL):
            return
        self._failed.append(customer)
        if len(self._failed) >= _FAILED_IN_A_ROW:
            for each in self._failed:
                each.given_up = True
            self._fatal = self._fatal or error

    async def pages(
        self, customer: CustomerReading, reading: TableReading, request: Request
    ) -> AsyncGenerator[Chunk, None]:
        """The pages of `request`, as far as the requests last; `reading` holds them, on disk if they are many."""
        self._make_room(reading)
        async with aclosing(self._load.chunks(request)) as chunks:
            async for page in chunks:
                _check(customer, reading, page.rows)
                reading.take(page)
                yield page
                if page.has_next:
                    self._make_room(reading)
                if reading.held > _SPILL_CUSTOMER:
                    spilled = batch(customer.bucket, [(customer, reading)])
                    reading.files += await anyio.to_thread.run_sync(self._committer.write, spilled)

    def _make_room(self, reading: TableReading) -> None:
        """A request that was not foreseen must fit into the budget."""
        if reading.requests >= reading.promised and not self._budget.promises(1):
            raise _OutOfBudgetError

    async def held(self, customer: CustomerReading, reading: TableReading) -> pl.DataFrame:
        """What the mirror holds of it, as `mirrored.row_facts`."""
        return await anyio.to_thread.run_sync(self._committer.held, customer, reading)

    # --- their buckets ---------------------------------------------------------------------------------------------

    async def _collect(self, receive: MemoryObjectReceiveStream[CustomerReading], left: Counter[int]) -> None:
        """Commit the buckets whose last customer is in, now and then; in the end whatever there is."""
        waiting: dict[int, list[CustomerReading]] = {}
        last = anyio.current_time()
        async with receive, anyio.create_task_group() as group:
            async for customer in receive:
                waiting.setdefault(customer.bucket, []).append(customer)
                left[customer.bucket] -= 1
                if not customer.is_whole:
                    await self._write(self._committer.discard, customer)
                if _held(waiting) > _SPILL_ALL:
                    # Goes on once it is their turn: what comes in while they are written is held, and no more.
                    await group.start(self._write, self._committer.write_all, batches(waiting))
                ready = [bucket for bucket in waiting if not left[bucket]]
                if len(ready) >= _COMMIT_BUCKETS or (ready and anyio.current_time() - last > _COMMIT_SECONDS):
                    await self._write(self._committer.commit, {bucket: waiting.pop(bucket) for bucket in ready})
                    last = anyio.current_time()
        if waiting:
            await self._write(self._committer.commit, waiting)

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


class _Visit:
    """The reading of one customer, table by table: what one brings says what to ask of the next."""

    def __init__(self, reader: Reader, customer: CustomerReading) -> None:
        self._reader = reader
        self._customer = customer
        self._start = customer.start
        self._credit_types: tuple[str, ...] = ()
        self._net: pl.DataFrame | None = None  # what the balances come to

    async def read(self) -> None:
        """Read every table of it."""
        for reading in self._customer.tables:
            if reading.way == DERIVED:
                reading.derived, reading.stays = self._net, self._net is None
                reading.follows = True
            elif reading.way == NEWEST:
                await self._newest(reading)
            else:
                await self._whole(reading)
            if reading.table.name == "net_balances" and reading.way == WHOLE and reading.wire and not reading.files:
                await anyio.to_thread.run_sync(self._compare, reading)

    async def _whole(self, reading: TableReading) -> None:
        now = self._customer.read_at or self._start
        span = ReadingSpan(reading.since or self._start, now, self._credit_types)
        requests = reading.table.requests(self._customer.customer_id or "", span)
        balances: list[pl.DataFrame] = []
        for request in requests:
            async with aclosing(self._reader.pages(self._customer, reading, request)) as pages:
                async for page in pages:
                    begins = reading.table.begins
                    if begins is not None:
                        self._start = min(self._start, first(page, begins) or self._start)
                    if reading.table.name == "balances" and page.rows.height:
                        balances.append(balance_parts(whole([page])))
        if balances:
            parts = pl.concat(balances)
            self._net = net_of(parts)
            self._credit_types = tuple(parts["credit_type_id"].drop_nulls().unique(maintain_order=True))

    async def _newest(self, reading: TableReading) -> None:
        """The newest invoices, until all that are open and one that is not are met as the mirror knows them."""
        held = await self._reader.held(self._customer, reading)
        known = dict(held.select("key", "hash").iter_rows())
        missing = set(held.filter("open")["key"])
        met: set[str] = set()
        now = self._customer.read_at or self._start
        request = newest_invoices(self._customer.customer_id or "")
        async with aclosing(self._reader.pages(self._customer, reading, request)) as pages:
            async for page in pages:
                rows = await anyio.to_thread.run_sync(_shaped, reading.table.name, page)
                facts = row_facts(reading.table, rows, now)
                met |= set(facts["key"])
                missing -= met
                last = facts.tail(1)
                is_known = last.height == 1 and known.get(last["key"].item()) == last["hash"].item()
                if not missing and is_known and not last["open"].item():
                    break
            else:
                reading.way = WHOLE  # to the last page
        if reading.way == NEWEST:
            for rest in by_customer(held.filter(~pl.col("key").is_in(list(met)))).to_dicts():
                reading.add(rest)

    def _compare(self, reading: TableReading) -> None:
        """Whether the net balances are what the balances, read just now, come to."""
        if not any(each.table.name == "balances" and each.way == WHOLE for each in self._customer.tables):
            return
        rows = TABLES["net_balances"].shape(whole(reading.wire))
        if self._net is None:
            reading.follows = bool((rows["balance"] == 0).all())
            return
        both = self._net.join(rows, on="credit_type_id", how="full", suffix="_asked")
        reading.follows = bool((both["balance"] == both["balance_asked"]).all(ignore_nulls=False))


def _shaped(table: str, page: Chunk) -> pl.DataFrame:
    return TABLES[table].shape(whole([page]))


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


def _held(waiting: Mapping[int, Sequence[CustomerReading]]) -> int:
    """The bytes of the rows that wait for their bucket."""
    return sum(reading.held for customers in waiting.values() for one in customers for reading in one.tables)
