from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.tables.money import (
    MAJOR,
    MONEY,
    amount_text,
    currency,
    currency_of,
    currency_told_apart,
    digits,
    digits_of,
    display,
    in_cents_of,
    major,
    major_of,
    major_units,
    minor,
)
from metronome_analytics.tables.registry import TABLES
from tests.analysis.support import EUR, invoice, line, net


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        ("123450.5", "USD (cents)", "USD 1,234.505"),
        ("0.8", "USD (cents)", "USD 0.008"),
        ("0.0000000001", "USD (cents)", "USD 0.000000000001"),
        ("-1000", "USD (cents)", "USD -10.00"),
        ("1234567", "EUR", "EUR 1,234,567.00"),
        ("-0.5", "AI Credits", "AI Credits -0.50"),
        ("999", "EUR", "EUR 999.00"),
        ("0", "EUR", "EUR 0.00"),
        ("5", None, "units 5.00"),
    ],
)
def test_exact_text(amount: str, unit: str | None, text: str) -> None:
    """Only credit types in cents are divided, and no digit is lost."""
    frame = pl.DataFrame(
        {"amount": [Decimal(amount)], "unit": [unit]}, schema={"amount": pl.Decimal(38, 10), "unit": pl.String}
    )
    assert frame.select(amount_text(pl.col("amount"), pl.col("unit"))).item() == text


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        ("-1000", "USD (cents)", "-1,000 USD (cents) = -$10.00"),
        ("1", "USD (cents)", "1 USD (cents) = $0.01"),
        ("-50", "USD (cents)", "-50 USD (cents) = -$0.50"),
        ("0", "USD (cents)", "0 USD (cents) = $0.00"),
        ("1234567.5", "XTS (cents)", "1,234,567.5 XTS (cents) = 12,345.675 XTS"),
        *(
            ("100", f"{code} (cents)", f"100 {code} (cents) = {sign}1.00")
            for code, sign in (("EUR", "€"), ("GBP", "£"), ("INR", "₹"), ("NGN", "₦"), ("BRL", "R$"))
        ),
        ("-10", "EUR", "-10 EUR"),
        ("5", None, "5 units"),
    ],
)
def test_an_amount_is_shown_as_the_api_takes_it_and_in_major_units(amount: str, unit: str | None, text: str) -> None:
    """Cents twice, with the currency's sign where it has one; what is in major units already once."""
    assert display(Decimal(amount), unit) == text


def test_null_stays_null() -> None:
    """An unknown amount has no text and no value."""
    frame = pl.DataFrame({"amount": [None], "unit": ["EUR"]}, schema={"amount": pl.Decimal(38, 10), "unit": pl.String})
    row = frame.select(
        amount_text(pl.col("amount"), pl.col("unit")),
        value=major(pl.col("amount"), pl.col("unit")),
        c=currency(pl.col("unit")),
    )
    assert row.row(0) == (None, None, "EUR")


NAMES = st.none() | st.sampled_from(
    ["USD (cents)", "USD(cents)", "EUR", "AI Credits", "", " ", "(cents)", "A (cents) B"]
)
AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=10)


def money(rows: list[tuple[Decimal | None, str | None]], **columns: list[str | None]) -> pl.DataFrame:
    """A frame of amounts and the names of their credit types."""
    amounts, names = [row[0] for row in rows], [row[1] for row in rows]
    return pl.DataFrame(
        {"amount": amounts, "credit_type_name": names, **columns},
        schema_overrides={"amount": MONEY, "credit_type_name": pl.String},
    )


@given(st.lists(st.tuples(st.none() | AMOUNTS, NAMES)))
def test_major_units_is_the_scalar_rule_on_every_row(rows: list[tuple[Decimal | None, str | None]]) -> None:
    """Exact, of the same kind, nothing lost, and twice is once; columns and values agree."""
    frame = money(rows)
    made = major_units(frame)
    assert made.columns == [*frame.columns, "currency"]
    assert made.schema["amount"] == MAJOR
    assert made["amount"].to_list() == [None if amount is None else major_of(amount, name) for amount, name in rows]
    for (amount, name), back in zip(rows, made["amount"], strict=True):
        assert amount is None or back * (100 if in_cents_of(name) else 1) == amount
    labels = made.select(pl.when(pl.col("currency") == "").then(None).otherwise("currency").fill_null("units"))
    assert labels.to_series().to_list() == [currency_of(name) for _, name in rows]
    assert frame.select(currency(pl.col("credit_type_name"))).to_series().to_list() == labels.to_series().to_list()
    assert_frame_equal(major_units(made), made)
    lazy = major_units(frame.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), made)


@given(AMOUNTS)
def test_text_of_an_amount_is_the_amount(amount: Decimal) -> None:
    """Columns and values are written alike, and reading the text gives the amount."""
    column = money([(amount, "EUR")]).select(digits(pl.col("amount"))).item()
    assert Decimal(column) == Decimal(digits_of(amount)) == amount
    assert digits_of(amount, separator=",").replace(",", "") == digits_of(amount)
    assert not digits_of(amount).endswith(("0", ".")) or "." not in digits_of(amount)


@given(AMOUNTS)
def test_no_digit_is_rounded_away(amount: Decimal) -> None:
    """Python's own context keeps 28 digits; an amount may have more."""
    long = amount.scaleb(0) + Decimal(0)
    assert f"{major_of(long, 'USD (cents)'):f}".replace(".", "").lstrip("-0").rstrip("0") == (
        f"{long:f}".replace(".", "").lstrip("-0").rstrip("0")
    )
    wide = Decimal("1234567890123456789012345678.0123456789")
    assert f"{major_of(wide, 'USD (cents)'):f}" == "12345678901234567890123456.780123456789"


@given(AMOUNTS, st.sampled_from(["USD (cents)", "EUR"]))
def test_minor_undoes_major(amount: Decimal, unit: str) -> None:
    """An amount in major units and back is the amount."""
    back = minor(major(pl.col("amount"), pl.col("credit_type_name")), pl.col("credit_type_name"))
    assert money([(amount, unit)]).select(back).item() == amount


def test_every_money_column_is_converted_and_nothing_else() -> None:
    """Totals and prices, but no quantities; what is nested keeps the API's unit for the flatteners."""
    bills = invoice([line("1234.5", quantity=2.0, unit_price=Decimal("617.25"))], "1234.5")
    made = ma.major_units(bills)
    assert made.select("total", "currency").row(0) == (Decimal("12.345"), "USD")
    assert made["line_items"].dtype == bills["line_items"].dtype
    lines = ma.line_items(made)
    assert_frame_equal(lines, ma.line_items(bills))
    assert ma.major_units(lines).select("quantity", "unit_price", "total", "currency").row(0) == (
        2.0,
        Decimal("6.1725"),
        Decimal("12.345"),
        "USD",
    )


@pytest.mark.parametrize("name", sorted(TABLES))
def test_any_table_of_ours_can_be_converted(name: str) -> None:
    """Every table without a row, but those that cannot say their unit."""
    table: pl.DataFrame = TABLES[name].schema.create_empty()
    if {"total_contract_value"} & set(table.columns):
        with pytest.raises(ma.ArgumentError, match="total_contract_value"):
            ma.major_units(table)
        table = table.select(pl.exclude("total_contract_value"))
    made = ma.major_units(table)
    assert MONEY not in made.dtypes
    assert made.drop("currency", "paid_currency", strict=False).columns == table.columns


def test_a_net_balance_has_an_id_and_no_name() -> None:
    """US dollars are known by their id, every other unit is whole already and stays nameless."""
    frame = pl.concat([net("1234.5"), net("7", unit=EUR)])
    made = ma.major_units(frame)
    assert made.select("balance", "currency").rows() == [(Decimal("12.345"), "USD"), (Decimal(7), None)]


def test_what_was_paid_has_a_unit_of_its_own() -> None:
    """A grant in credits that was paid in dollars is converted column by column."""
    frame = money([(Decimal(500), "AI Credits")]).select(
        grant_amount="amount",
        credit_type_name="credit_type_name",
        paid_amount="amount",
        paid_credit_type_name=pl.lit("USD (cents)"),
    )
    row = ma.major_units(frame).row(0, named=True)
    assert (row["grant_amount"], row["currency"]) == (Decimal(500), "AI Credits")
    assert (row["paid_amount"], row["paid_currency"]) == (Decimal(5), "USD")


def test_a_threshold_in_days_is_no_money() -> None:
    """An alert's threshold is divided only where it is an amount."""
    kinds = ["low_remaining_days_for_commit_segment_reached", "low_remaining_commit_percentage_reached", "spend"]
    frame = money([(Decimal(50), "USD (cents)")] * 3, alert_type=[*kinds]).rename({"amount": "threshold"})
    assert ma.major_units(frame)["threshold"].to_list() == [Decimal(50), Decimal(50), Decimal("0.5")]


def test_amounts_without_a_unit_are_refused() -> None:
    """Nothing is assumed of an amount that has no credit type."""
    with pytest.raises(ma.ArgumentError, match="no credit type"):
        ma.major_units(money([(Decimal(1), "EUR")]).select("amount"))
    with pytest.raises(ma.ArgumentError, match="not str"):
        ma.major_units("frame")  # type: ignore[type-var]  # what is tested


def test_units_of_one_name_are_told_apart() -> None:
    """Two ids under one name carry the start of their ids, a lone one does not."""
    frame = money(
        [(Decimal(1), "T"), (Decimal(1), "T"), (Decimal(1), "EUR")], credit_type_id=["a" * 8 + "z", "b" * 9, "c"]
    )
    told = frame.select(currency_told_apart(pl.col("credit_type_name"), pl.col("credit_type_id"))).to_series()
    assert told.to_list() == ["T aaaaaaaa", "T bbbbbbbb", "EUR"]


def test_a_threshold_of_days_is_no_money() -> None:
    """Only an alert's threshold, by its kind; its other amounts, and thresholds of anything else, are money."""
    cents = {"credit_type_name": ["USD (cents)"] * 2}
    held = {"threshold": [Decimal(300)] * 2, "spent": [Decimal(500)] * 2}
    kinds = {"alert_type": ["low_remaining_days_for_commit_segment_reached", "spend_threshold_reached"]}
    types = {"threshold": MONEY, "spent": MONEY}
    made = ma.major_units(pl.DataFrame({**cents, **held, **kinds}, schema_overrides=types))
    assert made.select("threshold", "spent").rows() == [(Decimal(300), Decimal(5)), (Decimal(3), Decimal(5))]
    assert ma.major_units(pl.DataFrame({**cents, **held}, schema_overrides=types))["threshold"].to_list() == [3, 3]
