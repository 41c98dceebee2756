"""The line of the user that led to something: what a notebook shows of an error of ours, where a warning belongs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_HERE = str(Path(__file__).parent)
# The mode of IPython that shows the surroundings of every line; whoever chose another asked for what that one shows.
_USUAL = "Context"
_MORE = "The whole traceback: run %xmode Plain, then %tb."


def shell() -> Any:
    """The IPython that runs this, where one does and its tracebacks are as they come; else None."""
    ipython = sys.modules.get("IPython")
    running: Any = ipython.get_ipython() if ipython is not None else None
    return running if running is not None and getattr(running.InteractiveTB, "mode", "") == _USUAL else None


def rendered(running: Any, error: BaseException) -> list[str]:
    """The lines `running` shows of `error`: the user's own frames, the message, and how to see the rest."""
    chain = error.__cause__, error.__context__, error.__suppress_context__
    error.__cause__ = error.__context__ = None
    try:
        lines: list[str] = running.InteractiveTB.structured_traceback(
            type(error), error, own_frames(error.__traceback__), tb_offset=0
        )
    finally:
        error.__cause__, error.__context__, error.__suppress_context__ = chain
    return [*lines[:-1], _MORE, *lines[-1:]]


def own_frames(whole: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is the user's: after what runs the cell, before the first line of this package."""
    frames = []
    while whole is not None:
        name = str(whole.tb_frame.f_globals.get("__name__", ""))
        if whole.tb_frame.f_code.co_filename.startswith(_HERE):
            break
        if name.partition(".")[0] not in {"IPython", "ipykernel"}:
            frames.append(whole)
        whole = whole.tb_next
    shown: TracebackType | None = None
    for each in reversed(frames):
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shown


def caller_depth() -> int:
    """The stack level of the first frame outside this package, where a warning belongs."""
    depth, frame = 1, sys._getframe(1)  # noqa: SLF001  # the documented way to look at the stack
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("metronome_analytics"):
        depth, frame = depth + 1, frame.f_back
    return depth
