"""One pace for the whole account: how many requests may start, and when."""

from __future__ import annotations

import asyncio
import time

from aiolimiter import AsyncLimiter

# Between being let through and leaving the machine a request may lag by a few milliseconds. Spacing starts a
# hundredth wider than asked keeps any one-second window within the pace, and still uses 99 % of it.
_SPACING = 1.01


class Pace:
    """Spaces requests evenly at `max_requests_per_second` (None: no limit), and can hold them all back.

    A bucket larger than one would let a burst past the limit, so the limiter holds exactly one.
    """

    def __init__(self, max_requests_per_second: float | None) -> None:
        self._limiter = None if max_requests_per_second is None else AsyncLimiter(1, _SPACING / max_requests_per_second)
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
