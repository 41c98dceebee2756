"""How many requests each loader sends, against the fewest the API's page limits allow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

import metronome_analytics as ma
from benchmarks.result import Options, Result
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl


def run(options: Options) -> list[Result]:
    """The requests the simulator saw, loader by loader."""
    simulator = Simulator(customers=104, months=14 if options.quick else 40)
    with ma.connect(
        simulator.token,
        base_url="http://127.0.0.1",
        max_requests_per_second=None,
        progress=False,
        transport=httpx.ASGITransport(simulator.app),
    ) as account:
        end = simulator.clock.now
        start = end - timedelta(days=30)
        simulator.requests.clear()
        customers = account.customers()["id"].to_list()
        results = [_result("customers", simulator.requests.total, _pages(len(customers), "customers"))]
        loaders: dict[str, Callable[[], pl.DataFrame]] = {
            "invoices": lambda: account.invoices(customers),
            "invoice_breakdowns": lambda: account.invoice_breakdowns(customers, starting_on=start, ending_before=end),
            "costs": lambda: account.costs(customers, starting_on=start, ending_before=end),
            "commits": lambda: account.commits(customers),
            "credits": lambda: account.credits(customers),
            "balances": lambda: account.balances(customers),
            "net_balances": lambda: account.net_balances(customers),
        }
        for name, loader in loaders.items():
            simulator.requests.clear()
            frame = loader()
            # The API's rows: one a day for costs, which our table splits by credit type.
            rows = frame.unique(["customer_id", "start_timestamp"]) if name == "costs" else frame
            counts = dict(rows.group_by("customer_id").len().iter_rows())
            fewest = sum(_pages(counts.get(customer, 0), name) for customer in customers)
            results.append(_result(name, simulator.requests.total, fewest))
    return results


def _pages(rows: int, endpoint: str) -> int:
    """The pages that `rows` take: at least one, to learn that there are none."""
    limit = ENDPOINTS[endpoint].page_limit
    return 1 if limit is None else max(1, -(-rows // limit))


def _result(name: str, sent: int, fewest: int) -> Result:
    return Result(f"requests: {name}", f"= {fewest}", str(sent), sent == fewest, "fewest by rows and page limit")
