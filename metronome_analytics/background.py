"""Sync on the outside, one event loop inside: works in a script, under Jupyter's own loop, and in threads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from metronome_analytics.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from anyio.from_thread import BlockingPortal

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
    """One event loop in one daemon thread, started when first needed, in the process that needs it."""

    _at_work: ClassVar[int | None] = None
    """The process in which work was first done. A fork of it has none of its threads, those of polars neither."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._running: dict[Future[Any], threading.Event] = {}
        self._process = os.getpid()
        self._closed = False

    def run(self, work: Callable[[], Awaitable[T]], *, tick: Callable[[], None] = lambda: None) -> T:
        """`await work()` on the loop; whatever interrupts the caller cancels the work before it passes on.

        Raises ConfigurationError after close(), also where that happens meanwhile, and in a fork of a process in which
        work was done before.
        """
        done = threading.Event()

        async def job() -> T | _Broken:
            from anyio import get_cancelled_exc_class  # noqa: PLC0415  # here it is imported already

            try:
                return await work()
            except (Exception, get_cancelled_exc_class()):
                raise
            except BaseException as broken:  # noqa: BLE001  # raised in the loop it would end it, and not the caller
                return _Broken(broken)
            finally:
                done.set()

        future = self._start(job, done)
        try:
            found = self._wait(future, tick)
        except CancelledError:
            closed = _closed("The account was closed while this was running.")
            closed.sent = True
            raise closed from None
        except BaseException:
            if not future.done():
                future.cancel()
                done.wait(_CLEAN_UP)
            raise
        finally:
            self._running.pop(future, None)
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

    def _start(self, job: Callable[[], Awaitable[T]], done: threading.Event) -> Future[T]:
        # Before the lock: another thread may have held it when the process was forked, and never lets it go.
        self.check_process()
        with self._lock:
            if self._closed:
                raise _closed("This account is closed.")
            if self._portal is None:
                self._process = os.getpid()
                self._thread, self._portal = _started()
            future = self._portal.start_task_soon(job)
            self._running[future] = done
            return future

    @staticmethod
    def check_process() -> None:
        """Raise ConfigurationError in a fork of a process in which work was done."""
        here = os.getpid()
        if Background._at_work is None:
            Background._at_work = here
        elif Background._at_work != here:
            raise ConfigurationError(
                f"This process was forked from one that had loaded before (process {Background._at_work}): the threads "
                "that load, and those of polars, stayed there.",
                advice="Start processes by 'spawn' or 'forkserver' (multiprocessing.get_context), or fork before the "
                "first load.",
            )

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel what runs, run `last` on the loop if it ever started, then stop it. Again does nothing.

        In a fork of the process whose loop it is there is nothing to stop.
        """
        if self._process != os.getpid():
            self._closed = True
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread, portal, running = self._thread, self._portal, dict(self._running)
        for future in running:
            future.cancel()
        for done in running.values():
            done.wait(_CLEAN_UP)
        if thread is not None and portal is not None:
            try:
                portal.call(last)
            finally:
                portal.call(portal.stop)
                thread.join()


def _started() -> tuple[threading.Thread, BlockingPortal]:
    """A new loop in its thread. anyio's own context manager ends it when it is collected: in a fork, for ever."""
    # Opening an account starts no loop, and need not wait for what one takes.
    import anyio  # noqa: PLC0415  # as said
    from anyio.from_thread import BlockingPortal  # noqa: PLC0415  # as said

    opened: Future[BlockingPortal] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            opened.set_result(portal)
            await portal.sleep_until_stopped()

    def run() -> None:
        try:
            anyio.run(serve)
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    thread = threading.Thread(target=run, name="metronome-analytics", daemon=True)
    thread.start()
    return thread, opened.result()


def _closed(what: str) -> ConfigurationError:
    return ConfigurationError(what, advice="Open another with connect() or demo().")
