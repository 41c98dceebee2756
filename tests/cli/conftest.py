"""A simulated account served over real HTTP, for the tests that only read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from metronome_analytics.simulator import Simulator, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """A small simulated account."""
    return Simulator(customers=6)


@pytest.fixture(scope="module")
def served(simulator: Simulator) -> Iterator[str]:
    """Yield the address of the simulator."""
    with running(simulator) as url:
        yield url


@pytest.fixture
def environment(served: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the variables that `simulate` prints, and a screen of 100 columns."""
    monkeypatch.setenv("METRONOME_BASE_URL", served)
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", simulator.token)
    monkeypatch.setenv("COLUMNS", "100")
    yield
    simulator.faults.clear()
