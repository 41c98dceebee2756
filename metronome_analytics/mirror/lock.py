"""One writer at a time: a lock that the kernel releases, or in object storage a lease that runs out."""

from __future__ import annotations

import json
import os
import socket
import sys
import uuid
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import MirrorError, MirrorLocked
from metronome_analytics.mirror.delta import create_table, open_table
from metronome_analytics.mirror.storage import File, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metronome_analytics.mirror.storage import Place

LOCK_FILE = "_lock"
LOCK_TABLE = "_lock"
TERM = timedelta(minutes=10)
"""How long a lease stands that is not renewed. The clocks of all who sync must agree to within a part of it."""

_LEASE: dict[str, pl.DataType] = {
    "holder": pl.String(),
    "host": pl.String(),
    "process": pl.Int64(),
    "since": pl.Datetime("us", "UTC"),
    "until": pl.Datetime("us", "UTC"),
}


@contextmanager
def holding(place: Place, now: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Hold the mirror at `place`; what it yields renews the hold, or raises MirrorLocked when it is lost."""
    if place.is_local and sys.platform != "win32":
        with _locked(place, now):
            yield lambda: None
        return
    lease = _Lease(place, now)
    lease.take()
    try:
        yield lease.renew
    finally:
        lease.release()


@contextmanager
def _locked(place: Place, now: Callable[[], datetime]) -> Iterator[None]:
    import fcntl  # noqa: PLC0415  # not on Windows

    path = Path(place.uri, LOCK_FILE)
    with reaching("Locking", str(path)):
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _held(place, file.read()) from None
        with reaching("Locking", str(path)):
            file.truncate(0)
            file.write(json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": _shown(now())}))
            file.flush()
        try:
            yield
        finally:
            with suppress(OSError):  # the lock goes with the file, the text need not
                file.truncate(0)


def _held(place: Place, text: str) -> MirrorLocked:
    try:
        who = json.loads(text)
        by = f"process {who['process']} on {who['host']}, since {who['since']}"
    except (ValueError, KeyError, TypeError):  # it has not said so yet
        by = "another process"
    return MirrorLocked(f"The mirror at {place} is being written by {by}.")


class _Lease:
    """A row in a small table that says who may write until when."""

    def __init__(self, place: Place, now: Callable[[], datetime]) -> None:
        self._place = place
        self._now = now
        self._me = uuid.uuid4().hex
        self._since = now()
        self._until = self._since
        self._mutex = Lock()
        self._table = open_table(place, LOCK_TABLE) or create_table(
            place, LOCK_TABLE, _LEASE, "Who is writing the mirror, and until when.", bucketed=False
        )

    def take(self) -> None:
        """Take the lease, or raise MirrorLocked: who has it, since when, until when."""
        files = self._table.files()
        for who in self._rows(files):
            if who["until"] > self._now():
                raise MirrorLocked(
                    f"The mirror at {self._place} is being written by process {who['process']} on {who['host']}, "
                    f"since {_shown(who['since'])}; unless it says so again, its lease ends at {_shown(who['until'])}."
                )
        self._write(files)

    def renew(self) -> None:
        """Extend the lease once a fifth of its term has gone."""
        with self._mutex:
            if self._until - self._now() > TERM * 0.8:
                return
            self._table.refresh()
            files = self._table.files()
            if [who["holder"] for who in self._rows(files)] != [self._me]:
                raise MirrorLocked(f"Another sync took over the mirror at {self._place}, so this one stopped.")
            self._write(files)

    def release(self) -> None:
        """Give the lease back; where that fails it runs out."""
        with self._mutex, suppress(MirrorError):
            self._table.refresh()
            files = self._table.files()
            if [who["holder"] for who in self._rows(files)] == [self._me]:
                self._table.commit([], files)

    def _rows(self, files: list[File]) -> list[dict[str, Any]]:
        with reaching("Reading", self._table.uri):
            return self._place.scan(LOCK_TABLE, files, _LEASE).collect().to_dicts()

    def _write(self, files: list[File]) -> None:
        until = self._now() + TERM
        row = {
            "holder": self._me,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": self._since,
            "until": until,
        }
        path, size = self._place.write([pl.DataFrame([row], schema=_LEASE)], LOCK_TABLE, None)
        self._table.commit([File(path, size, 1)], files)
        self._until = until


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
