"""The exact reading of one amount, for those that are too long for the fast one."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Self

# What Decimal(38, 10) holds, whatever the process around us sets decimals to.
_TENTH = Decimal("1e-10")
_HOLDS = Context(prec=38, rounding=ROUND_HALF_EVEN)
# Nobody writes more digits than this by hand, and a float carries no more for certain.
_WRITTEN_DIGITS = 15
# The largest part of a quotient that may lie below the tenth decimal.
_UNDERFLOW = Decimal("1e-6")


class JsonNumber(float):
    """A JSON number with a point or an exponent, and the text it was written as."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        """The number that `text` writes."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def held_text(value: float) -> str | None:
    """The text of `value` as Decimal(38, 10) holds it; None where it cannot.

    An amount is held exactly. A quotient (more than 15 significant digits: a third, or what is left of 0.1 + 0.2) has
    no last decimal, so it is rounded half to even at the tenth, unless that takes more than a millionth of it. Whoever
    writes 3.15e-12 means it: that is refused rather than rounded to nothing.
    """
    try:
        exact = Decimal(value.text if isinstance(value, JsonNumber) else value)
        held = exact.quantize(_TENTH, context=_HOLDS)
    except InvalidOperation:
        return None
    if held != exact:
        digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0")
        is_quotient = len(digits) > _WRITTEN_DIGITS
        off = _HOLDS.subtract(exact, held).copy_abs()
        if not is_quotient or off > _HOLDS.multiply(exact.copy_abs(), _UNDERFLOW):
            return None
    return f"{held:f}"
