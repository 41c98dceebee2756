from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metronome_analytics.cli.amounts import aligned, exact, in_major_units
from metronome_analytics.cli.printing import plain


def shown(amount: str, name: str | None) -> str:
    """An amount as it is printed, with its unit."""
    frame = pl.DataFrame(
        {"total": [Decimal(amount)], "credit_type_id": ["id"], "credit_type_name": [name]},
        schema={"total": pl.Decimal(38, 10), "credit_type_id": pl.String, "credit_type_name": pl.String},
    )
    value, unit = in_major_units(frame).select("total", "unit").row(0)
    return f"{exact(value, unit)} {unit}"


@pytest.mark.parametrize(
    ("amount", "name", "text"),
    [
        ("4280205.9875", "USD (cents)", "42,802.059875 USD"),
        ("0.0000000001", "USD (cents)", "0.000000000001 USD"),
        ("100", "USD (cents)", "1.00 USD"),
        ("100", "EUR", "100.00 EUR"),
        ("0.5", "EUR", "0.50 EUR"),
        ("-123456.7", "EUR", "-123,456.70 EUR"),
        ("2899416.403", "AI Credits", "2,899,416.403 AI Credits (units)"),
        ("12", "AI Credits", "12 AI Credits (units)"),
        ("12", None, "12 units"),
    ],
)
def test_an_amount_is_shown_in_major_units_with_every_digit(amount: str, name: str | None, text: str) -> None:
    """Only cents are divided, no digit is lost, and a custom pricing unit is said to be one."""
    assert shown(amount, name) == text


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=10))
def test_what_is_shown_is_the_amount(amount: Decimal) -> None:
    """Reading the text back and multiplying by a hundred gives the cents."""
    text = shown(f"{amount:f}", "USD (cents)").removesuffix(" USD")
    assert Decimal(text.replace(",", "")) * 100 == amount


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=4), min_size=1))
def test_decimal_points_stand_below_one_another(amounts: list[Decimal]) -> None:
    """Every text has the same width and its point in the same column, and none is changed."""
    texts = [exact(amount, "EUR") for amount in amounts]
    lines = aligned(texts)
    assert len({len(line) for line in lines}) == 1
    assert len({line.index(".") for line in lines}) == 1
    assert [line.strip() for line in lines] == texts


def test_a_missing_amount_is_a_dash() -> None:
    """Null is not zero."""
    assert exact(None, "USD") == "-"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Two\nlines\tand \x1b[31mred", "Two lines and [31mred"),
        ("right \u202eto left", "right to left"),
        ("[bold]Brackets[/bold] & Söhne 🙂", "[bold]Brackets[/bold] & Söhne 🙂"),
        ("", "-"),
        (None, "-"),
    ],
)
def test_a_name_cannot_move_the_cursor(name: str | None, text: str) -> None:
    """Line breaks, escape sequences and direction marks are gone, letters and emoji stay."""
    assert plain(name) == text
