"""Ledger entries put into their segments: what burn-down, utilisation and reconciliation all start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.frames import INSTANT, optional
from metronome_analytics.tables import ledger, segments
from metronome_analytics.tables.vocabulary import CLOSING, LEDGER_EVENTS, LEDGER_PREFIXES, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

BALANCE = ("customer_id", "balance_id")
"""What identifies a balance in every frame made from balances."""

NEEDED = ("id", "customer_id", "type", "credit_type_id", "credit_type_name", "access_schedule", "ledger")
"""The columns of `account.balances()` that entries and segments are made of."""

_PREFIX = f"^({'|'.join(LEDGER_PREFIXES.values())})"


def event(kind: pl.Expr) -> pl.Expr:
    """The ledger type without the kind of balance, in the words of the field; an unknown type in lower case."""
    bare = kind.str.replace(_PREFIX, "")
    return bare.replace_strict(dict(LEDGER_EVENTS), default=bare.str.to_lowercase(), return_dtype=pl.String)


def rank(column: str = "event") -> pl.Expr:
    """The order of events that share a timestamp, which the API leaves open: first in, then out, then closed."""
    order = {Event.SEGMENT_START: 0, Event.MANUAL: 1, Event.SEAT_ADJUSTMENT: 1, Event.DEDUCTION: 3}
    closing = {name: 4 + place for place, name in enumerate(CLOSING)}
    return pl.col(column).replace_strict(order | closing, default=2, return_dtype=pl.Int8).alias("rank")


def identities(balances: pl.LazyFrame) -> pl.LazyFrame:
    """One row per balance in the order given: `balance_index` and what names it."""
    names = balances.collect_schema().names()
    return balances.with_row_index("balance_index").select(
        "balance_index",
        "customer_id",
        pl.col("id").alias("balance_id"),
        optional(names, "name").alias("balance_name"),
        pl.col("type").alias("balance_type"),
        optional(names, "product_id"),
        optional(names, "product_name"),
        optional(names, "contract_id"),
        "credit_type_id",
        "credit_type_name",
        optional(names, "archived_at", INSTANT),
    )


def access(balances: pl.LazyFrame) -> pl.LazyFrame:
    """One row per segment of a balance: id, amount, and when access runs."""
    return segments(balances).select(
        *BALANCE,
        "segment_id",
        pl.col("amount").alias("segment_amount"),
        pl.col("starting_at").alias("segment_starting_at"),
        pl.col("ending_before").alias("segment_ending_before"),
    )


def covered(start: pl.Expr, end: pl.Expr, keys: Sequence[str]) -> pl.Expr:
    """How long each segment gives access between `start` and `end` where none before it does.

    Of a frame with `segment_starting_at` and `segment_ending_before` that is sorted by the former: the sum over `keys`
    is the time with access, gaps left out, overlaps counted once.
    """
    until = pl.min_horizontal("segment_ending_before", end)
    reached = pl.col("segment_ending_before").cum_max().shift(1).over(list(keys))
    since = pl.max_horizontal("segment_starting_at", start, reached)
    known = pl.col("segment_starting_at").is_not_null() & pl.col("segment_ending_before").is_not_null()
    return pl.when(known & (until > since)).then(until - since).otherwise(pl.duration())


def entries(balances: pl.LazyFrame) -> pl.LazyFrame:
    """Ledger entries with their `event` and, in `segment_*`, the segment they belong to.

    Manual entries, initial balances, true-ups and postpaid expirations carry no segment_id (fact sheet 4.1): they get
    the segment whose access contains their timestamp, of several the one that started last, else the nearest before.
    An entry of a segment that is no longer scheduled keeps its id and has no dates. `drawing_contract_id` is the
    contract whose invoice drew, where the entry says so.
    """
    every = ledger(balances).select(
        *BALANCE,
        "entry_index",
        "type",
        event(pl.col("type")).alias("event"),
        "timestamp",
        pl.col("amount").alias("change"),
        "segment_id",
        "invoice_id",
        pl.col("contract_id").alias("drawing_contract_id"),
        "reason",
    )
    spans = access(balances)
    known = every.filter(pl.col("segment_id").is_not_null())
    attributed = _attributed(every.filter(pl.col("segment_id").is_null()), spans)
    return pl.concat(
        [known.join(spans, on=[*BALANCE, "segment_id"], how="left", maintain_order="left"), attributed], how="diagonal"
    )


def _attributed(loose: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """Entries without a segment, each with the segment that suits its timestamp best."""
    at, start, end = pl.col("timestamp"), pl.col("segment_starting_at"), pl.col("segment_ending_before")
    inside = (
        # What closes a segment is dated at its end, so at a boundary it belongs to the segment that ends there.
        pl.when(pl.col("event").is_in(CLOSING)).then((start < at) & (at <= end)).otherwise((start <= at) & (at < end))
    )
    before = start <= at
    return (
        loose.drop("segment_id")
        .join(spans, on=BALANCE, how="left")
        .sort([*BALANCE, "entry_index", inside, before, start], descending=[False] * 3 + [True] * 3, nulls_last=True)
        .unique([*BALANCE, "entry_index"], keep="first", maintain_order=True)
    )
