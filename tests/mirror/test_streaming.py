from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.analysis.checks import lines as invoice_lines
from metronome_analytics.tables import Costs
from metronome_analytics.tables.costs import daily_costs
from tests.analysis.conftest import load
from tests.analysis.faults import FAULTS, Fault
from tests.analysis.support import applied, invoice, line

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.analysis import Reconciliation


class Scans(NamedTuple):
    """Parquet files of an account."""

    balances: pl.LazyFrame
    invoices: pl.LazyFrame
    breakdowns: pl.LazyFrame
    net_balances: pl.LazyFrame


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Scans:
    """The demo account's books, each table in three files."""
    folder = tmp_path_factory.mktemp("books")
    return Scans(*(_scanned(getattr(load(), name), folder / name) for name in Scans._fields))


def _scanned(frame: pl.DataFrame, folder: Path) -> pl.LazyFrame:
    folder.mkdir()
    third = -(-frame.height // 3)
    for number in range(3):
        frame.slice(number * third, third).write_parquet(folder / f"{number}.parquet")
    return pl.scan_parquet(folder / "*.parquet")


def same(found: Reconciliation, expected: Reconciliation) -> None:
    """The same checks in the same order, to the last digit."""
    for name in ("checks", "exceptions", "summary"):
        assert_frame_equal(getattr(found, name), getattr(expected, name), check_exact=True)


def test_balances_stream(scans: Scans) -> None:
    """Burn-down and utilisation of Parquet files are those of frames in memory, in the same order."""
    books = load()
    for analysis in (ma.burn_down, ma.utilisation):
        found = analysis(scans.balances, as_of=books.as_of)
        expected = analysis(books.balances, as_of=books.as_of)
        assert_frame_equal(found.collect(engine="streaming"), expected, check_exact=True)


def test_daily_costs_stream(scans: Scans) -> None:
    """Daily costs too."""
    plans = Costs.create_empty()
    found = daily_costs(scans.breakdowns, plans.lazy())
    expected = daily_costs(load().breakdowns, plans)
    assert_frame_equal(found.collect(engine="streaming"), expected, check_exact=True)


def test_reconciliation_streams(scans: Scans) -> None:
    """Every check, its order and its counts."""
    books = load()
    found = ma.reconcile(scans.invoices, scans.balances, scans.net_balances)
    same(found, ma.reconcile(books.invoices, books.balances, books.net_balances))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_faults_are_found_in_lazy_frames(fault: Fault) -> None:
    """What is wrong is told in the same words."""
    wrong, _ = fault.seed(load())
    frames = (wrong.invoices, wrong.balances, wrong.net_balances)
    found = ma.reconcile(*(frame.lazy() for frame in frames), as_of=wrong.as_of)
    same(found, ma.reconcile(*frames, as_of=wrong.as_of))


def test_invoices_without_lines_are_told_from_empty_ones() -> None:
    """Null lines were not loaded; an empty list adds up to nothing."""
    books = pl.concat([invoice([], "0"), invoice([], "1", id="bare").with_columns(pl.lit(None).alias("line_items"))])
    found = ma.reconcile(books.lazy())
    assert found.checks.filter(check="invoice_total")["verdict"].to_list() == ["pass", "not checked"]
    same(found, ma.reconcile(books))


def test_lines_are_added_up_as_they_are_read() -> None:
    """A thousand lines of usage, what covered them, and a purchase are three rows."""
    lines = [
        *(line("0.5", product_id=f"p{each}", commit_id="b1") for each in range(1_000)),
        *(applied("-0.25") for _ in range(1_000)),
        line("7", type="commit_purchase", commit_id="b2"),
    ]
    rows = invoice_lines.numbered(invoice(lines, "257").lazy())
    sums = invoice_lines.added_up(invoice_lines.lines(rows)).collect()
    assert sorted(sums["total"]) == [Decimal(-250), Decimal(7), Decimal(500)]


def test_rows_that_come_in_another_order_every_time_are_refused() -> None:
    """Lines would be added to another invoice's total."""
    books = pl.concat([invoice([line("1")], "1", id=f"i{number}") for number in range(20)])
    turns = iter([False, True, False, True])
    moving = books.lazy().map_batches(lambda frame: frame.reverse() if next(turns) else frame, schema=books.schema)
    with pytest.raises(ma.MetronomeError, match="another order every time"):
        ma.reconcile(moving)
