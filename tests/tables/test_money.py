from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from metronome_analytics.tables.money import amount_text, currency, major


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


def test_null_stays_null() -> None:
    """An unknown amount has no text and no value."""
    frame = pl.DataFrame({"amount": [None], "unit": ["EUR"]}, schema={"amount": pl.Decimal(38, 10), "unit": pl.String})
    row = frame.select(
        amount_text(pl.col("amount"), pl.col("unit")),
        value=major(pl.col("amount"), pl.col("unit")),
        c=currency(pl.col("unit")),
    )
    assert row.row(0) == (None, None, "EUR")
