from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metronome_analytics.external.amounts import NO_NUMBER, TOO_FINE, TOO_LARGE, TwoWays, read

MARKS = {".": [",", "'", "\u2019", " ", "\u00a0", "\u202f", ""], ",": [".", "'", "\u2019", " ", "\u00a0", "\u202f", ""]}
NEGATIVE = ["-{}", "{}-", "({})", "\u2212{}", "- {}", "({} )"]
UNITS = ["{}", "USD {}", "{} EUR", "${}", "{} €", "US${}", "CHF {}", "{} kr", "{} zł", "usd {}"]


def grouped(digits: str, mark: str) -> str:
    """Digits in groups of three."""
    head = len(digits) % 3 or 3
    return mark.join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))])


def written(amount: Decimal, decimal: str, group: str, negative: str, unit: str) -> str:
    """An amount as one system writes it."""
    whole, _, part = f"{abs(amount):f}".partition(".")
    number = grouped(whole, group) + (f"{decimal}{part}" if part else "")
    text = unit.format(number)
    return negative.format(text) if amount < 0 else text


amounts = st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(-(10**14), 10**14), st.integers(0, 10)
)
formats = st.sampled_from(sorted(MARKS)).flatmap(
    lambda mark: st.tuples(
        st.just(mark), st.sampled_from(MARKS[mark]), st.sampled_from(NEGATIVE), st.sampled_from(UNITS)
    )
)


@given(st.lists(amounts, min_size=1, max_size=8), formats)
def test_what_is_written_is_read_back_or_refused(wanted: list[Decimal], how: tuple[str, str, str, str]) -> None:
    """Every amount in every format: equal to the last digit; what could be another amount as well is not read."""
    texts = [written(amount, *how) for amount in wanted]
    try:
        told = read(texts, None)
    except TwoWays:
        told = None
    assert told is None or [each.value for each in told] == wanted
    mark: Any = how[0]
    assert [each.value for each in read(texts, mark)] == wanted


@given(st.lists(amounts, min_size=1, max_size=8), formats)
def test_only_what_two_formats_allow_is_refused(wanted: list[Decimal], how: tuple[str, str, str, str]) -> None:
    """An amount with other than three decimals, none of them grouped away, decides for all."""
    texts = [written(amount, *how) for amount in [*wanted, Decimal("0.25")]]
    assert [each.value for each in read(texts, None)] == [*wanted, Decimal("0.25")]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("16.000,00", "16000"),
        ("1200,00", "1200"),
        ("1,234.00", "1234"),
        ("USD 1,234.00", "1234"),
        ("(1,234.00)", "-1234"),
        ("1'234.00", "1234"),
        ("1 234,5", "1234.5"),
        ("12,34,567.50", "1234567.5"),
        ("1.50-", "-1.5"),
        ("-$0.05", "-0.05"),
        ("$-0.05", "-0.05"),
        ("(USD 3.10)", "-3.1"),
        ("USD (3.10)", "-3.1"),
        ("+7", "7"),
        (".5", "0.5"),
        ("1.5E+3", "1500"),
        ("1e-5", "0.00001"),
        ("0", "0"),
        ("-0.00", "0"),
    ],
)
def test_a_format_is_known_by_its_marks(text: str, amount: str) -> None:
    """Each of these can be read one way only."""
    assert read([text], None)[0].value == Decimal(amount)


@pytest.mark.parametrize("text", ["1.234", "1,234", "123.456", "999,999"])
def test_three_digits_behind_one_mark_are_ambiguous(text: str) -> None:
    """Alone it is refused; told or shown what separates decimals, it is read by that."""
    with pytest.raises(TwoWays, match="two ways") as refused:
        read(["7", text], None)
    assert list(refused.value.places) == [1]
    digits = text.replace(",", "").replace(".", "")
    thousandth = Decimal(digits) / 1000
    assert read([text], "." if "." in text else ",")[0].value == thousandth
    assert read([text], "," if "." in text else ".")[0].value == Decimal(digits)
    assert read([text, "0,25"], None)[0].value == (thousandth if "," in text else Decimal(digits))


def test_two_formats_in_one_column_are_refused() -> None:
    """No order of rows decides between them; one of each is named."""
    with pytest.raises(TwoWays, match="two number formats") as refused:
        read(["1", "1.50", "2,50", "3.50"], None)
    assert list(refused.value.places) == [1, 2]


@pytest.mark.parametrize(("text", "decimal"), [("1,234.50", ","), ("12,50", "."), ("1.234,50", ".")])
def test_what_was_said_is_not_bent(text: str, decimal: Any) -> None:
    """An amount that the given mark cannot read is refused, not dropped."""
    with pytest.raises(TwoWays, match="cannot read"):
        read([text], decimal)


@pytest.mark.parametrize(
    "cell",
    ["n/a", "", "-", "12 CR", "12 DR", "1..2", "1,2,3", "--5", "(5", "5)", "(-5)", "-5-", "USD EUR 5",
     "5 USD EUR", "1'23", "12.34.56", None, True, float("nan"), float("inf"), Decimal("NaN")],
)  # fmt: skip
def test_what_is_no_number_says_so(cell: object) -> None:
    """It is not guessed, and it does not spoil the others."""
    told = read([cell, "2.50"], None)
    assert told[0].value is None
    assert told[0].trouble == NO_NUMBER
    assert told[1].value == Decimal("2.5")


def test_what_cannot_be_held_exactly_says_so() -> None:
    """Ten decimals and 28 digits before them are kept, and not one digit more is dropped."""
    held = read(["0.0000000001", "9" * 28 + ".5", "0.00000000010", "0.00000000005", "1" + "0" * 28, "1e-40"], ".")
    assert [each.value for each in held[:3]] == [Decimal("1e-10"), Decimal("9" * 28 + ".5"), Decimal("1e-10")]
    assert [each.trouble for each in held[3:]] == [TOO_FINE, TOO_LARGE, TOO_FINE]


def test_numbers_are_taken_as_they_are() -> None:
    """A float stands for the shortest text that reads as it; what arithmetic left behind its tenth decimal is gone."""
    cells = [1234.56, 0.1 + 0.2, 7, Decimal("1.234"), 1e16, 16000.000000000002, -0.0]
    wanted = ["1234.56", "0.3", "7", "1.234", "10000000000000000", "16000", "0"]
    assert [each.value for each in read(cells, None)] == [Decimal(text) for text in wanted]


def test_the_currency_beside_a_number_is_told() -> None:
    """By its code; a sign is shared by many currencies."""
    told = read(["USD 1.50", "2.50 eur", "$3.50", "4.50"], None)
    assert [each.currency for each in told] == ["USD", "EUR", None, None]
