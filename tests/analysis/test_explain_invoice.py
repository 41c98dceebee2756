"""One invoice, step by step."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from tests.analysis.support import USD, amounts, applied, invoice, line
from tests.analysis.test_revenue import CREDITS, bills, frame

if TYPE_CHECKING:
    from tests.analysis import revenue_oracle as oracle
    from tests.analysis.conftest import Books


def steps(*lines: dict[str, Any], total: str) -> list[tuple[Any, ...]]:
    """Step, name, amount and running sum of an invoice of these lines."""
    told = ma.explain_invoice(invoice(list(lines), total), "i1")
    return list(zip(told["step"], told["name"], amounts(told["amount"]), amounts(told["running"]), strict=True))


def usage(name: str, total: str, quantity: float, price: str, **fields: Any) -> dict[str, Any]:
    """A usage line with its price."""
    return line(total, name=name, product_id=name, quantity=quantity, unit_price=Decimal(price), **fields)


@settings(max_examples=40)
@given(bills())
def test_the_last_running_is_the_total(found: list[oracle.Bill]) -> None:
    """Whatever an invoice holds, its steps come to its total, and running is the sum so far of each unit."""
    books = frame(found)
    for bill in found:
        told = ma.explain_invoice(books, bill.id)
        assert told["running"][-1] == bill.total
        assert told["credit_type_name"][-1] == books.filter(pl.col("id") == bill.id)["credit_type_name"].item()
        sums = told.select(pl.col("amount").cum_sum().over("credit_type_id")).to_series()
        assert told["running"].to_list() == sums.to_list()
        assert sorted(index for each in told["lines"] for index in each) == list(range(len(bill.lines)))


def test_the_vendors_example() -> None:
    """80 at 100 cents under 5,000 cents of a prepaid commit (fact sheet 4.5)."""
    covers = {"commit_id": "C", "commit_segment_id": "S", "commit_type": "PrepaidCommit"}
    found = steps(
        usage("Tokens Consumed", "5000", 50, "100", **covers),
        line("-5000", name="Prepaid Tokens applied", product_id="Tokens Consumed", **covers),
        usage("Tokens Consumed", "3000", 30, "100"),
        total="3000",
    )
    assert found == [
        ("usage at list", "Tokens Consumed", "8000", "8000"),
        ("prepaid commit", "Prepaid Tokens applied", "-5000", "3000"),
    ]


def test_list_prices_tiers_and_discounts() -> None:
    """A list price shows a discount; without one the lowest tier is the list, and higher tiers are a step."""
    found = steps(
        usage("Calls", "20", 10, "2", tier={"level": 1}),
        usage("Calls", "5", 5, "1", tier={"level": 2}),
        usage("Storage", "9", 3, "3", list_price={"price": Decimal(4)}),
        line("-1", name="Loyalty", type="discounted", discount_id="d1"),
        total="33",
    )
    assert found == [
        ("usage at list", "Calls", "30", "30"),
        ("usage at list", "Storage", "12", "42"),
        ("discount", "Storage", "-3", "39"),
        ("discount", "Loyalty", "-1", "38"),
        ("tiers", "Calls", "-5", "33"),
    ]


def test_every_kind_of_step() -> None:
    """Fixed charges come before what covered them; what a postpaid commit covered is a memo; the rest is said."""
    books = invoice(
        [
            usage("Tokens", "50", 50, "1", unit=CREDITS),
            line("50", type="cpu_conversion", name="Credits to USD"),
            line("5", type="subscription", name="Seats"),
            line("6", type="scheduled", name="Onboarding"),
            line("7", type="scheduled", name="True-up", postpaid_commit={"id": "b7"}),
            line("8", type="commit_purchase", name="Commit", commit_id="b8"),
            line("9", type="novelty", name="Novelty"),
            {**applied("-10", kind="CREDIT"), "name": "Credit applied"},
            {**applied("-20", commit="b2", kind="POSTPAID"), "name": "Postpaid applied"},
        ],
        "78",
        invoice_adjustments=[{"name": "Goodwill", "total": Decimal(-1), "credit_type": {"id": USD[0], "name": USD[1]}}],
    )
    told = ma.explain_invoice(books.lazy(), "i1")
    assert isinstance(told, pl.LazyFrame)
    rows = told.collect()
    assert_frame_equal(rows, ma.explain_invoice(books, "i1"))
    assert list(zip(rows["step"], amounts(rows["amount"]), strict=True)) == [
        ("usage at list", "50"),
        ("subscription", "5"),
        ("scheduled charge", "6"),
        ("true-up", "7"),
        ("purchase", "8"),
        ("conversion", "50"),
        ("novelty", "9"),
        ("adjustment", "-1"),
        ("credit", "-10"),
        ("postpaid commit", "0"),
        ("not said by its lines", "4"),
    ]
    assert rows["running"][-1] == Decimal(78)
    assert rows.filter(pl.col("memo").is_not_null()).select("balance_id", "balance_type", "memo").rows() == [
        ("b2", "POSTPAID", Decimal(-20))
    ]
    assert rows.filter(pl.col("step") == "true-up")["balance_id"].item() == "b7"
    assert steps(total="0") == [("nothing to pay", None, "0", "0")]


def test_the_demo_explains_itself(books: Books) -> None:
    """No total of the demo has what its lines do not say."""
    for invoice_id, total in books.invoices.select("id", "total").gather_every(9).rows():
        told = ma.explain_invoice(books.invoices, invoice_id)
        assert told["running"][-1] == total
        assert "not said by its lines" not in told["step"]


def test_an_invoice_must_be_there_once(books: Books) -> None:
    """The message names the id, and what was found."""
    with pytest.raises(ma.ArgumentError, match="has no invoice 'nowhere'"):
        ma.explain_invoice(books.invoices, "nowhere")
    with pytest.raises(ma.ArgumentError, match=r"has [0-9]+ rows of invoice"):
        ma.explain_invoice(books.breakdowns, books.breakdowns["id"].mode().sort()[0])
