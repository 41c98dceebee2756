"""Every statement over a million lines, against one polars scan and sum of the same lines.

The baseline is the one `benchmarks.reconcile` describes. Statements are joined by their name in the package: one that
is not there yet is shown as missing, so that it cannot be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from benchmarks.reconcile import AS_OF, books, scan
from benchmarks.result import Options, Result, best_of

if TYPE_CHECKING:
    from collections.abc import Callable

_BAR = 3.0
_MONTHS = tuple(f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13))
_TWO = _MONTHS[-2:]


def run(options: Options) -> list[Result]:
    """Each statement's time as a multiple of the baseline's: 1,000 customers, 24 months, quick or not."""
    invoices, balances, _ = books(range(1000))
    height = ma.line_items(invoices.lazy()).select(pl.len()).collect().item()
    works = _works(invoices, balances)
    known = {name: work for name, work in works.items() if hasattr(ma, name.split(",", maxsplit=1)[0])}
    least, *ours = best_of(3 if options.quick else 9, lambda: scan(invoices), *known.values())
    base = f"{height:,} lines; polars explodes line_items and sums total by invoice and credit type in {least:.2f} s"
    results = [
        Result(name, f"<= {_BAR:g} x", f"{time / least:.2f} x", time / least <= _BAR, f"{time:.2f} s; {base}")
        for name, time in zip(known, ours, strict=True)
    ]
    return [*results, *(Result(name, "", "missing", None, "not in the package") for name in works if name not in known)]


def _works(invoices: pl.DataFrame, balances: pl.DataFrame) -> dict[str, Callable[[], Any]]:
    """What is timed, under the name of the function, and after a comma what is special about it.

    The books span two years; what looks at two months or one is also given every line in those.
    """
    crowded = _crowded(invoices)
    calls: dict[str, tuple[tuple[pl.DataFrame, ...], dict[str, Any]]] = {
        "roll_forward": ((balances, invoices), {"months": _MONTHS, "as_of": AS_OF}),
        "deferred_revenue": ((balances, invoices), {"months": _MONTHS, "as_of": AS_OF}),
        "revenue": ((invoices,), {"months": _MONTHS, "as_of": AS_OF}),
        "revenue, by customer": ((invoices,), {"months": _MONTHS, "by": "customer_id", "as_of": AS_OF}),
        "flux": ((crowded,), {"months": _TWO, "as_of": AS_OF}),
        "flux, by product": ((crowded,), {"months": _TWO, "by": "product", "as_of": AS_OF}),
        "accrual": ((crowded,), {"month": _TWO[-1], "as_of": AS_OF}),
        "aging": ((invoices,), {"as_of": AS_OF}),
        "explain_invoice": ((invoices, invoices["id"][0]), {}),
    }
    return {name: _call(name, *given) for name, given in calls.items()}


def _call(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Callable[[], Any]:
    return lambda: getattr(ma, name.split(",", maxsplit=1)[0])(*args, **options)


def _crowded(invoices: pl.DataFrame) -> pl.DataFrame:
    """All of the invoices in the last two months: the customers of the odd rows in the first of them."""
    first, second = (pl.lit(month).str.to_date("%Y-%m").cast(pl.Datetime("us", "UTC")) for month in _TWO)
    begins = pl.when(pl.int_range(pl.len()) % 2 == 1).then(first).otherwise(second)
    return invoices.with_columns(begins.alias("start_timestamp"), begins.dt.offset_by("1mo").alias("end_timestamp"))
