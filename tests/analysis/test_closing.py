from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.analysis.closing import Close, across, close
from metronome_analytics.tables import Ledger
from tests.analysis.support import (
    Segment,
    amounts,
    applied,
    balance,
    drawn,
    expired,
    invoice,
    manual,
    on,
    start,
    window,
)

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

OCTOBER, NOVEMBER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
YEAR = Segment("100", "2026-01-01", "2027-01-01")


def october(balances: pl.DataFrame, *invoices: pl.DataFrame, breakdowns: pl.DataFrame | None = None) -> Close:
    """The close of October, of books read in December."""
    bills = pl.concat([invoice([], "0", id="none"), *invoices])
    return close(
        balances,
        starting=OCTOBER,
        ending=NOVEMBER,
        loaded_at=on("2026-12-10"),
        invoices=bills,
        breakdowns=breakdowns,
    )


def of_month(month: int, key: str) -> pl.DataFrame:
    """The final usage invoice of a calendar month."""
    span = {"start_timestamp": on(f"2026-{month:02}-01"), "end_timestamp": on(f"2026-{month + 1:02}-01")}
    return invoice([], "0", id=key, **span)


def test_what_october_used_is_octobers_and_what_november_used_is_not() -> None:
    """A deduction stands at the exclusive end of its period; later months are not pending, they are not there."""
    held = balance(
        [start("2026-01-01", "100"), drawn("2026-10-01", "-10", "sep"), drawn("2026-11-01", "-20", "oct"),
         drawn("2026-12-01", "-30", "nov"), manual("2026-10-15", "-1"), manual("2026-11-15", "-2")],
        [YEAR], balance="37",
    )  # fmt: skip
    found = october(held, of_month(9, "sep"), of_month(10, "oct"), of_month(11, "nov"))
    assert amounts(found.balances["balance"]) == ["69"]
    assert amounts(found.ledger["amount"]) == ["-20", "-1"]
    assert found.ledger.schema == Ledger.create_empty().schema
    assert found.balances.schema == held.schema


def test_access_that_ends_at_the_close_is_over_and_what_starts_there_is_novembers() -> None:
    """At 24:00 the one has expired, in October's ledger, and the other is to come."""
    held = balance(
        [start("2026-10-01", "50", "s1"), expired("2026-11-01", "-50", "s1"), start("2026-11-01", "70", "s2")],
        [Segment("50", "2026-10-01", "2026-11-01", "s1"), Segment("70", "2026-11-01", "2026-12-01", "s2")],
        kind="CREDIT", balance="0",
    )  # fmt: skip
    found = october(held)
    assert amounts(found.balances["balance"]) == ["0"]
    assert amounts(found.ledger["amount"]) == ["50", "-50"]
    (used,) = ma.utilisation(found.balances, as_of=NOVEMBER).rows(named=True)
    assert (used["remaining"], used["not_started"]) == (Decimal(0), Decimal(70))


def test_usage_on_both_sides_of_a_close_needs_its_days() -> None:
    """With breakdowns each side has its share; without, the error says what is needed."""
    held = balance([start("2026-01-01", "100"), drawn("2026-11-15", "-30", "mid")], [YEAR], balance="70")
    bill = invoice([], "0", id="mid", start_timestamp=on("2026-10-15"), end_timestamp=on("2026-11-15"))
    with pytest.raises(ma.ArgumentError, match="breakdowns"):
        october(held, bill)
    span = {"id": "mid", "start_timestamp": on("2026-10-15"), "end_timestamp": on("2026-11-15")}
    days = pl.concat(
        window(day, [applied(amount)], **span) for day, amount in (("2026-10-20", "-12"), ("2026-11-02", "-18"))
    )
    found = october(held, bill, breakdowns=days)
    assert amounts(found.balances["balance"]) == ["88"]
    assert amounts(found.ledger["amount"]) == ["-12"]


def test_what_was_booked_later_leaves_an_empty_ledger() -> None:
    """A ledger of which nothing was in the books yet is empty; one that nobody has read stays unknown."""
    later, unread = balance([start("2026-11-15", "100")], [YEAR]), balance(None, [YEAR], key="b2", balance="5")
    assert october(pl.concat([later, unread])).balances["ledger"].to_list() == [[], None]


def spanning(key: str, begin: str, end: str, **columns: Any) -> pl.DataFrame:
    """The invoice of a period."""
    return invoice([], "0", id=key, start_timestamp=on(begin), end_timestamp=on(end), **columns)


def test_who_is_billed_across_a_close() -> None:
    """Each customer once with a live invoice whose period has the close inside it; the days of all such periods."""
    bills = pl.concat(
        [
            spanning("ends there", "2026-10-01", "2026-11-01", customer_id="c1"),
            spanning("begins there", "2026-11-01", "2026-12-01", customer_id="c1"),
            spanning("void", "2026-10-15", "2026-11-15", customer_id="c1", status="VOID"),
            spanning("over its end", "2026-10-31T23:59", "2026-11-01T00:01", customer_id="c3"),
            spanning("over its start", "2026-09-20", "2026-10-20", customer_id="c2"),
            spanning("draft", "2026-10-15", "2026-11-15", customer_id="c3", status="DRAFT"),
        ]
    )
    assert across(bills.head(3), OCTOBER, NOVEMBER) is None
    assert across(bills, OCTOBER, NOVEMBER) == (["c3", "c2"], on("2026-09-20"), on("2026-11-15"))
    assert across(bills.lazy(), NOVEMBER) == (["c3"], on("2026-10-15"), on("2026-11-15"))


def test_an_archived_balance_is_zero_or_not_known() -> None:
    """Archived by then it is zero; archived later, with its ledger gone, nobody can say."""
    before, after = (
        balance(None, [YEAR], key=key, balance="0", archived_at=on(at))
        for key, at in (("early", "2026-10-31"), ("late", "2026-11-02"))
    )
    assert october(pl.concat([before, after])).balances["balance"].to_list() == [Decimal(0), None]


def test_the_demos_october_is_what_the_api_said_then(books: Books) -> None:
    """The books of November closed at October's end, against the same account read just before and just after."""
    found = close(books.balances, starting=OCTOBER, ending=NOVEMBER, loaded_at=books.as_of, invoices=books.invoices)
    with ma.demo(as_of=NOVEMBER) as account:
        then = account.balances(include_archived=True)
    starting = ma.segments(then).filter(starting_at=NOVEMBER).group_by("balance_id").agg(pl.col("amount").sum())
    told = found.balances.select("id", "balance").join(then.select("id", api="balance"), on="id")
    told = told.join(starting, left_on="id", right_on="balance_id", how="left")
    assert told.height == found.balances.height
    assert told.filter(pl.col("balance") != pl.col("api") - pl.col("amount").fill_null(0)).is_empty()
    use = ma.utilisation(found.balances, as_of=NOVEMBER)
    both = use.join(found.balances.select(balance_id="id", left="balance"), on="balance_id")
    assert both.filter(pl.col("remaining") != pl.col("left")).is_empty()
    assert found.ledger["timestamp"].is_between(OCTOBER, NOVEMBER).all()


def test_closes_and_ledgers_join_up(books: Books) -> None:
    """What September left and October's ledger moved is what October left, where nothing is floored."""
    ends = [datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11)]
    before, after = (
        close(books.balances, starting=first, ending=last, loaded_at=books.as_of, invoices=books.invoices)
        for first, last in pairwise(ends)
    )
    moved = after.ledger.group_by("balance_id").agg(pl.col("amount").sum())
    told = (
        before.balances.select("id", opening="balance")
        .join(after.balances.select("id", closing="balance"), on="id")
        .join(moved, left_on="id", right_on="balance_id", how="left")
    )
    off = told.filter(pl.col("opening") + pl.col("amount").fill_null(0) != pl.col("closing"))
    floored = ma.burn_down(books.balances, as_of=books.as_of).filter(pl.col("source") == "schedule")
    assert set(off["id"]) <= set(floored["balance_id"])
