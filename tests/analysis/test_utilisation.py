from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import utilisation
from metronome_analytics.analysis.schemas import Utilisation
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances
from tests.analysis.support import EUR, Entry, Segment, amounts, balance, drawn, expired, manual, on, start

if TYPE_CHECKING:
    from metronome_analytics.analysis.utilisation import By
    from tests.analysis.conftest import Books

BYS = ("balance", "segment", "customer", "product", "contract")
YEAR = Segment("10000", "2026-01-01", "2027-01-01")


def one(frame: pl.DataFrame, *names: str) -> list[str | None]:
    """Amounts of the only row."""
    assert frame.height == 1
    return [amounts(frame[name])[0] for name in names]


def test_used_is_minus_deductions() -> None:
    """Used counts deductions only: what expired, rolled over or was entered by hand is none."""
    entries = [
        start("2026-01-01", "10000"),
        drawn("2026-02-01", "-900"),
        manual("2026-03-01", "-100"),
        manual("2026-03-02", "25"),
        Entry("ROLLOVER", "2027-01-01", "-2000"),
        expired("2027-01-01", "-7025"),
    ]
    books = balance(entries, [YEAR])
    told = utilisation(books, as_of="2027-02-01")
    names = ("granted", "used", "expired", "rolled_over", "adjusted", "remaining", "at_risk")
    assert one(told, *names) == ["10000", "900", "7025", "2000", "-75", "0", "0"]
    assert told["utilisation"].to_list() == [0.09]
    assert told.select("days_left", "elapsed").rows() == [(0, 1.0)]


def test_time_against_use() -> None:
    """Half the time gone and a fifth used: at this pace three fifths expire unused."""
    entries = [start("2026-01-01", "100"), drawn("2026-01-11", "-20")]
    told = utilisation(balance(entries, [Segment("100", "2026-01-01", "2026-01-21")]), as_of="2026-01-11")
    assert one(told, "remaining", "at_risk") == ["80", "60"]
    assert told.select("utilisation", "elapsed", "days_left").rows() == [(0.2, 0.5, 10)]


def test_what_has_just_started_is_all_at_risk() -> None:
    """At the instant access starts there is no pace: all of it is at risk. At the instant it ends, none is left."""
    books = balance([start("2026-01-01", "100")], [Segment("100", "2026-01-01", "2026-01-21")])
    assert one(utilisation(books, as_of="2026-01-01"), "remaining", "at_risk") == ["100", "100"]
    assert one(utilisation(books, as_of="2026-01-21"), "remaining", "at_risk") == ["0", "0"]


def test_groups_are_in_the_order_given() -> None:
    """However many balances there are, their rows stand as they were given."""
    keys = [f"b{number * 37 % 101}" for number in range(101)]
    books = pl.concat([balance([start("2026-01-01", "1")], [YEAR], key=key) for key in keys])
    assert utilisation(books, as_of="2026-02-01")["balance_id"].to_list() == keys


def test_postpaid_is_not_at_risk() -> None:
    """What is left of a postpaid commit is trued up, so nothing is at risk of expiring."""
    entries = [Entry("INITIAL_BALANCE", "2026-01-01", "100", None), drawn("2026-02-01", "-20")]
    told = utilisation(balance(entries, [YEAR], kind="POSTPAID"), as_of="2026-07-01")
    assert one(told, "granted", "used", "remaining", "at_risk") == ["100", "20", "80", "0"]


def test_nothing_granted() -> None:
    """Where nothing is granted there is no utilisation."""
    told = utilisation(balance([manual("2026-02-01", "5")], [YEAR]), as_of="2026-07-01")
    assert told["utilisation"].to_list() == [None]


def test_segments_to_come() -> None:
    """A segment to come is granted and not started, and its end is the end."""
    segments = [Segment("300", "2026-07-01", "2026-10-01", "q3"), Segment("300", "2026-10-01", "2027-01-01", "q4")]
    entries = [
        start("2026-07-01", "300", "q3"),
        drawn("2026-08-01", "-120", "i", "q3"),
        start("2026-10-01", "300", "q4"),
    ]
    told = utilisation(balance(entries, segments), as_of="2026-09-20")
    assert one(told, "granted", "used", "remaining", "not_started") == ["600", "120", "180", "300"]
    assert told["ending_before"].to_list() == [on("2027-01-01")]
    by_segment = utilisation(balance(entries, segments), as_of="2026-09-20", by="segment")
    assert by_segment["segment_id"].to_list() == ["q3", "q4"]
    assert amounts(by_segment["remaining"]) == ["180", "0"]


def test_rollover_inside_a_group_counts_once() -> None:
    """What rolls over within a customer was granted once; seen by balance it is granted to each."""
    old = balance(
        [start("2025-01-01", "100"), Entry("ROLLOVER", "2026-01-01", "-40"), expired("2026-01-01", "-60")],
        [Segment("100", "2025-01-01", "2026-01-01")],
        contract_id="k1",
    )
    new = balance(
        [start("2026-01-01", "40", "s2")],
        [Segment("40", "2026-01-01", "2027-01-01", "s2")],
        key="b2",
        contract_id="k2",
        rolled_over_from_commit_id="b1",
    )
    books = pl.concat([old, new])
    assert one(utilisation(books, as_of="2026-02-01", by="customer"), "granted", "rolled_over") == ["100", "0"]
    by_contract = utilisation(books, as_of="2026-02-01", by="contract")
    assert amounts(by_contract["granted"]) == ["100", "40"]
    assert amounts(by_contract["rolled_over"]) == ["40", "0"]


def test_credit_types_stay_apart() -> None:
    """A customer with two currencies has two rows."""
    euros = balance([start("2026-01-01", "7")], [Segment("7", "2026-01-01", "2027-01-01")], key="b2", unit=EUR)
    books = pl.concat([balance([start("2026-01-01", "10000")], [YEAR]), euros])
    told = utilisation(books, as_of="2026-02-01", by="customer")
    assert list(zip(told["credit_type_name"], amounts(told["granted"]), strict=True)) == [
        ("USD (cents)", "10000"),
        ("EUR", "7"),
    ]


def test_without_as_of() -> None:
    """Without as_of nothing that depends on today is told."""
    told = utilisation(balance([start("2026-01-01", "10000"), drawn("2026-02-01", "-5")], [YEAR]))
    assert one(told, "used", "pending", "remaining", "at_risk") == ["5", "0", "9995", None]
    assert told.select("days_left", "elapsed").rows() == [(None, None)]


@pytest.mark.parametrize("by", BYS)
def test_demo(books: Books, by: By) -> None:
    """Every group's amounts tie out, columns are declared, and the whole is its customers put together."""
    told = utilisation(books.balances, as_of=books.as_of, by=by)
    assert told.schema == Utilisation.create_empty().schema == utilisation(Balances.create_empty(), by=by).schema
    plus, minus = ("granted", "adjusted", "overdraft"), ("used", "expired", "rolled_over", "trued_up")
    into = pl.sum_horizontal(plus) - pl.sum_horizontal(minus)
    assert told.filter(into != pl.col("remaining") + pl.col("not_started")).is_empty()
    each = [
        utilisation(part, as_of=books.as_of, by=by)
        for part in books.balances.partition_by("customer_id", maintain_order=True)
    ]
    assert_frame_equal(pl.concat(each), told)
    assert_frame_equal(utilisation(books.balances.lazy(), as_of=books.as_of, by=by).collect(), told)


def test_demo_remaining_is_balance(books: Books) -> None:
    """What remains is what the API says."""
    told = utilisation(books.balances, as_of=books.as_of)
    joined = told.join(books.balances, left_on=["customer_id", "balance_id"], right_on=["customer_id", "id"])
    assert joined.height == told.height > 100
    assert joined.filter(pl.col("remaining") != pl.col("balance")).is_empty()


def test_wrong_by() -> None:
    """Another grouping is refused."""
    with pytest.raises(ArgumentError, match="by must be one of 'balance'"):
        utilisation(Balances.create_empty(), by="colour")  # type: ignore[arg-type]  # the point of the test


def test_segment_to_come_that_the_ledger_does_not_list() -> None:
    """A coming segment is granted and not started before the ledger lists it, and its end is the end."""
    segments = [Segment("300", "2026-07-01", "2026-10-01", "q3"), Segment("300", "2026-10-01", "2027-01-01", "q4")]
    told = utilisation(balance([start("2026-07-01", "300", "q3")], segments), as_of="2026-09-20")
    assert one(told, "granted", "remaining", "not_started") == ["600", "300", "300"]
    assert told.select("ending_before", "days_left").row(0) == (on("2027-01-01"), 103)
    postpaid = balance([Entry("INITIAL_BALANCE", "2026-07-01", "300", None)], segments[1:], kind="POSTPAID")
    assert one(utilisation(postpaid, as_of="2026-06-20"), "granted", "not_started") == ["300", "300"]


def test_rolled_over_from_an_archived_commit() -> None:
    """What came from an archived commit, whose ledger is hidden, was granted here and rolled over nowhere."""
    old = balance(None, [Segment("100", "2025-01-01", "2026-01-01")], archived_at=on("2026-01-02"))
    new = balance([start("2026-01-01", "40")], [YEAR], key="b2", rolled_over_from_commit_id="b1")
    told = utilisation(pl.concat([old, new]), as_of="2026-02-01", by="customer")
    assert one(told, "granted", "rolled_over", "remaining") == ["40", "0", "40"]


def test_archived_before_it_starts() -> None:
    """A segment of an archived commit that had not started never starts, whether the ledger lists it or not."""
    segments = [Segment("30", "2026-01-01", "2026-06-01", "a"), Segment("70", "2026-06-01", "2027-01-01", "b")]
    listed = [start("2026-01-01", "30", "a"), expired("2026-02-01", "-30", "a"), start("2026-06-01", "70", "b")]
    for entries in (listed, listed[:2]):
        gone = balance(entries, segments, archived_at=on("2026-02-01"))
        told = utilisation(gone, as_of="2026-03-01")
        assert one(told, "granted", "expired", "remaining", "not_started") == ["30", "30", "0", "0"]
