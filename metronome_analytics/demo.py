"""demo(): a simulated account, for trying things without a token."""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from metronome_analytics.account import Account
from metronome_analytics.arguments import instant
from metronome_analytics.changes.operations import operations_allowed
from metronome_analytics.session import Clock, Connection, Session
from metronome_analytics.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def demo(
    *,
    customers: int = 40,
    seed: int = 7,
    as_of: datetime | None = None,
    allow_writes: bool | str | Iterable[str] = False,
) -> Account:
    """A simulated account in this process: no token, no network, unpaced, the same for the same arguments.

    Its books are made up and tie out; `as_of` is its clock (aware, or read as UTC). `allow_writes` is as in
    `connect`; its journal is in a temporary folder.
    Raises ArgumentError for fewer than no customers, or a clock that is no date.

    >>> account = ma.demo(customers=5)
    >>> account.customers()["name"][0]
    'Osprey Biotech Inc.'
    """

    @cache
    def journal() -> Path:
        folder = mkdtemp(prefix="metronome-demo-")
        atexit.register(rmtree, folder, ignore_errors=True)
        return Path(folder) / "journal.sqlite"

    simulator = Simulator(customers=customers, seed=seed, as_of=instant("as_of", as_of))
    connection = Connection(
        SecretStr(simulator.token),
        "http://simulator.invalid",
        max_requests_per_second=None,
        max_concurrency=16,
        timeout=60.0,
        transport=httpx.ASGITransport(simulator.app),
    )
    clock = Clock(now=lambda: simulator.clock.now)
    session = Session(
        connection,
        environment="demo",
        allow_writes=operations_allowed(allow_writes),
        progress=False,
        clock=clock,
        journal_path=journal,
    )
    return Account(session)
