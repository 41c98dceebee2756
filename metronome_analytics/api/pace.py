"""One pace for the whole account: how many requests may start, and when."""

from __future__ import annotations

import asyncio
import time

from aiolimiter import AsyncLimiter

# The event loop wakes a request a little late, every time: what is lost so within _CATCH_UP seconds may be made up
# for, or one request in fifteen would be lost. In any second at most `1 + rate * (_CATCH_UP + 1 / _SPACING)` start,
# which stays below `rate + 1` with eighteen milliseconds to spare for what happens between here and the server.
_CATCH_UP = 0.02
_SPACING = 1.04


class Pace:
    """Spaces requests evenly at `max_requests_per_second` (None: no limit), and can hold them all back.

    A large bucket would let a burst past the limit, so the limiter holds one request and little more.
    """

    def __init__(self, max_requests_per_second: float | None) -> None:
        self._limiter = None if max_requests_per_second is None else _limiter(max_requests_per_second)
        self._held_until = 0.0

    async def turn(self) -> None:
        """Wait until the next request may start."""
        while True:
            while (wait := self._held_until - time.monotonic()) > 0:  # noqa: ASYNC110  # a hold is a time, not an event
                await asyncio.sleep(wait)
            if self._limiter is None:
                return
            await self._limiter.acquire()
            # Held back while waiting in line: line up again, or all who waited would start at once.
            if self._held_until <= time.monotonic():
                return

    def hold(self, seconds: float) -> None:
        """Start nothing for `seconds`: the API said the organisation as a whole is over its limit."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)


def _limiter(rate: float) -> AsyncLimiter:
    bucket = 1 + rate * _CATCH_UP
    return AsyncLimiter(bucket, bucket * _SPACING / rate)
