from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

import metronome_analytics as ma
from metronome_analytics.cli import summaries
from metronome_analytics.tables import Customers, Invoices
from tests.analysis.conftest import books
from tests.analysis.support import Segment, applied, drawn, expired, line, on, start, window
from tests.analysis.support import balance as of_ledger
from tests.analysis.support import invoice as bill
from tests.cli.support import AS_OF, EUR, USD, day, empty, money, table

if TYPE_CHECKING:
    from tests.analysis.conftest import Books
    from tests.analysis.support import Entry

__all__ = ["books"]


def invoice(id_: str, total: str, **fields: Any) -> dict[str, Any]:
    """A finalised USAGE invoice in cents, issued in October, but for the fields given."""
    usual = {"type": "USAGE", "status": "FINALIZED", "customer_id": "a", "issued_at": day(10, 2), **USD}
    return {**usual, "id": id_, "total": money(total), **fields}


def by_month(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of the summary: month, currency, invoices, total."""
    frame = summaries.invoiced_by_month(table(Invoices, *rows))
    return frame.select("month", "credit_type_name", "invoices", "total").rows()


def test_a_month_is_summed_by_credit_type_and_exactly() -> None:
    """Fractional cents add up to the last digit, and euros are a row of their own."""
    rows = by_month(
        invoice("1", "0.1"), invoice("2", "0.2"), invoice("3", "5.5", **EUR), invoice("4", "7", issued_at=day(11, 1))
    )
    assert rows == [
        (date(2026, 10, 1), "EUR", 1, Decimal("5.5")),
        (date(2026, 10, 1), "USD (cents)", 2, Decimal("0.3")),
        (date(2026, 11, 1), "USD (cents)", 1, Decimal(7)),
    ]


@pytest.mark.parametrize(
    "trap",
    [
        {"status": "VOID"},
        {"status": "DRAFT"},
        {"status": "SOMETHING_NEW"},
        {"status": None},
        {"type": "USAGE_CONSOLIDATED"},
    ],
)
def test_what_was_not_invoiced_once_is_in_no_month(trap: dict[str, Any]) -> None:
    """Void invoices, drafts, unknown states and consolidated twins count nowhere."""
    assert by_month(invoice("1", "10"), invoice("2", "99", **trap)) == [
        (date(2026, 10, 1), "USD (cents)", 1, Decimal(10))
    ]


def test_two_credit_types_of_one_name_stay_apart() -> None:
    """The id decides, not the name."""
    assert len(by_month(invoice("1", "1"), invoice("2", "1", credit_type_id="another"))) == 2


def test_an_invoice_without_a_date_is_counted_without_a_month() -> None:
    """A total is not lost because its date is missing."""
    assert by_month(invoice("1", "3", issued_at=None)) == [(None, "USD (cents)", 1, Decimal(3))]


def test_what_is_left_out_is_said() -> None:
    """Each reason is counted once; a void consolidated invoice is void."""
    frame = summaries.left_out(
        table(
            Invoices,
            invoice("1", "1"),
            invoice("2", "1", status="DRAFT"),
            invoice("3", "1", status="VOID"),
            invoice("4", "1", status="VOID", type="USAGE_CONSOLIDATED"),
            invoice("5", "1", type="USAGE_CONSOLIDATED"),
            invoice("6", "1", status="ODD"),
        )
    )
    assert frame.rows() == [("USAGE_CONSOLIDATED", 1), ("VOID", 2), ("status ODD", 1)]


def test_drafts_keep_true_ups_and_overdue_periods_apart() -> None:
    """A true-up is no spend, and a period that is over is not a running one."""
    names = [field.name for field in empty(Invoices).schema["line_items"].inner.fields]  # type: ignore[attr-defined]  # a list of structs
    lines = [dict.fromkeys(names) | held for held in ({"postpaid_commit": {"id": "p"}}, {"commit_id": "c"})]
    invoices = table(
        Invoices,
        invoice("1", "10", status="DRAFT", end_timestamp=day(12, 1), issued_at=day(12, 2)),
        invoice("2", "20", status="DRAFT", end_timestamp=day(11, 18), issued_at=day(11, 19)),
        invoice("3", "500", status="DRAFT", type="SCHEDULED", issued_at=day(5, 2, 2027), line_items=lines[:1]),
        invoice("4", "30", status="DRAFT", type="SCHEDULED", issued_at=day(1, 1, 2027), line_items=lines[1:]),
        invoice("5", "40", status="DRAFT", type="USAGE_CONSOLIDATED"),
        invoice("6", "50"),
    )
    frame = summaries.drafts(invoices, as_of=AS_OF)
    assert frame.select("kind", "invoices", "total").rows() == [
        ("USAGE_IN_GRACE", 1, Decimal(20)),
        ("USAGE", 1, Decimal(10)),
        ("SCHEDULED", 1, Decimal(30)),
        ("TRUE_UP", 1, Decimal(500)),
    ]


def test_the_largest_customers_are_ranked_within_a_currency_and_a_year() -> None:
    """A large euro amount does not outrank dollars, and what is older than twelve months is not counted."""
    customers = table(Customers, {"id": "a", "name": "Ada"}, {"id": "b", "name": "Bob"})
    invoices = table(
        Invoices,
        invoice("1", "30"),
        invoice("2", "10", customer_id="b"),
        invoice("3", "9000", customer_id="b", issued_at=day(11, 18, 2025)),
        invoice("4", "9000", customer_id="b", issued_at=day(11, 19)),
        invoice("5", "7", customer_id="b", **EUR),
    )
    frame = summaries.largest_customers(invoices, customers, as_of=AS_OF)
    assert frame.select("customer_name", "credit_type_name", "total", "share").rows() == [
        ("Ada", "USD (cents)", Decimal(30), 0.75),
        ("Bob", "USD (cents)", Decimal(10), 0.25),
        ("Bob", "EUR", Decimal(7), 1.0),
    ]


CUSTOMERS = table(Customers, {"id": "a", "name": "Ada"})
PAST = ("2026-01-01", "2027-06-01")


def held(id_: str, granted: str, *drawn: Entry, access: tuple[str, str | None] = PAST, **fields: Any) -> pl.DataFrame:
    """A prepaid commit in cents of one segment, with what was drawn on it."""
    remaining = money(granted) + sum(money(entry.amount) for entry in drawn)
    begin, end = access
    kind = fields.pop("kind", "PREPAID")
    made = of_ledger(
        [start(begin, granted), *drawn],
        [Segment(granted, begin, end)],
        kind=kind,
        key=id_,
        customer="a",
        **{"balance": str(remaining), "unit": ("usd", "USD (cents)"), **fields},
    )
    return made.with_columns(name=pl.lit(id_))


def running_out(
    *balances: pl.DataFrame, invoices: pl.DataFrame | None = None, breakdowns: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The summary of tiny frames."""
    frame = pl.concat(balances)
    burned = summaries.burn(frame, as_of=AS_OF, invoices=invoices, breakdowns=breakdowns)
    return summaries.running_out(frame, burned, CUSTOMERS, as_of=AS_OF)


def usage(begin: str, **fields: Any) -> pl.DataFrame:
    """The draft invoice `i1` of a period that begins at `begin`."""
    return bill([], "0", customer_id="a", status="DRAFT", start_timestamp=on(begin), **fields)


def test_granted_is_what_the_open_segments_granted() -> None:
    """An expired and a future segment are in neither the grant nor the end date."""
    spans = [
        Segment("1000", "2026-01-01", "2026-11-18", "s0"),
        Segment("100", "2026-11-18", "2026-12-18", "s1"),
        Segment("5000", "2026-12-18", "2026-12-31", "s2"),
    ]
    entries = [
        *(start(each.starting_at, each.amount, each.id) for each in spans),
        expired("2026-11-18", "-1000", "s0"),
        drawn("2026-12-18", "-60"),
    ]
    balance = of_ledger(entries, spans, customer="a", balance="40")
    row = running_out(balance).row(0, named=True)
    assert (row["granted"], row["remaining"], row["used_up"]) == (Decimal(100), Decimal(40), pytest.approx(0.6))
    assert (row["ends_at"], row["days_left"]) == (day(12, 18), 29)


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"kind": "POSTPAID"}, "2026-12-31"),
        ({"balance": "0"}, "2026-12-31"),
        ({"balance": None}, "2026-12-31"),
        ({}, "2026-11-18"),
    ],
)
def test_what_cannot_run_out_is_not_in_the_list(fields: dict[str, Any], ending: str) -> None:
    """A postpaid commit becomes a true-up, an empty balance is out already, a closed one is gone."""
    assert running_out(held("c", "100", access=("2026-01-01", ending), **fields)).height == 0


def test_the_next_to_end_comes_first_by_use_or_by_date() -> None:
    """A balance that will be empty in five days comes before one that ends in ten; both before one that lasts."""
    frame = running_out(
        held("lasts", "100"),
        held("ends", "100", access=("2026-01-01", "2026-11-28")),
        held("empties", "330", drawn("2026-11-21T09:30", "-280")),
        held("idle", "1", access=("2026-01-01", None)),
        invoices=usage("2026-10-21T09:30"),
    )
    assert frame["balance_id"].to_list() == ["empties", "ends", "lasts", "idle"]
    first = frame.row(0, named=True)
    assert first["burn_per_day"] == pytest.approx(10)
    assert first["empty_at"] == AS_OF + (day(11, 6) - day(11, 1))
    assert frame["expires_unused"].to_list() == [None, 1.0, 1.0, None]


def test_a_young_segment_is_judged_by_its_own_days() -> None:
    """Ten days of 10 are 10 a day, not 100 spread over four weeks."""
    frame = running_out(
        held("c", "200", drawn("2026-12-08", "-100"), access=("2026-11-08T09:30", "2026-12-08")),
        invoices=usage("2026-11-08T09:30"),
    )
    assert frame["burn_per_day"].item() == pytest.approx(10)


def test_no_pace_without_history() -> None:
    """A segment that began today has no pace."""
    frame = running_out(held("c", "90", drawn("2026-12-18", "-10"), access=("2026-11-18", "2026-12-18")))
    assert frame.select("burn_per_day", "empty_at", "expires_unused").row(0) == (None, None, None)


def test_only_what_was_drawn_counts_as_pace() -> None:
    """The covered usage line, a consolidated twin and another balance's lines are no drawdown of this balance."""
    own = [applied("-28", "c"), line("28", commit_id="c"), applied("-28", "other")]
    breakdowns = pl.concat(
        [
            window("2026-11-01", own, customer_id="a", start_timestamp=on("2026-11-01")),
            window("2026-11-02", own, id="i2", type="USAGE_CONSOLIDATED", start_timestamp=on("2026-11-01")),
        ]
    )
    frame = running_out(
        held("c", "108", drawn("2026-12-01", "-28")), invoices=usage("2026-11-01"), breakdowns=breakdowns
    )
    assert frame["burn_per_day"].item() == pytest.approx(1)


def test_an_invoice_whose_first_days_are_missing_stays_one_step() -> None:
    """Only an invoice of which every day was loaded is taken apart by day."""
    days = [window(at, [applied("-10", "c")], start_timestamp=on("2026-11-05")) for at in ("2026-11-05", "2026-11-06")]
    commit = held("c", "100", drawn("2026-12-01", "-20"))
    whole = summaries.burn(commit, as_of=AS_OF, breakdowns=pl.concat(days))
    part = summaries.burn(commit, as_of=AS_OF, breakdowns=days[1])
    assert whole["source"].to_list() == ["ledger", "breakdown", "breakdown"]
    assert part["source"].to_list() == ["ledger", "ledger"]


def test_the_pace_is_that_of_the_forecast(books: Books) -> None:
    """When a balance runs out is what `ma.forecast` says, for every balance of the demo."""
    burned = summaries.burn(books.balances, as_of=books.as_of, invoices=books.invoices, breakdowns=books.breakdowns)
    frame = summaries.running_out(books.balances, burned, empty(Customers), as_of=books.as_of)
    said = ma.forecast(burned, as_of=books.as_of, window="28d")
    both = frame.join(said, on=["customer_id", "balance_id"], how="left", suffix="_forecast")
    assert both.height > 20
    assert_series_equal(both["empty_at"], both["runs_out_at"], check_names=False)
    assert_series_equal(both["burn_per_day"], both["burn_per_day_forecast"], check_names=False)


def test_custom_units_stay_units() -> None:
    """The list names each row's credit type and adds nothing up."""
    frame = running_out(held("c", "80"), held("t", "80", unit=("tok", "AI Credits")))
    assert frame.select("credit_type_name", "remaining").rows() == [
        ("USD (cents)", Decimal(80)),
        ("AI Credits", Decimal(80)),
    ]


def test_empty_tables_give_empty_summaries_of_the_same_columns() -> None:
    """An account with nothing in it has every column with its dtype."""
    invoices, customers = empty(Invoices), empty(Customers)
    full = summaries.invoiced_by_month(table(Invoices, invoice("1", "1")))
    assert_frame_equal(summaries.invoiced_by_month(invoices), full.clear())
    assert summaries.left_out(invoices).height == 0
    assert summaries.drafts(invoices, as_of=AS_OF).height == 0
    assert summaries.largest_customers(invoices, customers, as_of=AS_OF).height == 0
    one = held("c", "80")
    assert_frame_equal(running_out(one.clear()), running_out(one).clear())
