"""Our connections to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl

# A body passes ten layers of Python in pieces of this size: a quarter of the time of fetching is gone with larger ones
# than httpcore's own.
READ_BYTES = 256 * 1024


class _Stream(httpcore.AsyncNetworkStream):
    """A stream of httpcore's that reads larger pieces than httpcore asks for."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore names it
        return await self._stream.read(max(max_bytes, READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *given: Any, **named: Any) -> _Stream:
        return _Stream(await self._stream.start_tls(*given, **named))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.AnyIOBackend):
    """The network as httpcore knows it, with streams of ours."""

    async def connect_tcp(self, *given: Any, **named: Any) -> _Stream:
        return _Stream(await super().connect_tcp(*given, **named))


class Connection(httpx.AsyncHTTPTransport):
    """One kept-alive connection, and no more; through `proxy`, where one is given."""

    def __init__(self, certificates: ssl.SSLContext, *, proxy: str | None = None) -> None:
        super().__init__(verify=certificates, limits=httpx.Limits(max_connections=1), proxy=proxy)
        # httpx makes the pool and does not pass a network backend on, which the pool would take.
        self._pool._network_backend = _Backend()  # noqa: SLF001  # as above
