"""A server that is no bottleneck: every page is rendered before the clock starts, and sent as it is.

It runs in a process of its own, so that it takes no time from the event loop under measurement, and it notes when
each request arrived.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

TOKEN = "benchmark-token"  # noqa: S105  # opens nothing but the server below

# The path of a list -> its rows as JSON text. Sent in pages as large as the request asks for.
Lists = dict[str, list[bytes]]

ANYBODY = "00000000-0000-0000-0000-000000000000"


class Repeated(list[bytes]):
    """The rows of each of many customers, who stands in them as `ANYBODY`: rendered when asked for, kept once."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # one list for all of them


class Books(ABC):
    """Answers that change while they are served."""

    customers: list[str]
    step = 0
    """Where in their history they are."""

    @abstractmethod
    def body(self, path: str, query: Mapping[str, list[str]]) -> bytes:
        """The answer to a request for `path` with this query."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, seen from outside."""

    url: str
    customers: list[str]
    bytes: int
    _control: Connection

    def arrivals(self) -> list[float]:
        """When each request arrived since this was last asked, in the server's seconds."""
        self._control.send("arrivals")
        times: list[float] = self._control.recv()
        return times

    def turn_to(self, step: int) -> None:
        """Bring the books that are served to a step of their history."""
        self._control.send(step)
        self._control.recv()


@contextmanager
def running(build: Callable[..., Lists | Books], *args: object, latency: float = 0.0) -> Iterator[Server]:
    """Serve the lists or books of `build(*args)` from a free loopback port, each response `latency` seconds late."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, latency, build, *args), daemon=True)
    process.start()
    there.close()
    try:
        port, customers, size = here.recv()
        yield Server(f"http://127.0.0.1:{port}", customers, size, here)
    finally:
        process.terminate()
        process.join()


def invoices_path(customer_id: str) -> str:
    """The path of a customer's invoices."""
    return f"/v1/customers/{customer_id}/invoices"


def _serve(control: Connection, latency: float, build: Callable[..., Lists | Books], *args: object) -> None:
    made = build(*args)
    site = _Site({}, latency, made) if isinstance(made, Books) else _Site(made, latency)
    asyncio.run(site.listen(control))


class _Site:
    """The pages, the log, and where both are told."""

    def __init__(self, lists: Lists, latency: float, books: Books | None = None) -> None:
        self.latency = latency
        self.arrivals: list[float] = []
        self._lists = lists
        self._books = books
        self._pages = {
            (path, start, 100): _page(rows, start, 100)
            for path, rows in lists.items()
            if not isinstance(rows, Repeated)
            for start in range(0, max(len(rows), 1), 100)
        }

    async def listen(self, control: Connection) -> None:
        """Serve until terminated."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Protocol(self), "127.0.0.1", 0)
        loop.add_reader(control.fileno(), self._tell, control)
        customers = [path.split("/")[3] for path in self._lists if path.endswith("/invoices")]
        customers = customers if self._books is None else self._books.customers
        size = sum(len(row) for rows in self._lists.values() for row in rows)
        control.send((server.sockets[0].getsockname()[1], customers, size))
        await server.serve_forever()

    def _tell(self, control: Connection) -> None:
        try:
            asked = control.recv()
        except EOFError:
            asyncio.get_running_loop().stop()
            return
        if self._books is not None and isinstance(asked, int):
            self._books.step = asked
        control.send(self.arrivals)
        self.arrivals = []

    def answer(self, head: bytes) -> bytes:
        """The whole response to a request."""
        target = urlsplit(head.split(b" ", 2)[1].decode())
        query = parse_qs(target.query)
        if self._books is not None:
            return _whole(self._books.body(target.path, query))
        rows = self._lists.get(target.path)
        if isinstance(rows, Repeated):
            own = target.path.split("/")[3].encode()
            return self._repeated(rows, int(query.get("next_page", ["0"])[0])).replace(ANYBODY.encode(), own)
        key = (target.path, int(query.get("next_page", ["0"])[0]), int(query.get("limit", ["100"])[0]))
        if key not in self._pages:
            if target.path not in self._lists:
                return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            self._pages[key] = _page(self._lists[target.path], *key[1:])
        return self._pages[key]

    @cache  # noqa: B019  # there is one site in the process
    def _repeated(self, rows: Repeated, start: int) -> bytes:
        return _page(rows, start, 100)


def _page(rows: list[bytes], start: int, limit: int) -> bytes:
    return _whole(page(rows, start, limit))


def page(rows: Sequence[bytes], start: int = 0, limit: int = 100) -> bytes:
    """The body of a page of `rows`."""
    cursor = str(start + limit) if start + limit < len(rows) else None
    return b'{"data":[%b],"next_page":%b}' % (b",".join(rows[start : start + limit]), json.dumps(cursor).encode())


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Protocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, for the requests of well-behaved clients."""

    def __init__(self, site: _Site) -> None:
        self._site = site
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, rest = self._received.split(b"\r\n\r\n", 1)
            length = _LENGTH.search(head)
            size = 0 if length is None else int(length[1])
            if len(rest) < size:
                return
            self._received = rest[size:]
            self._site.arrivals.append(time.monotonic())
            answer = self._site.answer(head)
            if self._site.latency:
                asyncio.get_running_loop().call_later(self._site.latency, self._transport.write, answer)
            else:
                self._transport.write(answer)
