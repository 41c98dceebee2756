"""Log records as one readable line each, on stderr."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator


class Readable(logging.Formatter):
    """The message alone; of a retry what it waits for and how long, which stamina keeps beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without a level or a time."""
        if record.name != "stamina":
            return one_line(record.getMessage())
        cause, wait = (record.__dict__.get(f"stamina.{name}") for name in ("caused_by", "wait_for"))
        return one_line(f"Trying again in {wait} s: {cause}")


@contextmanager
def readable_log() -> Iterator[None]:
    """Warnings of the block, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(Readable())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
