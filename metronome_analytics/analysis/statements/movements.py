"""Balances as statements move them: every ledger movement in its month, by segment, with the keys it may go by."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from metronome_analytics.analysis.burn_down import in_books, walked
from metronome_analytics.analysis.entries import BALANCE, NEEDED
from metronome_analytics.analysis.frames import MONEY, ZERO, Given, checked, floored, literal
from metronome_analytics.analysis.statements.keys import key_names
from metronome_analytics.analysis.statements.periods import month_of
from metronome_analytics.offers import one_of
from metronome_analytics.tables.vocabulary import CLOSING, Event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Basis = Literal["service", "posted"]
By = str | Iterable[str]

UNIT = ("credit_type_id", "credit_type_name")
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "type": "balance_type",
        "customer_id": "customer_id",
        "product_id": "product_id",
        "contract_id": "contract_id",
        "balance_id": "balance_id",
    }
)
"""The column of each name in `by=`."""
OF_BALANCE = (*KEYS.values(), *UNIT)

_FLOWS: Mapping[str, Event] = MappingProxyType(
    {
        "granted": Event.SEGMENT_START,
        "used": Event.DEDUCTION,
        "expired": Event.EXPIRATION,
        "rolled_over": Event.ROLLOVER,
        "trued_up": Event.TRUE_UP,
    }
)
MOVEMENTS = ("granted", "used", "expired", "rolled_over", "adjusted", "trued_up")
"""What takes a balance from its opening to its closing, signed as in the ledger."""
MEMOS = ("overdraft", "pending", "coming")
"""`overdraft` is within `adjusted`, `pending` within `used`, `coming` outside: segments to come and what is in them."""
_SEGMENT = ("balance_index", "segment_id")
_LAST_INSTANT = "-1us"
_AT_ITS_END = (Event.DEDUCTION.value, *(event.value for event in CLOSING))
"""What stands at the exclusive end of the time it is about."""


def key_columns(by: By) -> list[str]:
    """The columns of balances that `by` groups by, each once, in the usual order; ArgumentError for another name."""
    names = key_names(by, KEYS)
    return [column for name, column in KEYS.items() if name in names]


def moved(
    balances: Given,
    invoices: Given | None,
    *,
    at: datetime | None,
    loaded_at: datetime | None,
    breakdowns: Given | None,
    basis: Basis,
) -> pl.LazyFrame:
    """One row per segment and month with something in it: what names the balance, `MOVEMENTS` and `MEMOS`.

    The months of a segment sum to what the API counts of it: never below zero at the end of a month, because what is
    drawn beyond a segment is given back as an overdraft, in `adjusted`.
    """
    one_of("basis", basis, get_args(Basis))
    given = checked(balances, "balances", *NEEDED)
    steps = in_books(given, at, loaded_at, breakdowns=breakdowns, invoices=invoices)
    walk = walked(steps.filter(~pl.col("scheduled") | pl.col("coming")), given, at)
    # Overdrafts are worked out by month below: within a month the order of entries is nobody's concern.
    counted = (pl.col("event") != Event.OVERDRAFT) | pl.col("scheduled")
    rows = walk.filter(counted).with_columns(_month(basis, at).alias("month"))
    amount, kind, later = pl.col("change"), pl.col("event"), pl.col("scheduled")
    flows = [amount.filter((kind == event) & ~later).sum().alias(name) for name, event in _FLOWS.items()]
    known = [event.value for event in _FLOWS.values()]
    by_segment = rows.group_by(*_SEGMENT, *OF_BALANCE, "month").agg(
        *flows,
        amount.filter(~kind.is_in(known) & ~later).sum().alias("adjusted"),
        amount.filter((kind == Event.DEDUCTION) & pl.col("pending") & ~later).sum().alias("pending"),
        amount.filter(later).sum().alias("coming"),
    )
    return _floored(by_segment)


def _month(basis: Basis, at: datetime | None) -> pl.Expr:
    """The month a movement belongs to."""
    stamp = pl.col("timestamp")
    if basis == "posted":
        return month_of(pl.coalesce("booked_at", stamp))
    own = month_of(stamp.dt.offset_by(_LAST_INSTANT))
    if at is not None:
        # A draft is dated at the end of a period that may be a month away; what it holds was used until `at`.
        own = pl.min_horizontal(own, month_of(literal(at)))
    return pl.when(pl.col("event").is_in(_AT_ITS_END)).then(own).otherwise(month_of(stamp))


def _floored(by_segment: pl.LazyFrame) -> pl.LazyFrame:
    """`by_segment` with `overdraft`, which keeps a segment at zero while its own sum is below, also in `adjusted`."""
    moves = pl.sum_horizontal(MOVEMENTS).cast(MONEY)
    ordered = by_segment.sort(*_SEGMENT, "month", nulls_last=True)
    counted = ordered.with_columns(floored(moves.cum_sum().over(_SEGMENT)).alias("counted"))
    before = pl.col("counted").shift(1).over(_SEGMENT).fill_null(ZERO)
    return counted.with_columns((pl.col("counted") - before - moves).alias("overdraft")).with_columns(
        pl.col("adjusted") + pl.col("overdraft")
    )


def held(balances: pl.LazyFrame) -> pl.LazyFrame:
    """The balances whose ledger is known: `BALANCE` and no other column."""
    return balances.filter(pl.col("ledger").is_not_null()).select("customer_id", pl.col("id").alias(BALANCE[1]))
