"""What the books said at a past instant."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import burn_down, drain_order, utilisation
from metronome_analytics.errors import ArgumentError
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

YEAR = Segment("1000", "2026-01-01", "2027-01-01")
NEEDS = "lies before these books were read"


def monthly() -> pl.DataFrame:
    """A commit of one contract, read in May: a hundred a month, and a top-up in April."""
    entries = [
        start("2026-01-01", "1000"),
        *(drawn(f"2026-{month:02}-01", "-100", f"i{month}") for month in range(2, 7)),
        manual("2026-04-10", "50"),
    ]
    return balance(entries, [YEAR], contract_id="k1")


def days(status: str = "FINALIZED") -> pl.DataFrame:
    """March's windows of the invoice that is dated 1 April: sixty until the 15th, forty after it."""
    march = {"id": "i4", "status": status, "start_timestamp": on("2026-03-01")}
    return pl.concat([window("2026-03-10", [applied("-60")], **march), window("2026-03-20", [applied("-40")], **march)])


def test_period_end_is_exact() -> None:
    """At the end of a period the books hold its deduction, and nothing of what was used or entered later."""
    burn = burn_down(monthly(), as_of="2026-04-01")
    assert amounts(burn["remaining"]) == ["1000", "900", "800", "700"]
    assert not burn["pending"].any()
    told = utilisation(monthly(), as_of="2026-04-01")
    assert amounts(told["used"]) + amounts(told["adjusted"]) + amounts(told["remaining"]) == ["300", "0", "700"]


def test_inside_a_period_needs_windows() -> None:
    """Inside a period only windows tell what had been drawn: without them, every analysis says what it needs."""
    for analysis in (burn_down, utilisation, drain_order):
        with pytest.raises(ArgumentError, match=NEEDS):
            analysis(monthly(), as_of="2026-03-15")
    lazy = burn_down(monthly().lazy(), as_of="2026-03-15")
    with pytest.raises(ArgumentError, match="breakdowns"):
        lazy.collect()
    burn = burn_down(monthly(), as_of="2026-03-15", breakdowns=days())
    assert amounts(burn["remaining"]) == ["1000", "900", "800", "740"]
    assert burn["pending"].to_list() == [False, False, False, True]
    told = utilisation(monthly(), as_of="2026-03-15", breakdowns=days())
    assert amounts(told["used"]) + amounts(told["pending"]) == ["260", "60"]
    order = drain_order(monthly(), as_of="2026-03-15", breakdowns=days())
    assert amounts(order["remaining"]) == ["740"]


@pytest.mark.parametrize(
    ("status", "begins", "past"),
    [("DRAFT", "2026-03-01", False), ("FINALIZED", "2026-03-01", True), ("DRAFT", "2026-03-15", True)],
)
def test_how_invoices_tell(status: str, begins: str, past: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """A final invoice dated ahead, or a draft whose period begins at as_of, shows that the books were read later."""
    entries = [start("2026-01-01", "1000"), drawn("2026-04-01", "-100", "i4"), drawn("2026-05-01", "-9", "i5")]
    books = balance(entries, [YEAR])
    bills = pl.concat(
        [
            invoice([], "0", id="i4", status=status, start_timestamp=on(begins)),
            invoice([], "0", id="i5", status="DRAFT", start_timestamp=on("2026-03-10")),
        ]
    )
    if past:
        with pytest.raises(ArgumentError, match=NEEDS):
            burn_down(books, as_of="2026-03-15", invoices=bills)
    else:
        assert amounts(burn_down(books, as_of="2026-03-15", invoices=bills)["remaining"])[-1] == "891"


def test_period_that_begins_later_is_left_out() -> None:
    """With invoices, a deduction whose period begins at as_of or later needs no windows."""
    books = balance([start("2026-01-01", "1000"), drawn("2026-04-01", "-100", "i4")], [YEAR])
    later = invoice([], "0", id="i4", status="FINALIZED", start_timestamp=on("2026-03-01"))
    assert amounts(burn_down(books, as_of="2026-03-01", invoices=later)["remaining"]) == ["1000"]
    with pytest.raises(ArgumentError, match=NEEDS):
        burn_down(books, as_of="2026-03-02", invoices=later)


def test_loaded_at_decides() -> None:
    """The moment of loading settles what entries alone do not show: read later, or read then."""
    books = balance([start("2026-01-01", "1000"), drawn("2026-04-01", "-100"), manual("2026-06-01", "5")], [YEAR])
    now = burn_down(books, as_of="2026-03-15")
    assert amounts(now["remaining"]) == ["1000", "900", "905"]
    assert_frame_equal(burn_down(books, as_of="2026-03-15", loaded_at="2026-03-15"), now)
    with pytest.raises(ArgumentError, match=NEEDS):
        burn_down(books, as_of="2026-03-15", loaded_at="2026-03-16")
    assert amounts(burn_down(monthly(), as_of="2026-03-15", loaded_at="2026-03-15")["remaining"])[-1] == "550"


def test_deductions_that_name_no_contract() -> None:
    """Two dates ahead may be two contracts' open periods; a third cannot be."""
    dates = ["2026-04-01", "2026-04-15", "2026-05-01"]
    entries = [start("2026-01-01", "1000"), *(drawn(date, "-10", date) for date in dates)]
    assert amounts(burn_down(balance(entries[:-1], [YEAR]), as_of="2026-03-20")["remaining"])[-1] == "980"
    with pytest.raises(ArgumentError, match=NEEDS):
        burn_down(balance(entries, [YEAR]), as_of="2026-03-20")


def test_void_draws_nothing() -> None:
    """Of a void invoice a past instant holds nothing; the one made again has windows."""
    entries = [
        start("2026-01-01", "1000"),
        drawn("2026-04-01", "-100", "void"),
        Entry("CREDITED", "2026-04-03", "100", "s1", "void"),
        drawn("2026-04-01", "-100", "i4"),
    ]
    void = invoice([], "0", id="void", status="VOID", start_timestamp=on("2026-03-01"))
    burn = burn_down(balance(entries, [YEAR]), as_of="2026-03-15", breakdowns=days(), invoices=void)
    assert amounts(burn["remaining"]) == ["1000", "940"]


def test_closings_come_later() -> None:
    """What expired or rolled over after as_of was still there, and what ended before it was not."""
    ends = Segment("1000", "2026-01-01", "2026-03-01")
    entries = [start("2026-01-01", "1000"), Entry("ROLLOVER", "2026-03-01", "-400"), expired("2026-03-01", "-600")]
    for at, left in (("2026-02-28", "1000"), ("2026-03-01", "0")):
        assert amounts(burn_down(balance(entries, [ends]), as_of=at, loaded_at="2026-05-01")["remaining"])[-1] == left


def test_archived_later() -> None:
    """A balance archived after as_of held what it held; from then on it holds nothing."""
    gone = balance([start("2026-01-01", "1000")], [YEAR], archived_at=on("2026-03-10"))
    for at, left in (("2026-03-09", "1000"), ("2026-03-10", "0")):
        assert amounts(burn_down(gone, as_of=at)["remaining"])[-1] == left


def test_whole_ledger_is_scheduled_later() -> None:
    """With include_scheduled all that came later follows, marked as such, to where the ledger stands."""
    burn = burn_down(monthly(), as_of="2026-04-01", include_scheduled=True)
    assert burn["scheduled"].to_list() == [False] * 4 + [True] * 3
    assert amounts(burn["remaining"])[-1] == "550"
