"""Every statement over a million lines, against one polars scan and sum of those lines.

The baseline is that of `benchmarks.reconcile`: explode the lines, unpack three fields, group by invoice and credit
type, sum. A statement is joined by a line in `_STATEMENTS` below; what it is called is what it is in the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import metronome_analytics as ma
from benchmarks.reconcile import AS_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

_BAR = 3.0
_MONTHS = tuple(f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13))
_ONE = _MONTHS[-1]

_STATEMENTS: Mapping[str, Callable[[pl.DataFrame, pl.DataFrame], object]] = {
    "roll_forward": lambda invoices, balances: ma.roll_forward(balances, invoices, months=_MONTHS, as_of=AS_OF),
    "revenue": lambda invoices, _: ma.revenue(invoices, months=_MONTHS, as_of=AS_OF),
    "flux": lambda invoices, _: ma.flux(invoices, months=_MONTHS[-2:], as_of=AS_OF),
}
