"""One simulator for the tests that only read."""

from collections.abc import Iterator

import pytest

from metronome_analytics.simulator import Simulator

from .support import Api, in_process


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """Yield a client of the default simulator; tests that share it must not change it."""
    with in_process(Simulator()) as client:
        yield client


@pytest.fixture
def fresh() -> Iterator[Api]:
    """Yield a client of a simulator of its own."""
    with in_process(Simulator()) as client:
        yield client
