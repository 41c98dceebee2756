"""Revenue and flux against the oracle that states them, and the laws they keep."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.tables import InvoiceBreakdowns
from tests.analysis import revenue_oracle as oracle
from tests.analysis.support import EUR, USD, amounts, applied, invoice, line, on, window

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

MONTHS = ("2026-08", "2026-09", "2026-10")
CREDITS = ("c0000000-0000-4000-8000-000000000000", "AI Credits")
UNITS = {"USD": USD, "EUR": EUR}
BYS: tuple[Any, ...] = ((), ("customer_id",), ("product_id",), ("customer_id", "product_id", "status"))
CENTS = st.integers(0, 10**13).map(lambda amount: Decimal(amount) / 10**10)


@st.composite
def lines(draw: st.DrawFn) -> oracle.Line:
    """Any line: usage with a price, what covered it, in a custom unit or not, and every other type."""
    kind = draw(
        st.sampled_from(["usage", "subscription", "scheduled", "commit_purchase", "cpu_conversion", "new", "on"])
    )
    product = draw(st.sampled_from(["p1", "p2", None]))
    unit = draw(st.sampled_from([None, None, "AI"])) if kind in {"usage", "on"} else None
    if kind == "on":
        balance = draw(st.sampled_from(["PREPAID", "CREDIT", "POSTPAID"]))
        return oracle.Line("applied_commit_or_credit", -draw(CENTS), product, applied=balance, balance="b1", unit=unit)
    if kind in {"usage", "cpu_conversion"}:
        quantity, price = draw(st.integers(0, 50)), draw(st.sampled_from([Decimal("0.7"), Decimal(3)]))
        return oracle.Line(kind, quantity * price, product, unit=unit, quantity=quantity, price=price)
    return oracle.Line(kind, draw(CENTS), product, true_up=kind == "scheduled" and draw(st.booleans()))


@st.composite
def bills(draw: st.DrawFn) -> list[oracle.Bill]:
    """A few invoices of two customers in three months, in every status and type."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        day = on(f"{draw(st.sampled_from(MONTHS))}-{draw(st.sampled_from(['01', '15', '28']))}")
        found.append(
            oracle.Bill(
                f"i{number}",
                draw(st.sampled_from(["c1", "c2"])),
                draw(st.sampled_from([day, None])),
                day,
                draw(st.sampled_from(["FINALIZED", "FINALIZED", "DRAFT", "VOID", "ELSE"])),
                draw(st.sampled_from(["USAGE", "SCHEDULED", "USAGE_CONSOLIDATED"])),
                draw(st.sampled_from(["USD", "EUR"])),
                tuple(draw(st.lists(lines(), max_size=5))),
            )
        )
    return found


def frame(found: list[oracle.Bill]) -> pl.DataFrame:
    """The oracle's invoices as `account.invoices()` returns them."""
    made = [
        invoice(
            [_line(each, bill) for each in bill.lines],
            str(bill.total),
            id=bill.id,
            customer_id=bill.customer,
            status=bill.status,
            type=bill.type,
            unit=UNITS[bill.unit],
            start_timestamp=bill.start,
            issued_at=bill.issued,
        )
        for bill in found
    ]
    return pl.concat([invoice([], "0").clear(), *made])


def _line(given: oracle.Line, bill: oracle.Bill) -> dict[str, Any]:
    covers = {"id": given.balance, "type": given.applied, "access_type": None} if given.applied else None
    return line(
        str(given.total),
        type=given.type,
        unit=CREDITS if given.unit else UNITS[bill.unit],
        product_id=given.product,
        quantity=None if given.quantity is None else float(given.quantity),
        unit_price=given.price,
        commit_id=given.balance,
        applied_commit_or_credit=covers,
        postpaid_commit={"id": "b2"} if given.true_up else None,
    )


def told(result: pl.DataFrame, keys: tuple[str, ...], columns: tuple[str, ...]) -> dict[Any, list[Decimal]]:
    """Rows as the oracle tells them: keys and currency to amounts."""
    short = {unit[0]: name for name, unit in UNITS.items()}
    return {
        (*(row[key] for key in keys), short[row["credit_type_id"]]): [row[column] for column in columns]
        for row in result.to_dicts()
    }


@settings(max_examples=60)
@given(bills(), st.sampled_from(BYS))
def test_revenue_is_what_the_oracle_says(found: list[oracle.Bill], by: tuple[str, ...]) -> None:
    """Every part of every key, and the net is the total of the invoices to the last digit."""
    result = ma.revenue(frame(found), months=MONTHS, by=by)
    expected = {key: [*row.values()] for key, row in oracle.revenue(found, by).items()}
    assert told(result, ("month", *by), (*oracle.PARTS, "net")) == expected
    assert result["net"].sum() == sum(bill.total for bill in found if bill.counts)
    assert result["draft"].sum() == sum(bill.total for bill in found if bill.counts and bill.status == "DRAFT")


@settings(max_examples=60)
@given(bills(), st.sampled_from(BYS))
def test_flux_is_what_the_oracle_says(found: list[oracle.Bill], by: tuple[str, ...]) -> None:
    """Before, after and the parts of every key; the parts sum to the change."""
    result = ma.flux(frame(found), months=("2026-09", "2026-10"), by=by)
    used = result.with_columns((pl.col("volume") + pl.col("price")).alias("used"))
    columns = ("before", "after", "change", "used", "new", "gone", "coverage", "fixed", "one_off")
    assert told(used, by, columns) == oracle.flux(found, ("2026-09", "2026-10"), by)
    for row in result.to_dicts():
        assert sum(row[name] for name in oracle.CHANGES) == row["change"] == row["after"] - row["before"]


@settings(max_examples=25)
@given(bills(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(found: list[oracle.Bill], random: Any) -> None:
    """Invoices in any order give the same rows in the same order, and a LazyFrame gives a LazyFrame of them."""
    mixed = list(found)
    random.shuffle(mixed)
    lazy = ma.revenue(frame(mixed).lazy(), months=MONTHS)
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), ma.revenue(frame(found), months=MONTHS))
    assert_frame_equal(
        ma.flux(frame(mixed), months=MONTHS[:2], by="product"), ma.flux(frame(found), months=MONTHS[:2], by="product")
    )


def bill(month: str, *items: dict[str, Any], total: str = "0", **columns: Any) -> pl.DataFrame:
    """An invoice of a month."""
    begins = on(f"{month}-01")
    return invoice(
        list(items), total, **{"id": f"i-{month}", "start_timestamp": begins, "issued_at": begins, **columns}
    )


def usage(quantity: float, price: str, **fields: Any) -> dict[str, Any]:
    """A usage line of a product, a product in a tier or a pricing group."""
    total = str(Decimal(str(quantity)) * Decimal(price))
    return line(total, **{"product_id": "p1", "quantity": quantity, "unit_price": Decimal(price), **fields})


EAST, WEST = ({"pricing_group_values": [{"key": "region", "value": place}]} for place in ("east", "west"))
ALONE: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "more of it": ([usage(3, "0.1")], [usage(7, "0.1")], "volume"),
    "a price that went up": ([usage(3, "0.1")], [usage(3, "0.3")], "price"),
    "a price that changed within the month": ([usage(3, "8")], [usage(1, "8"), usage(2, "9")], "price"),
    "a tier that was reached": (
        [usage(10, "2", tier={"level": 1})],
        [usage(10, "2", tier={"level": 1}), usage(5, "1", tier={"level": 2})],
        "volume",
    ),
    "a group at another price": (
        [usage(5, "2", **EAST), usage(5, "3", **WEST)],
        [usage(5, "2", **EAST), usage(9, "3", **WEST)],
        "volume",
    ),
    "a price that became another group's": (
        [usage(5, "2", **EAST), usage(5, "3", **WEST)],
        [usage(5, "3", **EAST), usage(5, "3", **WEST)],
        "price",
    ),
    "a split by coverage": (
        [usage(8, "2"), applied("-16")],
        [usage(5, "2"), usage(3, "2"), applied("-10")],
        "coverage",
    ),
    "a seat": ([line("10", type="subscription")], [line("20", type="subscription")], "fixed"),
    "a charge": ([usage(1, "1")], [usage(1, "1"), line("20", type="scheduled")], "fixed"),
    "a purchase": ([usage(1, "1")], [usage(1, "1"), line("500", type="commit_purchase", product_id="p1")], "one_off"),
    "usage without a quantity": ([line("5")], [line("8")], "volume"),
    "who came": ([], [usage(1, "1"), line("500", type="commit_purchase", product_id="p1")], "new"),
    "who went": ([usage(1, "1"), line("5", type="scheduled")], [], "gone"),
}


@pytest.mark.parametrize("what", ALONE)
@pytest.mark.parametrize("by", [(), "customer_id"])
def test_what_alone_changed_is_all_of_the_change(what: str, by: Any) -> None:
    """One thing changed between two months, and its part is the change to the last digit."""
    before, after, name = ALONE[what]
    both = pl.concat([bill("2026-09", *before), bill("2026-10", *after)])
    (row,) = ma.flux(both, months=("2026-09", "2026-10"), by=by).to_dicts()
    assert row["change"] != 0
    assert {each: row[each] for each in oracle.CHANGES} == dict.fromkeys(oracle.CHANGES, Decimal(0)) | {
        name: row["change"]
    }


def test_both_moved() -> None:
    """Volume is at the first month's price and price the rest; a purchase of who is new is told beside it."""
    both = pl.concat(
        [
            bill("2026-09", usage(10, "2")),
            bill("2026-10", usage(15, "3")),
            bill("2026-10", line("9", type="commit_purchase"), id="n", customer_id="c2"),
        ]
    )
    result = ma.flux(both, months=("2026-09", "2026-10"))
    assert amounts(result["volume"]) == ["10", "0"]
    assert amounts(result["price"]) == ["15", "0"]
    assert amounts(result["new"]) == amounts(result["purchases"]) == ["0", "9"]
    back = ma.flux(both, months=("2026-10", "2026-09"))
    assert amounts(back["change"]) == ["-25", "-9"]


def test_the_vendors_example() -> None:
    """80 at 100 cents under 5,000 cents of a prepaid commit (fact sheet 4.5)."""
    covers = {"commit_id": "C", "commit_segment_id": "S", "commit_type": "PrepaidCommit"}
    sample = bill("2026-10", usage(50, "100", **covers), line("-5000", product_id="p1", **covers), usage(30, "100"))
    (row,) = ma.revenue(sample, months="2026-10", by="product_id").to_dicts()
    assert [row[name] for name in ("gross", "covered_prepaid", "net", "earned")] == [8000, -5000, 3000, 8000]


@given(
    st.lists(st.tuples(st.sampled_from(["2026-09-20", "2026-10-01", "2026-11-02"]), CENTS), max_size=6),
    st.sampled_from(BYS),
)
def test_breakdowns_only_spread(days: list[tuple[str, Decimal]], by: tuple[str, ...]) -> None:
    """Windows move amounts between months; over the months every key keeps what the invoice says."""
    sample = invoice([usage(4, "7"), applied("-3")], "25", start_timestamp=on("2026-09-15"), issued_at=on("2026-12-01"))
    windows = [window(day, [line(str(amount), product_id="p1")]) for day, amount in days]
    spread = pl.concat([InvoiceBreakdowns.create_empty(), *windows, window("2026-10-01", [line("1")], id="unknown")])
    months = ["2026-09", "2026-10", "2026-11"]
    whole = ma.revenue(sample, months=months, by=by)
    result = ma.revenue(sample, months=months, by=by, breakdowns=spread)
    for name in ("gross", "covered_prepaid", "net"):
        assert result[name].sum() == whole[name].sum()
    october = sum((amount for day, amount in days if day == "2026-10-01"), Decimal(0))
    assert result.filter(pl.col("month") == "2026-10")["gross"].sum() == october


def test_as_of_leaves_out_what_came_later() -> None:
    """What is dated after as_of does not count; a draft of as_of's own month does, and not of a later one."""
    books = pl.concat(
        [
            bill("2026-09", line("1")),
            invoice([line("2")], "2", id="late", issued_at=on("2026-10-20")),
            invoice([line("4")], "4", id="draft", status="DRAFT", issued_at=on("2026-10-31")),
            invoice([line("8")], "8", id="later", status="DRAFT", issued_at=on("2026-11-01")),
        ]
    )
    months = ("2026-09", "2026-10", "2026-11")
    known = ma.revenue(books, months=months, by=(), as_of=datetime(2026, 10, 19, tzinfo=UTC))
    assert known.select("month", pl.col("net").cast(pl.Float64)).rows() == [("2026-09", 1.0), ("2026-10", 4.0)]
    assert ma.revenue(books, months=months, by=(), as_of="2026-10-20")["net"].sum() == Decimal(7)
    assert ma.revenue(books, months=months, by=())["net"].sum() == Decimal(15)
    assert ma.revenue(books, months=months, by=(), drafts=False)["net"].sum() == Decimal(3)


def test_beside_the_definitions() -> None:
    """Draft true-ups, custom units and product names are told beside what is defined."""
    books = bill(
        "2026-10",
        usage(2, "3", name="Tokens"),
        {**applied("-1"), "product_id": "p1", "name": "Commit applied"},
        line("40", type="scheduled", postpaid_commit={"id": "b9"}, product_id="p2", name="True-up"),
        line("7", unit=CREDITS, product_id="p1", name="Tokens"),
        status="DRAFT",
    )
    result = ma.revenue(books, months="2026-10")
    assert result.select("product_id", "product_name").rows() == [("p1", "Tokens"), ("p2", "True-up")]
    assert amounts(result["draft_true_up"]) == ["0", "40"]
    units = ma.revenue(books, months="2026-10", by="type", pricing_units=True)
    assert units.select("balance_type", "credit_type_name").rows() == [
        ("POSTPAID", "USD (cents)"),
        ("PREPAID", "USD (cents)"),
        (None, "AI Credits"),
        (None, "USD (cents)"),
    ]


def test_the_demo_ties_out(books: Books) -> None:
    """By any keys, spread or not, the demo's revenue is its invoices."""
    live = books.invoices.filter(pl.col("status") != "VOID")
    months = live.select(pl.coalesce("start_timestamp", "issued_at").dt.strftime("%Y-%m")).to_series().unique()
    expected = live.group_by("credit_type_name").agg(pl.col("total").sum().alias("net"))
    for by in ("product", ("customer_id", "type"), "contract_id"):
        result = ma.revenue(books.invoices, months=months, by=by, breakdowns=books.breakdowns)
        sums = result.group_by("credit_type_name").agg(pl.col("net").sum())
        assert_frame_equal(sums, expected, check_row_order=False)


def test_what_cannot_be_used_is_refused() -> None:
    """Months and keys are named in the message, and a frame that is no invoices too."""
    books = bill("2026-10")
    assert ma.revenue(books, months="2026-10").is_empty()
    with pytest.raises(ma.ArgumentError, match="'2026-13', which is no month"):
        ma.revenue(books, months=["2026-13"])
    with pytest.raises(ma.ArgumentError, match="names no month"):
        ma.revenue(books, months=[])
    with pytest.raises(ma.ArgumentError, match="by must be of 'product'"):
        ma.revenue(books, months="2026-10", by="colour")
    with pytest.raises(ma.ArgumentError, match="two different months"):
        ma.flux(books, months=("2026-10", "2026-10"))
    with pytest.raises(ma.ArgumentError, match="no column"):
        ma.flux(pl.DataFrame({"id": []}), months=("2026-09", "2026-10"))


def test_what_has_no_product_is_revenue_too() -> None:
    """A line without a product has a row of its own, without a name, whatever other lines are called."""
    told = ma.revenue(bill("2026-10", usage(2, "3", name="Tokens"), line("5")), months="2026-10")
    named = told.select("product_id", "product_name", pl.col("net").cast(pl.Float64)).rows()
    assert named == [("p1", "Tokens", 6.0), (None, None, 5.0)]
