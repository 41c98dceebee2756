"""What was asked of the server: the latest requests, without bodies."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Received:
    """One request that arrived; `status` stays None when no answer was sent."""

    method: str
    path: str
    query: str
    at: float
    status: int | None = None


class RequestLog:
    """The latest requests, without bodies, and a count of all."""

    def __init__(self, kept: int = 10_000) -> None:
        self._kept: deque[Received] = deque(maxlen=kept)
        self.total = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Received]:
        return iter(list(self._kept))

    def add(self, received: Received) -> None:
        """Keep a request, dropping the oldest when there are too many."""
        self.total += 1
        self._kept.append(received)

    def count(self, path: str = "", *, status: int | None = None) -> int:
        """How many kept requests have this in their path, and this status."""
        return sum(path in item.path and status in (None, item.status) for item in self)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.total = 0
