"""The analyses over an account that does not fit into memory: how much they hold of it at the most.

The account is files as a mirror has them, one of each table for a bucket of 32 customers, each of whom has 24 invoices
of 42 lines and a commit that each invoice draws on; every id is a customer's own, 36 characters and more. The mirror's
`map` is measured at a size and at ten times that: what it holds must not grow. Beside it stands the same analysis of
all files at once, as one LazyFrame: it holds no lines, but what it finds, and its rows of invoices and ledger entries.
"""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

import polars as pl

import metronome_analytics as ma
from benchmarks.memory import peak
from benchmarks.reconcile import AS_OF, books
from benchmarks.result import Options, Result
from metronome_analytics.mirror.cluster import map_buckets
from metronome_analytics.tables import Costs
from metronome_analytics.tables.costs import daily_costs

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

_BAR = 1_000
_CUSTOMERS = 32
_LINES = _CUSTOMERS * 24 * 42
_TABLES = ("invoices", "balances", "net_balances")


@dataclass(frozen=True)
class Files:
    """The tables of some buckets, read as a mirror reads them."""

    folder: str
    buckets: tuple[int, ...]

    def part(self, bucket: int) -> Files:
        """One bucket of them."""
        return Files(self.folder, (bucket,))

    def scan(self, table: str) -> pl.LazyFrame:
        """One table."""
        return pl.scan_parquet([f"{self.folder}/{bucket}.{table}" for bucket in self.buckets], glob=False)

    def breakdowns(self) -> pl.LazyFrame:
        """The invoices once more, each as the one window of its own breakdown."""
        begin, end = pl.col("start_timestamp"), pl.col("end_timestamp")
        return self.scan("invoices").with_columns(breakdown_start_timestamp=begin, breakdown_end_timestamp=end)


def _burn_down(part: Files) -> pl.LazyFrame:
    steps = ma.burn_down(part.scan("balances"), as_of=AS_OF)
    return steps.group_by("credit_type_id", "event").agg(pl.col("change").sum())


def _utilisation(part: Files) -> pl.LazyFrame:
    return ma.utilisation(part.scan("balances"), as_of=AS_OF)


def _daily_costs(part: Files) -> pl.LazyFrame:
    days = daily_costs(part.breakdowns(), Costs.create_empty().lazy())
    return days.group_by("date", "credit_type_id").agg(pl.col("cost").sum())


def _reconcile(part: Files) -> pl.DataFrame:
    found = ma.reconcile(*(part.scan(table) for table in _TABLES), as_of=AS_OF)
    if not (found.ok and found.complete):
        raise AssertionError(f"the made-up books do not tie out: {found!r}")
    return found.summary


_ANALYSES: dict[str, Callable[[Files], pl.DataFrame | pl.LazyFrame]] = {
    "burn-down by event": _burn_down,
    "utilisation": _utilisation,
    "daily costs by day": _daily_costs,
    "reconcile, its summary": _reconcile,
}
# Each customer, product and day is a row of daily costs: all of an account's at once is for smaller ones.
_AT_ONCE = tuple(name for name in _ANALYSES if name != "daily costs by day")


def run(options: Options) -> list[Result]:
    """The most memory in MB, by bucket at two sizes and all at once."""
    small = 310 if options.full else 10 if options.quick else 31
    large = 10 * small
    with TemporaryDirectory() as folder:
        for bucket in range(large):
            _write(Path(folder), bucket)
        return [
            *(_by_bucket(folder, name, small, large) for name in _ANALYSES),
            *(_at_once(folder, name, large) for name in _AT_ONCE),
        ]


def _write(folder: Path, bucket: int) -> None:
    customers = [str(UUID(int=(bucket * _CUSTOMERS + each) << 64 | each)) for each in range(_CUSTOMERS)]
    for table, frame in zip(_TABLES, books(customers), strict=True):
        frame.write_parquet(folder / f"{bucket}.{table}", compression_level=1)


def _by_bucket(folder: str, name: str, small: int, large: int) -> Result:
    less, _ = _measured(folder, name, small, by_bucket=True)
    most, seconds = _measured(folder, name, large, by_bucket=True)
    detail = f"{large * _LINES:,} lines in {seconds:.0f} s; {less:.0f} MB for {small * _LINES:,}"
    return Result(f"mirror.map, {name}", f"<= {_BAR} MB", f"{most:.0f} MB", most <= _BAR, detail)


def _at_once(folder: str, name: str, buckets: int) -> Result:
    most, seconds = _measured(folder, name, buckets, by_bucket=False)
    return Result(f"mirror, {name}", "", f"{most:.0f} MB", None, f"{buckets * _LINES:,} lines in {seconds:.0f} s")


def _measured(folder: str, name: str, buckets: int, *, by_bucket: bool) -> tuple[float, float]:
    """Megabytes at the peak, and seconds, of a process that does nothing else."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measure, args=(there, folder, name, buckets, by_bucket))
    process.start()
    there.close()
    most, seconds = here.recv()
    process.join()
    return most / 1e6, seconds


def _measure(result: Connection, folder: str, name: str, buckets: int, by_bucket: bool) -> None:  # noqa: FBT001  # sent by position
    files, analysis = Files(folder, tuple(range(buckets))), _ANALYSES[name]
    began = time.perf_counter()
    if by_bucket:
        map_buckets(files.part, files.buckets, analysis)
    else:
        analysis(files).lazy().collect(engine="streaming")
    result.send((peak(), time.perf_counter() - began))
