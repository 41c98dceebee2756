"""Exact numbers: money and quantities are integers that count 10^-10 of a unit.

So sums, splits and drawdown are exact and fast. They become JSON numbers only when an answer is written.
"""

from __future__ import annotations

from decimal import Decimal

SCALE = 10**10
"""How many internal units make one cent, one euro, one credit or one unit of quantity."""


def scaled(value: str | int | Decimal) -> int:
    """A decimal number in internal units; digits past the tenth decimal are rounded half to even."""
    return int((Decimal(value) * SCALE).to_integral_value())
