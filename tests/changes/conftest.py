"""One served simulator a module; every test starts with a fresh account, an empty journal and a clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from metronome_analytics.simulator import running
from tests.changes.support import Desk, Sender, Time, folder, opened, renew, small

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import metronome_analytics as ma
    from metronome_analytics.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """A small simulated account."""
    return small()


@pytest.fixture(scope="module")
def url(simulator: Simulator) -> Iterator[str]:
    """Its address."""
    with running(simulator) as address:
        yield address


@pytest.fixture
def journal() -> Iterator[Path]:
    """Where the journal will be; nothing is there yet."""
    with folder() as where:
        yield where / "journal.sqlite"


@pytest.fixture
def time() -> Time:
    """Time that passes when slept."""
    return Time()


@pytest.fixture
def sender() -> Sender:
    """What the account sends by."""
    return Sender()


@pytest.fixture
def account(simulator: Simulator, url: str, journal: Path, time: Time, sender: Sender) -> Iterator[ma.Account]:
    """An account that may write."""
    renew(simulator)
    with opened(simulator, url, journal, time=time, sender=sender) as account:
        yield account
    simulator.faults.clear()


@pytest.fixture
def desk(account: ma.Account, simulator: Simulator, url: str, journal: Path, time: Time, sender: Sender) -> Desk:
    """The account with all that a test looks at."""
    return Desk(account, simulator, url, journal, time, sender)
