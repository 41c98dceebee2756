"""One simulated account over real HTTP, our account on it, and the vendor's own client."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import metronome
import pytest

import metronome_analytics as ma
from metronome_analytics.simulator import Simulator, running

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATOR = Simulator(customers=40, seed=11)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address it is served at."""
    with running(SIMULATOR) as url:
        yield url


@pytest.fixture(scope="session")
def account(address: str) -> Iterator[ma.Account]:
    """Our account."""
    with ma.connect(SIMULATOR.token, base_url=address, max_requests_per_second=None, progress=False) as account:
        yield account


@pytest.fixture(scope="session")
def sdk(address: str) -> Iterator[metronome.Metronome]:
    """The official client, which tries once."""
    with metronome.Metronome(bearer_token=SIMULATOR.token, base_url=address, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(scope="session")
def customers(sdk: metronome.Metronome) -> list[str]:
    """The ids of the customers, as the official client lists them."""
    return [customer.id for customer in sdk.v1.customers.list()]


def exact(number: float | None) -> Decimal | None:
    """The JSON number of a float of the official client."""
    return None if number is None else Decimal(repr(number))
