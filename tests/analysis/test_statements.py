"""Statements of small books: the vendor's worked examples, thresholds from both sides, what counts and what not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.analysis import (
    accrual,
    aging,
    corrections_register,
    deferred_revenue,
    journal_entries,
    roll_forward,
)
from metronome_analytics.analysis.statements.roll_forward import RollForward
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances, Invoices
from tests.analysis.support import (
    EUR,
    USD,
    Entry,
    Segment,
    amounts,
    applied,
    balance,
    drawn,
    expired,
    invoice,
    line,
    manual,
    on,
    start,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.analysis.conftest import Books

YEAR = [f"2026-{month:02}" for month in range(1, 13)]
OVER = "2027-01-10"
STATUS = "billing_provider_invoice_external_status"


def column(frame: pl.DataFrame, name: str) -> list[str | None]:
    """Amounts as plain text."""
    return amounts(frame[name])


def schedule(amount: str, unit: tuple[str, str] = USD, *, free: bool | None = None) -> dict[str, Any]:
    """An invoice schedule of one item."""
    items = [{"id": "x", "timestamp": on("2026-01-01"), "amount": Decimal(amount)}]
    return {"credit_type": {"id": unit[0], "name": unit[1]}, "schedule_items": items, "do_not_invoice": free}


def bought(amount: str, at: str = "2026-01-01", commit: str = "b1", **columns: Any) -> pl.DataFrame:
    """The invoice of a prepaid purchase."""
    unit = columns.get("unit", USD)
    lines = [line(amount, type="commit_purchase", commit_id=commit, unit=unit)]
    return invoice(lines, amount, **{"id": "p1", "type": "SCHEDULED", "issued_at": on(at), **columns})


def year_of_use() -> pl.DataFrame:
    """The vendor's prepaid commit of 10,000 for a year: 900, eleven times 700, and 1,400 that expire."""
    ends = [f"2026-{month:02}-01" for month in range(2, 13)] + ["2027-01-01"]
    used = [drawn(end, "-900" if place == 0 else "-700", f"i{place}") for place, end in enumerate(ends)]
    entries = [start("2026-01-01", "10000"), *used, expired("2027-01-01", "-1400")]
    return balance(entries, [Segment("10000", "2026-01-01", "2027-01-01")], invoice_schedule=schedule("10000"))


def test_the_vendors_prepaid_year() -> None:
    """Prepaid 10,000: each month's use, the breakage in December, and nothing left after."""
    rolled = roll_forward(year_of_use(), None, months=YEAR, as_of=OVER)
    assert column(rolled, "used") == ["-900", *["-700"] * 11]
    assert column(rolled, "expired") == [*["0"] * 11, "-1400"]
    assert column(rolled, "closing") == [str(9100 - 700 * month) for month in range(11)] + ["0"]
    told = deferred_revenue(year_of_use(), bought("10000"), months=YEAR, as_of=OVER)
    assert column(told, "billed") == ["10000", *["0"] * 11]
    assert column(told, "recognised_use") == ["900", *["700"] * 11]
    assert column(told, "recognised_breakage") == [*["0"] * 11, "1400"]
    assert column(told, "closing") == [str(9100 - 700 * month) for month in range(11)] + ["0"]


def test_the_vendors_posted_year() -> None:
    """By posting each deduction comes a month later than by service."""
    rolled = roll_forward(year_of_use(), None, months=[*YEAR, "2027-01"], basis="posted", as_of=OVER)
    assert column(rolled, "used") == ["0", "-900", *["-700"] * 11]
    assert column(rolled, "expired") == [*["0"] * 12, "-1400"]


def test_the_vendors_credits() -> None:
    """A September credit of 100 with 63 used, a credit until 16 January with 410 of 500 used: zero in their months."""
    september = balance(
        [start("2026-09-01", "100"), drawn("2026-10-01", "-63"), expired("2026-10-01", "-37")],
        [Segment("100", "2026-09-01", "2026-10-01")],
        kind="CREDIT",
    )
    rolled = roll_forward(september, None, months=["2026-09", "2026-10"], as_of="2026-10-05")
    moves = ("granted", "used", "expired", "closing")
    assert [column(rolled, name) for name in moves] == [["100", "0"], ["-63", "0"], ["-37", "0"], ["0", "0"]]
    january = balance(
        [start("2026-01-01", "500"), drawn("2026-01-16", "-410"), expired("2026-01-16", "-90")],
        [Segment("500", "2026-01-01", "2026-01-16")],
        kind="CREDIT",
    )
    rolled = roll_forward(january, None, months="2026-01", as_of="2026-02-05")
    assert [column(rolled, name) for name in moves] == [["500"], ["-410"], ["-90"], ["0"]]


def test_the_vendors_pending_balance() -> None:
    """Prepaid 10,000 with 6,500 final and 1,500 of a draft: 2,000, and 3,500 without what is pending."""
    held = balance(
        [start("2026-09-01", "10000"), drawn("2026-10-01", "-6500", "i1"), drawn("2026-11-01", "-1500", "i2")],
        [Segment("10000", "2026-09-01", "2027-09-01")],
    )
    rolled = roll_forward(held, None, months=["2026-09", "2026-10"], as_of="2026-10-20")
    assert column(rolled, "closing") == ["3500", "2000"]
    assert column(rolled, "pending") == ["0", "-1500"]


def test_the_vendors_postpaid_year() -> None:
    """Postpaid 10,000 with twelve times 800 drawn: the true-up of 400 falls in December and nothing is deferred."""
    ends = [f"2026-{month:02}-01" for month in range(2, 13)] + ["2027-01-01"]
    used = [drawn(end, "-800", f"i{place}") for place, end in enumerate(ends)]
    true_up = Entry("TRUEUP", "2027-01-01", "-400", None, "t1")
    held = balance(
        [Entry("INITIAL_BALANCE", "2026-01-01", "10000", None), *used, true_up],
        [Segment("10000", "2026-01-01", "2027-01-01")],
        kind="POSTPAID",
        invoice_schedule=schedule("10000"),
    )
    rolled = roll_forward(held, None, months=YEAR, as_of=OVER)
    assert column(rolled, "used") == ["-800"] * 12
    assert column(rolled, "trued_up") == [*["0"] * 11, "-400"]
    assert column(rolled, "closing")[-1] == "0"
    assert deferred_revenue(held, Invoices.create_empty(), months=YEAR, as_of=OVER).is_empty()


def test_a_draft_falls_in_the_month_of_as_of() -> None:
    """A period that runs on past `as_of` counts in its month by service, at its own date by posting."""
    held = balance(
        [start("2026-09-01", "100"), drawn("2026-11-15", "-30")], [Segment("100", "2026-09-01", "2027-09-01")]
    )
    months = ["2026-10", "2026-11"]
    assert column(roll_forward(held, None, months=months, as_of="2026-10-20"), "used") == ["-30", "0"]
    posted = roll_forward(held, None, months=months, as_of="2026-10-20", basis="posted")
    assert column(posted, "used") == ["0", "-30"]
    # Once the period is over it is that of its last instant; windows put each day in its own.
    assert column(roll_forward(held, None, months=months, as_of="2026-11-20"), "used") == ["0", "-30"]
    windows = pl.concat(
        [window(day, [applied(f"-{amount}")]) for day, amount in (("2026-10-31", "10"), ("2026-11-01", "20"))]
    )
    spread = roll_forward(held, None, months=months, as_of="2026-11-20", breakdowns=windows)
    assert column(spread, "used") == ["-10", "-20"]


def test_dated_entries_and_overdrafts() -> None:
    """An entry by hand dated ahead is in its month; what it overdraws is given back in the same one."""
    held = balance(
        [start("2026-01-01", "100"), manual("2026-03-31", "-150"), manual("2026-04-01", "20")],
        [Segment("100", "2026-01-01", "2027-01-01")],
    )
    rolled = roll_forward(held, None, months=["2026-02", "2026-03", "2026-04"], as_of="2026-02-10")
    assert column(rolled, "adjusted") == ["0", "-100", "0"]
    assert column(rolled, "overdraft") == ["0", "50", "-20"]
    assert column(rolled, "closing") == ["100", "0", "0"]


def test_what_has_not_started() -> None:
    """Later segments are a memo: until the month of their start, listed or not, and until `as_of` at most."""
    parts = [Segment("100", "2026-01-01", "2026-03-01", "s1"), Segment("200", "2026-03-15", "2027-01-01", "s2")]
    held = balance([start("2026-01-01", "100", "s1")], parts)
    months = ["2026-01", "2026-03", "2026-04"]
    assert column(roll_forward(held, None, months=months, as_of="2026-03-10"), "not_started") == ["200"] * 3
    started = balance([start("2026-01-01", "100", "s1"), start("2026-03-15", "200", "s2")], parts)
    rolled = roll_forward(started, None, months=months, as_of="2026-03-15")
    assert column(rolled, "not_started") == ["200", "0", "0"]
    assert column(rolled, "granted") == ["100", "200", "0"]


def test_currencies_never_meet() -> None:
    """Two units of one type are two rows, and major units are as elsewhere."""
    parts = [Segment("100", "2026-01-01", "2027-01-01")]
    both = pl.concat(
        [balance([start("2026-01-01", "100")], parts, key=key, unit=unit) for key, unit in (("a", USD), ("b", EUR))]
    )
    rolled = ma.major_units(roll_forward(both, None, months="2026-01"))
    assert dict(zip(rolled["currency"], column(rolled, "closing"), strict=True)) == {"EUR": "100", "USD": "1"}


def test_nothing_yet() -> None:
    """A balance without entries has a row of zeros; one without a ledger has none; no balances have no rows."""
    segment = [Segment("100", "2026-01-01", "2027-01-01")]
    empty = roll_forward(balance([], segment), None, months="2026-01")
    assert column(empty, "closing") == ["0"]
    assert roll_forward(balance(None, segment), None, months="2026-01").is_empty()
    none = roll_forward(Balances.create_empty(), Invoices.create_empty(), months="2026-01", by=["balance_id"])
    named = RollForward.create_empty().schema
    assert dict(none.schema) == {name: named[name] for name in none.columns}
    assert none.is_empty()


def test_use_ahead_of_billing_waits() -> None:
    """Nothing is recognised before it is billed: it is unbilled until the invoice, then recognised at once."""
    held = balance(
        [start("2026-01-01", "1000"), drawn("2026-02-01", "-600")],
        [Segment("1000", "2026-01-01", "2027-01-01")],
        invoice_schedule=schedule("500"),
    )
    told = deferred_revenue(held, bought("500", "2026-02-10"), months=["2026-01", "2026-02"], as_of="2026-03-01")
    assert column(told, "recognised_use") == ["0", "300"]
    assert column(told, "unbilled") == ["300", "0"]
    assert column(told, "closing") == ["0", "200"]


def test_cost_basis_is_in_the_billing_currency() -> None:
    """A commit in a custom unit is recognised in the currency that paid for it, at what it cost."""
    held = balance(
        [start("2026-01-01", "1000"), drawn("2026-02-01", "-250")],
        [Segment("1000", "2026-01-01", "2027-01-01")],
        unit=("cpu", "AI Credits"),
        invoice_schedule=schedule("200", EUR),
    )
    told = deferred_revenue(held, bought("200", unit=EUR), months="2026-01", as_of="2026-02-01")
    assert told["credit_type_name"].to_list() == ["EUR"]
    assert (column(told, "recognised_use"), column(told, "closing")) == (["50"], ["150"])


def test_what_is_free_has_no_cost() -> None:
    """Credits, free grants and commits that are not invoiced defer nothing."""
    segment = [Segment("100", "2026-01-01", "2027-01-01")]
    free = [
        balance([start("2026-01-01", "100")], segment, key="a", kind="CREDIT"),
        balance([start("2026-01-01", "100")], segment, key="b"),
        balance([start("2026-01-01", "100")], segment, key="c", invoice_schedule=schedule("100", free=True)),
    ]
    assert deferred_revenue(pl.concat(free), Invoices.create_empty(), months="2026-01").is_empty()


def test_taken_by_hand_is_an_adjustment() -> None:
    """What an entry by hand takes leaves at cost and is not recognised; what it gives on top is free."""
    segment, billed = [Segment("1000", "2026-01-01", "2026-02-01")], bought("500")
    for amount, adjusted, use in (("-400", "-200", "300"), ("400", "0", "300")):
        entries = [start("2026-01-01", "1000"), manual("2026-01-05", amount), drawn("2026-02-01", "-600")]
        held = balance(entries, segment, invoice_schedule=schedule("500"))
        told = deferred_revenue(held, billed, months="2026-01", as_of="2026-02-05")
        assert (column(told, "adjusted"), column(told, "recognised_use")) == ([adjusted], [use])
        assert column(told, "closing") == ["0"]


def test_what_is_billed_counts_once() -> None:
    """Only final purchases up to `as_of` are billed, whether their commit is in the frame or not."""
    held = balance([start("2026-01-01", "100")], [Segment("100", "2026-01-01", "2027-01-01")])
    bills = pl.concat(
        [
            bought("1"),
            bought("2", id="p2", status="VOID"),
            bought("4", id="p3", status="DRAFT"),
            bought("8", id="p4", type="USAGE_CONSOLIDATED"),
            bought("16", "2026-01-20", id="p5"),
            bought("32", id="p6", commit="elsewhere", customer_id="c9"),
            invoice([line("64")], "64", id="u1", issued_at=on("2026-01-01")),
        ]
    )
    told = deferred_revenue(held, bills, months="2026-01", as_of="2026-01-19T23:59", by="customer_id")
    assert dict(zip(told["customer_id"], column(told, "billed"), strict=True)) == {"c1": "1", "c9": "32"}
    told = deferred_revenue(held, bills, months="2026-01", as_of="2026-01-20")
    assert column(told, "billed") == ["49"]


@pytest.mark.parametrize(("end", "beyond"), [("2027-02-01", "0"), ("2027-02-02", "1"), ("2028-02-01", "365")])
def test_non_current_is_over_twelve_months(end: str, beyond: str) -> None:
    """Access until twelve months after the month's end is current; of what lies beyond, its share by time is not."""
    days = (on(end) - on("2026-02-01")).days
    held = balance(
        [start("2026-02-01", str(days))], [Segment(str(days), "2026-02-01", end)], invoice_schedule=schedule(str(days))
    )
    told = deferred_revenue(held, bought(str(days)), months="2026-01", as_of="2026-02-01")
    # Exact but for the last digit, which is what a share of a share is rounded to.
    assert abs(told["non_current"].item() - Decimal(beyond)) < Decimal("0.00001")
    assert told.filter(pl.col("current") + pl.col("non_current") != pl.col("closing")).is_empty()


@pytest.mark.parametrize(
    ("day", "days", "bucket"),
    [
        ("2026-01-30", -1, "not due"),
        ("2026-01-31", 0, "not due"),
        ("2026-01-31T23:59", 0, "not due"),
        ("2026-02-01", 1, "1 to 30 days"),
        ("2026-03-02", 30, "1 to 30 days"),
        ("2026-03-03", 31, "31 to 60 days"),
        ("2026-04-01", 60, "31 to 60 days"),
        ("2026-04-02", 61, "61 to 90 days"),
        ("2026-05-01", 90, "61 to 90 days"),
        ("2026-05-02", 91, "over 90 days"),
    ],
)
def test_buckets(day: str, days: int, bucket: str) -> None:
    """Each bucket from both sides: due is the date of issue and the terms."""
    told = aging(invoice([], "9", issued_at=on("2026-01-01"), net_payment_terms_days=30.0), as_of=day)
    assert told.select("due_at", "days_overdue", "bucket").row(0) == (on("2026-01-31"), days, bucket)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        *((each, each) for each in ("DRAFT", "SENT", "PARTIALLY_PAID", "UNCOLLECTIBLE", "PAYMENT_FAILED", "NEW")),
        *((each, None) for each in ("PAID", "VOID", "DELETED", "SKIPPED")),
        (None, "unknown"),
    ],
)
def test_what_is_unpaid(status: str | None, shown: str | None) -> None:
    """Whatever the provider does not call settled is unpaid; what it does not tell is unknown."""
    told = aging(invoice([], "9", issued_at=on("2026-01-01"), **{STATUS: status}), as_of="2026-02-01")
    assert told["status"].to_list() == ([] if shown is None else [shown])


def test_what_is_no_receivable() -> None:
    """Zero, credit notes, drafts, void invoices and twins are left out; an undated one has no bucket of days."""
    bills = pl.concat(
        [
            invoice([], total, id=f"{status} {kind} {total}", status=status, type=kind)
            for status, kind, total in (
                ("FINALIZED", "USAGE", "0"),
                ("FINALIZED", "USAGE", "-1"),
                ("FINALIZED", "USAGE", "0.0000000001"),
                ("DRAFT", "USAGE", "1"),
                ("VOID", "USAGE", "1"),
                ("FINALIZED", "USAGE_CONSOLIDATED", "1"),
            )
        ]
    )
    told = aging(bills, as_of="2026-02-01")
    assert told.select("invoice_id", "due_at", "bucket").rows() == [
        ("FINALIZED USAGE 0.0000000001", None, "no date"),
    ]


def usage(total: str, month: str, end: str, **columns: Any) -> pl.DataFrame:
    """A usage invoice of a period."""
    return invoice([line(total)], total, **{"start_timestamp": on(month), "end_timestamp": on(end), **columns})


def accrued(frame: pl.DataFrame, **options: Any) -> list[tuple[str | None, ...]]:
    """Unbilled, issued since, late and outlook of each row."""
    told = accrual(frame, **{"month": "2026-10", **options})
    return list(
        zip(*(column(told, name) for name in ("unbilled", "issued_since", "late", "true_up_outlook")), strict=True)
    )


@pytest.mark.parametrize(
    ("status", "issued", "expected"),
    [
        ("DRAFT", "2026-11-02", [("5", "0", None, "0")]),
        ("FINALIZED", "2026-11-02", [("5", "5", None, "0")]),
        ("FINALIZED", "2026-11-01", [("5", "5", None, "0")]),
        ("FINALIZED", "2026-10-31", []),
        ("VOID", "2026-11-02", []),
    ],
)
def test_what_was_a_draft_at_the_end(status: str, issued: str, expected: list[Any]) -> None:
    """What is issued in a later month was a draft at the period's end, whatever it is today."""
    assert accrued(usage("5", "2026-10-01", "2026-11-01", status=status, issued_at=on(issued))) == expected


@pytest.mark.parametrize(
    ("issued", "expected"), [("2026-10-20T09:00", []), ("2026-10-20T09:01", [("5", "5", None, "0")])]
)
def test_what_was_a_draft_inside_a_month(issued: str, expected: list[Any]) -> None:
    """At an `as_of` inside the month an invoice issued by then is billed, and one issued a minute later is not yet."""
    bill = usage("5", "2026-10-01", "2026-10-19", issued_at=on(issued))
    assert accrued(bill, as_of=on("2026-10-20T09:00")) == expected


def test_periods_over_the_end() -> None:
    """A period over a month's end counts in the month of its last instant, until `as_of`; windows spread it."""
    bill = usage("10", "2026-10-15", "2026-11-15", status="DRAFT", issued_at=on("2026-11-16"))
    assert accrued(bill, as_of="2026-11-10") == []
    assert accrued(bill, as_of="2026-10-20") == [("10", "0", None, "0")]
    windows = pl.concat(
        [window(day, []).with_columns(total=pl.lit(amount).cast(pl.Decimal(38, 10))) for day, amount in
         (("2026-10-31", 3), ("2026-11-01", 6))]
    )  # fmt: skip
    assert accrued(bill, as_of="2026-11-20", breakdowns=windows) == [("3", "0", "0", "0")]
    # What no window explains stays where the period ends.
    assert accrued(bill, as_of="2026-11-20", breakdowns=windows, month="2026-11") == [("10", "0", "0", "0")]


def test_a_scheduled_draft_counts_from_its_date() -> None:
    """A draft without a period is none of the month before its date of issue has come."""
    bill = invoice([line("7")], "7", type="SCHEDULED", status="DRAFT", issued_at=on("2026-10-20"))
    assert accrued(bill, as_of="2026-10-20") == []
    assert accrued(bill, as_of="2026-10-21") == [("7", "0", None, "0")]
    assert accrued(bill, month="2026-09") == []


def test_true_ups_are_an_outlook() -> None:
    """A draft true-up is in the outlook alone, one issued before the end nowhere."""
    owed = [line("9", type="scheduled", postpaid_commit={"id": "b1"})]
    bill = invoice(owed, "9", type="SCHEDULED", status="DRAFT", issued_at=on("2027-05-01"))
    assert accrued(bill) == [("0", "0", None, "9")]
    done = invoice(owed, "9", type="SCHEDULED", issued_at=on("2026-10-31"))
    assert accrued(done) == []


def test_late_usage() -> None:
    """Late is what windows hold beyond a final invoice, net; unknown where they do not reach over its period."""
    bill = usage("10", "2026-10-01", "2026-11-01", issued_at=on("2026-10-31"))

    def seen(total: int, *days: str) -> pl.DataFrame:
        first = pl.concat([window(day, []) for day in days])
        return first.with_columns(
            total=pl.when(pl.int_range(pl.len()) == 0).then(total).otherwise(0).cast(pl.Decimal(38, 10))
        )

    assert accrued(bill, breakdowns=seen(12, "2026-10-01", "2026-10-31")) == [("0", "0", "2", "0")]
    assert accrued(bill, breakdowns=seen(7, "2026-10-01", "2026-10-31")) == [("0", "0", "-3", "0")]
    assert accrued(bill, breakdowns=seen(10, "2026-10-01", "2026-10-31")) == []
    assert accrued(bill, breakdowns=seen(12, "2026-10-02", "2026-10-31")) == [("0", "0", None, "0")]
    assert accrued(bill, breakdowns=seen(12, "2026-10-01", "2026-10-30")) == [("0", "0", None, "0")]


def test_chains() -> None:
    """A chain goes from the first invoice to the last, and its effect is what stands less the first total."""
    bills = pl.concat(
        [
            invoice([], "100", id="a", status="VOID", issued_at=on("2026-01-01")),
            invoice([], "90", id="b", regenerated_from_invoice_id="a", issued_at=on("2026-02-01")),
            invoice([], "-5", id="c", corrected_invoice_id="b", issued_at=on("2026-03-01"), correction_reason="typo"),
            invoice([], "7", id="lone", status="VOID"),
            invoice([], "3", id="heir", regenerated_from_invoice_id="not here"),
            invoice([], "8", id="untouched"),
        ]
    )
    for frame in (bills, bills.reverse()):
        told = corrections_register(frame)
        rows = told.select("first", "last", "links", "voided", "regenerated", "corrected").rows()
        assert rows == [("a", "c", 2, 1, 1, 1), ("lone", "lone", 0, 1, 0, 0), ("not here", "heir", 1, 0, 1, 0)]
        assert column(told, "net_effect") == ["-15", "-7", None]
        assert column(told, "standing_total") == ["85", "0", "3"]
        assert told["invoice_ids"].to_list()[0] == ["a", "b", "c"]
        assert told["reasons"].to_list()[0] == ["typo"]


def test_chains_of_two_currencies_and_circles() -> None:
    """Currencies never meet in one effect; a circle, which is nobody's, has a first too."""
    two = pl.concat(
        [
            invoice([], "100", id="a", status="VOID"),
            invoice([], "90", id="b", regenerated_from_invoice_id="a", unit=EUR),
        ]
    )
    told = corrections_register(two)
    effects = dict(zip(told["credit_type_name"], column(told, "net_effect"), strict=True))
    assert effects == {"EUR": "90", "USD (cents)": "-100"}
    circle = pl.concat(
        [invoice([], "1", id=each, regenerated_from_invoice_id=of) for each, of in (("x", "y"), ("y", "x"))]
    )
    assert corrections_register(circle)["first"].to_list() == ["x"]


def test_postings() -> None:
    """Each movement is a debit and a credit in major units; the other direction changes sides; zero is not posted."""
    entries = [start("2026-01-01", "10000"), drawn("2026-02-01", "-900"), manual("2026-01-09", "-50")]
    rolled = roll_forward(balance(entries, [Segment("10000", "2026-01-01", "2027-01-01")]), None, months="2026-01")
    accounts = {"adjusted": ("balance", "other"), "used": ("liability", "revenue"), "expired": ("x", "y")}
    posted = journal_entries(rolled, accounts=accounts)
    rows = zip(posted["account"], column(posted, "debit"), column(posted, "credit"), posted["memo"], strict=True)
    assert list(rows) == [
        ("liability", "9", "0", "used 2026-01 PREPAID"),
        ("revenue", "0", "9", "used 2026-01 PREPAID"),
        ("other", "0.5", "0", "adjusted 2026-01 PREPAID"),
        ("balance", "0", "0.5", "adjusted 2026-01 PREPAID"),
    ]
    assert posted["currency"].unique().to_list() == ["USD"]
    assert posted["entry"].to_list() == [0, 0, 1, 1]
    assert journal_entries(rolled, accounts={}).is_empty()
    assert journal_entries(ma.major_units(rolled), accounts=accounts).equals(posted)


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        ({"billed": ("a", "b")}, "accounts knows granted, used"),
        ({"used": ("a",)}, "must be two names"),
        ({"used": "ab"}, "must be two names"),
        ({"used": ("a", " ")}, "must be two names"),
        ("used", "must map movements"),
    ],
)
def test_accounts_that_are_none(accounts: Any, message: str) -> None:
    """What cannot be accounts is refused by name."""
    rolled = roll_forward(Balances.create_empty(), None, months="2026-01")
    with pytest.raises(ArgumentError, match=message):
        journal_entries(rolled, accounts=accounts)


REFUSED: list[tuple[Callable[..., Any], str]] = [
    (lambda: roll_forward(Balances.create_empty(), None, months="2026-13"), "no month"),
    (lambda: roll_forward(Balances.create_empty(), None, months=[]), "names no month"),
    (lambda: roll_forward(Balances.create_empty(), None, months="2026-01", by="month"), "by must be of 'type'"),
    (lambda: roll_forward(Balances.create_empty(), None, months="2026-01", basis="cash"), "basis must be one of"),  # type: ignore[arg-type]  # the point
    (lambda: roll_forward(Invoices.create_empty(), None, months="2026-01"), "balances has no column"),
    (lambda: deferred_revenue(Balances.create_empty(), Balances.create_empty(), months="2026-01"), "invoices has no"),
    (lambda: accrual(Invoices.create_empty(), month="October"), "month holds 'October'"),
    (lambda: aging(Invoices.create_empty(), as_of=None), "as_of is needed"),  # type: ignore[arg-type]  # the point
    (lambda: corrections_register(Balances.create_empty()), "invoices has no column"),
    (lambda: journal_entries(Balances.create_empty(), accounts={}), "roll_or_deferred has no column"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refusals(call: Callable[..., Any], message: str) -> None:
    """What cannot be used is refused by name."""
    with pytest.raises(ArgumentError, match=message):
        call()


def test_the_demo_at_as_of(books: Books) -> None:
    """At `as_of` each closing of the demo account is the API's own balance."""
    rolled = roll_forward(books.balances, books.invoices, months="2026-11", by="balance_id", as_of=books.as_of)
    known = books.balances.join(rolled, left_on="id", right_on="balance_id", how="inner")
    assert known.height > 100
    assert known.filter(pl.col("closing") != pl.col("balance")).is_empty()


def test_late_usage_of_the_demo(books: Books) -> None:
    """The demo's windows say what its invoices do, but for the usage that came late."""
    told = accrual(books.invoices, breakdowns=books.breakdowns, month="2026-10", as_of=books.as_of)
    finals = books.invoices.filter(
        (pl.col("status") == "FINALIZED") & (pl.col("end_timestamp") == pl.lit(on("2026-11-01")))
    )
    sums = books.breakdowns.group_by("id").agg(pl.col("total").sum().alias("windows"))
    late = finals.join(sums, on="id").select((pl.col("windows") - pl.col("total")).sum()).item()
    assert told["late"].sum() == late
