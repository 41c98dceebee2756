"""Sync on the outside, one event loop inside: works in a script, under Jupyter's own loop, and in threads."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from anyio import get_cancelled_exc_class
from anyio.from_thread import BlockingPortal, start_blocking_portal

from metronome_analytics.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

T = TypeVar("T")

_STOP: ContextVar[threading.Event | None] = ContextVar("metronome_analytics_stop", default=None)

# How often a waiting caller looks up: to draw progress, and to notice Ctrl-C.
_TICK = 0.1
# How long an interrupted caller waits for its requests to let go of their sockets.
_CLEAN_UP = 0.9


class StoppedError(BaseException):
    """What `stoppable` raises: no failure, so nothing that handles errors takes it for one."""


@dataclass(frozen=True, slots=True)
class _Broken:
    """What work in the loop was broken by, that is no error: an interrupt, say."""

    error: BaseException


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """Work run in this thread meanwhile is cancelled once `stop` is set, and raises StoppedError."""
    token = _STOP.set(stop)
    try:
        yield
    finally:
        _STOP.reset(token)


class Background:
    """One event loop in one daemon thread, started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._stack: AbstractContextManager[BlockingPortal] | None = None
        self._closed = False

    def run(self, work: Callable[[], Awaitable[T]], *, tick: Callable[[], None] = lambda: None) -> T:
        """`await work()` on the loop; whatever interrupts the caller cancels the work before it passes on."""
        done = threading.Event()

        async def job() -> T | _Broken:
            try:
                return await work()
            except (Exception, get_cancelled_exc_class()):
                raise
            except BaseException as broken:  # noqa: BLE001  # raised in the loop it would end it, and not the caller
                return _Broken(broken)
            finally:
                done.set()

        future = self._started().start_task_soon(job)
        try:
            found = self._wait(future, tick)
        except BaseException:
            if not future.done():
                future.cancel()
                done.wait(_CLEAN_UP)
            raise
        if isinstance(found, _Broken):
            raise found.error
        return found

    @staticmethod
    def _wait(future: Future[T], tick: Callable[[], None]) -> T:
        while True:
            try:
                return future.result(timeout=_TICK)
            except TimeoutError:
                if future.done():
                    raise
                stop = _STOP.get()
                if stop is not None and stop.is_set():
                    raise StoppedError from None
                tick()

    def _started(self) -> BlockingPortal:
        with self._lock:
            if self._closed:
                raise ConfigurationError("This account is closed.", advice="Open another with connect() or demo().")
            if self._portal is None:
                self._stack = start_blocking_portal(name="metronome-analytics")
                self._portal = self._stack.__enter__()
            return self._portal

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Run `last` on the loop if it ever started, then stop it. Again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            stack, portal = self._stack, self._portal
        if stack is not None and portal is not None:
            try:
                portal.call(last)
            finally:
                stack.__exit__(None, None, None)
