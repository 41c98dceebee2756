from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import balance_lint
from metronome_analytics.analysis.schemas import Lint
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances
from tests.analysis.support import Segment, amounts, applied, balance, drawn, expired, invoice, manual, on, start

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

YEAR = Segment("100", "2026-01-01", "2027-01-01")
USED = [start("2026-01-01", "100"), drawn("2026-02-01", "-1")]


def rules(*parts: pl.DataFrame) -> list[tuple[str, str]]:
    """Rule and balance of each finding in June."""
    found = balance_lint(pl.concat(parts), as_of="2026-06-01")
    assert found.schema == Lint.create_empty().schema
    return list(zip(found["rule"], found["balance_id"], strict=True))


def test_nothing_to_say() -> None:
    """An ordinary commit has no finding."""
    assert rules(balance(USED, [YEAR])) == []


def test_each_rule() -> None:
    """Each rule finds what it is about and nothing else."""
    overlapping = [YEAR, Segment("5", "2026-12-01", "2027-02-01", "s2")]
    assert rules(balance(USED, overlapping)) == [("stacked grants", "b1")]
    assert rules(balance([*USED, manual("2026-03-01", "-150")], [YEAR])) == [("negative segment", "b1")]
    over = Segment("100", "2026-01-01", "2026-04-01")
    assert rules(balance(USED, [over], balance="0")) == [("expired but positive", "b1")]
    assert rules(balance(USED, [over], balance="99")) == [("expired but positive", "b1")] * 2
    assert rules(balance([*USED, manual("2026-03-01", "1", " ")], [YEAR])) == [("manual entry without a reason", "b1")]
    assert rules(balance([start("2026-01-01", "100")], [YEAR])) == [("no burn", "b1")]
    assert rules(balance(USED, [YEAR], rollover_fraction=25.0)) == [("rollover fraction above 1", "b1")]
    assert rules(balance(USED, [YEAR], rollover_fraction=1.0)) == []
    shown = balance_lint(balance(USED, [over], balance="99"), as_of="2026-06-01")
    assert shown["segment_id"].to_list() == ["s1", None]


def test_same_priority() -> None:
    """Balances that run together at one priority are named, others are not."""
    parts = [
        balance(USED, [YEAR], key="a", priority=5.0),
        balance(USED, [YEAR], key="b", priority=5.0, kind="CREDIT"),
        balance(USED, [YEAR], key="c", priority=6.0),
        balance(USED, [YEAR], key="d", priority=5.0, kind="POSTPAID"),
        balance(USED, [YEAR], key="e", priority=5.0, customer="c2"),
    ]
    assert rules(*parts) == [("same priority", "a"), ("same priority", "b")]


def test_young_commit_may_be_idle() -> None:
    """A commit that has only just started is not idle yet."""
    young = [Segment("100", "2026-05-20", "2027-01-01")]
    assert rules(balance([start("2026-05-20", "100")], young)) == []


def test_demo(books: Books) -> None:
    """The demo account has an overdrawn credit and idle commits; lazy is as eager, and the whole is its customers'."""
    found = balance_lint(books.balances, as_of=books.as_of)
    assert {"negative segment", "no burn"} <= set(found["rule"])
    assert amounts(found.filter(pl.col("rule") == "negative segment")["amount"])[0] == "-2500"
    assert_frame_equal(balance_lint(books.balances.lazy(), as_of=books.as_of).collect(), found)
    parts = books.balances.partition_by("customer_id", maintain_order=True)
    each = pl.concat([balance_lint(part, as_of=books.as_of) for part in parts])
    assert_frame_equal(each, found, check_row_order=False)


def test_wrong_arguments() -> None:
    """A missing as_of is refused, and no balances have no findings."""
    with pytest.raises(ArgumentError, match="as_of is needed"):
        balance_lint(Balances.create_empty(), as_of=None)  # type: ignore[arg-type]  # the point of the test
    assert balance_lint(Balances.create_empty(), as_of="2026-01-01").schema == Lint.create_empty().schema


def test_archived_commits_share_no_priority() -> None:
    """An archived balance runs no more: nobody shares a priority with it, and nothing is expected of it."""
    live = balance(USED, [YEAR], key="a", priority=5.0)
    dated = balance(USED, [YEAR], key="b", priority=5.0, archived_at=on("2026-06-01"))
    hidden = balance(None, [YEAR], key="c", priority=5.0, kind="CREDIT", balance="0")
    assert rules(live, dated, hidden) == []
    later = balance(USED, [YEAR], key="d", priority=5.0, archived_at=on("2026-06-02"))
    assert rules(live, later) == [("same priority", "a"), ("same priority", "d")]
    assert rules(balance([start("2026-01-01", "100")], [YEAR], archived_at=on("2026-06-01"))) == []


def test_days_of_access_are_counted() -> None:
    """Gaps are no access: ten days of it in ninety are no reason to expect burn."""
    segments = [Segment("5", "2026-03-01", "2026-03-06", "a"), Segment("5", "2026-05-27", "2026-06-11", "b")]
    entries = [start("2026-03-01", "5", "a"), expired("2026-03-06", "-5", "a"), start("2026-05-27", "5", "b")]
    assert rules(balance(entries, segments)) == []


@pytest.mark.parametrize(("begin", "found"), [("2026-05-02", True), ("2026-05-02T00:01", False)])
def test_thirty_days_are_idle(begin: str, found: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Thirty days of access without a deduction are no burn; a minute less is not."""
    idle = balance([start(begin, "100")], [Segment("100", begin, "2027-01-01")])
    told = balance_lint(idle, as_of="2026-06-01")
    assert (told["rule"].to_list() == ["no burn"]) == found
    if found:
        assert told["detail"].to_list() == ["nothing drawn in 30 days of access"]


def found_at(as_of: str, books: pl.DataFrame, **told: Any) -> list[str]:
    """The rules that find something at a past instant; the books were read in November."""
    return balance_lint(books, as_of=as_of, loaded_at="2026-11-01", **told)["rule"].to_list()


def test_a_past_lint_is_of_the_books_as_they_stood() -> None:
    """What was booked later neither makes a finding nor hides one, and what the API shows now says nothing of then."""
    later = [*USED, manual("2026-09-01", "-500"), manual("2026-09-02", "1", " ")]
    assert found_at("2026-06-01", balance(later, [YEAR])) == []
    cured = [*USED, manual("2026-03-01", "-500"), manual("2026-09-01", "500")]
    assert found_at("2026-06-01", balance(cured, [YEAR])) == ["negative segment"]
    first_use = [start("2026-01-01", "100"), drawn("2026-10-01", "-50")]
    began = invoice([applied("-50")], "0", start_timestamp=on("2026-09-01"))
    assert found_at("2026-06-01", balance(first_use, [YEAR]), invoices=began) == ["no burn"]
    over = Segment("100", "2026-01-01", "2026-06-01")
    emptied = [*USED, expired("2026-06-01", "-99")]
    assert found_at("2026-06-01", balance(emptied, [over], balance="99")) == []
    assert found_at("2026-05-31", balance(emptied, [over])) == []


def test_a_past_lint_that_cannot_be_told_is_refused() -> None:
    """A deduction dated later, of a period that may have been open: lint says what it needs, lazy or not."""
    books = balance([start("2026-01-01", "100"), drawn("2026-10-01", "-50")], [YEAR])
    with pytest.raises(ArgumentError, match="lies before these books were read"):
        found_at("2026-09-15", books)
    lazy = balance_lint(books.lazy(), as_of="2026-09-15", loaded_at="2026-11-01")
    with pytest.raises(ArgumentError, match="breakdowns"):
        lazy.collect()
