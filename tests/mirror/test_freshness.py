from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import metronome_analytics as ma
from metronome_analytics.simulator import Simulator
from tests.mirror.support import account_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ["table", "reason", "customers", "oldest", "age", "at_most", "unseen", "why"]


@pytest.fixture
def simulator() -> Simulator:
    """Six customers."""
    return Simulator(customers=6, months=2)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[ma.Account]:
    """Their account, by its clock."""
    with account_of(simulator) as opened:
        yield opened


def test_of_a_whole_mirror_it_says_by_which_rule_each_table_is_kept(account: ma.Account, tmp_path: Path) -> None:
    """Everybody once in each table; nothing is missing."""
    mirror = account.sync(tmp_path)
    told = mirror.freshness()
    assert told.columns == COLUMNS
    assert set(told["reason"]) <= {"open", "closed", "edited", "list"}
    for table, customers in mirror.completeness.select("table", "customers").iter_rows():
        assert told.filter(table=table)["customers"].sum() == customers
    assert told.filter(reason="open")["at_most"].unique().to_list() == [timedelta(days=1)]
    assert told.filter(reason="closed")["at_most"].unique().to_list() in ([], [timedelta(days=7)])
    assert told["unseen"].null_count() == told["why"].null_count() == 0


def test_its_ages_are_those_of_the_readings(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """Counted from the time given, else from the newest reading."""
    mirror = account.sync(tmp_path)
    assert set(mirror.freshness()["age"]) == {timedelta()}
    later = simulator.clock.now + timedelta(hours=5)
    assert set(mirror.freshness(later)["age"]) == {timedelta(hours=5)}


def test_what_no_sync_came_to_comes_first(account: ma.Account, tmp_path: Path) -> None:
    """And is counted."""
    mirror = account.sync(tmp_path, max_requests=20)
    first = mirror.freshness().row(0, named=True)
    assert first["reason"] == "never read"
    assert first["customers"] == mirror.completeness.filter(table=first["table"])["missing"].item()
    assert not mirror.is_up_to_date


def test_it_knows_the_intervals_of_the_last_sync(account: ma.Account, tmp_path: Path) -> None:
    """`open_every` and `full_every`."""
    mirror = account.sync(tmp_path, open_every=timedelta(hours=6), full_every=timedelta(days=3))
    told = mirror.freshness()
    assert told.filter(reason="open")["at_most"].unique().to_list() == [timedelta(hours=6)]
    assert told.filter(reason="edited")["at_most"].unique().to_list() == [timedelta(days=3)]
    assert ma.open_mirror(tmp_path).freshness().equals(told)
