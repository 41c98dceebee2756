from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

import httpx
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.mirror.changes import changes
from metronome_analytics.mirror.delta import open_table
from metronome_analytics.mirror.store import Replacement, Store
from tests.mirror.shelf import LAYOUTS, Clock, bucket, held, invoice, invoices, make, put, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metronome_analytics.mirror.storage import File
    from metronome_analytics.mirror.store import MirrorWriter
    from tests.mirror.conftest import Lake


def test_a_mirror_in_object_storage(lake: Lake, uri: str) -> None:
    """Written, replaced, read by bucket, as of a version and compared, as on a disk."""
    store = make(uri, options=lake.options)
    rows = invoices(invoice("i1", "a", "0.1234567891"), invoice("i2", "b"))
    with store.writing() as writer:
        put(store, writer, rows, "ab")
        put(store, writer, invoices(invoice("i3", "b")), "b")
    found = Store.open(uri, LAYOUTS, storage_options=lake.options)
    assert_frame_equal(held(found.snapshot(1)), rows)
    assert held(found.snapshot())["id"].to_list() == ["i1", "i3"]
    assert "i3" in found.snapshot().scan("invoices", [bucket(store, "b")]).collect()["id"]
    lines = changes(found.snapshot(1), found.snapshot(), LAYOUTS)
    assert lines.select("key", "change").rows() == [("i2", "removed"), ("i3", "added")]


def test_where_there_is_no_mirror(lake: Lake, uri: str) -> None:
    """An empty prefix says so; a storage that does not answer says what it says."""
    assert Store.find(uri, LAYOUTS, storage_options=lake.options) is None
    lake.fail_after(0)
    try:
        with pytest.raises(ma.MirrorError, match=f"{uri}/_progress failed: "):
            Store.find(uri, LAYOUTS, storage_options=lake.options)
    finally:
        lake.fail_after(None)


def test_a_discarded_part_is_deleted(lake: Lake, uri: str) -> None:
    """Nothing pays for it."""
    store = make(uri, options=lake.options)
    with store.writing() as writer:
        part = writer.write("invoices", bucket(store, "a"), invoices(invoice("i1", "a")))
        assert part.file.path in stored(lake, uri)
        writer.discard(part)
    assert part.file.path not in stored(lake, uri)


def stored(lake: Lake, uri: str) -> str:
    """A listing of what is there."""
    prefix = uri.removeprefix("s3://lake/")
    return httpx.get(f"{lake.url}/lake", params={"list-type": "2", "prefix": prefix}).text


def test_files_are_as_long_as_the_log_says(lake: Lake, uri: str) -> None:
    """Other engines look for the footer there."""
    store = make(uri, options=lake.options)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("i1", "a")), "a")
    (file,) = store.snapshot().listed("invoices")
    length = httpx.head(f"{lake.url}/{uri.removeprefix('s3://')}/invoices/{file.path}").headers["content-length"]
    assert int(length) == file.size


# --- the storage fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [*range(16), 20, 24, 25, 28])
def test_a_storage_that_fails_in_the_middle(lake: Lake, uri: str, answered: int) -> None:
    """At whatever request: all is shown or nothing, and the same writer goes on when it is back."""
    store = make(uri, options=lake.options, buckets=1)
    with store.writing() as writer:
        put(store, writer, invoices(invoice("old", "a"), invoice("other", "b")), "ab")
        assert replaced(lake, store, writer, answered) in (["old", "other"], ["new", "other"])
        writer.write("invoices", 0, invoices(invoice("last", "a")))
        try:
            writer.commit({"invoices": {0: Replacement("a")}}, told("invoices", "a"))
        except ma.MirrorError as error:
            assert "is there after all" in str(error)  # noqa: PT017  # only where the answer was lost
    with store.writing() as writer:
        put(store, writer, invoices(invoice("last", "a")), "a")
    assert held(store.snapshot())["id"].to_list() == ["last", "other"]


def replaced(lake: Lake, store: Store, writer: MirrorWriter, answered: int) -> list[str]:
    """What is seen after a storage that answers only so often was to replace an invoice."""
    lake.fail_after(answered)
    try:
        put(store, writer, invoices(invoice("new", "a")), "a")
    except ma.MirrorError as error:
        assert store.uri in str(error)  # noqa: PT017  # it may also have come through
    finally:
        lake.fail_after(None)
    return held(store.snapshot())["id"].to_list()


# --- one writer at a time --------------------------------------------------------------------------------------------


@pytest.fixture
def two(lake: Lake, uri: str) -> tuple[Store, Store]:
    """The same mirror on two machines."""
    return make(uri, options=lake.options, buckets=1), Store.open(uri, LAYOUTS, storage_options=lake.options)


def test_a_second_writer_is_refused_until_the_first_is_done(two: tuple[Store, Store]) -> None:
    """The message says who, since when and until when."""
    one, other = two
    with one.writing(now=Clock()) as writer:
        until = r"process \d+ on .+, since 2026-05-01 00:00:00 UTC; .* 2026-05-01 00:10:00 UTC"
        with pytest.raises(ma.MirrorLocked, match=until), other.writing(now=Clock()):
            pass
        put(one, writer, invoices(invoice("i1", "a")), "a")
    with other.writing(now=Clock()) as writer:
        put(other, writer, invoices(invoice("i2", "a")), "a")
    assert held(one.snapshot())["id"].to_list() == ["i2"]


def test_a_lease_is_renewed_while_it_is_used(two: tuple[Store, Store]) -> None:
    """However long the sync takes."""
    one, other = two
    clock = Clock()
    with one.writing(now=clock) as writer:
        for n in range(5):
            clock.turn(minutes=9)
            put(one, writer, invoices(invoice(f"i{n}", "a")), "a")
            with pytest.raises(ma.MirrorLocked), other.writing(now=clock):
                pass


def test_a_lease_that_ran_out_is_taken_over(two: tuple[Store, Store]) -> None:
    """Who had it, and comes back, shows nothing; who has it now is not disturbed."""
    one, other = two
    clock = Clock()
    with one.writing(now=clock) as late:
        put(one, late, invoices(invoice("first", "a")), "a")
        late.write("invoices", 0, invoices(invoice("late", "a")))
        clock.turn(minutes=11)
        with other.writing(now=clock) as writer:
            put(other, writer, invoices(invoice("second", "a")), "a")
            with pytest.raises(ma.MirrorLocked, match="took over"):
                late.commit({"invoices": {0: Replacement("a")}}, told("invoices", "a"))
            put(other, writer, invoices(invoice("third", "b")), "b")
    assert held(one.snapshot())["id"].to_list() == ["second", "third"]


def test_a_writer_overtaken_in_its_commit_shows_nothing(two: tuple[Store, Store]) -> None:
    """It checked its lease before it fell asleep: then the log itself refuses its commit, and the next ones."""
    one, other = two
    with one.writing() as late:
        put(one, late, invoices(invoice("first", "a")), "a")
        commit_table = late._commit_table

        def slow(name: str, wanted: Mapping[int, Sequence[File]]) -> int:
            version = commit_table(name, wanted)
            steal(other)
            with other.writing() as writer:
                put(other, writer, invoices(invoice("second", "b")), "b")
            return version

        with (
            mock.patch.object(late, "_renew"),
            mock.patch.object(late, "_commit_table", slow),
            pytest.raises(ma.MirrorLocked, match="at the same time"),
        ):
            put(one, late, invoices(invoice("late", "a")), "a")
        with mock.patch.object(late, "_renew"), pytest.raises(ma.MirrorLocked, match="Another sync wrote"):
            put(one, late, invoices(invoice("late", "a")), "a")
    assert held(one.snapshot())["id"].to_list() == ["first", "second"]


def steal(store: Store) -> None:
    """Empty the lease, as if it had run out."""
    table = open_table(store._place, "_lock")
    assert table is not None
    table.commit([], table.files())


def test_options_that_are_refused(lake: Lake, uri: str) -> None:
    """The message has no secret in it."""
    wrong: Mapping[str, str] = lake.options | {"aws_endpoint_url": "http://127.0.0.1:1", "max_retries": "0"}
    with pytest.raises(ma.MirrorError) as caught:
        make(uri, options=wrong)
    assert uri in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("made", " up"))
