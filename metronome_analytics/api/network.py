"""Our connections: read in large pieces, and none used again that holds bytes nobody asked for."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
import httpx

from metronome_analytics.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

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
    """One kept-alive connection, and no more; through `proxy`, where one is given.

    A server that has sent more than the answer is not asked again on the same connection: what it sent would be taken
    for the next answer. Bytes that still lie in the socket are seen by httpcore, those read already are seen here.
    """

    def __init__(self, certificates: ssl.SSLContext, *, proxy: str | None = None) -> None:
        super().__init__(verify=certificates, limits=httpx.Limits(max_connections=1), proxy=proxy)
        # httpx makes the pool and does not pass a network backend on, which the pool would take.
        self._pool._network_backend = _Backend()  # noqa: SLF001  # as above
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to `request`, on a connection that holds nothing else."""
        if self._stream is not None and (_is_readable(self._stream) or not self._all_is_parsed()):
            await self._pool.aclose()
        response = await super().handle_async_request(request)
        self._stream = response.extensions.get("network_stream")
        return response

    def _all_is_parsed(self) -> bool:
        """Whether the parser has nothing left of what was read; True without a connection."""
        for held in self._pool.connections:
            connection: Any = held
            # A connection through a proxy holds one; neither that nor the parser has a public name.
            while (inner := getattr(connection, "_connection", None)) is not None:
                connection = inner
            parser = getattr(connection, "_h11_state", None)
            if parser is None or parser.trailing_data[0]:
                return False
        return True


def _is_readable(stream: httpcore.AsyncNetworkStream) -> bool:
    """Whether TLS holds anything that was received and not read, be it the end."""
    tls: ssl.SSLObject | None = stream.get_extra_info("ssl_object")
    if tls is None:
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass
    return True


class Lent(httpx.AsyncBaseTransport):
    """Somebody else's transport: used, and left open."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the other transport."""
        return await self._transport.handle_async_request(request)


@cache
def certificates() -> ssl.SSLContext:
    """Whom we believe, read once: that takes longer than a request. ConfigurationError where they cannot be read."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise ConfigurationError(
            f"The certificates of the authorities that we should trust cannot be read: {error}.",
            advice="Correct SSL_CERT_FILE and SSL_CERT_DIR, or unset them.",
        ) from error


class Connections:
    """As many connections as may be open at once, each a client of its own; the one used last is used first.

    httpx would keep them in one pool, which looks at all that are idle before and after each request: of a small
    answer's time that is nearly half. A transport that was given is `shared` by all of them, and closed once.
    """

    def __init__(self, opened: Callable[[], httpx.AsyncClient], most: int, *, shared: bool) -> None:
        self._opened = opened
        self._turns = anyio.Semaphore(most)
        self._all: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []
        self._shared = shared

    @asynccontextmanager
    async def one(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client nobody else uses meanwhile."""
        async with self._turns:
            http = self._idle.pop() if self._idle else self._another()
            try:
                yield http
            finally:
                self._idle.append(http)

    def _another(self) -> httpx.AsyncClient:
        if not (self._shared and self._all):
            self._all.append(self._opened())
        return self._all[-1]

    async def aclose(self) -> None:
        """Close every connection."""
        for http in self._all:
            await http.aclose()
