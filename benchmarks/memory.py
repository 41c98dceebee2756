"""How much memory a load takes at its peak, against the frames that are left."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.payload import standard
from benchmarks.result import Options, Result
from benchmarks.server import running
from benchmarks.subject import load

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_BAR = 3.0


def run(options: Options) -> list[Result]:
    """Growth of the resident memory as a multiple of the frames."""
    build, args = standard(options)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with running(build, *args) as server:
        process = context.Process(target=_measure, args=(there, server.url, server.customers))
        process.start()
        growth, frames = here.recv()
        process.join()
    detail = f"{growth / 1e6:.0f} MB at the peak for frames of {frames / 1e6:.0f} MB"
    return [Result("memory", f"<= {_BAR:g} x", f"{growth / frames:.2f} x", growth / frames <= _BAR, detail)]


def _measure(result: Connection, url: str, customers: list[str]) -> None:
    load(url, customers[:2])
    gc.collect()
    before = peak()
    invoices, lines = load(url, customers)
    result.send((peak() - before, invoices.estimated_size() + lines.estimated_size()))


def peak() -> int:
    """The most memory this process ever held, in bytes."""
    # On Linux `ru_maxrss` starts from what the parent held, so a large parent would hide the growth.
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
