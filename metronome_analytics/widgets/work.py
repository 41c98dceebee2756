"""Work that a widget does beside the thread in which it hears of a page."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

from metronome_analytics.widgets.base import in_marimo

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], None]


class Worker:
    """Does each thing in a thread of its own; in marimo one after another in one.

    There a widget can only be made by a thread that was begun while its cell ran, and which ends with it.
    """

    def __init__(self) -> None:
        self.last = threading.Event()
        """Whether what was begun last is done."""
        self.last.set()
        self._waiting: queue.SimpleQueue[Work] | None = None
        if in_marimo():
            self._waiting = queue.SimpleQueue()
            sys.modules["marimo"].Thread(target=self._serve, args=(self._waiting,), daemon=True).start()

    def do(self, work: Work) -> None:
        """Begin this."""
        done = self.last = threading.Event()

        def whole() -> None:
            try:
                work()
            finally:
                done.set()

        if self._waiting is None:
            threading.Thread(target=whole, daemon=True).start()
        else:
            self._waiting.put(whole)

    @staticmethod
    def _serve(waiting: queue.SimpleQueue[Work]) -> None:
        cell: Any = sys.modules["marimo"].current_thread()
        while not cell.should_exit:
            try:
                work = waiting.get(timeout=1)
            except queue.Empty:
                continue
            work()
