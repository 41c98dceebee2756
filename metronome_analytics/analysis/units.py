"""Major units and amounts as text: what charts and reports show, computed exactly.

USD is kept in cents, every other fiat currency in whole units, custom pricing units in units; only a credit type whose
name says `(cents)` is divided by 100 (Metronome: pricing units and currencies).
"""

from __future__ import annotations

import polars as pl

_CENTS = r"\s*\(cents\)"
_FINE = pl.Decimal(38, 12)
"""Two places more than an amount has, so that a hundredth of it is exact."""


def code(credit_type_name: pl.Expr) -> pl.Expr:
    """What to write on an axis: `USD` for `USD (cents)`, else the credit type's own name, `units` without one."""
    return credit_type_name.str.replace(_CENTS, "").str.strip_chars().fill_null("units")


def in_cents(credit_type_name: pl.Expr) -> pl.Expr:
    """Whether amounts of the credit type are hundredths of what its axis shows."""
    return credit_type_name.str.contains("(cents)", literal=True).fill_null(False)


def major(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount` in major units, exact: Decimal(38, 12)."""
    fine = amount.cast(_FINE)
    return pl.when(in_cents(credit_type_name)).then(fine / 100).otherwise(fine)


def amount_text(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount` in major units as exact text with its code: `USD 1,234.505`, `EUR -3.00`, `AI Credits 12.00`.

    At least two decimals, and every further one that is not zero. Null stays null.
    """
    value = major(amount, credit_type_name)
    digits = value.abs().cast(pl.String)
    whole = digits.str.split(".").list.first()
    grouped = whole.str.reverse().str.replace_all(r"(\d{3})", "${1},").str.reverse().str.strip_prefix(",")
    decimals = digits.str.split(".").list.get(1, null_on_oob=True).fill_null("").str.strip_chars_end("0")
    sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(code(credit_type_name), pl.lit(" "), sign, grouped, pl.lit("."), decimals.str.pad_end(2, "0"))


def time_text(at: pl.Expr) -> pl.Expr:
    """A moment in UTC as text, without the time of day at midnight."""
    midnight = at.dt.truncate("1d") == at
    return pl.when(midnight).then(at.dt.strftime("%Y-%m-%d UTC")).otherwise(at.dt.strftime("%Y-%m-%d %H:%M UTC"))
