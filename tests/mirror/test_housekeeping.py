from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.simulator import Simulator
from tests.mirror.support import account_of, assert_mirrors, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def simulator() -> Simulator:
    """Four customers."""
    return Simulator(customers=4, months=2)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[ma.Account]:
    """Their account."""
    with account_of(simulator) as opened:
        yield opened


def parquet(folder: Path) -> int:
    """The bytes of all its Parquet files but those of the logs."""
    return sum(path.stat().st_size for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts)


def test_vacuum_keeps_every_moment_of_its_window(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """What is older is gone, is said to be, and takes no room."""
    first = account.sync(tmp_path)
    simulator.clock.advance(timedelta(days=20))
    second, then = account.sync(tmp_path), fresh(account)
    since = datetime.now(UTC)
    simulator.clock.advance(timedelta(days=20))
    last = account.sync(tmp_path)
    assert last.vacuum(keep="90d")["files"].sum() == 0
    before = parquet(tmp_path)
    removed = last.vacuum(keep=datetime.now(UTC) - since)
    assert removed["files"].sum() > 0
    assert before - parquet(tmp_path) >= removed["bytes"].sum() * 0.9
    mirror = ma.open_mirror(tmp_path)
    assert_mirrors(mirror, fresh(account))
    for when in (second.version, since):
        assert_mirrors(mirror.as_of(when), then)
    with pytest.raises(ma.MirrorError, match="vacuum"):
        mirror.as_of(first.version)
    assert mirror.verify().is_empty()
    assert mirror.vacuum(keep=datetime.now(UTC) - since)["files"].sum() == 0


@pytest.mark.parametrize("keep", ["soon", "-1d", 7, timedelta(-1), ""])
def test_a_window_that_cannot_be_read_removes_nothing(account: ma.Account, tmp_path: Path, keep: str) -> None:
    """The message shows one that can."""
    mirror = account.sync(tmp_path, tables="customers")
    with pytest.raises(ma.ArgumentError, match="90d"):
        mirror.vacuum(keep=keep)


def test_optimize_puts_files_together_and_changes_nothing(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """One file a bucket; the same rows; the version before can still be read."""
    account.sync(tmp_path)
    for _ in range(3):
        simulator.clock.advance(timedelta(days=3))
        mirror = account.sync(tmp_path)
    together = mirror.optimize()
    assert len(together.files("invoices")) == len(together.buckets)
    assert len(mirror.files("invoices")) > len(together.files("invoices"))
    assert_mirrors(together, fresh(account))
    assert together.changes(mirror.version).is_empty()
    assert_frame_equal(
        together.as_of(mirror.version).invoices().collect().sort("id"), mirror.invoices().collect().sort("id")
    )
    assert together.verify().is_empty()
    assert_mirrors(account.sync(tmp_path), fresh(account))


def test_the_receipt_says_how_large_the_mirror_is(account: ma.Account, tmp_path: Path) -> None:
    """Files and bytes of each table, once."""
    mirror = account.sync(tmp_path)
    told = mirror.receipt.group_by("table").agg(pl.col("files", "bytes").sum())
    for table in ("invoices", "balances"):
        assert told.filter(table=table)["files"].item() == len(mirror.files(table))
    assert 0 < told["bytes"].sum() <= parquet(tmp_path)
