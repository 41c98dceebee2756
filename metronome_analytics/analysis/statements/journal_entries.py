"""Postings for the general ledger, from the movements of a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.statements.movements import KEYS, MOVEMENTS
from metronome_analytics.arguments import frame_with
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.money import MAJOR, major_units

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

_ROLLED = MappingProxyType(
    # What leaves a balance is negative in the roll-forward and positive in its entry.
    {name: 1 if name in ("granted", "adjusted") else -1 for name in MOVEMENTS}
)
_DEFERRED = MappingProxyType(dict.fromkeys(("billed", "recognised_use", "recognised_breakage", "adjusted"), 1))


_SIDES = ("to_debit", "to_credit")
"""The accounts of a movement in its usual direction."""


class JournalEntries(dy.Schema):
    """One row per posting. Key: `entry`, `side`; see `journal_entries()`. Of the key columns those of the statement."""

    entry = c.index()
    side = c.key()
    month = c.text()
    account = c.text()
    debit = dy.Decimal(38, 12, nullable=False)
    credit = dy.Decimal(38, 12, nullable=False)
    currency = c.text()
    movement = c.text()
    memo = c.text()
    balance_type = c.text()
    customer_id = c.text()
    product_id = c.text()
    contract_id = c.text()
    balance_id = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()


def journal_entries(roll_or_deferred: Frame, *, accounts: Mapping[str, tuple[str, str]]) -> Frame:
    """The postings of a roll-forward or of deferred revenue: two for each movement, debit and credit.

    `roll_or_deferred` is the frame of `ma.roll_forward()` or `ma.deferred_revenue()`; the result is of the same kind,
    in its order. `accounts` maps a movement (of the roll-forward granted, used, expired, rolled_over, adjusted and
    trued_up; of deferred revenue billed, recognised_use, recognised_breakage and adjusted) to its (debit, credit)
    accounts. A movement that `accounts` leaves out is not posted, nor is one of zero.

    `debit` and `credit` are in major units, Decimal(38, 12), unrounded, never negative, in `currency`; one of them is
    zero. `entry` numbers what belongs together, and its `side` says which of the two a row is; `movement` and `memo`
    say what it is, and the statement's own keys stand beside. Debits equal credits in each entry, and so by currency
    and by month. The accounts are those of a movement in its usual direction: what is granted, billed or recognised,
    and what leaves a balance by use, expiry, rollover or true-up, which the roll-forward shows as negative. One in the
    other direction changes sides: a negative `adjusted`, a positive `used`.

    For the subledger's summary entries; which accounts, and whether breakage is revenue at all, is the user's policy.
    The roll-forward is in units of the balance, so posting it is right only where cost basis is 1; deferred revenue is
    in money. Raises ArgumentError for another frame, an unknown movement, or accounts that are no pair of names.

    >>> balances, invoices = account.balances(include_archived=True), account.invoices()
    >>> deferred = ma.deferred_revenue(balances, invoices, months="2026-10", as_of=account.now)
    >>> entries = ma.journal_entries(deferred, accounts={"recognised_use": ("2400 Deferred", "4000 Revenue")})
    >>> entries.select("side", "account", "debit", "currency").row(0)
    ('debit', '2400 Deferred', Decimal('90545.175630000000'), 'USD')
    """
    given = ("month", "credit_type_id", "credit_type_name", "adjusted", "closing")
    columns = frame_with(roll_or_deferred, "roll_or_deferred", *given, source="roll_forward() or deferred_revenue()")
    signs = _DEFERRED if "billed" in columns else _ROLLED
    frame_with(roll_or_deferred, "roll_or_deferred", *signs, source="roll_forward() or deferred_revenue()")
    pairs = _pairs(accounts, signs)
    rows = major_units(roll_or_deferred.lazy()).with_row_index("row")
    keys: list[str] = [name for name in KEYS.values() if name in columns]
    parts = [
        rows.select(
            *("row", "month", "currency", "credit_type_id", "credit_type_name", *keys),
            (pl.col(movement) * sign).cast(MAJOR).alias("amount"),
            pl.lit(movement).alias("movement"),
            pl.lit(place).alias("place"),
            *(pl.lit(name, pl.String).alias(side) for side, name in zip(_SIDES, pairs[movement], strict=True)),
        )
        for place, (movement, sign) in enumerate(signs.items())
    ]
    asked = pl.col("amount").ne(0) & pl.col(_SIDES[0]).is_not_null()
    posted = _posted(pl.concat(parts).filter(asked).sort("row", "place"), keys)
    return posted if isinstance(roll_or_deferred, pl.LazyFrame) else posted.collect()


def _pairs(
    accounts: Mapping[str, tuple[str, str]], signs: Mapping[str, int]
) -> dict[str, tuple[str, str] | tuple[None, None]]:
    """The accounts of every movement, None where it has none; ArgumentError for what cannot be accounts."""
    if not isinstance(accounts, Mapping):
        raise ArgumentError(f"accounts must map movements to (debit, credit), not {type(accounts).__name__}.")
    if unknown := [name for name in accounts if name not in signs]:
        raise ArgumentError(f"accounts knows {', '.join(signs)}, not {', '.join(map(str, unknown))}.")
    for movement, pair in accounts.items():
        named = isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == len(_SIDES)
        if not named or not all(isinstance(name, str) and name.strip() for name in pair):
            raise ArgumentError(f"accounts[{movement!r}] must be two names, (debit, credit), not {pair!r}.")
    return {movement: accounts.get(movement, (None, None)) for movement in signs}


def _posted(moved: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """Two postings for each movement: of a negative one the accounts change sides."""
    positive, nothing = pl.col("amount") > 0, pl.lit(0).cast(MAJOR)
    size = pl.col("amount").abs()
    debit, credit = (pl.col(side) for side in _SIDES)
    whose = pl.concat_str(*keys, separator=", ", ignore_nulls=True) if keys else pl.lit("")
    numbered = moved.with_row_index("entry").with_columns(
        pl.col("entry").cast(pl.Int64),
        pl.concat_str(pl.col("movement").str.replace_all("_", " "), "month", whose, separator=" ")
        .str.strip_chars_end()
        .alias("memo"),
    )
    sides = [
        numbered.with_columns(
            pl.lit("debit").alias("side"), pl.when(positive).then(debit).otherwise(credit).alias("account"),
            size.alias("debit"), nothing.alias("credit"),
        ),
        numbered.with_columns(
            pl.lit("credit").alias("side"), pl.when(positive).then(credit).otherwise(debit).alias("account"),
            nothing.alias("debit"), size.alias("credit"),
        ),
    ]  # fmt: skip
    left_out = set(KEYS.values()) - set(keys)
    return (
        pl.concat(sides)
        .sort("entry", pl.col("side") == "credit")
        .select(name for name in JournalEntries.column_names() if name not in left_out)
    )
