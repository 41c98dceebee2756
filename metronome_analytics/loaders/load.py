"""One load: many requests at once, their rows in order, what failed, what the API sent that we do not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread
import polars as pl

from metronome_analytics.api.decode import Completion, Page, decode, undeclared_fields
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.pages import pages
from metronome_analytics.api.request import Request, Tally
from metronome_analytics.api.windows import divisible, halves, length, ran_out_of_time
from metronome_analytics.errors import MalformedResponse, MetronomeError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from datetime import timedelta

    from metronome_analytics.api.endpoints import Endpoint
    from metronome_analytics.session import Session

# Every page is checked for wrong types; for fields nobody declared, the first megabytes of a load are.
_DRIFT_BYTES = 4 * 1024 * 1024
# Small answers are merged into larger frames as they become contiguous; large ones are left alone.
_MERGE_FRAMES = 64
_MERGE_ROWS = 10_000


class Chunk(NamedTuple):
    """Rows as far as their fields were met, what makes whole rows of them, and whether a page follows."""

    completion: Completion
    rows: pl.DataFrame
    has_next: bool = False


class _Rows:
    """Frames by the order of their requests, merged as they become contiguous.

    50,000 customers give 50,000 small frames, and a frame of forty columns has a price of its own.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[Chunk]] = {}
        self._finished: set[int] = set()
        self._next = 0
        self._small: list[Chunk] = []
        self._merged: list[pl.DataFrame] = []

    def add(self, index: int, chunk: Chunk) -> None:
        if chunk.rows.height:
            self._waiting.setdefault(index, []).append(chunk)

    def finish(self, index: int) -> None:
        self._finished.add(index)
        while self._next in self._finished:
            self._finished.discard(self._next)
            self._small += self._waiting.pop(self._next, [])
            self._next += 1
        if len(self._small) >= _MERGE_FRAMES:
            self._merge()

    def _merge(self) -> None:
        # What waited behind a slow request is no more at once than what comes in its turn.
        starts = range(0, len(self._small), _MERGE_FRAMES)
        self._merged += [whole(self._small[start : start + _MERGE_FRAMES]) for start in starts]
        self._small = []

    def all(self) -> list[pl.DataFrame]:
        """Every frame so far, in order, those of unfinished requests last."""
        self._merge()
        rest = [chunk for _, chunks in sorted(self._waiting.items()) for chunk in chunks]
        return [*self._merged, whole(rest)] if rest else self._merged


def whole(chunks: Sequence[Chunk]) -> pl.DataFrame:
    """`chunks` as one frame in the wire dtypes; what pages share is done for all their rows at once."""
    few_rows = sum(chunk.rows.height for chunk in chunks) < _MERGE_ROWS
    runs: list[pl.DataFrame] = [
        completion.whole(pl.concat([chunk.rows for chunk in run], rechunk=few_rows))
        for completion, run in groupby(chunks, key=lambda chunk: chunk.completion)
    ]
    return pl.concat(runs, rechunk=few_rows)


@dataclass(slots=True)
class Load:
    """One call of a loader, from its first request to its rows.

    With `collect`, a request that fails leaves the others running; without, the first failure cancels them. At most
    `concurrency` requests are under way at once.
    """

    session: Session
    collect: bool
    concurrency: int
    tally: Tally = field(default_factory=Tally)
    failures: list[MetronomeError] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    customers: int = 0
    planned: int = 0
    finished: int = 0
    _rows: _Rows = field(default_factory=_Rows)
    _gathered: Endpoint | None = None
    _longest: dict[str, timedelta] = field(default_factory=dict)
    _drift_bytes: int = _DRIFT_BYTES

    async def gather(self, requests: Sequence[Request]) -> None:
        """Exhaust every request, as many at once as `concurrency` allows; `frame` has their rows, and only theirs."""
        self._rows = _Rows()
        self._gathered = requests[0].endpoint if requests else None
        self.planned, self.finished, self.tally.rows = len(requests), 0, 0
        self.customers = len({request.customer_id for request in requests if request.customer_id is not None})
        queue = iter(enumerate(requests))

        async def worker() -> None:
            for index, request in queue:
                try:
                    async for chunk in self.chunks(request):
                        self._rows.add(index, chunk)
                except MetronomeError as error:
                    if not (request.may_be_absent and isinstance(error, NotFoundError)):
                        self.failures.append(error)
                        if not self.collect:
                            group.cancel_scope.cancel()
                            return
                try:
                    self._rows.finish(index)
                except MalformedResponse:
                    # Whose it is cannot be said, so the load ends. From here it would come out as a group of errors:
                    # `frame` meets it again.
                    group.cancel_scope.cancel()
                    return
                self.finished += 1

        async with anyio.create_task_group() as group:
            for _ in range(min(self.concurrency, len(requests))):
                group.start_soon(worker)

    async def look_up(
        self, name: str, requests: Sequence[Request], *columns: str | pl.Expr, **named: pl.Expr
    ) -> pl.DataFrame:
        """Columns of every row that `requests` of the endpoint `name` bring, for the requests that follow from them."""
        await self.gather(requests)
        rows = self.frame(ENDPOINTS[name])
        if rows.is_empty():
            # Without a row nothing carries whose they would be.
            unlabelled = (name for name in columns if isinstance(name, str) and name not in rows.columns)
            rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in unlabelled)
        found = rows.select(*columns, **named)
        return found.clear() if self.failures and not self.collect else found

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """The rows of `request`, page by page; of parts of its time where the whole of it takes the API too long."""
        parts = self._in_parts(request)
        while parts:
            part = parts.pop(0)
            arrived = False
            try:
                async for page in self._pages(part):
                    arrived = True
                    yield Chunk(page.completion, _labelled(page.met, part), page.next_page is not None or bool(parts))
            except MetronomeError as error:
                # After its first page the rows of the whole are not known from those of its parts.
                if arrived or not ran_out_of_time(error) or not divisible(part):
                    raise
                smaller = halves(part)
                self._longest[part.endpoint.name] = max(each for one in smaller if (each := length(one)))
                parts = [each for one in (*smaller, *parts) for each in self._in_parts(one)]

    def _in_parts(self, request: Request) -> list[Request]:
        """`request` in parts no longer than what has been too long for another customer."""
        longest, whole = self._longest.get(request.endpoint.name), length(request)
        if longest is None or whole is None or whole <= longest or not divisible(request):
            return [request]
        return [part for half in halves(request) for part in self._in_parts(half)]

    async def _pages(self, request: Request) -> AsyncIterator[Page]:
        async for page in pages(self.session.client, request, tally=self.tally):
            self.tally.rows += page.met.height
            if self._drift_bytes > 0:
                self._drift_bytes -= len(page.body)
                look = partial(undeclared_fields, page.body, request.endpoint, seen=self.unknown_fields)
                found = await anyio.to_thread.run_sync(look)
                self.unknown_fields |= found
                self.session.drift.note(request.endpoint, found)
            yield page

    @property
    def foreseen(self) -> int:
        """The requests this load will take at least: those sent, and one for each that has not begun."""
        return self.tally.requests + max(self.planned - self.finished, 0)

    def frame(self, endpoint: Endpoint) -> pl.DataFrame:
        """The wire rows so far, in the order of their requests."""
        frames = self._rows.all() if self._gathered is endpoint else []
        return pl.concat(frames, rechunk=False) if frames else _empty(endpoint)

    def failure_frame(self) -> pl.DataFrame:
        """The columns of `Failures`."""
        from metronome_analytics.tables import Failures  # noqa: PLC0415  # as in `receipts`: slow to import

        return pl.DataFrame(
            [(error.customer_id, error.endpoint, str(error), error.status) for error in self.failures],
            schema=Failures.create_empty().schema,
            orient="row",
        )


def _labelled(rows: pl.DataFrame, request: Request) -> pl.DataFrame:
    """`rows` with what they were asked for (whose they are), where the API does not repeat it."""
    wire = dict(request.endpoint.wire or ())
    labels = [pl.lit(text).alias(name) for name, text in request.labels.items() if name not in wire]
    return rows.with_columns_seq(labels) if labels else rows


def _empty(endpoint: Endpoint) -> pl.DataFrame:
    """No rows of what `endpoint` answers, in the very dtypes its pages decode to."""
    body = b'{"data": []}' if endpoint.is_list else b'{"data": {}}'
    return decode(body, endpoint).rows.clear()
