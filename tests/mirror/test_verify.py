from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.mirror.mirrored import LAYOUTS
from metronome_analytics.mirror.snapshot import Snapshot
from metronome_analytics.mirror.store import Replacement, Store
from metronome_analytics.simulator import Simulator
from tests.mirror.support import account_of, assert_mirrors, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.mirror.storage import File

TABLES = ("customers", "invoices", "balances", "products")


@pytest.fixture
def account() -> Iterator[ma.Account]:
    """The account of four customers, by its clock."""
    with account_of(Simulator(customers=4, months=2)) as opened:
        yield opened


def file_of(mirror: ma.Mirror, table: str) -> Path:
    """One of its files."""
    return Path(mirror.files(table)[0])


def test_nothing_is_wrong_with_a_mirror_as_it_was_written(account: ma.Account, tmp_path: Path) -> None:
    """No rows, in the columns they would have."""
    told = account.sync(tmp_path).verify()
    assert told.is_empty()
    assert told.columns == ["table", "bucket", "customer_id", "path", "problem"]


@pytest.mark.parametrize("table", TABLES)
def test_a_lost_file_is_told_and_read_again(account: ma.Account, tmp_path: Path, table: str) -> None:
    """By any sync: the error names the way out, and it works."""
    mirror = account.sync(tmp_path)
    file_of(mirror, table).unlink()
    assert mirror.verify().select("table", "problem").rows() == [(table, "missing")]
    with pytest.raises(ma.MirrorError, match=r"gone or damaged.*full=True"):
        getattr(ma.open_mirror(tmp_path), table)()
    healed = account.sync(tmp_path)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damage", ["cut short", "turned around"])
def test_a_damaged_file_is_read_again_by_a_full_sync(
    account: ma.Account, tmp_path: Path, table: str, damage: str
) -> None:
    """Of another size, or of the same with other bytes in it."""
    mirror = account.sync(tmp_path)
    path = file_of(mirror, table)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "cut short" else data[::-1])
    expected = "size differs" if damage == "cut short" else "unreadable"
    assert mirror.verify().select("table", "problem").rows() == [(table, expected)]
    with pytest.raises(ma.MirrorError, match=r"gone or damaged.*full=True"):
        getattr(mirror, table)()
    healed = account.sync(tmp_path, full=True)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))


@pytest.mark.parametrize("table", TABLES)
def test_a_file_of_zeros_is_read_again_by_any_sync(account: ma.Account, tmp_path: Path, table: str) -> None:
    """As a disk leaves it that lost its power: what is refused when it is handed out is what a sync mends."""
    path = file_of(account.sync(tmp_path), table)
    path.write_bytes(bytes(path.stat().st_size))
    healed = account.sync(tmp_path)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))


def test_a_file_over_which_polars_panics_is_told_and_read_again(
    account: ma.Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it raises is no Exception: the error is ours, and a full sync mends it as any other damage."""
    mirror = account.sync(tmp_path)
    damaged = file_of(mirror, "invoices")
    read = Snapshot.read

    def panicking(snapshot: Snapshot, table: str, files: list[File]) -> pl.LazyFrame:
        if any(file.path.endswith(damaged.name) for file in files):
            raise pl.exceptions.PanicException("index out of bounds")
        return read(snapshot, table, files)

    monkeypatch.setattr(Snapshot, "read", panicking)
    assert mirror.verify().select("table", "problem").rows() == [("invoices", "unreadable")]
    with pytest.raises(ma.MirrorError, match=r"invoices failed: index out of bounds\..*full=True"):
        mirror.changes(0)
    healed = account.sync(tmp_path, full=True)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))


def test_damage_within_the_list_of_customers_is_told_by_the_sync_that_meets_it(
    account: ma.Account, tmp_path: Path
) -> None:
    """No error of polars: the message names the way out, and it works."""
    path = file_of(account.sync(tmp_path), "customers")
    data = path.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    path.write_bytes(data[:-footer] + bytes(footer - 4) + data[-4:])
    with pytest.raises(ma.MirrorError, match=r"/customers failed: .*full=True"):
        account.sync(tmp_path)
    assert_mirrors(account.sync(tmp_path, full=True), fresh(account))


def test_rows_that_are_not_those_noted_are_told_by_customer(account: ma.Account, tmp_path: Path) -> None:
    """Whoever changed them: a full sync reads them again."""
    account.sync(tmp_path)
    store = Store.open(tmp_path, LAYOUTS)
    with store.writing() as writer:
        rows = store.snapshot().scan("balances").collect()
        customer = rows["customer_id"][0]
        writer.write("balances", 0, rows.filter(customer_id=customer).with_columns(name=pl.lit("forged")))
        writer.commit({"balances": {0: Replacement({customer})}}, pl.DataFrame())
    mirror = ma.open_mirror(tmp_path)
    assert mirror.verify().select("table", "customer_id", "problem").rows() == [("balances", customer, "rows differ")]
    healed = account.sync(tmp_path, full=True)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))


@pytest.mark.parametrize("table", ["_progress", "invoices"])
def test_a_log_that_was_cut_short_is_mended(account: ma.Account, tmp_path: Path, table: str) -> None:
    """The message names the full sync, which goes back to the commit before and reads what is missing."""
    account.sync(tmp_path, max_requests=20)
    account.sync(tmp_path)
    newest = max((tmp_path / table / "_delta_log").glob("[0-9]*.json"))
    newest.write_bytes(newest.read_bytes()[:40])
    with pytest.raises(ma.MirrorError, match="full=True"):
        ma.open_mirror(tmp_path).invoices()
    healed = account.sync(tmp_path, full=True)
    assert healed.verify().is_empty()
    assert_mirrors(healed, fresh(account))
