from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import burn_down
from metronome_analytics.analysis.schemas import BurnDown
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances, InvoiceBreakdowns, Invoices
from tests.analysis.support import (
    Entry,
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

YEAR = Segment("10000", "2026-01-01", "2027-01-01")
MONTHS = [*(f"2026-{month:02}-01" for month in range(2, 13)), "2027-01-01"]


def steps(burn: pl.DataFrame) -> list[tuple[str, str | None, str | None, bool]]:
    """What happened, by how much, what was left, and whether it is pending."""
    return list(zip(burn["event"], amounts(burn["change"]), amounts(burn["remaining"]), burn["pending"], strict=True))


def test_credit_vector() -> None:
    """A credit of 100 of which 63 are used expires the other 37 and ends at zero."""
    entries = [start("2026-09-01", "100"), drawn("2026-10-01", "-63"), expired("2026-10-01", "-37")]
    burn = burn_down(balance(entries, [Segment("100", "2026-09-01", "2026-10-01")], kind="CREDIT"), as_of="2026-10-05")
    assert steps(burn) == [
        ("segment_start", "100", "100", False),
        ("deduction", "-63", "37", False),
        ("expiration", "-37", "0", False),
    ]


def test_free_credit_vector() -> None:
    """A segment that ends within the billing period is deducted and expired at its own end."""
    entries = [start("2026-01-01", "500"), drawn("2026-01-16", "-410"), expired("2026-01-16", "-90")]
    burn = burn_down(balance(entries, [Segment("500", "2026-01-01", "2026-01-16")], kind="CREDIT"), as_of="2026-02-02")
    assert amounts(burn["remaining"]) == ["500", "90", "0"]


def test_draft_vector() -> None:
    """A prepaid commit's draft deduction is dated ahead, pending, and already off the balance."""
    entries = [
        start("2026-09-01", "10000"),
        drawn("2026-10-01", "-6500"),
        drawn("2026-11-01", "-1500", invoice="draft"),
    ]
    burn = burn_down(balance(entries, [Segment("10000", "2026-09-01", "2027-09-01")]), as_of="2026-10-18T09:30")
    assert steps(burn) == [
        ("segment_start", "10000", "10000", False),
        ("deduction", "-6500", "3500", False),
        ("deduction", "-1500", "2000", True),
    ]


def test_prepaid_year_vector() -> None:
    """A prepaid year of twelve deductions expires its rest."""
    used = ["-900", *["-700"] * 11]
    entries = [
        start("2026-01-01", "10000"),
        *(drawn(at, amount, invoice=at) for at, amount in zip(MONTHS, used, strict=True)),
        expired("2027-01-01", "-1400"),
    ]
    burn = burn_down(balance(entries, [YEAR]), as_of="2027-01-03")
    assert amounts(burn["remaining"].tail(2)) == ["1400", "0"]
    assert burn["event"].to_list()[-1] == "expiration"


def test_postpaid_vector() -> None:
    """A postpaid commit is trued up by what was committed and not drawn, though its entries name no segment."""
    entries = [
        Entry("INITIAL_BALANCE", "2026-01-01", "10000", None),
        *(drawn(at, "-800", invoice=at) for at in MONTHS),
        Entry("TRUEUP", "2027-01-01", "-400", None, "trueup"),
    ]
    burn = burn_down(balance(entries, [YEAR], kind="POSTPAID"), as_of="2027-01-03")
    assert steps(burn)[-1] == ("true_up", "-400", "0", False)
    assert set(burn["segment_id"]) == {"s1"}


def test_segment_to_come() -> None:
    """A segment that has not started is not in the balance, and is shown when asked for."""
    quarters = [Segment("300", "2026-07-01", "2026-10-01", "q3"), Segment("300", "2026-10-01", "2027-01-01", "q4")]
    entries = [
        start("2026-07-01", "300", "q3"),
        drawn("2026-10-01", "-120", "draft", "q3"),
        start("2026-10-01", "300", "q4"),
    ]
    books = balance(entries, quarters, balance="180")
    assert amounts(burn_down(books, as_of="2026-09-20")["remaining"]) == ["300", "180"]
    ahead = burn_down(books, as_of="2026-09-20", include_scheduled=True)
    assert ahead["scheduled"].to_list() == [False, False, True]
    assert steps(ahead)[-1] == ("segment_start", "300", "480", False)


def test_overdrawn_counts_zero() -> None:
    """An entry by hand that overdraws a segment leaves zero, and what comes later first fills the hole."""
    entries = [start("2026-01-01", "50"), manual("2026-02-01", "-75"), manual("2026-03-01", "40")]
    burn = burn_down(balance(entries, [YEAR]), as_of="2026-04-01")
    assert steps(burn) == [
        ("segment_start", "50", "50", False),
        ("manual", "-75", "-25", False),
        ("overdraft", "25", "0", False),
        ("manual", "40", "40", False),
        ("overdraft", "-25", "15", False),
    ]


def test_overdraft_is_per_segment() -> None:
    """The debt of one segment is not paid by another."""
    both = [Segment("50", "2026-01-01", "2026-06-01", "a"), Segment("80", "2026-06-01", "2027-01-01", "b")]
    entries = [start("2026-01-01", "50", "a"), manual("2026-01-01", "-75"), start("2026-06-01", "80", "b")]
    burn = burn_down(balance(entries, both), as_of="2026-07-01")
    assert amounts(burn["remaining"].tail(1)) == ["80"]


def test_end_of_access_without_an_entry() -> None:
    """Access that is over counts zero though the ledger does not say so yet."""
    books = balance([start("2026-01-01", "50")], [Segment("50", "2026-01-01", "2026-02-01")])
    burn = burn_down(books, as_of="2026-02-01")
    assert steps(burn)[-1] == ("expiration", "-50", "0", False)
    assert burn["source"].to_list() == ["ledger", "schedule"]
    assert burn_down(books, as_of="2026-01-31")["source"].to_list() == ["ledger"]


def test_manual_entry_dated_ahead() -> None:
    """A manual entry of an active segment counts before its date."""
    books = balance([start("2026-01-01", "50"), manual("2026-12-01", "10")], [YEAR])
    assert steps(burn_down(books, as_of="2026-06-01"))[-1] == ("manual", "10", "60", True)


def test_manual_entry_finds_its_segment() -> None:
    """A manual entry belongs to the segment whose access contains its date."""
    both = [Segment("50", "2026-01-01", "2026-06-01", "a"), Segment("80", "2026-06-01", "2027-01-01", "b")]
    entries = [
        start("2026-01-01", "50", "a"),
        start("2026-06-01", "80", "b"),
        manual("2026-03-01", "1"),
        manual("2026-06-01", "2"),
        manual("2027-05-01", "3"),
    ]
    burn = burn_down(balance(entries, both))
    placed = dict(zip(amounts(burn["change"]), burn["segment_id"], strict=True))
    assert (placed["1"], placed["2"], placed["3"]) == ("a", "b", "b")


def test_rollover_and_seats() -> None:
    """Rollover leaves the old commit before the rest expires; a seat adds."""
    entries = [
        start("2026-01-01", "100"),
        Entry("SEAT_BASED_ADJUSTMENT", "2026-02-01", "20"),
        expired("2027-01-01", "-70"),
        Entry("ROLLOVER", "2027-01-01", "-50"),
    ]
    burn = burn_down(balance(entries, [YEAR]), as_of="2027-01-02")
    assert burn["event"].to_list() == ["segment_start", "seat_adjustment", "rollover", "expiration"]
    assert amounts(burn["remaining"]) == ["100", "120", "70", "0"]


def test_unknown_entry_type_stays() -> None:
    """An entry of a type nobody knows keeps its name and its amount."""
    books = balance([start("2026-01-01", "100"), Entry("HAIRCUT", "2026-02-01", "-1")], [YEAR])
    assert steps(burn_down(books, as_of="2026-03-01"))[-1] == ("haircut", "-1", "99", False)


def test_breakdowns_make_it_daily() -> None:
    """With breakdowns a deduction is one step per day, dated at the day's end."""
    entries = [start("2026-01-01", "10000"), drawn("2026-02-01", "-30")]
    days = [window("2026-01-03", [applied("-10")]), window("2026-01-02", [applied("-5"), applied("-15")])]
    burn = burn_down(balance(entries, [YEAR]), breakdowns=pl.concat(days), as_of="2026-03-01")
    assert burn.select("timestamp", "source").rows() == [
        (on("2026-01-01"), "ledger"),
        (on("2026-01-03"), "breakdown"),
        (on("2026-01-04"), "breakdown"),
    ]
    assert amounts(burn["change"]) == ["10000", "-20", "-10"]


def test_rest_of_breakdowns() -> None:
    """What no window explains is one step at the entry's own date, so the days sum to the ledger."""
    entries = [start("2026-01-01", "10000"), drawn("2026-02-01", "-30"), drawn("2026-03-01", "-7", "i2")]
    books = balance(entries, [YEAR])
    burn = burn_down(books, breakdowns=window("2026-01-03", [applied("-10.5")]), as_of="2026-03-02")
    assert list(zip(amounts(burn["change"]), burn["source"], strict=True))[1:] == [
        ("-10.5", "breakdown"),
        ("-19.5", "rest"),
        ("-7", "ledger"),
    ]


def test_breakdown_of_draft_is_pending() -> None:
    """The days of a draft are pending whatever their date, and days to come are not counted."""
    entries = [start("2026-01-01", "100"), drawn("2026-02-01", "-3")]
    days = [window(day, [applied("-1")], status="DRAFT") for day in ("2026-01-05", "2026-01-06", "2026-01-07")]
    burn = burn_down(balance(entries, [YEAR]), breakdowns=pl.concat(days), as_of="2026-01-06T12:00")
    assert burn["pending"].to_list() == [False, True, True]
    assert amounts(burn["remaining"]) == ["100", "99", "98"]


def test_draft_in_its_grace_period() -> None:
    """With invoices a draft whose period is over is pending still, and usage knows where it began."""
    books = balance(
        [start("2026-01-15", "100"), drawn("2026-02-01", "-3")], [Segment("100", "2026-01-15", "2027-01-01")]
    )
    drafts = invoice([], "0", status="DRAFT", start_timestamp=on("2026-01-01"), end_timestamp=on("2026-02-01"))
    burn = burn_down(books, invoices=drafts, as_of="2026-02-01T10:00")
    assert burn["pending"].to_list() == [False, True]
    assert burn["usage_starting_at"].to_list() == [None, on("2026-01-15")]


def test_without_as_of() -> None:
    """Without as_of the frame is the ledger as it stands: nothing pending, nothing left out."""
    entries = [start("2030-01-01", "5"), drawn("2031-01-01", "-2")]
    burn = burn_down(balance(entries, [Segment("5", "2030-01-01", "2031-01-01")]))
    assert steps(burn) == [("segment_start", "5", "5", False), ("deduction", "-2", "3", False)]


def test_archiving_ends_access_whatever_is_dated_later() -> None:
    """What the ledger has still to come of an archived balance never comes: nothing is left from then on."""
    entries = [start("2026-01-01", "100"), drawn("2026-02-01", "-30"), expired("2027-01-01", "-70")]
    books = balance(entries, [Segment("100", "2026-01-01", "2027-01-01")], archived_at=on("2026-03-01"))
    burn = burn_down(books, as_of="2026-04-01", include_scheduled=True)
    assert amounts(burn["remaining"]) == ["100", "70", "0"]
    assert burn["timestamp"].to_list()[-1] == on("2026-03-01")


def test_archived_balance_has_no_rows() -> None:
    """A balance without a ledger has no rows."""
    assert burn_down(balance(None, [YEAR]), as_of="2026-02-01").is_empty()


def test_empty_keeps_schema() -> None:
    """No balances give every column with its dtype, and so do optional frames without rows."""
    schema = BurnDown.create_empty().schema
    empty = Balances.create_empty()
    assert burn_down(empty, as_of="2026-01-01").schema == schema
    windows, bills = InvoiceBreakdowns.create_empty(), Invoices.create_empty()
    assert burn_down(empty, as_of="2026-01-01", breakdowns=windows, invoices=bills).schema == schema
    one = balance([start("2026-01-01", "5")], [YEAR])
    assert burn_down(one, breakdowns=windows, invoices=bills).schema == schema


def test_wrong_arguments() -> None:
    """A frame without a ledger, no frame, and a date that is none are refused by name."""
    with pytest.raises(ArgumentError, match="balances has no column 'ledger'"):
        burn_down(Balances.create_empty().drop("ledger"))
    with pytest.raises(ArgumentError, match="balances must be a polars"):
        burn_down([])  # type: ignore[type-var]  # the point of the test
    with pytest.raises(ArgumentError, match="as_of"):
        burn_down(Balances.create_empty(), as_of="yesterday")
    with pytest.raises(ArgumentError, match="breakdowns has no column"):
        burn_down(Balances.create_empty(), breakdowns=Invoices.create_empty())


@pytest.mark.parametrize("daily", [False, True])
def test_demo_conserves(books: Books, daily: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Every balance of the demo account ends at the balance the API gives."""
    breakdowns = books.breakdowns if daily else None
    burn = burn_down(books.balances, breakdowns=breakdowns, as_of=books.as_of)
    last = burn.group_by("customer_id", "balance_id", maintain_order=True).agg(
        pl.col("remaining").last(), pl.col("change").sum(), pl.col("timestamp").is_sorted().alias("sorted")
    )
    told = last.join(books.balances, left_on=["customer_id", "balance_id"], right_on=["customer_id", "id"])
    assert told.height == books.balances["ledger"].is_not_null().sum() > 100
    assert told.filter(pl.col("remaining") != pl.col("balance")).is_empty()
    assert told.filter(pl.col("remaining") != pl.col("change")).is_empty()
    assert told["sorted"].all()
    assert BurnDown.is_valid(burn)


def test_demo_daily_sums_to_ledger(books: Books) -> None:
    """The daily steps of every deduction sum to it exactly."""
    key = ["balance_id", "entry_index"]
    drawn_only = pl.col("event") == "deduction"
    monthly = burn_down(books.balances, as_of=books.as_of).filter(drawn_only)
    daily = burn_down(books.balances, breakdowns=books.breakdowns, as_of=books.as_of).filter(drawn_only)
    assert daily.height > 10 * monthly.height
    assert_frame_equal(
        daily.group_by(key).agg(pl.col("change").sum()), monthly.select(*key, "change"), check_row_order=False
    )


def test_demo_lazy_equals_eager(books: Books) -> None:
    """A LazyFrame gives a LazyFrame of the same rows."""
    lazy = burn_down(books.balances.lazy(), invoices=books.invoices.lazy(), as_of=books.as_of)
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), burn_down(books.balances, invoices=books.invoices, as_of=books.as_of))


def test_demo_is_its_customers(books: Books) -> None:
    """The burn-down of all customers is that of each, put together."""
    each = books.balances.partition_by("customer_id", maintain_order=True, as_dict=True)
    parts = [
        burn_down(part, breakdowns=books.breakdowns.filter(pl.col("customer_id") == customer), as_of=books.as_of)
        for (customer,), part in each.items()
    ]
    assert_frame_equal(pl.concat(parts), burn_down(books.balances, breakdowns=books.breakdowns, as_of=books.as_of))


MONEY = st.decimals(min_value=-10_000, max_value=10_000, places=3).map(str)
DAYS = st.dates(min_value=on("2026-01-01").date(), max_value=on("2026-12-31").date()).map(str)
KINDS = st.sampled_from(["AUTOMATED_INVOICE_DEDUCTION", "MANUAL", "EXPIRATION", "ROLLOVER", "CREDITED", "NEW_THING"])
ENTRIES = st.lists(st.builds(Entry, KINDS, DAYS, MONEY, st.sampled_from(["s1", "s2", "gone", None])), max_size=12)
SEGMENTS = [Segment("100", "2026-01-01", "2026-07-01", "s1"), Segment("100", "2026-05-01", "2027-01-01", "s2")]


@settings(max_examples=40)
@given(ENTRIES, ENTRIES, DAYS)
def test_laws(first: list[Entry], second: list[Entry], today: str) -> None:
    """Whatever the ledger holds: changes sum to what is left, nothing ends below zero, customers do not touch."""
    parts = [balance(first, SEGMENTS), balance(second, SEGMENTS, customer="c2")]
    whole = burn_down(pl.concat(parts), as_of=today)
    sums = whole.group_by("customer_id").agg(pl.col("change").sum(), pl.col("remaining").last())
    assert sums.filter(pl.col("change") != pl.col("remaining")).is_empty()
    assert all(left >= Decimal(0) for left in sums["remaining"])
    assert not whole["scheduled"].any()
    assert whole.filter((pl.col("timestamp") > on(today)) & ~pl.col("pending")).is_empty()
    assert_frame_equal(pl.concat([burn_down(part, as_of=today) for part in parts]), whole)
    assert_frame_equal(burn_down(pl.concat(parts).lazy(), as_of=today).collect(), whole)
