"""A simulated account under the doctor's eyes, at its own clock."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

import metronome_analytics as ma
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

# Customers of seed 7 that show most: two balances that tie, a custom unit that is converted, a postpaid commit and
# fractions of cents, an overdrawn credit.
SHOWN = [
    "23ccf1a2-8172-53a1-ae40-7649118b4ffa",
    "23ccf1a7-ef40-535e-bbbf-584eca23dcb6",
    "23ccf1aa-345e-5392-bf63-235bf12e4ff1",
    "23ccf1b8-b6f3-5727-aaac-7abeff4a9625",
]


def simulated(**switches: Any) -> Simulator:
    """The account of seed 7, with one credit of two running segments, the first of them overdrawn."""
    simulator = Simulator(customers=40, seed=7, switches=Switches(**switches))
    now = simulator.clock.now
    start, end = (at.replace(minute=0, hour=0).isoformat() for at in (now - timedelta(3), now + timedelta(30)))
    items = [{"amount": amount, "starting_at": start, "ending_before": end} for amount in (100, 500)]
    product = asyncio.run(post(simulator, "/v1/contract-pricing/products/list", {}))["data"]
    fixed = next(row["id"] for row in product if row["type"] == "FIXED")
    made = asyncio.run(
        post(
            simulator,
            "/v1/contracts/customerCredits/create",
            {
                "customer_id": SHOWN[3],
                "priority": 900,
                "product_id": fixed,
                "access_schedule": {"schedule_items": items},
            },
        )
    )
    simulator.manual_entry(SHOWN[3], made["data"]["id"], amount=-90_000_000)
    simulator.requests.clear()
    return simulator


async def post(simulator: Simulator, path: str, body: Any) -> Any:
    """The answer of one POST."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(simulator.app),
        base_url="http://simulator",
        headers={"authorization": f"Bearer {simulator.token}"},
    ) as client:
        response = await client.post(path, json=body)
    response.raise_for_status()
    return response.json()


@contextmanager
def account_of(simulator: Simulator, **options: Any) -> Iterator[ma.Account]:
    """The account of a simulator, unpaced, by the simulator's clock."""
    session = open_session(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=httpx.ASGITransport(simulator.app),
        progress=False,
        clock=Clock(now=lambda: simulator.clock.now),
        **{"max_requests_per_second": None, **options},
    )
    with ma.Account(session) as account:
        yield account


def verdicts(frame: pl.DataFrame) -> dict[str, str]:
    """The verdict on each fact."""
    return dict(frame.select("fact", "verdict").iter_rows())
