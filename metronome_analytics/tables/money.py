"""Money: the unit an amount is in, major units, amounts as text. Expressions for columns, `*_of` for single values.

USD is kept in cents, every other fiat currency in whole units, custom pricing units in units; only a credit type whose
name says `(cents)` is divided by 100 (Metronome: pricing units and currencies). Nothing here goes through floats but
`as_float`, which says so.
"""

from __future__ import annotations

import re
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import polars as pl

from metronome_analytics.api.wire.kinds import AMOUNT
from metronome_analytics.arguments import frame_with
from metronome_analytics.errors import ArgumentError
from metronome_analytics.wording import grouped

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from metronome_analytics.tables.columns import Frame

P = ParamSpec("P")
T = TypeVar("T")

MONEY = AMOUNT
"""The dtype of every money column, in the API's unit."""
MAJOR = pl.Decimal(38, 12)
"""The dtype of an amount in major units: two places more than MONEY, so that a hundredth is exact."""

USD_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
"""The credit type of US dollars, of every account (Metronome: pricing units and currencies)."""
USD_NAME = "USD (cents)"

_CENTS = "(cents)"
_QUALIFIER = r" *\(cents\)"
_NO_NAME = "units"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "NGN": "₦", "BRL": "R$"}
_EXACT = Context(
    prec=60, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation, Overflow]
)
"""Wide enough that no digit of an amount is rounded; Python's own context keeps 28, and anybody may set it."""


def in_cents(credit_type_name: pl.Expr) -> pl.Expr:
    """Whether amounts of the credit type are hundredths of its major unit."""
    return credit_type_name.str.contains(_CENTS, literal=True).fill_null(False)


def currency(credit_type_name: pl.Expr) -> pl.Expr:
    """What to write beside an amount: `USD` for `USD (cents)`, else the credit type's own name, `units` without one."""
    code = _unqualified(credit_type_name)
    return pl.when(code != "").then(code).otherwise(pl.lit(_NO_NAME))


def currency_told_apart(credit_type_name: pl.Expr, credit_type_id: pl.Expr) -> pl.Expr:
    """`currency`, with the start of the id where several credit types of the frame have one name, in whatever case."""
    code = currency(credit_type_name)
    alone = credit_type_id.n_unique().over(code.str.to_lowercase()) == 1
    return pl.when(alone).then(code).otherwise(pl.format("{} {}", code, credit_type_id.str.head(8).fill_null("-")))


def exactly(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, whatever decimals the process around us is set to: another library's context must round no amount."""

    @wraps(function)
    def exact(*given: P.args, **named: P.kwargs) -> T:
        with localcontext(_EXACT):
            return function(*given, **named)

    return exact


def major(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount` in major units, exact: Decimal(38, 12)."""
    fine = amount.cast(MAJOR)
    return pl.when(in_cents(credit_type_name)).then(fine / 100).otherwise(fine)


def minor(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount`, which is in major units, in the API's own: what `major` undoes."""
    return pl.when(in_cents(credit_type_name)).then(amount * 100).otherwise(amount).cast(MONEY)


def as_float(amount: pl.Expr) -> pl.Expr:
    """The nearest float of a Decimal: by way of text, as a cast is wrong in the last digits of one value in ten."""
    return amount.cast(pl.String).cast(pl.Float64)


def digits(amount: pl.Expr) -> pl.Expr:
    """A Decimal as plain text: every digit, and no zeros at the end."""
    text = amount.cast(pl.String)
    short = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(text.str.contains(".", literal=True)).then(short).otherwise(text)


def amount_text(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount` in major units as exact text with its currency: `USD 1,234.505`, `EUR -3.00`, `AI Credits 12.00`.

    At least two decimals, and every further one that is not zero. Null stays null.
    """
    return _with_currency(major(amount, credit_type_name), credit_type_name)


def rounded_text(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount_text` at two decimals, half to even."""
    return _with_currency(major(amount, credit_type_name).round(2), credit_type_name)


def figures(amount: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """`amount_text` without its currency, for where that stands above or before it: `1,234.505`."""
    return _figures(major(amount, credit_type_name))


def _with_currency(value: pl.Expr, credit_type_name: pl.Expr) -> pl.Expr:
    """An amount in major units with its currency."""
    return pl.concat_str(currency(credit_type_name), pl.lit(" "), _figures(value))


def _figures(value: pl.Expr) -> pl.Expr:
    parts = value.abs().cast(pl.String).str.split(".").list
    decimals = parts.last().str.strip_chars_end("0").str.pad_end(2, "0")
    sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, grouped(parts.first()), pl.lit("."), decimals)


def in_cents_of(credit_type_name: str | None) -> bool:
    """`in_cents` of one name."""
    return _CENTS in (credit_type_name or "")


def currency_of(credit_type_name: str | None) -> str:
    """`currency` of one name."""
    return re.sub(_QUALIFIER, "", credit_type_name or "").strip(" ") or _NO_NAME


def major_of(amount: Decimal, credit_type_name: str | None) -> Decimal:
    """`major` of one amount."""
    return _EXACT.scaleb(amount, -2) if in_cents_of(credit_type_name) else amount


def minor_of(amount: Decimal, credit_type_name: str | None) -> Decimal:
    """`minor` of one amount."""
    return _EXACT.scaleb(amount, 2) if in_cents_of(credit_type_name) else amount


def digits_of(amount: Decimal, *, least: int = 0, separator: str = "") -> str:
    """`digits` of one amount, with at least `least` decimals and `separator` between thousands."""
    whole, _, decimals = f"{amount:,f}".partition(".")
    whole, decimals = whole.replace(",", separator), decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def display(amount: Decimal, credit_type_name: str | None) -> str:
    """`-1,000 USD (cents) = -$10.00`: the amount as the API takes it, and in major units where that differs."""
    raw = f"{digits_of(amount, separator=',')} {credit_type_name or _NO_NAME}"
    if not in_cents_of(credit_type_name):
        return raw
    value, code = major_of(amount, credit_type_name), currency_of(credit_type_name)
    sign, size = "-" if value < 0 else "", digits_of(value.copy_abs(), least=2, separator=",")
    symbol = _SYMBOLS.get(code)
    return f"{raw} = {sign}{symbol}{size}" if symbol else f"{raw} = {sign}{size} {code}"


def major_units(frame: Frame) -> Frame:
    """`frame` with every money column in major units, exact, and `currency`: `USD` where the API says `USD (cents)`.

    Takes any frame of ours, or made of one, and gives the same kind with the same rows: columns of dtype
    Decimal(38, 10) become Decimal(38, 12), all others stay, and `currency` comes last. The unit of a column is that of
    its row's `credit_type_name` (of `paid_amount`: `paid_credit_type_name`, which gives `paid_currency`; of payments:
    `fiat_credit_type_name`). Where a row has an id and no name, as in net balances, the id of US dollars is known;
    anything else is in major units already (Metronome keeps nothing but USD in cents), and its `currency` is null.
    Thresholds of alerts in days or percent stay as they are.

    Nested columns keep the API's unit, because each item in them has a credit type of its own: flatten first, with
    `ma.line_items(invoices)` for one, and convert what comes out. The flatteners take the result of this too. A frame
    in major units stays as it is. Raises ArgumentError for no frame, and for amounts without any credit type
    (`total_contract_value` of contracts: the rate card says the currency).

    >>> cents = account.balances().filter(pl.col("balance") > 0).select("credit_type_name", "balance").head(1)
    >>> cents.rows(), ma.major_units(cents).rows()
    ([('USD (cents)', Decimal('1334621.7400000000'))], [('USD (cents)', Decimal('13346.217400000000'), 'USD')])
    """
    frame_with(frame, "frame")
    schema = frame.collect_schema()
    found = [name for name, dtype in schema.items() if dtype == MONEY]
    if found and not any(name.endswith(("credit_type_name", "credit_type_id")) for name in schema):
        raise ArgumentError(
            f"frame has amounts ({', '.join(found)}) and no credit type that says their unit.",
            advice="Join its credit_type_name first, or leave the column out.",
        )
    names = list(schema)
    units = {prefix: pl.col(f"{prefix}credit_type_name") for prefix in _prefixes(names)} | {"": _unit(names)}
    # The row's own credit type comes last: it is that of every column no other one is for.
    owner = {name: next(prefix for prefix in units if name.startswith(prefix)) for name in found}
    return frame.with_columns(
        *(_amount(name, units[prefix], names) for name, prefix in owner.items()),
        *(_unqualified(unit).alias(f"{prefix}currency") for prefix, unit in units.items()),
    )


def _unqualified(credit_type_name: pl.Expr) -> pl.Expr:
    """The name without its qualifier; null stays null."""
    return credit_type_name.str.replace_all(_QUALIFIER, "").str.strip_chars(" ")


def _prefixes(names: list[str]) -> list[str]:
    """What stands before the credit types that belong to some columns only."""
    kept = [name.removesuffix("credit_type_name") for name in names if name.endswith("_credit_type_name")]
    return [prefix for prefix in kept if prefix not in ("fiat_", "custom_")]


def _unit(names: list[str]) -> pl.Expr:
    """The name of the credit type of a row: as it says itself, or by the id of US dollars; null where neither does."""
    ids = [name for name in ("credit_type_id", "custom_credit_type_id", "fiat_credit_type_id") if name in names]
    said = [pl.col(name) for name in ("credit_type_name", "fiat_credit_type_name") if name in names][:1]
    if ids:
        said.append(pl.when(pl.coalesce(ids) == USD_ID).then(pl.lit(USD_NAME)))
    return pl.coalesce(said) if said else pl.lit(None, pl.String)


def _amount(name: str, unit: pl.Expr, names: list[str]) -> pl.Expr:
    value = pl.col(name)
    if name == "threshold" and "alert_type" in names:
        # An alert may be about days or percent; its credit type is then that of what it watches.
        counted = pl.col("alert_type").str.contains("days|percentage").fill_null(False)
        return pl.when(counted).then(value.cast(MAJOR)).otherwise(major(value, unit)).alias(name)
    return major(value, unit).alias(name)
