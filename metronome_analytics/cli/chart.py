"""The first burn-down chart: of the balance that needs attention next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import charts
from metronome_analytics.cli.printing import plain
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.folder import Folder

FILES = ("burn-down.svg", "burn-down.html")


def most_urgent(running_out: pl.DataFrame) -> dict[str, str] | None:
    """The prepaid commit that is empty first at its pace, else the first open balance; None when there is none."""
    paid = running_out.filter((pl.col("balance_type") == BalanceType.PREPAID) & pl.col("empty_at").is_not_null())
    rows = (paid if paid.height else running_out).head(1)
    return next(rows.select("customer_id", "customer_name", "balance_id").iter_rows(named=True), None)


def write_burn_down(
    burned: pl.DataFrame, running_out: pl.DataFrame, customers: pl.DataFrame, folder: Folder, *, as_of: datetime
) -> list[str]:
    """Write the chart of the most urgent balance as SVG and as HTML that needs no network; the names of the files."""
    urgent = most_urgent(running_out)
    if urgent is None:
        return []
    own = (pl.col("customer_id") == urgent["customer_id"]) & (pl.col("balance_id") == urgent["balance_id"])
    title = f"Burn-down, {plain(urgent['customer_name'])}"
    chart = charts.burn_down(burned.filter(own), as_of=as_of, customers=customers, title=title)
    for name in FILES:
        folder.drawn(name, lambda path: charts.save(chart, path))
    return list(FILES)
