from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import polars as pl
import pytest
from deltalake import DeltaTable

import metronome_analytics as ma
from metronome_analytics.mirror import digests
from metronome_analytics.mirror.changes import changes
from metronome_analytics.mirror.mirrored import LAYOUTS, MIRRORED
from metronome_analytics.mirror.store import Replacement, Store
from metronome_analytics.simulator import Simulator
from tests.mirror.shelf import INVOICES, held, invoice, invoices, make, put
from tests.mirror.support import account_of, assert_mirrors, fresh, spent

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path(__file__).parent / "kept" / "mirror-6a56e4a.zip"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A mirror that an older version wrote; see kept/README.md."""
    with zipfile.ZipFile(KEPT) as archive:
        archive.extractall(tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def account() -> Iterator[ma.Account]:
    """The account it is of, two days after its first sync."""
    simulator = Simulator(customers=2, months=2)
    simulator.clock.advance(timedelta(days=2))
    with account_of(simulator) as opened:
        yield opened


def test_a_mirror_kept_from_before_opens(kept: Path) -> None:
    """Every table, in the columns of today; what is new is null."""
    mirror = ma.open_mirror(kept)
    assert mirror.is_complete
    for layout in LAYOUTS:
        if layout.name in mirror.completeness["table"]:
            assert dict(getattr(mirror, layout.name)().collect().schema) == dict(layout.schema)
    assert mirror.invoices().collect().height == 10
    assert mirror.ledger().collect().height > 0
    assert mirror.as_of(5).invoices().collect().height == 10


def test_a_mirror_kept_from_before_is_kept_up(kept: Path, account: ma.Account) -> None:
    """A full sync later it is what a full load gives, in a table with the columns of today."""
    mirror = account.sync(kept, full=True)
    assert_mirrors(mirror, fresh(account))
    for layout in LAYOUTS:
        if layout.name in mirror.completeness["table"]:
            names = {field.name for field in DeltaTable(str(kept / layout.name)).schema().fields}
            assert names >= set(layout.schema)


def test_a_sync_of_a_kept_mirror_does_not_read_everything_again(kept: Path, account: ma.Account) -> None:
    """An upgrade is no reason: only whose turn has come in the two days since."""
    mirror = account.sync(kept)
    assert set(spent(mirror)) <= {"list", "signal", "full"}
    assert mirror.receipt.filter(table="invoices", reason="nothing changed")["customers"].sum() >= 2


# --- a column that came later ----------------------------------------------------------------------------------------

_NESTED = pl.List(
    pl.Struct({"amount": pl.Decimal(38, 10), "groups": pl.Map(pl.String(), pl.String()), "unit": pl.String()})
)
LATER = replace(INVOICES, schema={**INVOICES.schema, "due_on": pl.Datetime("us", "UTC"), "line_items": _NESTED})


def test_a_column_that_came_later_is_null_until_it_is_read(tmp_path: Path) -> None:
    """At any depth, in what is there and in what is written beside it."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", "a")), ["a"])
    later = Store.open(tmp_path, [LATER])
    rows = held(later.snapshot())
    assert dict(rows.schema) == dict(LATER.schema)
    assert rows["due_on"].to_list() == [None]
    new = rows.with_columns(id=pl.lit("new"), customer_id=pl.lit("b"), due_on=pl.col("issued_at"))
    with later.writing() as writer:
        put(later, writer, new, ["b"])
    rows = held(later.snapshot())
    assert rows["due_on"].null_count() == 1
    assert rows["line_items"].to_list()[0] == new["line_items"].to_list()[0]
    assert pl.scan_delta(str(tmp_path / "invoices")).collect().height == 2


def test_a_column_that_came_later_is_no_change(tmp_path: Path) -> None:
    """What it holds now says nothing of what changed."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a")), ["a"])
    before = Store.open(tmp_path, [LATER]).snapshot()
    later = Store.open(tmp_path, [LATER])
    with later.writing() as writer:
        put(later, writer, held(before).with_columns(due_on=pl.col("issued_at"), status=pl.lit("VOID")), ["a"])
    found = changes(before, later.snapshot(), [LATER])
    assert found["column"].to_list() == ["status"]


def test_a_column_that_went_is_left_where_it_is(tmp_path: Path) -> None:
    """Who reads with fewer columns sees fewer."""
    later = Store.create(tmp_path, [LATER], identity={}, buckets=1)
    rows = invoices(invoice("i1", "a")).lazy().collect()
    wide = pl.DataFrame([{**row, "due_on": None} for row in rows.to_dicts()], schema=LATER.schema)
    with later.writing() as writer:
        put(later, writer, wide, ["a"])
    earlier = Store.open(tmp_path, [INVOICES])
    assert held(earlier.snapshot()).equals(rows)
    with earlier.writing() as writer:
        put(earlier, writer, invoices(invoice("i2", "b")), ["b"])
    assert held(Store.open(tmp_path, [LATER]).snapshot())["id"].to_list() == ["i1", "i2"]


# --- digests ---------------------------------------------------------------------------------------------------------


def test_another_version_of_polars_calls_no_row_changed(account: ma.Account, tmp_path: Path) -> None:
    """The rows held are hashed again and compared: nothing is written, nothing counts as changed."""
    with mock.patch.object(digests, "_MAKER", "2:0.1"):
        before = account.sync(tmp_path)
    mirror = account.sync(tmp_path, full=True)
    assert mirror.receipt.filter(reason="full")["changed"].sum() == 0
    for name in ("invoices", "balances", "contracts"):
        assert mirror.files(name) == before.files(name)
    progress = mirror._snapshot.progress("table", "digest").filter(pl.col("table").is_in(list(MIRRORED)))
    assert not progress["digest"].drop_nulls().str.starts_with("2:0.1").any()


def test_what_did_change_is_seen_across_versions(account: ma.Account, tmp_path: Path) -> None:
    """Also where the digests cannot be compared."""
    with mock.patch.object(digests, "_MAKER", "2:0.1"):
        account.sync(tmp_path)
    store = Store.open(tmp_path, LAYOUTS)
    with store.writing() as writer:
        [file] = [file for file in store.snapshot().listed("balances") if file.bucket == 0]
        rows = store.snapshot().read("balances", [file]).collect().with_columns(name=pl.lit("old name"))
        writer.write("balances", 0, rows)
        writer.commit({"balances": {0: Replacement(set(rows["customer_id"]))}}, pl.DataFrame())
    mirror = account.sync(tmp_path, full=True)
    changed = mirror.receipt.filter(table="balances", reason="full")["changed"].to_list()
    assert changed == [rows["customer_id"].n_unique()]
    assert_mirrors(mirror, fresh(account))
