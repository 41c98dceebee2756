"""What is to be read of one customer for a mirror, what came of it, and how much may be read at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from metronome_analytics.mirror import digests
from metronome_analytics.mirror.mirrored import MirroredTable, ReadingSpan
from metronome_analytics.mirror.rules import DERIVED, NEWEST, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import polars as pl

    from metronome_analytics.api.request import Tally
    from metronome_analytics.errors import MetronomeError
    from metronome_analytics.loaders.load import Chunk
    from metronome_analytics.mirror.store import WaitingFile


@dataclass(slots=True)
class TableReading:
    """One table of one customer (or of the account) to be read, and then what came of it.

    `then` is what the progress says of the reading before: rows, read_at, full_at, full_requests, failed_since,
    usage_anchor, usage_digest.
    """

    table: MirroredTable
    reason: str
    way: str = WHOLE
    known: str | None = None  # the digest of what the mirror holds
    since: datetime | None = None  # where only what came since then is read again
    then: Mapping[str, Any] = field(default_factory=dict)
    wire: list[Chunk] = field(default_factory=list)  # pages that wait to be shaped
    derived: pl.DataFrame | None = None  # rows that no page brought
    held: int = 0  # the bytes of both
    files: list[WaitingFile] = field(default_factory=list)  # what is on disk already
    has_new_columns: bool = False  # that the rows held were written without
    stays: bool = False  # what the mirror holds, since what it comes from did not change
    follows: bool | None = None  # whether these net balances are what the balances come to
    promised: int = 0  # requests that the budget holds for it
    requests: int = 0
    rows: int = 0
    hash: int = 0
    next_date: datetime | None = None
    open: bool = False
    open_since: datetime | None = None

    @property
    def digest(self) -> str | None:
        """What tells these rows from others; None for a part of a table."""
        if self.stays:
            return self.known
        return None if self.since is not None else digests.digest(self.table.columns, self.rows, self.hash)

    @property
    def differs(self) -> bool:
        """Whether the mirror holds something else."""
        return self.known != self.digest

    @property
    def changed(self) -> bool | None:
        """Whether the account changed; None where that cannot be told: a first reading, a part, or new columns."""
        return None if self.known is None or self.since is not None or self.has_new_columns else self.differs

    @property
    def replaces(self) -> bool:
        """Whether what was read takes the place of what the mirror holds."""
        return self.differs or self.since is not None or bool(self.files)

    @property
    def is_stale(self) -> bool:
        """Whether the digest known was made by another version, so that it says nothing."""
        return self.known is not None and not digests.is_comparable(self.known, self.table.columns)

    @property
    def waits(self) -> bool:
        """Whether there are rows that are not on disk yet."""
        return bool(self.wire) or self.derived is not None

    def renew(self, rows: int, hashes: int) -> None:
        """The rows that the mirror holds have the digest of these, as this version makes it."""
        columns = self.table.columns
        self.has_new_columns = self.known is not None and not digests.same_columns(self.known, columns)
        self.known = digests.digest(columns, rows, hashes)

    def take(self, page: Chunk) -> None:
        """Hold a page."""
        self.requests += 1
        if page.rows.height:
            self.wire.append(page)
            self.held += int(page.rows.estimated_size())

    def release(self) -> tuple[list[Chunk], pl.DataFrame | None]:
        """The rows held, which are not held any more."""
        wire, derived = self.wire, self.derived
        self.wire, self.derived, self.held = [], None, 0
        return wire, derived

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add what some of the rows say; see `mirrored.facts_of`."""
        self.rows += facts["rows"]
        self.hash ^= facts["hash"]
        self.open |= facts["open"]
        self.next_date = min(filter(None, (self.next_date, facts["next_date"])), default=None)
        self.open_since = min(filter(None, (self.open_since, facts["open_since"])), default=None)

    def least(self, customer_id: str | None, start: datetime, now: datetime) -> int:
        """The requests that it takes at least: as many as the last time, where it is read whole again."""
        if self.way == DERIVED:
            return 0
        if self.way == NEWEST:
            return 1
        asked = len(self.table.requests(customer_id or "", ReadingSpan(self.since or start, now)))
        return asked if self.since is not None else max(asked, self.then.get("full_requests") or 0)


@dataclass(slots=True)
class CustomerReading:
    """One customer and what is to be read of it; `customer_id` is None for the account's own tables."""

    customer_id: str | None
    bucket: int
    start: datetime  # when something of it can have happened first
    tables: list[TableReading]
    facts: Mapping[str, object]  # what else the progress keeps of it
    number: int = 0  # counts the customers of a sync in the order in which their reading began
    read_at: datetime | None = None
    error: MetronomeError | None = None
    given_up: bool = False  # for a reason that is not this customer's: nothing is noted of it

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return self.error is None and not self.given_up

    @property
    def promised(self) -> int:
        """The requests that the budget is to hold for it."""
        return sum(reading.promised for reading in self.tables)

    def foresee(self, now: datetime) -> None:
        """Count the requests that its tables take at least, or took the last time."""
        for reading in self.tables:
            reading.promised = reading.least(self.customer_id, self.start, now)


class Batch(NamedTuple):
    """Rows of one table and bucket on their way to disk, and whose they are."""

    bucket: int
    readings: Sequence[tuple[CustomerReading, TableReading]]
    pages: Sequence[Chunk]
    derived: Sequence[pl.DataFrame]


def batch(bucket: int, readings: Sequence[tuple[CustomerReading, TableReading]]) -> Batch:
    """The rows that `readings`, all of one table, hold, which they do not hold any more."""
    released = [reading.release() for _, reading in readings]
    pages = [page for wire, _ in released for page in wire]
    return Batch(bucket, readings, pages, [derived for _, derived in released if derived is not None])


def batches(waiting: Mapping[int, Sequence[CustomerReading]]) -> list[Batch]:
    """The rows that `waiting` holds, by bucket and table, which it does not hold any more."""
    found = []
    for bucket, customers in waiting.items():
        by_table: dict[str, list[tuple[CustomerReading, TableReading]]] = {}
        for customer in customers:
            for reading in customer.tables:
                if reading.waits:
                    by_table.setdefault(reading.table.name, []).append((customer, reading))
        found += [batch(bucket, readings) for readings in by_table.values()]
    return found


class Budget:
    """When to stop: before a customer whose reading would not fit any more, and before a page that does not.

    What is sent again after an error counts once it was sent, so that only such requests can go beyond the limit.
    """

    def __init__(self, tally: Tally, *, max_requests: int | None, is_over: Callable[[], bool]) -> None:
        self._tally = tally
        self._max_requests = max_requests
        self._is_over = is_over
        self._promised = 0

    def admits(self, need: int) -> bool:
        """Whether there is time, and there are `need` requests, left; they are promised then."""
        return not self._is_over() and self.promises(need)

    def promises(self, need: int) -> bool:
        """Whether there are `need` requests left; they are promised then."""
        spent = max(self._promised, self._tally.requests) + need
        if self._max_requests is not None and spent > self._max_requests:
            return False
        self._promised = spent
        return True
