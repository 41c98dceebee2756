"""What each recording of the simulator does: one function a cassette, used to record it and to replay it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pytest
from pydantic import SecretStr

import metronome_analytics as ma
from metronome_analytics.api.client import Client
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.request import Request, Tally
from metronome_analytics.background import Background
from metronome_analytics.simulator import Fault, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Scenario:
    """One cassette: what is loaded, what goes wrong meanwhile, and what must come out of it on replay."""

    name: str
    run: Callable[[str, str], None]
    faults: tuple[Fault, ...] = ()
    customers: int = 8

    def simulator(self) -> Simulator:
        """The account it is recorded from."""
        account = Simulator(customers=self.customers, seed=7)
        for fault in self.faults:
            account.faults.add(fault)
        return account

    @property
    def cassette(self) -> str:
        """Its file below `cassettes/`."""
        return f"simulator/{self.name}.yaml"


def opened(token: str, base_url: str) -> ma.Account:
    """A quiet account."""
    return ma.connect(token, base_url=base_url, max_requests_per_second=None, max_concurrency=1, progress=False)


def two_pages(token: str, base_url: str) -> None:
    """Customers that do not fit one page."""
    with opened(token, base_url) as account:
        frame = account.customers()
        assert frame.height > 100
        assert frame["id"].is_unique().all()
        assert account.receipts["pages"].to_list() == [2]


def empty(token: str, base_url: str) -> None:
    """An alias that nobody has."""
    with opened(token, base_url) as account:
        assert account.customers(ingest_alias="nobody@example.test").height == 0


def throttled_then_served(token: str, base_url: str) -> None:
    """A 429 with Retry-After, then the page."""
    with opened(token, base_url) as account:
        assert account.customers(only_archived=True).height > 0
        assert account.receipts.select("requests", "throttled", "pages").row(0) == (2, 1, 1)


def not_found(token: str, base_url: str) -> None:
    """The invoices of a customer that does not exist."""
    with opened(token, base_url) as account, pytest.raises(ma.NotFoundError):
        account.invoices("00000000-0000-4000-8000-000000000000")


def manual_entry(token: str, base_url: str) -> None:
    """A manual entry of -1.25 to a customer's balance, and the ledger before and after."""
    with opened(token, base_url) as account:
        customers = account.customers(only_archived=False).head(3)
        before = account.balances(customers, include_ledgers=False).filter(pl.col("balance") > 0)
        segment = ma.segments(before).row(0, named=True)
        customer, contract = before.select("customer_id", "contract_id").row(0)
        _write(
            token,
            base_url,
            {
                "customer_id": customer,
                "id": segment["balance_id"],
                "segment_id": segment["segment_id"],
                "amount": -1.25,
                "reason": "recorded from the simulator",
                **({"contract_id": contract} if contract else {}),
            },
        )
        after = account.balances(customer)
        new = ma.ledger(after).filter(pl.col("reason") == "recorded from the simulator")
        assert [str(amount) for amount in new["amount"]] == ["-1.2500000000"]


def _write(token: str, base_url: str, body: dict[str, object]) -> None:
    background = Background()
    client = Client(
        SecretStr(token), base_url, max_requests_per_second=None, max_concurrency=1, timeout=60, writes=True
    )

    async def nothing(answer: bytes) -> None:
        assert answer == b""

    try:
        request = Request(ENDPOINTS["add_manual_balance_entry"], body=body)
        background.run(lambda: client.fetch(request, nothing, tally=Tally()))
    finally:
        background.close(client.aclose)


SCENARIOS = [
    Scenario("two_pages", two_pages, customers=130),
    Scenario("empty", empty),
    Scenario(
        "throttled_then_served", throttled_then_served, (Fault("rate_limit_seconds", match="/v1/customers", seconds=0),)
    ),
    Scenario("not_found", not_found),
    Scenario("manual_entry", manual_entry),
]
