"""What a load or a sync will take, before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError
from metronome_analytics.loaders.invoices import BREAKDOWN_SPAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.arguments import Customers, Instant
    from metronome_analytics.loaders import AllLoaders

# The loaders that ask for each customer by itself.
_ESTIMATED = (
    *("invoices", "invoice_breakdowns", "costs", "balances", "commits", "credits", "net_balances"),
    *("contracts", "alerts", "plans", "credit_grants"),
)

_ROW = {"table": pl.String(), "reason": pl.String(), "customers": pl.Int64(), "requests": pl.Int64()}


@dataclass(frozen=True)
class Estimate:
    """The requests to come, and how long they take.

    `table`: one row per table and reason with `customers` and `requests`. A list of more than one page takes more,
    unless it was read before: `requests` is the least. `pace` is the account's requests a second, None for unpaced.
    """

    table: pl.DataFrame
    pace: float | None

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int, int]], pace: float | None) -> Estimate:
        """From (table, reason, customers, requests), rows of one table and reason added up."""
        frame = pl.DataFrame(list(rows), schema=_ROW, orient="row")
        return cls(frame.group_by("table", "reason", maintain_order=True).sum(), pace)

    @property
    def requests(self) -> int:
        """All of them, at least."""
        return int(self.table["requests"].sum())

    @property
    def duration(self) -> timedelta | None:
        """How long they take at the account's pace; None for an unpaced account."""
        return None if self.pace is None else timedelta(seconds=round(self.requests / self.pace))

    def __repr__(self) -> str:
        return f"Estimate({self.summary})"

    @property
    def summary(self) -> str:
        """Both in words."""
        took = "unpaced" if self.duration is None else f"{self.duration} at {self.pace:g} a second"
        return f"at least {self.requests:,} requests, {took}"

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><td>{escape(table)}</td><td>{escape(reason)}</td><td>{customers:,}</td><td>{requests:,}</td></tr>"
            for table, reason, customers, requests in self.table.iter_rows()
        )
        heads = "".join(f"<th>{name}</th>" for name in self.table.columns)
        return (
            f"<div><strong>{escape(self.summary.capitalize())}</strong>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        )


def estimate_load(
    loaders: AllLoaders,
    loader: str,
    customers: Customers | None,
    *,
    starting_on: Instant | None,
    ending_before: Instant | None,
    window_size: str,
) -> Estimate:
    """What a load by `loader` takes, as `Account.estimate` says."""
    if loader not in _ESTIMATED:
        raise ArgumentError(f"{loader!r} cannot be estimated.", advice=f"Loaders are {', '.join(_ESTIMATED)}.")
    least = 1
    if loader == "invoice_breakdowns":
        if starting_on is None or ending_before is None:
            raise ArgumentError("invoice_breakdowns need starting_on and ending_before.")
        window = args.whole_days(*args.required_window(starting_on, ending_before))
        size = args.choice("window_size", window_size, "DAY", "HOUR") or "DAY"
        least = sum(1 for _ in args.chunks(*window, BREAKDOWN_SPAN[size]))
    ids = args.customer_ids(customers)
    if ids is None:
        ids = loaders.customers()["id"].to_list()
    session = loaders.session
    past = [receipt for receipt in session.receipts.all() if receipt.endpoint == loader and receipt.complete]
    pages, heads = sum(receipt.tally.pages for receipt in past), sum(receipt.customers for receipt in past)
    requests = math.ceil(len(ids) * max(least, pages / heads if heads else 0))
    return Estimate.of([(loader, "asked", len(ids), requests)], session.connection.max_requests_per_second)
