"""Amounts as a person reads them: the API's unit, and beside it the major unit, so that a hundredfold error shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "NGN": "₦", "BRL": "R$"}
_CENTS = " (cents)"


def currency(credit_type_name: str | None) -> str:
    """The currency or custom unit that a credit type names: `USD (cents)` is USD."""
    return (credit_type_name or "units").removesuffix(_CENTS)


def major(amount: Decimal, credit_type_name: str | None) -> Decimal:
    """`amount` in major units. Only a name with `(cents)` is in hundredths; every other unit is whole already."""
    return amount / 100 if (credit_type_name or "").endswith(_CENTS) else amount


def display(amount: Decimal, credit_type_name: str | None) -> str:
    """`-1,000 USD (cents) = -$10.00`: the amount as the API takes it, and in major units where that differs."""
    raw = f"{plain(amount)} {credit_type_name or 'units'}"
    if not (credit_type_name or "").endswith(_CENTS):
        return raw
    value, code = major(amount, credit_type_name), currency(credit_type_name)
    digits = max(2, -value.normalize().as_tuple().exponent)  # type: ignore[operator]  # finite, so a number
    sign = "-" if value < 0 else ""
    symbol = _SYMBOLS.get(code)
    money = f"{abs(value):,.{digits}f}"
    return f"{raw} = {sign}{symbol}{money}" if symbol else f"{raw} = {sign}{money} {code}"


def plain(amount: Decimal) -> str:
    """`amount` with thousands separators and no trailing zeros."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def one_line(text: str) -> str:
    """`text` without line breaks and control characters: a name must not change what a person reads or types."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
