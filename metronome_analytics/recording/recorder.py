"""Writes a recording: every request of a session and its answer, scrubbed, in the format of vcrpy's cassettes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from metronome_analytics.folder import writable
from metronome_analytics.recording.scrub import Scrubber

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from metronome_analytics.api.exchange import Exchange, Watcher

HEADER = "# Recorded by metronome_analytics and scrubbed: names, notes, custom fields and every id are replaced.\n"
# What a replay needs of an answer's headers.
KEPT_HEADERS = frozenset({"content-type", "retry-after", "x-metronome-rate-limit-type"})
# In the place of the account's own address.
ADDRESS = "https://api.metronome.com"


def interaction(seen: Exchange, scrubber: Scrubber) -> dict[str, Any]:
    """A request and its answer as a cassette has them, without what is private."""
    return {
        "request": {
            "method": seen.method,
            "uri": ADDRESS + scrubber.address(seen.url),
            "body": scrubber.body(seen.content).decode() or None,
            "headers": {},
        },
        "response": {
            "status": {"code": seen.status, "message": ""},
            "headers": kept_headers(seen.headers),
            "body": {"string": scrubber.body(seen.body).decode()},
        },
    }


def kept_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers of an answer that matter for replay."""
    return {
        name.lower(): [value] if isinstance(value, str) else value
        for name, value in headers.items()
        if name.lower() in KEPT_HEADERS
    }


class Recording:
    """A recording under way, until it is closed or left as a context; `requests` counts what it holds.

    Each request is in the file as soon as it is answered. Read the file before you send it to anybody.
    """

    def __init__(self, path: str | os.PathLike[str], watchers: list[Watcher], now: Callable[[], datetime]) -> None:
        self.path = Path(path)
        self.requests = 0
        self._scrubber = Scrubber()
        self._watchers = watchers
        self._lock = threading.Lock()
        self._now = now
        writable(self.path, "path")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="ascii")
        self._file.write(f"{HEADER}version: 1\n")
        self._watchers.append(self._write)

    def _write(self, seen: Exchange) -> None:
        # JSON is YAML, and a line of it is read without a YAML library.
        line = f"- {json.dumps(interaction(seen, self._scrubber))}\n"
        with self._lock:
            if not self._file.closed:
                self._begin()
                self._file.write(line)
                self._file.flush()
                self.requests += 1

    def _begin(self) -> None:
        # Not before an answer has said what time it is where the account is.
        if not self.requests:
            self._file.write(f'now: "{self._now().isoformat()}"\ninteractions:\n')

    def close(self) -> None:
        """End the recording; again does nothing."""
        if self._write in self._watchers:
            self._watchers.remove(self._write)
        with self._lock:
            if not self._file.closed:
                self._begin()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._file.closed else "under way"
        return f"Recording({str(self.path)!r}, {self.requests} requests, {state})"
