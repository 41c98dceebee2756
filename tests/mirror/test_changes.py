from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.mirror import changes as module
from metronome_analytics.mirror.changes import CHANGES, changes
from metronome_analytics.mirror.store import Replacement
from tests.mirror.shelf import COSTS, LAYOUTS, START, bucket, invoice, invoices, make, put, told

if TYPE_CHECKING:
    from metronome_analytics.mirror.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty mirror."""
    return make(tmp_path)


def between(store: Store, *versions: pl.DataFrame) -> list[tuple[str | None, ...]]:
    """What `changes` tells of customer a's invoices, from the first of `versions` to the last."""
    with store.writing() as writer:
        for rows in versions:
            put(store, writer, rows, "a")
    found = changes(store.snapshot(1), store.snapshot(), LAYOUTS)
    assert dict(found.schema) == CHANGES
    return found.drop("table", "customer_id").rows()


def test_nothing_changed(store: Store) -> None:
    """The same rows in other files are no change, nulls and nested values included."""
    rows = invoices(invoice("i1", "a", issued_at=None), invoice("i2", "a", line_items=[], custom_fields=None))
    assert between(store, rows, rows.reverse()) == []


def test_rows_that_came_and_went(store: Store) -> None:
    """One line each, without a column."""
    one, two = invoices(invoice("i1", "a")), invoices(invoice("i2", "a"))
    assert between(store, one, two) == [("i1", "removed", None, None, None), ("i2", "added", None, None, None)]


def test_a_column_that_changed(store: Store) -> None:
    """Before and after are exact text: amounts without trailing zeros, instants in ISO 8601, null is null."""
    before = invoice("i1", "a", "0.1000000001", issued_at=None)
    after = invoice("i1", "a", "100", issued_at=START + timedelta(microseconds=1), line_items=before["line_items"])
    assert between(store, invoices(before), invoices(after)) == [
        ("i1", "changed", "total", "0.1000000001", "100"),
        ("i1", "changed", "issued_at", None, "2026-05-01T00:00:00.000001Z"),
    ]


def test_an_invoice_that_was_voided(store: Store) -> None:
    """The line of its status says so; another status is only changed."""
    rows = [invoices(invoice("i1", "a", status=status)) for status in ("DRAFT", "FINALIZED", "VOID")]
    assert between(store, *rows) == [("i1", "voided", "status", "DRAFT", "VOID")]
    found = changes(store.snapshot(1), store.snapshot(2), LAYOUTS)
    assert found["change"].to_list() == ["changed"]


def test_nested_values_are_compared_by_value(store: Store) -> None:
    """A map has no order, a list has; they are told as JSON."""
    before = invoice("i1", "a", custom_fields=[{"key": "x", "value": "1"}, {"key": "y", "value": "2"}])
    turned = before | {"custom_fields": [{"key": "y", "value": "2"}, {"key": "x", "value": "1"}]}
    lines = [{"amount": Decimal("0.10"), "groups": {"b": "2", "a": "ü"}}]
    after = turned | {"line_items": lines}
    ((key, change, column, old, new),) = between(store, invoices(before), invoices(after))
    assert (key, change, column) == ("i1", "changed", "line_items")
    assert new == '[{"amount": "0.1", "groups": {"a": "ü", "b": "2"}}]'
    assert json.loads(str(old))[1] == {"amount": None, "groups": None}


def test_a_nested_column_that_is_null_in_every_file(store: Store) -> None:
    """It is compared like any other."""
    where = bucket(store, "a")
    with store.writing() as writer:
        for total in ("1", "2"):
            for half in ("i", "j"):
                rows = [invoice(f"{half}{n:02}", "a", total, line_items=None) for n in range(40)]
                writer.write("invoices", where, invoices(*rows))
            writer.commit({"invoices": {where: Replacement("a")}}, told("invoices", "a"))
    found = changes(store.snapshot(1), store.snapshot(2), LAYOUTS)
    assert (found.height, found["column"].unique().to_list()) == (80, ["total"])


def test_a_key_of_several_columns(store: Store) -> None:
    """It is told as JSON with the names of the columns."""
    with store.writing() as writer:
        for cost in ("1", "2"):
            rows = pl.DataFrame({"customer_id": ["a"], "day": [START], "cost": [Decimal(cost)]}, schema=COSTS.schema)
            writer.write("costs", bucket(store, "a"), rows)
            writer.commit({"costs": {bucket(store, "a"): Replacement("a")}}, told("costs", "a"))
    (line,) = changes(store.snapshot(1), store.snapshot(2), LAYOUTS).rows()
    key = '{"customer_id": "a", "day": "2026-05-01T00:00:00Z"}'
    assert line == ("costs", "a", key, "changed", "cost", "1", "2")


def test_account_level_tables_have_no_customer(store: Store) -> None:
    """Their lines say null."""
    with store.writing() as writer:
        for name in ("old", "new"):
            writer.write("products", 0, pl.DataFrame({"id": ["p"], "name": [name]}))
            writer.commit({"products": {0: Replacement(())}}, told("products", [None]))
    (line,) = changes(store.snapshot(1), store.snapshot(2), LAYOUTS).rows()
    assert line == ("products", None, "p", "changed", "name", "old", "new")


def test_only_files_that_differ_are_read(store: Store, tmp_path: Path) -> None:
    """What both versions hold may even be missing."""
    ids = [f"c{n}" for n in range(9)]
    with store.writing() as writer:
        put(store, writer, invoices(*(invoice(id_, id_) for id_ in ids)), ids)
        old = set((tmp_path / "invoices").rglob("*.parquet"))
        put(store, writer, invoices(invoice("new", "d0")), ["d0"])
    for file in old:
        file.unlink()
    assert changes(store.snapshot(1), store.snapshot(2), LAYOUTS)["key"].to_list() == ["new"]


def test_between_a_version_and_itself_nothing_is_compared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison has a price, with no row on either side too; nor is there one before the first large bucket."""
    with store.writing() as writer:
        for _ in range(2):
            put(store, writer, invoices(invoice("i1", "a"), invoice("i2", "a")), "a")
    then, now = (store.snapshot(version).by_bucket("invoices") for version in (1, 2))
    assert list(module._differing(now, now)) == []
    monkeypatch.setattr(module, "_ROWS", 1)
    assert list(module._differing(then, now)) == [(*then.values(), *now.values())]


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_that_is_gone_is_told_with_the_way_out(store: Store, version: int) -> None:
    """On either side, as where its table is handed out: the message says what vacuum removed."""
    with store.writing() as writer:
        for total in ("1", "2"):
            put(store, writer, invoices(invoice("i1", "a", total)), "a")
    Path(*store.snapshot(version).files("invoices")).unlink()
    with pytest.raises(ma.MirrorError, match=r"invoices .* are gone or damaged: .*vacuum"):
        changes(store.snapshot(1), store.snapshot(2), LAYOUTS)


def test_large_buckets_are_compared_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is in one of them, on both sides."""
    rows = [invoices(*(invoice(f"i{n:02}", "a", str(n + more)) for n in range(50))) for more in (0, 1)]
    whole = between(store, *rows)
    monkeypatch.setattr(module, "_ROWS", 7)
    assert changes(store.snapshot(1), store.snapshot(), LAYOUTS).drop("table", "customer_id").rows() == whole
    assert len(whole) == 100


@pytest.mark.parametrize(("limit", "most"), [("_ROWS", 7), ("_BYTES", 1)])
def test_buckets_are_compared_together_as_far_as_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """Several at once or one by one, the lines and their order are the same."""
    ids = [f"c{n}" for n in range(9)]
    with store.writing() as writer:
        for total in ("1", "2"):
            put(store, writer, invoices(*(invoice(f"{id_}-{n}", id_, total) for id_ in ids for n in range(4))), ids)
    together = changes(store.snapshot(1), store.snapshot(), LAYOUTS)
    monkeypatch.setattr(module, limit, most)
    assert_frame_equal(changes(store.snapshot(1), store.snapshot(), LAYOUTS), together)
    assert together.group_by("column").len().sort("column").rows() == [("line_items", 36), ("total", 36)]
