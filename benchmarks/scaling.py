"""What ten times the customers cost."""

from __future__ import annotations

from benchmarks.payload import invoices
from benchmarks.result import Options, Result, best_of
from benchmarks.server import running
from benchmarks.subject import load

_BAR = 11.0


def run(options: Options) -> list[Result]:
    """The time for ten times as many customers, each with little, as a multiple."""
    few = 100 if options.quick else 300
    with running(invoices, few * 10, 2, (2, 6)) as server:
        short, long = best_of(
            3, lambda: load(server.url, server.customers[:few]), lambda: load(server.url, server.customers)
        )
    detail = f"{few} customers {short:.2f} s, {few * 10:,} customers {long:.2f} s"
    return [Result("scaling", f"<= {_BAR:g} x", f"{long / short:.1f} x", long / short <= _BAR, detail)]
