"""Costs by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics import arguments as args
from metronome_analytics.loaders.base import bounds, request_for, within_window
from metronome_analytics.loaders.invoices import InvoiceLoaders

if TYPE_CHECKING:
    from metronome_analytics.arguments import Customers, Instant, OnError, Period


class CostLoaders(InvoiceLoaders):
    """The loaders of costs, which for contracts come from the breakdowns of invoices."""

    def costs(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """Pending cost by customer, UTC day and credit type: the columns of `tables.Costs`; see `cost_lines`.

        Plans-only at the vendor: a customer on contracts has no rows here, or days that cost 0 (one page of the
        vendor's reports such). See `daily_costs` for both.

        >>> costs = account.costs(month="2026-10")
        >>> costs.select(pl.col("start_timestamp").dt.date(), "credit_type_name", "cost").row(0)
        (datetime.date(2026, 10, 1), 'USD (cents)', Decimal('11645.6400000000'))
        """
        start, end = args.required_window(starting_on, ending_before, month, period)
        query = bounds(*args.whole_days(start, end))
        return self._fan_out(
            "costs",
            customers,
            lambda id_: [request_for("costs", {"customer_id": id_}, query=query)] if start < end else [],
            on_error=on_error,
            filters={"starting_on": start, "ending_before": end},
            within=within_window(pl.col("start_timestamp"), start, end),
        )

    def daily_costs(
        self,
        customers: Customers | None = None,
        *,
        starting_on: Instant | None = None,
        ending_before: Instant | None = None,
        month: str | None = None,
        period: Period | None = None,
        on_error: OnError = "raise",
    ) -> pl.DataFrame:
        """Cost by customer, day, credit type and product, on contracts and on Plans alike: `tables.DailyCosts`.

        Contracts: from daily invoice breakdowns; `gross` is the sum of what was used, `cost` what is left of it after
        commits and credits (postpaid commits do not lower it: their usage is payable). Plans: from `/costs`, where
        both are the pending cost, by line name. `pending` marks drafts. Two passes over the customers: the breakdowns
        and the costs, each with its receipt.

        >>> days = ma.major_units(account.daily_costs(month="2026-10")).filter(currency="USD")
        >>> days.group_by("product_name").agg(pl.col("gross").sum()).sort("gross").tail(1).rows()
        [('Output tokens (thousands)', Decimal('135636.043600000000'))]
        """
        from metronome_analytics.tables.costs import daily_costs  # noqa: PLC0415  # as in `receipts`: slow to import

        window = args.required_window(starting_on, ending_before, month, period)
        breakdowns = self.invoice_breakdowns(customers, period=window, on_error=on_error)
        return daily_costs(breakdowns, self.costs(customers, period=window, on_error=on_error))
