"""A month of invoices against the whole list of them: the requests and bytes of a month-end read."""

from __future__ import annotations

import httpx

import metronome_analytics as ma
from benchmarks.result import Options, Result
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Simulator

# Of what reading the whole list and filtering it takes, for an account with years of history.
_REQUESTS, _BYTES = 1.0, 0.5


def run(options: Options) -> list[Result]:
    """The month before the account's clock, read as a month and as a part of everything."""
    customers, months = (30, 36) if options.quick else (200, 60)
    simulator = Simulator(customers=customers, months=months)
    session = open_session(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=httpx.ASGITransport(simulator.app),
        max_requests_per_second=None,
        progress=False,
        # By the simulator's clock: how far back a month lies decides how large its pages are.
        clock=Clock(now=lambda: simulator.clock.now),
    )
    with ma.Account(session) as account:
        ids = account.customers()["id"].to_list()
        whole, part = account.invoices(ids), account.invoices(ids, month="2026-10")
        _, everything, windowed = account.receipts.iter_rows(named=True)
    detail = f"{customers} customers, {months} months: {part.height:,} of {whole.height:,} invoices"
    bars = {"requests": _REQUESTS, "bytes": _BYTES}
    return [_result(what, everything, windowed, bar, detail) for what, bar in bars.items()]


def _result(what: str, everything: dict[str, int], windowed: dict[str, int], bar: float, detail: str) -> Result:
    share = windowed[what] / everything[what]
    told = f"{windowed[what]:,} of {everything[what]:,} {what}: {detail}"
    return Result(f"month-end, {what}", f"<= {bar:.0%}", f"{share:.1%}", share <= bar, told)
