from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.cli import summaries
from metronome_analytics.tables import Balances, BreakdownLineItems, Customers, Invoices, LineItems, Segments
from tests.cli.support import AS_OF, EUR, TOKENS, USD, day, empty, money, table

if TYPE_CHECKING:
    import polars as pl


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
    invoices = table(
        Invoices,
        invoice("1", "10", status="DRAFT", end_timestamp=day(12, 1), issued_at=day(12, 2)),
        invoice("2", "20", status="DRAFT", end_timestamp=day(11, 18), issued_at=day(11, 19)),
        invoice("3", "500", status="DRAFT", type="SCHEDULED", issued_at=day(5, 2, 2027)),
        invoice("4", "30", status="DRAFT", type="SCHEDULED", issued_at=day(1, 1, 2027)),
        invoice("5", "40", status="DRAFT", type="USAGE_CONSOLIDATED"),
        invoice("6", "50"),
    )
    lines = table(
        LineItems,
        {"invoice_id": "3", "line_item_index": 0, "postpaid_commit_id": "p"},
        {"invoice_id": "4", "line_item_index": 0, "commit_id": "c"},
    )
    frame = summaries.drafts(invoices, lines, as_of=AS_OF)
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


def balance(id_: str, amount: str, **fields: Any) -> dict[str, Any]:
    """A prepaid commit in cents, but for the fields given."""
    return {"id": id_, "customer_id": "a", "type": "PREPAID", "name": id_, "balance": money(amount), **USD, **fields}


def segment(balance_id: str, amount: str, starting: Any, ending: Any, number: int = 0) -> dict[str, Any]:
    """One access schedule item."""
    return {
        "balance_id": balance_id,
        "customer_id": "a",
        "segment_id": f"{balance_id}{number}",
        "amount": money(amount),
        "starting_at": starting,
        "ending_before": ending,
    }


def drawn(balance_id: str, amount: str, at: Any, **fields: Any) -> dict[str, Any]:
    """What one day of an invoice drew on a balance."""
    line = {
        "invoice_id": f"{balance_id}{at:%j}",
        "line_item_index": 0,
        "invoice_type": "USAGE",
        "type": "applied_commit_or_credit",
        "total": money(amount),
        "commit_id": balance_id,
        "applied_commit_or_credit_id": balance_id,
        "breakdown_start_timestamp": at,
    }
    return {**line, **fields}


CUSTOMERS = table(Customers, {"id": "a", "name": "Ada"})


def running_out(
    balances: list[dict[str, Any]], segments: list[dict[str, Any]], lines: list[dict[str, Any]] | None = None
) -> pl.DataFrame:
    """The summary of tiny frames."""
    return summaries.running_out(
        table(Balances, *balances),
        table(Segments, *segments),
        CUSTOMERS,
        as_of=AS_OF,
        breakdown_lines=None if lines is None else table(BreakdownLineItems, *lines),
    )


def test_granted_is_what_the_open_segments_granted() -> None:
    """An expired and a future segment are in neither the grant nor the end date."""
    frame = running_out(
        [balance("c", "40")],
        [
            segment("c", "1000", day(1, 1), day(11, 18), 0),
            segment("c", "100", day(11, 18), day(12, 18), 1),
            segment("c", "5000", day(12, 18), day(12, 31), 2),
        ],
    )
    row = frame.row(0, named=True)
    assert (row["granted"], row["remaining"], row["used_up"]) == (Decimal(100), Decimal(40), pytest.approx(0.6))
    assert (row["ends_at"], row["days_left"]) == (day(12, 18), 29)


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"type": "POSTPAID"}, day(12, 31)),
        ({"balance": Decimal(0)}, day(12, 31)),
        ({"balance": None}, day(12, 31)),
        ({}, day(11, 18)),
    ],
)
def test_what_cannot_run_out_is_not_in_the_list(fields: dict[str, Any], ending: Any) -> None:
    """A postpaid commit becomes a true-up, an empty balance is out already, a closed one is gone."""
    assert running_out([balance("c", "40", **fields)], [segment("c", "100", day(1, 1), ending)]).height == 0


def test_the_next_to_end_comes_first_by_use_or_by_date() -> None:
    """A balance that will be empty in five days comes before one that ends in ten; both before one that lasts."""
    frame = running_out(
        [balance("lasts", "100"), balance("ends", "100"), balance("empties", "50"), balance("idle", "1")],
        [
            segment("lasts", "100", day(1, 1), day(6, 1, 2027)),
            segment("ends", "100", day(1, 1), day(11, 28)),
            segment("empties", "900", day(1, 1), day(6, 1, 2027)),
            segment("idle", "1", day(1, 1), None),
        ],
        [drawn("empties", "-10", day(11, number)) for number in range(1, 18)]
        + [drawn("empties", "-110", day(10, 25))]
        + [drawn("empties", "-999", day(10, 20)), drawn("empties", "-999", day(11, 18))],
    )
    assert frame["balance_id"].to_list() == ["empties", "ends", "lasts", "idle"]
    first = frame.row(0, named=True)
    assert first["burn_per_day"] == pytest.approx(10)
    assert first["empty_at"] == AS_OF + (day(11, 6) - day(11, 1))
    assert frame["expires_unused"].to_list() == [None, 1.0, 1.0, None]


def test_a_young_segment_is_judged_by_its_own_days() -> None:
    """Two days of 10 are 10 a day, not 20 spread over four weeks."""
    frame = running_out(
        [balance("c", "80")],
        [segment("c", "100", day(11, 16), day(12, 16))],
        [drawn("c", "-10", day(11, 16)), drawn("c", "-10", day(11, 17))],
    )
    assert frame["burn_per_day"].item() == pytest.approx(10)


def test_no_pace_without_a_whole_day() -> None:
    """A segment that began today has no pace, and neither has a list without breakdowns."""
    segments = [segment("c", "100", day(11, 18), day(12, 18))]
    for lines in ([drawn("c", "-10", day(11, 18))], None):
        frame = running_out([balance("c", "80")], segments, lines)
        assert frame.select("burn_per_day", "empty_at", "expires_unused").row(0) == (None, None, None)


def test_only_what_was_drawn_counts_as_pace() -> None:
    """The covered usage line, a consolidated twin and another balance's lines are no drawdown of this balance."""
    frame = running_out(
        [balance("c", "80")],
        [segment("c", "100", day(1, 1), day(12, 18))],
        [
            drawn("c", "-28", day(11, 1)),
            drawn("c", "28", day(11, 1), type="usage", line_item_index=1),
            drawn("c", "-28", day(11, 2), invoice_type="USAGE_CONSOLIDATED"),
            drawn("other", "-28", day(11, 2)),
        ],
    )
    assert frame["burn_per_day"].item() == pytest.approx(1)


def test_custom_units_stay_units() -> None:
    """The list names each row's credit type and adds nothing up."""
    frame = running_out(
        [balance("c", "80"), balance("t", "80", **TOKENS)],
        [segment(name, "100", day(1, 1), day(12, 18)) for name in ("c", "t")],
    )
    assert frame.select("credit_type_name", "remaining").rows() == [
        ("USD (cents)", Decimal(80)),
        ("AI Credits", Decimal(80)),
    ]


def test_empty_tables_give_empty_summaries_of_the_same_columns() -> None:
    """An account with nothing in it has every column with its dtype."""
    invoices, lines, customers = empty(Invoices), empty(LineItems), empty(Customers)
    full = summaries.invoiced_by_month(table(Invoices, invoice("1", "1")))
    assert_frame_equal(summaries.invoiced_by_month(invoices), full.clear())
    assert summaries.left_out(invoices).height == 0
    assert summaries.drafts(invoices, lines, as_of=AS_OF).height == 0
    assert summaries.largest_customers(invoices, customers, as_of=AS_OF).height == 0
    one = running_out([balance("c", "80")], [segment("c", "100", day(1, 1), day(12, 18))], [])
    assert_frame_equal(running_out([], [], []), one.clear())
