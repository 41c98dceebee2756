"""The memory of a sync: it must not grow with the account."""

from __future__ import annotations

import multiprocessing
import time
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.memory import peak
from benchmarks.mirror_writing import repeated, with_customers
from benchmarks.result import Options, Result
from benchmarks.server import running
from benchmarks.subject import account

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_BAR = 600
_LINES = (20, 20)


def run(options: Options) -> list[Result]:
    """The most that the process held, in MB."""
    customers, months = (50, 100) if options.quick else (5_000, 200)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with TemporaryDirectory() as folder, running(with_customers, repeated, customers, months, _LINES) as server:
        process = context.Process(target=_measure, args=(there, server.url, folder))
        process.start()
        most, rows, seconds = here.recv()
        process.join()
    lines = rows * _LINES[0]
    detail = f"{rows:,} invoices, {lines:,} lines, {seconds:.0f} s"
    return [Result("mirror, memory", f"<= {_BAR} MB", f"{most / 1e6:.0f} MB", most / 1e6 <= _BAR, detail)]


def _measure(result: Connection, url: str, folder: str) -> None:
    began = time.perf_counter()
    with account(url) as opened:
        mirror = opened.sync(folder, tables="invoices")
    rows = mirror.completeness.filter(table="invoices")["rows"].item()
    result.send((peak(), rows, time.perf_counter() - began))
