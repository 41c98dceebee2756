"""The requests of a later sync: nothing changed, one customer of a hundred did, and a day later, all of them."""

from __future__ import annotations

from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import polars as pl

import metronome_analytics as ma
from benchmarks.result import Options, Result
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Simulator

if TYPE_CHECKING:
    from metronome_analytics import Mirror

_UNCHANGED, _CHANGED = 0.05, 0.08
# Requests a customer, a day later on an account where every customer has usage.
_BUSY = 2.2


def run(options: Options) -> list[Result]:
    """Shares of the requests of the first sync."""
    customers = 300 if options.quick else 5_000
    simulator = Simulator(customers=customers, months=3)
    with TemporaryDirectory() as folder, _account(simulator) as account:
        first = _requests(account.sync(folder))
        unchanged = _requests(account.sync(folder))
        when = simulator.clock.now - timedelta(days=1)
        metered = (id_ for id_ in account.customers()["id"] if simulator.streams(id_, when))
        for _, id_ in zip(range(customers // 100), metered, strict=False):
            simulator.late_usage(id_, when=when)
        changed = _requests(account.sync(folder))
        simulator.clock.advance(timedelta(days=1))
        heads, when = account.customers()["id"], simulator.clock.now - timedelta(hours=3)
        for id_ in heads:
            if simulator.streams(id_, when):
                simulator.late_usage(id_, when=when)
        busy = _requests(account.sync(folder)) / len(heads)
    detail = f"{customers:,} customers, {first:,} requests the first time"
    return [
        _result("mirror, unchanged", unchanged / first, _UNCHANGED, f"{unchanged:,} requests: {detail}"),
        _result("mirror, 1 % changed", changed / first, _CHANGED, f"{changed:,} requests: {detail}"),
        Result("mirror, a busy day later", f"<= {_BUSY}", f"{busy:.2f}", busy <= _BUSY, "requests a customer"),
    ]


def _result(what: str, share: float, bar: float, detail: str) -> Result:
    return Result(what, f"<= {bar:.0%}", f"{share:.1%}", share <= bar, detail)


def _requests(mirror: Mirror) -> int:
    return int(mirror.receipt.select(pl.col("requests").sum()).item())


def _account(simulator: Simulator) -> ma.Account:
    """The account in this process, by the simulator's clock: months of it must not seem to be over."""
    session = open_session(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=httpx.ASGITransport(simulator.app),
        max_requests_per_second=None,
        progress=False,
        clock=Clock(now=lambda: simulator.clock.now),
    )
    return ma.Account(session)
