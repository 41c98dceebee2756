"""How much of the pace is used, and whether the server ever sees more."""

from __future__ import annotations

import math

from benchmarks.payload import invoices
from benchmarks.result import Options, Result
from benchmarks.server import running
from benchmarks.subject import account

_BAR = 0.95
_LATENCY = 0.02


def run(options: Options) -> list[Result]:
    """Share of the pace used, and the most arrivals in any one second, by the server's own clock."""
    seconds = 4 if options.quick else 10
    return [result for pace in (50.0, 7.5) for result in _at(pace, seconds)]


def _at(pace: float, seconds: int) -> list[Result]:
    with running(invoices, int(pace * seconds) + 1, 1, (1, 2), latency=_LATENCY) as server:
        with account(server.url, pace=pace) as paced:
            paced.invoices(server.customers[:1])
            server.arrivals()
            paced.invoices(server.customers)
        arrivals = server.arrivals()
    used = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) / pace
    most, allowed = _busiest_second(arrivals), math.ceil(pace)
    detail = f"{len(arrivals)} requests in {arrivals[-1] - arrivals[0]:.1f} s"
    return [
        Result(f"pace {pace:g}/s used", f">= {_BAR:.0%}", f"{used:.1%}", used >= _BAR, detail),
        Result(f"pace {pace:g}/s peak", f"<= {allowed}", f"{most}", most <= allowed, "most arrivals in any one second"),
    ]


def _busiest_second(arrivals: list[float]) -> int:
    """The most arrivals in any window [t, t + 1)."""
    most, first = 0, 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most
