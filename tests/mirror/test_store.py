from __future__ import annotations

import pickle
import resource
import shutil
import subprocess
import sys
import threading
import zlib
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest import mock

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.mirror import store as stores
from metronome_analytics.mirror import writer as writers
from metronome_analytics.mirror.layout import PROGRESS, bucket_of
from metronome_analytics.mirror.storage import Place, reaching
from metronome_analytics.mirror.store import Layout, Replacement, Store
from tests.mirror.shelf import (
    IDENTITY,
    INVOICES,
    LAYOUTS,
    PRODUCTS,
    START,
    Clock,
    bucket,
    held,
    invoice,
    invoices,
    make,
    put,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_new_mirror_is_empty_and_has_every_column(tmp_path: Path) -> None:
    """Zero rows still give the loader's schema."""
    snapshot = make(tmp_path).snapshot()
    for layout in LAYOUTS:
        assert dict(snapshot.scan(layout.name).collect().schema) == dict(layout.schema)
    assert (snapshot.version, snapshot.at, snapshot.progress().height) == (0, None, 0)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Amounts, maps, nested lists and instants come back as they were."""
    store = make(tmp_path)
    rows = invoices(invoice("i1", "c1", "0.1234567891"), invoice("i2", "c1", "-3", custom_fields=None))
    with store.writing() as writer:
        put(store, writer, rows, ["c1"])
    assert_frame_equal(held(Store.open(tmp_path, LAYOUTS).snapshot()), rows)


def test_identity_and_buckets_are_remembered(tmp_path: Path) -> None:
    """They stand in the mirror itself."""
    make(tmp_path, buckets=7)
    found = Store.open(tmp_path, LAYOUTS)
    assert (found.identity, found.buckets) == (IDENTITY, 7)


def test_creating_again_keeps_what_is_there(tmp_path: Path) -> None:
    """The second create opens the first one's mirror, with its buckets."""
    store = make(tmp_path, buckets=7)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    again = make(tmp_path, buckets=3)
    assert (again.buckets, held(again.snapshot())["id"].to_list()) == (7, ["i1"])


def test_the_mirror_of_another_account_is_refused(tmp_path: Path) -> None:
    """Rows of two accounts never meet."""
    make(tmp_path)
    with pytest.raises(ma.MirrorMismatch, match="test"):
        Store.create(tmp_path, LAYOUTS, identity=IDENTITY | {"environment": "production"}, buckets=3)


def test_where_there_is_no_mirror(tmp_path: Path) -> None:
    """The message says how to make one; find only looks."""
    assert Store.find(tmp_path / "nowhere", LAYOUTS) is None
    with pytest.raises(ma.MirrorError, match=r"no mirror at .*nowhere.*account\.sync"):
        Store.open(tmp_path / "nowhere", LAYOUTS)
    assert not (tmp_path / "nowhere").exists()


def test_a_crash_while_creating_is_healed(tmp_path: Path) -> None:
    """Whatever tables are missing are made again."""
    for name in ("_progress", "invoices"):
        with make(tmp_path).writing() as writer:
            writer.make(["invoices"])
        shutil.rmtree(tmp_path / name)
        store = make(tmp_path)
        with store.writing() as writer:
            writer.make(["invoices"])
        assert held(store.snapshot()).is_empty()
        assert (tmp_path / "invoices" / "_delta_log").is_dir()


def test_a_table_that_a_newer_version_added(tmp_path: Path) -> None:
    """It is empty in an old mirror, and made when first written."""
    Store.create(tmp_path, [PRODUCTS], identity=IDENTITY, buckets=3)
    store = Store.open(tmp_path, LAYOUTS)
    assert held(store.snapshot()).is_empty()
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    assert held(store.snapshot())["id"].to_list() == ["i1"]


def test_a_mirror_of_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says to upgrade."""
    monkeypatch.setattr(stores, "FORMAT", 2)
    make(tmp_path)
    monkeypatch.setattr(stores, "FORMAT", 1)
    with pytest.raises(ma.MirrorError, match=r"newer version .*format 2.*Upgrade"):
        Store.open(tmp_path, LAYOUTS)


def test_a_progress_with_fewer_columns_is_read_and_extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror of an older version opens, and goes on."""
    old = {name: kind for name, kind in PROGRESS.items() if name != "next_date"}
    for module in (stores, writers):
        monkeypatch.setattr(module, "PROGRESS", old)
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    monkeypatch.undo()
    store = Store.open(tmp_path, LAYOUTS)
    assert store.snapshot().progress()["next_date"].to_list() == [None]
    with store.writing() as writer:
        writer.commit({}, told("invoices", ["c2"]).with_columns(next_date=pl.lit(START)))
    assert store.snapshot().progress().sort("customer_id")["next_date"].to_list() == [None, START]


def test_a_column_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    """What the loaders now give is not what is there: the message names the column, on reading and on writing."""
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    other = Layout("invoices", dict(INVOICES.schema) | {"total": pl.Float64()}, ("id",), "customer_id")
    opened = Store.open(tmp_path, [other])
    with pytest.raises(ma.MirrorMismatch, match=r"another version.*: total is decimal\(38,10\) there and double here"):
        opened.snapshot().scan("invoices")
    with opened.writing() as writer, pytest.raises(ma.MirrorMismatch, match="total is decimal"):
        writer.make(["invoices"])


def test_a_folder_of_something_else_is_no_mirror(tmp_path: Path) -> None:
    """A Delta table of that name that is not ours is left alone."""
    pl.DataFrame({"a": [1]}).write_delta(tmp_path / "_progress")
    with pytest.raises(ma.MirrorError, match="is no mirror's"):
        Store.open(tmp_path, LAYOUTS)


def test_a_snapshot_travels(tmp_path: Path) -> None:
    """A worker that gets it pickled sees the same."""
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    snapshot = store.snapshot()
    assert_frame_equal(held(pickle.loads(pickle.dumps(snapshot))), held(snapshot))  # noqa: S301  # our own


def test_without_the_extra(tmp_path: Path) -> None:
    """The message says what to install; the package itself needs nothing of it."""
    code = (
        "import sys\n"
        "sys.modules['deltalake'] = None\n"
        "import metronome_analytics as ma\n"
        "try:\n"
        "    import metronome_analytics.mirror.store\n"
        "except ma.ConfigurationError as error:\n"
        "    print(error)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'metronome-analytics[lake]'" in done.stdout


# --- buckets ---------------------------------------------------------------------------------------------------------


def test_the_bucket_of_a_customer_is_for_ever() -> None:
    """CRC-32 of the id, so that any language finds it; an id may repeat and an empty series is fine."""
    layout = bucket_of(pl.Series(["c1", "ü", "c1"]), 1_563)
    assert layout.to_list() == [zlib.crc32(id_.encode()) % 1_563 for id_ in ("c1", "ü", "c1")]
    assert layout.to_list() == [449, 649, 449]
    assert bucket_of(pl.Series([], dtype=pl.String), 5).dtype == pl.Int32


def test_rows_in_a_foreign_bucket_or_of_foreign_columns_are_refused(tmp_path: Path) -> None:
    """They would never be found, nor replaced."""
    store = make(tmp_path)
    where = bucket(store, "c1")
    with store.writing() as writer:
        with pytest.raises(ma.ArgumentError, match="bucket"):
            writer.write("invoices", (where + 1) % 3, invoices(invoice("i1", "c1")))
        with pytest.raises(ma.ArgumentError, match="columns"):
            writer.write("invoices", where, invoices(invoice("i1", "c1")).drop("total"))


def test_a_scan_of_a_bucket_reads_only_its_files(tmp_path: Path) -> None:
    """The files of the others may even be missing."""
    store = make(tmp_path)
    ids = [f"c{n}" for n in range(12)]
    with store.writing() as writer:
        put(store, writer, invoices(*(invoice(f"i-{id_}", id_) for id_ in ids)), ids)
    mine = {id_ for id_ in ids if bucket(store, id_) == 1}
    for other in (0, 2):
        shutil.rmtree(tmp_path / "invoices" / f"bucket={other}")
    found = store.snapshot().scan("invoices", [1]).collect()
    assert set(found["customer_id"]) == mine
    assert found.schema == pl.Schema(INVOICES.schema)


# --- committing ------------------------------------------------------------------------------------------------------


def test_fresh_rows_take_the_place_of_their_customers_only(tmp_path: Path) -> None:
    """The others of the bucket keep theirs; a customer without rows any more has none."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(*(invoice(f"i-{id_}", id_) for id_ in "abc")), "abc")
        put(store, writer, invoices(invoice("new", "a")), "ab")
    assert held(store.snapshot())["id"].to_list() == ["i-c", "new"]


def test_rows_to_keep_stay_unless_they_come_again(tmp_path: Path) -> None:
    """A kept row whose key is in the parts gives way: no row is there twice."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a", "1"), invoice("i2", "a", "1"), invoice("i3", "a", "1")), "a")
        keep = pl.col("id") != "i3"
        put(store, writer, invoices(invoice("i2", "a", "2"), invoice("i4", "a", "2")), "a", keep)
    assert held(store.snapshot()).select("id", "total").rows() == [
        ("i1", Decimal(1)),
        ("i2", Decimal(2)),
        ("i4", Decimal(2)),
    ]


def test_an_account_level_table_is_replaced_whole(tmp_path: Path) -> None:
    """It has no customers."""
    store = make(tmp_path)
    with store.writing() as writer:
        for name in ("old", "new"):
            writer.write("products", 0, pl.DataFrame({"id": [name], "name": [name]}))
            writer.commit({"products": {0: Replacement(())}}, told("products", [None]))
    assert store.snapshot().scan("products").collect()["id"].to_list() == ["new"]


def test_files_that_lose_no_row_stay_as_they_are(tmp_path: Path) -> None:
    """A commit costs what changes, not what is there."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a")), "a")
        before = set(store.snapshot().files("invoices"))
        put(store, writer, invoices(invoice("i2", "b")), "b")
    assert before < set(store.snapshot().files("invoices"))


def test_many_small_files_become_one(tmp_path: Path) -> None:
    """However often it is written, a bucket has few files."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        for n in range(30):
            put(store, writer, invoices(invoice(f"i{n:02}", f"c{n}")), [f"c{n}"])
            assert len(store.snapshot().files("invoices")) <= 8
    assert held(store.snapshot())["id"].to_list() == [f"i{n:02}" for n in range(30)]


def test_parts_wait_for_the_commit_that_names_their_bucket(tmp_path: Path) -> None:
    """Other threads may write ahead while one commits."""
    store = make(tmp_path, buckets=3)
    ids = [f"c{n}" for n in range(30)]
    with store.writing() as writer:
        threads = [
            threading.Thread(target=writer.write, args=("invoices", bucket(store, id_), invoices(invoice(id_, id_))))
            for id_ in ids
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(3):
            own = [id_ for id_ in ids if bucket(store, id_) == number]
            writer.commit({"invoices": {number: Replacement(own)}}, told("invoices", own))
            seen = held(store.snapshot())["id"]
            assert set(seen) == {id_ for id_ in ids if bucket(store, id_) <= number}


def test_a_discarded_part_is_gone(tmp_path: Path) -> None:
    """It is not shown, and not left on the disk; nor is what was never committed."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        writer.discard(writer.write("invoices", 0, invoices(invoice("half", "a"))))
        writer.write("invoices", 0, invoices(invoice("whole", "b")))
        writer.commit({"invoices": {0: Replacement("ab")}}, told("invoices", "ab"))
        writer.write("invoices", 0, invoices(invoice("late", "c")))
    assert held(store.snapshot())["id"].to_list() == ["whole"]
    assert len(list((tmp_path / "invoices" / "bucket=0").iterdir())) == 1


def test_a_customer_of_many_row_groups_is_carried_over(tmp_path: Path) -> None:
    """What stays is streamed from file to file, every row of it."""
    store = make(tmp_path, buckets=1)
    many = pl.concat([invoices(invoice("x", "a"))] * 20_000).with_columns(
        id=pl.format("i{}", pl.int_range(pl.len())),
        customer_id=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("b")).otherwise(pl.lit("a")),
    )
    with store.writing() as writer:
        writer.write("invoices", 0, many)
        writer.commit({"invoices": {0: Replacement("ab")}}, told("invoices", "ab"))
        put(store, writer, invoices(invoice("new", "b")), "b")
    snapshot = store.snapshot()
    assert snapshot.rows("invoices") == held(snapshot).height == 19_996


# --- versions --------------------------------------------------------------------------------------------------------


def test_progress_has_the_newest_row_of_each_table_and_customer(tmp_path: Path) -> None:
    """Rewritten when it has many files, it says the same, and so does every version before."""
    store, clock = make(tmp_path, buckets=1), Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writers, "_PROGRESS_FILES", 4)
        with store.writing(now=clock) as writer:
            for n in range(12):
                clock.turn(hours=1)
                put(store, writer, invoices(invoice(f"i{n}", f"c{n % 2}")), [f"c{n % 2}"])
    assert len(DeltaTable(tmp_path / "_progress").file_uris()) <= 4
    for version in range(1, 13):
        seen = store.snapshot(version).progress().sort("commit").select("customer_id", "commit", "version", "at")
        newest = [(f"c{(n - 1) % 2}", n, n, START + timedelta(hours=n)) for n in (version - 1, version) if n > 0]
        assert seen.rows() == newest


def test_a_mirror_as_of_a_time(tmp_path: Path) -> None:
    """The newest version that was there then; naive times are UTC; before the first there is none."""
    store, clock = make(tmp_path, buckets=1), Clock()
    with store.writing(now=clock) as writer:
        for n in range(5):
            clock.turn(days=1)
            put(store, writer, invoices(invoice(f"i{n}", "a")), "a")
    assert store.snapshot(START + timedelta(days=3)).version == 3
    assert store.snapshot((START + timedelta(days=3.5)).replace(tzinfo=None)).version == 3
    assert store.snapshot(START + timedelta(days=50)).version == 5
    assert held(store.snapshot(START + timedelta(days=2)))["id"].to_list() == ["i1"]
    for when in (START, 6, -1):
        with pytest.raises(ma.MirrorError):
            store.snapshot(when)


def test_a_clock_that_goes_back_does_not_reorder_versions(tmp_path: Path) -> None:
    """Versions never get older."""
    store, clock = make(tmp_path), Clock()
    with store.writing(now=clock) as writer:
        writer.commit({}, told("invoices", ["a"]))
        clock.turn(days=-3)
        writer.commit({}, told("invoices", ["b"]))
    assert store.snapshot().at == START


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    """Whatever is written later, also before its files are first looked at."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", "a")), "a")
        before = store.snapshot()
        put(store, writer, invoices(invoice("new", "a")), "a")
    assert held(before)["id"].to_list() == ["old"]
    assert before.progress()["commit"].to_list() == [1]


# --- other engines ---------------------------------------------------------------------------------------------------


def test_duckdb_reads_the_same_files(tmp_path: Path) -> None:
    """Maps and amounts are whole there too."""
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a", "0.1"), invoice("i2", "a", "0.2")), "a")
    query = "select sum(total), max(custom_fields['tier']) from read_parquet($files)"
    assert duckdb.execute(query, {"files": store.snapshot().files("invoices")}).fetchone() == (Decimal("0.3"), "i2")


def test_delta_lake_itself_reads_the_tables(tmp_path: Path) -> None:
    """With the bucket that each row is filed under."""
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "c1")), ["c1"])
    found = pl.scan_delta(str(tmp_path / "invoices")).collect()
    assert found["bucket"].to_list() == [bucket(store, "c1")]
    assert_frame_equal(found.drop("bucket"), held(store.snapshot()))


# --- trouble ---------------------------------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Every longer file fails to be written, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_no_room_on_the_disk(tmp_path: Path) -> None:
    """The message names the file and the reason; the mirror stays as it was, and the next commit works."""
    store = make(tmp_path, buckets=1)
    many = pl.concat([invoices(invoice("x", "a"))] * 5_000).with_columns(
        id=pl.int_range(pl.len()).hash().cast(pl.String)
    )
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", "a")), "a")
        with files_of_at_most(20_000), pytest.raises(ma.MirrorError, match=r"parquet failed: .*\(os error 27\)"):
            writer.write("invoices", 0, many)
        for size in (100, 1_500):  # the log of the table; then the file of the progress
            with files_of_at_most(size), pytest.raises(ma.MirrorError, match="failed"):
                put(store, writer, invoices(), "a")
            assert held(store.snapshot())["id"].to_list() == ["old"]
        put(store, writer, invoices(invoice("new", "a")), "a")
    assert held(store.snapshot())["id"].to_list() == ["new"]


def test_what_a_dead_writer_left_is_undone(tmp_path: Path) -> None:
    """It died before its commit was shown: the next one, of another bucket, does not show it either."""
    store = make(tmp_path)
    one, other = "c1", next(f"d{n}" for n in range(9) if bucket(store, f"d{n}") != bucket(store, "c1"))
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", one)), [one])
        with mock.patch.object(writer, "_commit_progress", side_effect=KeyboardInterrupt):
            with pytest.raises(KeyboardInterrupt):
                put(store, writer, invoices(invoice("unseen", one)), [one])
    assert pl.scan_delta(str(tmp_path / "invoices")).collect()["id"].to_list() == ["unseen"]
    with store.writing() as writer:
        put(store, writer, invoices(invoice("new", other)), [other])
    assert held(store.snapshot())["id"].to_list() == ["new", "old"]


def test_a_lost_table_is_named(tmp_path: Path) -> None:
    """The message says what to do."""
    store = make(tmp_path)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a")), "a")
    shutil.rmtree(tmp_path / "invoices")
    with pytest.raises(ma.MirrorError, match=r"lost its table invoices.*Restore"):
        store.snapshot().scan("invoices")


def test_no_files_need_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In object storage a bucket without files would else list the whole table."""
    place = Place("s3://lake/mirror")
    monkeypatch.setattr(Place, "_handler", lambda *_: pytest.fail("a request was sent"))
    assert place.damaged("invoices", []) == {}


def test_a_signature_in_an_address_is_not_shown(tmp_path: Path) -> None:
    """What a storage says is told on one line, without the query of the address."""
    said = OSError("\x1b[31m↳\x1b[0m GET https://lake.example/a?sig=secret&se=1\n  refused.")
    with pytest.raises(ma.MirrorError) as caught, reaching("Reading", str(tmp_path)):
        raise said
    assert "secret" not in str(caught.value)
    assert "GET https://lake.example/a refused." in str(caught.value)


# --- one writer at a time --------------------------------------------------------------------------------------------

_HOLDER = """
import sys
from metronome_analytics.mirror.store import Store
with Store.open(sys.argv[1], []).writing():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    """The message says who, where and since when; the same in one process."""
    store = make(tmp_path)
    with store.writing(now=Clock()) as writer:
        with pytest.raises(ma.MirrorLocked, match=r"process \d+ on .+, since 2026-05-01 00:00:00 UTC"):
            with Store.open(tmp_path, LAYOUTS).writing():
                pass
        put(store, writer, invoices(invoice("i1", "a")), "a")
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i2", "a")), "a")


def test_a_writer_that_is_killed_lets_go(tmp_path: Path) -> None:
    """Another process is refused while it lives, and not after SIGKILL."""
    store = make(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ma.MirrorLocked, match=f"process {holder.pid} "):
            with store.writing():
                pass
        holder.kill()
        holder.wait()
        with store.writing() as writer:
            put(store, writer, invoices(invoice("i1", "a")), "a")
    assert held(store.snapshot())["id"].to_list() == ["i1"]


def test_a_commit_behind_the_writers_back_is_noticed(tmp_path: Path) -> None:
    """Whoever did it: the writer stops, and nothing of its commit is shown."""
    store = make(tmp_path, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", "a")), "a")
        progress = DeltaTable(tmp_path / "_progress")
        progress.alter.set_table_properties({"delta.checkpointInterval": "21"})
        with pytest.raises(ma.MirrorLocked, match="Another sync"):
            put(store, writer, invoices(invoice("new", "a")), "a")
    assert held(store.snapshot())["id"].to_list() == ["old"]
    with store.writing() as writer:
        put(store, writer, invoices(invoice("new", "a")), "a")
    assert held(store.snapshot())["id"].to_list() == ["new"]
