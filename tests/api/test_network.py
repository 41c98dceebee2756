from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import anyio
import httpcore
import httpx

from metronome_analytics.api.network import Connection
from metronome_analytics.simulator import Simulator, running

if TYPE_CHECKING:
    import pytest


def test_bodies_are_read_in_large_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of ours asks the network for a quarter of a megabyte at once."""
    asked_for: list[int] = []

    class Stream(httpcore.AsyncMockStream):
        async def read(self, max_bytes: int, *rest: float | None, **named: float | None) -> bytes:
            asked_for.append(max_bytes)
            return await super().read(max_bytes, *rest, **named)

    async def connect_tcp(*_: object, **__: object) -> Stream:
        return Stream([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}"])

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)

    async def fetch() -> bytes:
        async with httpx.AsyncClient(transport=Connection(httpx.create_ssl_context())) as http:
            return (await http.get("http://localhost/")).content

    assert anyio.run(fetch) == b"{}"
    assert set(asked_for) == {256 * 1024}


LOADING = """
    import httpcore
    before = httpcore.AsyncHTTP11Connection.READ_NUM_BYTES
    import metronome_analytics as ma
    with ma.connect("{token}", base_url="{url}", max_requests_per_second=None, progress=False) as account:
        assert account.customers().height
    assert httpcore.AsyncHTTP11Connection.READ_NUM_BYTES == before
"""


def test_a_load_changes_no_library_for_others() -> None:
    """Httpcore reads in pieces of its own size wherever else this process uses it."""
    simulator = Simulator(customers=2, seed=7)
    with running(simulator) as url:
        code = textwrap.dedent(LOADING.format(token=simulator.token, url=url))
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
