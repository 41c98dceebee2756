"""What is measured: an unpaced account at the benchmarks' server, and the load that most of them time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import metronome_analytics as ma
from benchmarks.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

CONCURRENCY = 16


def account(url: str, *, pace: float | None = None) -> ma.Account:
    """An account at `url` with everything but the pace at its default."""
    return ma.connect(TOKEN, base_url=url, max_requests_per_second=pace, max_concurrency=CONCURRENCY, progress=False)


def load(url: str, customers: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Invoices and their lines, from nothing: connections are opened and closed within."""
    with account(url) as opened:
        invoices = opened.invoices(customers)
        return invoices, ma.line_items(invoices)
