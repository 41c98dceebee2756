"""What every conversation with one account shares: clients and pace, the loop they run on, clock, receipts, drift."""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from metronome_analytics import arguments as args
from metronome_analytics.api.request import MAX_BYTES, MAX_SECONDS
from metronome_analytics.background import Background
from metronome_analytics.errors import ArgumentError
from metronome_analytics.known import KnownCustomers
from metronome_analytics.receipts import DriftLog, Partial, ReceiptLog
from metronome_analytics.settings import journal_path, proxy_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx
    from pydantic import SecretStr

    from metronome_analytics.api.client import Client
    from metronome_analytics.api.exchange import Watcher
    from metronome_analytics.progress import ProgressMode

T = TypeVar("T")


def utc_now() -> datetime:
    """The time on this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The times that matter, and how to wait.

    `now` is the account's own time, by its server's answers: a simulated account has its own. `wall` is this machine's:
    how old a plan is.
    """

    now: Callable[[], datetime] = utc_now
    wall: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """Where an account is and how it may be spoken to; makes its clients."""

    token: SecretStr
    base_url: str
    max_requests_per_second: float | None
    max_concurrency: int
    timeout: float
    transport: httpx.AsyncBaseTransport | None = None
    page_size: int | None = None
    max_seconds_per_request: float = MAX_SECONDS
    max_bytes_per_answer: int = MAX_BYTES
    # Told of every request and its answer, by whichever client.
    watchers: list[Watcher] = field(default_factory=list)

    def client(self, *, writes: bool = False) -> Client:
        """A client of its own connections and pace; only one opened with `writes` can send a WRITE endpoint.

        A transport that was given is closed with the session's own client, which lives as long as the session does.
        """
        # httpx is slow to import: not before a request.
        from metronome_analytics.api.client import Client  # noqa: PLC0415  # as above
        from metronome_analytics.api.network import Lent  # noqa: PLC0415  # as above

        transport = Lent(self.transport) if writes and self.transport is not None else self.transport
        return Client(
            self.token,
            self.base_url,
            max_requests_per_second=self.max_requests_per_second,
            max_concurrency=self.max_concurrency,
            timeout=self.timeout,
            transport=transport,
            proxy=proxy_of(self.base_url) if self.transport is None else None,
            page_size=self.page_size,
            max_seconds_per_request=self.max_seconds_per_request,
            max_bytes_per_answer=self.max_bytes_per_answer,
            writes=writes,
            watchers=self.watchers,
        )


class _Reader:
    """The client of every read, made when the first is sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._client: Client | None = None

    def client(self) -> Client:
        """The one client, whichever thread asks first."""
        with self._lock:
            self._client = self._client or self._connection.client()
            return self._client

    def now(self) -> datetime:
        """The time where the account is; this machine's before anything was asked."""
        return utc_now() if self._client is None else self._client.server_time.now()

    async def aclose(self) -> None:
        """Close every connection, if any was opened."""
        if self._client is not None:
            await self._client.aclose()


class Session:
    """One conversation with one account. Loaders, changes and the mirror are made with it; any thread may use it.

    `client` is shared by all reads, so the pace is the account's, and cannot write. `allow_writes` are the names of the
    operations that `changes` may send.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        environment: str | None = None,
        allow_writes: frozenset[str] = frozenset(),
        progress: ProgressMode = "auto",
        clock: Clock | None = None,
        journal_path: Callable[[], Path] = journal_path,
    ) -> None:
        self.connection = connection
        self.environment = environment
        self.allow_writes = allow_writes
        self.progress: ProgressMode = progress
        self.journal_path = journal_path
        self._reader = _Reader(connection)
        self.follows_server = clock is None
        self.clock = clock or Clock(now=self._reader.now)
        self.receipts = ReceiptLog()
        self.drift = DriftLog()
        self.names = KnownCustomers()
        self.partial: Partial | None = None
        self._background = Background()
        # Closes at interpreter exit too; holds no reference to the session itself.
        self._closer = weakref.finalize(self, self._background.close, self._reader.aclose)

    @property
    def client(self) -> Client:
        """The client of every read."""
        return self._reader.client()

    @property
    def base_url(self) -> str:
        """Where the account is."""
        return self.connection.base_url

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent."""
        return not self._closer.alive

    def run(self, work: Callable[[], Awaitable[T]], *, tick: Callable[[], None] = lambda: None) -> T:
        """`await work()` on the session's loop, from any thread; `tick` is called while it lasts."""
        return self._background.run(work, tick=tick)

    def check_process(self) -> None:
        """Raise ConfigurationError in a fork of a process that loaded: importing an analysis would hang there."""
        self._background.check_process()

    def close(self) -> None:
        """Let go of every connection and the background thread; again does nothing."""
        self._closer()


def open_session(
    token: str | SecretStr | None = None,
    *,
    base_url: str | None = None,
    environment: str | None = None,
    allow_writes: frozenset[str] = frozenset(),
    max_requests_per_second: float | None = 7.5,
    max_concurrency: int = 16,
    timeout: float = 60.0,
    page_size: int | None = None,
    progress: ProgressMode = "auto",
    transport: httpx.AsyncBaseTransport | None = None,
    max_seconds_per_request: float = MAX_SECONDS,
    max_bytes_per_answer: int = MAX_BYTES,
    clock: Clock | None = None,
    journal_path: Callable[[], Path] = journal_path,
) -> Session:
    """A session, its arguments checked; nothing is sent. The environment and `connect()` say what they mean.

    Raises ConfigurationError without a usable token or base URL, ArgumentError for any other argument.
    """
    secret, url = read_settings(token, base_url)
    if transport is None:
        proxy_of(url)  # its faults are told now, although no client is made before the first request
    pace = max_requests_per_second
    return Session(
        Connection(
            secret,
            url,
            max_requests_per_second=None if pace is None else _positive("max_requests_per_second", pace),
            max_concurrency=args.whole_number("max_concurrency", max_concurrency, least=1),
            timeout=_positive("timeout", timeout),
            transport=transport,
            page_size=None if page_size is None else args.whole_number("page_size", page_size, least=1),
            max_seconds_per_request=_positive("max_seconds_per_request", max_seconds_per_request),
            max_bytes_per_answer=args.whole_number("max_bytes_per_answer", max_bytes_per_answer, least=1),
        ),
        environment=args.text("environment", environment),
        allow_writes=allow_writes,
        progress=progress,
        clock=clock,
        journal_path=journal_path,
    )


def _positive(argument: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ArgumentError(f"{argument} must be a positive number, not {value!r}.")
    return value
