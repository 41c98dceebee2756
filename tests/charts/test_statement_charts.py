"""Charts of statements: what they add up, and what they say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import charts
from tests.analysis.support import EUR, applied, invoice, line, on
from tests.charts.conftest import rows, texts
from tests.charts.test_other_charts import data

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

BEFORE = invoice([line("100000", product_id="p1")], "100000", start_timestamp=on("2026-09-01"))
AFTER = invoice(
    [
        line("120000", product_id="p1"),
        {**applied("-500"), "name": "Commit"},
        line("900000", type="commit_purchase", product_id="p1"),
        {**applied("-700", commit="b2", kind="POSTPAID"), "name": "Postpaid"},
    ],
    "1019500",
    id="i2",
    start_timestamp=on("2026-10-01"),
)
BOOKS = pl.concat([BEFORE, AFTER])
TWO = ("2026-09", "2026-10")


def test_a_bridge_hangs_its_parts_between_two_months() -> None:
    """Each part begins where the one before it ended, and figures have two decimals."""
    bars = data(charts.flux(ma.flux(BOOKS, months=TWO)))
    assert [(bar["label"], bar["from"], bar["to"], bar["text"]) for bar in bars] == [
        ("2026-09", 0.0, 1000.0, "1,000.00"),
        ("volume", 1000.0, 1200.0, "+200.00"),
        ("coverage", 1200.0, 1195.0, "-5.00"),
        ("one-off", 1195.0, 10195.0, "+9,000.00"),
        ("2026-10", 0.0, 10195.0, "10,195.00"),
    ]
    chart = charts.flux(ma.flux(BOOKS, months=TWO))
    assert "Net billed, 2026-09 to 2026-10, in USD" in texts(chart)


def test_a_waterfall_ends_at_the_total() -> None:
    """Steps lead to the total, and what a postpaid commit covered is words, not a bar."""
    chart = charts.explain_invoice(ma.explain_invoice(BOOKS, "i2"))
    bars = data(chart)
    assert [(bar["label"], bar["to"]) for bar in bars] == [
        ("usage at list: line", 1200.0),
        ("purchase: line", 10200.0),
        ("prepaid commit: Commit", 10195.0),
        ("total", 10195.0),
    ]
    assert "USD 7.00 of it is under a postpaid commit: payable, so not taken off." in texts(chart)
    assert "Invoice i2, in USD" in texts(chart)


def test_a_long_invoice_is_drawn_by_kind() -> None:
    """More steps than fit are added up, and bars of one name are told apart."""
    many = [line("1", name=f"Product {number}", product_id=f"p{number}") for number in range(30)]
    assert rows(charts.explain_invoice(ma.explain_invoice(invoice(many, "30"), "i1"))) == 2
    twins = invoice([line("1", product_id="p1"), line("2", product_id="p2")], "3")
    names = [bar["label"] for bar in data(charts.explain_invoice(ma.explain_invoice(twins, "i1")))]
    assert names == ["usage at list: line", "usage at list: line (2)", "total"]


def test_revenue_keeps_purchases_apart() -> None:
    """A prepayment has an axis of its own; the mark of a month is what is billed without it."""
    chart = charts.revenue(ma.revenue(BOOKS, months=TWO))
    told = {(row["month"], row.get("part"), row["text"]) for row in data(chart)}
    assert told == {
        ("2026-09", "usage", "USD 1,000.00"),
        ("2026-10", "usage", "USD 1,200.00"),
        ("2026-10", "covered by prepaid commits", "USD -5.00"),
        ("2026-09", None, "USD 1,000.00"),
        ("2026-10", None, "USD 1,195.00"),
        ("2026-10", None, "USD 9,000.00"),
    }
    assert "Purchases of commits, in USD" in texts(chart)
    assert "Purchases" not in texts(charts.revenue(ma.revenue(BEFORE, months=TWO)))


def test_currencies_have_panels_of_their_own() -> None:
    """Nothing is added across currencies, and each panel names its own."""
    euros = invoice([line("5", unit=EUR)], "5", id="e", unit=EUR, start_timestamp=on("2026-10-01"))
    both = pl.concat([BOOKS, euros])
    for chart in (charts.revenue(ma.revenue(both, months=TWO)), charts.flux(ma.flux(both, months=TWO))):
        assert len(chart.to_dict()["vconcat"]) == 2
        assert "in EUR" in texts(chart)


def test_nothing_and_another_frame(books: Books) -> None:
    """Empty statements say so; another frame is refused by name; the demo draws within altair's limit."""
    empty = BOOKS.clear()
    assert "no data" in texts(charts.revenue(ma.revenue(empty, months=TWO)))
    assert "no data" in texts(charts.flux(ma.flux(empty, months=TWO)))
    assert rows(charts.revenue(ma.revenue(books.invoices, months=TWO))) < 100
    with pytest.raises(ma.ArgumentError, match=r"ma\.flux"):
        charts.flux(BOOKS)
    assert Decimal(0) == ma.flux(BOOKS, months=TWO)["new"].sum()
