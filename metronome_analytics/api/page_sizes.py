"""How many rows a page is asked for: as many as the endpoint allows, fewer where answers of that size do not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.api.decode import Undecodable
from metronome_analytics.errors import ServerError, TransportError

if TYPE_CHECKING:
    from metronome_analytics.api.endpoints import Endpoint

# Pages in a row that have to arrive before larger ones are tried again.
_STEADY = 20


def too_large(error: Exception) -> bool:
    """Whether a smaller page may arrive where this one did not: a body cut off, a time-out, a 5xx."""
    if isinstance(error, TransportError):
        return error.sent and error.status is None
    return isinstance(error, ServerError | Undecodable)


class PageSizes:
    """The size for each endpoint of one client: halved when a page does not arrive, doubled after a while.

    It is remembered between lists, so that not every customer pays for what the first one showed.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._now: dict[str, int] = {}
        self._arrived: dict[str, int] = {}

    def of(self, endpoint: Endpoint, wanted: int | None = None) -> int | None:
        """How many rows to ask for, at most `wanted`; None where the endpoint takes no limit."""
        if endpoint.page_limit is None:
            return None
        bounds = (endpoint.page_limit, self._most, self._now.get(endpoint.name), wanted)
        return min(bound for bound in bounds if bound is not None)

    def failed(self, endpoint: Endpoint, size: int) -> None:
        """A page of `size` rows did not arrive: ask for half as many. What was asked for meanwhile counts once."""
        if size <= self._now.get(endpoint.name, size):
            self._now[endpoint.name] = max(size // 2, 1)
        self._arrived[endpoint.name] = 0

    def arrived(self, endpoint: Endpoint) -> None:
        """A page arrived: after many of them, try larger ones again."""
        if (now := self._now.get(endpoint.name)) is None:
            return
        self._arrived[endpoint.name] += 1
        if self._arrived[endpoint.name] >= _STEADY:
            self._now[endpoint.name], self._arrived[endpoint.name] = now * 2, 0
            if now * 2 >= (endpoint.page_limit or 0):
                del self._now[endpoint.name]
