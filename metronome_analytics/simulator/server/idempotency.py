"""The memory that makes retries of writes safe."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request


class Idempotency:
    """First results of writes by `Idempotency-Key`, errors included; kept as long as the simulator lives."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[str, Reply]] = {}

    def recall(self, key: str, request: Request) -> Reply | None:
        """The stored result of the same request. Raises ApiError 409 when the request was another."""
        stored = self._stored.get(key)
        if stored is None:
            return None
        if stored[0] != _digest(request):
            raise ApiError(409, "This idempotency key was used with other parameters.")
        return stored[1]

    def store(self, key: str, request: Request, reply: Reply) -> None:
        """Keep the first result."""
        self._stored.setdefault(key, (_digest(request), reply))


def _digest(request: Request) -> str:
    parts = (request.method, request.path, sorted(request.query.items()), sorted(request.body.items(), key=str))
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
