"""Serves a simulator over HTTP; the only place that needs uvicorn, and only when called."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from metronome_analytics.simulator.server.app import CLOSE_EXTENSION, Receive, Scope, Send

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Iterator

    from uvicorn import Server

    from metronome_analytics.simulator.server.simulator import Simulator


def serve(sim: Simulator, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], object] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is called with the base URL once the port is open. Prints nothing."""
    with suppress(KeyboardInterrupt):
        _server(sim, host, port, ready).run()


@contextmanager
def running(sim: Simulator) -> Iterator[str]:
    """Serve in a background thread on a free loopback port and yield the base URL."""
    opened = Event()
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        opened.set()

    server = _server(sim, "127.0.0.1", 0, ready)

    def work() -> None:
        try:
            server.run()
        finally:
            opened.set()

    thread = Thread(target=work, name="metronome-simulator", daemon=True)
    thread.start()
    opened.wait()
    if not urls:
        raise RuntimeError("the simulator's server did not start")
    try:
        yield urls[0]
    finally:
        server.should_exit = True
        thread.join()


def _server(sim: Simulator, host: str, port: int, ready: Callable[[str], object] | None) -> Server:
    import uvicorn  # noqa: PLC0415  # only those who serve need it installed
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415  # the same

    class Protocol(H11Protocol):
        """HTTP/1.1 that lets the application close the connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            app = self.app

            async def closable(scope: Scope, receive: Receive, send: Send) -> None:
                scope["extensions"] = {**scope.get("extensions", {}), CLOSE_EXTENSION: transport.close}
                await app(scope, receive, send)

            self.app = closable

    class Reporting(uvicorn.Server):
        """A server that tells where it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started and ready is not None:
                bound_host, bound_port = self.servers[0].sockets[0].getsockname()[:2]
                name = f"[{bound_host}]" if ":" in bound_host else bound_host
                ready(f"http://{name}:{bound_port}")

    config = uvicorn.Config(
        sim.app,
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,  # the application sends the time of its account
        timeout_graceful_shutdown=1,
    )
    return Reporting(config)
