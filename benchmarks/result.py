"""What a benchmark found, the table that shows it, and the timing they share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Options:
    """How large the benchmarks are."""

    quick: bool = False
    full: bool = False  # the size that was promised, where that takes long
    simulator: bool = False  # invoices from the simulator instead of the generator
    customers: int = 50_000  # of mirror-year


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    what: str
    bar: str
    measured: str
    met: bool | None  # None: shown for what it tells, without a bar
    detail: str


def best_of(repetitions: int, *works: Callable[[], object]) -> list[float]:
    """The shortest time of each of `works` in seconds; they take turns, so a slow moment hits all alike."""
    best = [float("inf")] * len(works)
    for _ in range(repetitions):
        for index, work in enumerate(works):
            began = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - began)
    return best


def table(results: Iterable[Result]) -> str:
    """The results under one another."""
    rows = [("benchmark", "bar", "measured", "met", "how"), *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def _cells(result: Result) -> tuple[str, str, str, str, str]:
    met = {True: "yes", False: "NO", None: "-"}[result.met]
    return result.what, result.bar, result.measured, met, result.detail
