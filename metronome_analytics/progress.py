"""A progress bar for whoever is looking; silent elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ProgressMode = Literal["auto", True, False]

# A load that is done sooner needs no bar.
_PATIENCE = 0.5


class Progress(NamedTuple):
    """How far a load is: requests sent, those it will take at least, and rows so far."""

    requests: int
    foreseen: int
    rows: int


_WATCHER: ContextVar[Callable[[Progress], None] | None] = ContextVar("metronome_analytics_watcher", default=None)


@contextmanager
def watched(watcher: Callable[[Progress], None]) -> Iterator[None]:
    """Loads in this thread meanwhile tell `watcher` how far they are, and draw no bar."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def _someone_is_looking() -> bool:
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class ProgressBar:
    """Requests done of those foreseen, rows, pace and the time left, drawn by the caller's own thread."""

    def __init__(self, title: str, mode: ProgressMode) -> None:
        self._title = title
        self._wanted = _someone_is_looking() if mode == "auto" else mode
        self._watcher = _WATCHER.get()
        self._began = time.monotonic()
        self._bar: Any = None
        self._place: Any = None

    def show(self, *, requests: int, foreseen: int, rows: int) -> None:
        """Draw the state of the load, or tell it whoever watches."""
        if self._watcher is not None:
            self._watcher(Progress(requests, max(foreseen, requests), rows))
            return
        if not self._wanted or time.monotonic() - self._began < _PATIENCE:
            return
        total = max(foreseen, requests)
        if self._bar is None:
            self._draw(total)
        self._bar.total = total
        if hasattr(self._bar, "container"):  # the notebook's bar has a widget that keeps a total of its own
            self._bar.container.children[1].max = total
        self._bar.n = requests
        self._bar.set_postfix_str(f"{rows:,} rows")

    def _draw(self, total: int) -> None:
        from tqdm.auto import tqdm  # noqa: PLC0415  # it loads ipywidgets in a notebook

        in_notebook = "tqdm.notebook" in sys.modules and issubclass(tqdm, sys.modules["tqdm.notebook"].tqdm_notebook)
        where: dict[str, Any] = {"display": False} if in_notebook else {}
        # In a notebook a bar made without its total is drawn full, whatever is done of it.
        self._bar = tqdm(desc=self._title, unit="request", total=total, leave=False, dynamic_ncols=True, **where)
        # The pace and the time left count from the start of the load, not of the bar.
        self._bar.start_t -= time.monotonic() - self._began
        if in_notebook:
            from IPython.display import display  # noqa: PLC0415  # it is there in a notebook only

            self._place = display(self._bar.container, display_id=True)  # type: ignore[no-untyped-call]  # it has no types

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            # A bar that is closed short of its total stays in a notebook, red, above a result that is whole.
            self._bar.total = self._bar.n
            self._bar.close()
        if self._place is not None:
            # What a notebook keeps of a bar is how it looked when it was new; who reads it later sees no widgets.
            self._place.update({"text/plain": ""}, raw=True)
