"""Burn-down: what was left of each commit and credit after every step of its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis import drawdown
from metronome_analytics.analysis.entries import BALANCE, NEEDED, access, entries, identities, rank
from metronome_analytics.analysis.frames import INSTANT, ZERO, Given, checked, floored, like, literal
from metronome_analytics.analysis.schemas import BurnDown
from metronome_analytics.arguments import Instant, instant

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.tables.columns import Frame

_ORDER = ("balance_index", "scheduled", "timestamp", "segment_starting_at", "rank", "entry_index", "usage_starting_at")
_SEGMENT = ("balance_index", "segment_id")
_NOT_COUNTED_AHEAD = ("segment_start", "expiration", "rollover", "true_up")
"""Entries the API does not count before their date; whatever else is dated ahead is in the balance already."""


def burn_down(
    balances: Frame,
    *,
    breakdowns: Given | None = None,
    invoices: Given | None = None,
    as_of: Instant | None = None,
    include_scheduled: bool = False,
) -> Frame:
    """One row per balance and step: what changed it, and what was left; the columns of `BurnDown`.

    `balances` is the frame of `account.balances()`, `commits()` or `credits()`; the result is of the same kind, in
    the order given, amounts in each balance's own unit. A balance without a ledger (archived, or loaded with
    `include_ledgers=False`) has no rows.

    `as_of` is when the balances were loaded. The frame then ends there: `remaining` of a balance's last row is the
    API's `balance`; less its pending changes it is the balance without drafts. A deduction or manual entry dated
    later is pending, because the API counts it already; segments that start later are left out unless
    `include_scheduled`. Without `as_of` nothing is pending by date, nothing is left out and nothing expires that the
    ledger does not say: the ledger as it stands, from first to last entry.

    `breakdowns` (`account.invoice_breakdowns()`) replaces each deduction by one row per day or hour that drew on it,
    and a row `source="rest"` for what no window explains, so the rows sum to the deduction exactly. With breakdowns
    or `invoices` (`account.invoices()`) deductions of DRAFT invoices are pending whatever their date.

    Rules: a ledger's signed entries sum to the balance; expired segments and those to come count zero, an overdrawn
    segment counts zero (rows `overdraft` make up the difference, segment by segment as in getNetBalance); deductions
    of drafts are dated at the end of the billing period (Metronome: ledger entries of commits and credits).
    Raises ArgumentError for a frame without the needed columns or an `as_of` that is no date.
    """
    at = instant("as_of", as_of)
    given = checked(balances, "balances", *NEEDED)
    steps = entries(given).join(
        identities(given).select(*BALANCE, "balance_index", "archived_at"), on=BALANCE, how="left"
    )
    steps = drawdown.dated(steps, breakdowns=breakdowns, invoices=invoices)
    steps = _phased(steps, at)
    if not include_scheduled:
        steps = steps.filter(~pl.col("scheduled"))
    steps = _floored_by_segment(steps)
    if at is not None:
        steps = pl.concat([steps, _closings(steps, given, at)], how="diagonal")
    return like(_numbered(steps, given), balances, BurnDown)


def _phased(steps: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """Adds `pending` and `scheduled`, and the rank of events that share a timestamp."""
    if at is None:
        return steps.with_columns(pl.col("draft").alias("pending"), pl.lit(False).alias("scheduled"), rank())
    now = literal(at)
    ahead = pl.col("timestamp") > now
    to_come = (
        (pl.col("segment_starting_at") > now)
        | (ahead & pl.col("event").is_in(_NOT_COUNTED_AHEAD))
        | (pl.col("usage_starting_at") >= now)
    ).fill_null(False)
    return steps.with_columns(
        (~to_come & (ahead | pl.col("draft"))).alias("pending"), to_come.alias("scheduled"), rank()
    )


def _floored_by_segment(steps: pl.LazyFrame) -> pl.LazyFrame:
    """Adds a row `overdraft` wherever a segment's own sum falls below zero, grows more negative, or comes back.

    The API counts an overdrawn segment as zero, while its ledger remembers the debt.
    """
    ordered = steps.sort(_ORDER, nulls_last=True).with_row_index("position").with_columns(pl.lit(0).alias("sub"))
    counted = floored(pl.col("change").cum_sum().over(_SEGMENT))
    ordered = ordered.with_columns(counted.alias("counted"))
    before = pl.col("counted").shift(1).over(_SEGMENT).fill_null(ZERO)
    gaps = (
        ordered.with_columns((pl.col("counted") - before - pl.col("change")).alias("change"))
        .filter(pl.col("change") != ZERO)
        .with_columns(
            pl.lit("overdraft").alias("event"),
            pl.lit("schedule").alias("source"),
            pl.lit(1).alias("sub"),
            *(pl.lit(None, pl.String).alias(name) for name in ("invoice_id", "reason")),
            pl.lit(None, INSTANT).alias("usage_starting_at"),
        )
    )
    return pl.concat([ordered, gaps])


def _closings(steps: pl.LazyFrame, balances: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """What is left of a segment whose access is over though no ledger entry says so."""
    last = steps.filter(pl.col("sub") == 0).group_by(_SEGMENT).agg(pl.col("counted", "timestamp", "archived_at").last())
    over = pl.min_horizontal("segment_ending_before", "archived_at")
    spans = access(balances).join(identities(balances).select(*BALANCE, "balance_index"), on=BALANCE, how="left")
    return (
        last.join(spans, on=_SEGMENT, how="inner")
        .filter((over <= literal(at)) & (pl.col("counted") != ZERO))
        .select(
            *BALANCE,
            "balance_index",
            *("segment_id", "segment_starting_at", "segment_ending_before"),
            pl.max_horizontal("timestamp", over).alias("timestamp"),
            (-pl.col("counted")).alias("change"),
            (pl.max_horizontal("timestamp", over) > literal(at)).alias("pending"),
            pl.lit(False).alias("scheduled"),
            pl.lit("expiration").alias("event"),
            pl.lit("schedule").alias("source"),
            pl.lit(9, pl.Int8).alias("rank"),
            pl.lit(2).alias("sub"),
        )
    )


def _numbered(steps: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """In final order, with what was left after each step and the names of the balance."""
    names = identities(balances).drop("archived_at", *BALANCE)
    order = ("balance_index", "scheduled", "timestamp", "segment_starting_at", "rank", "position", "sub")
    return (
        steps.sort(order, nulls_last=True)
        .join(names, on="balance_index", how="left", maintain_order="left")
        .with_columns(
            pl.col("change").cum_sum().over("balance_index").alias("remaining"),
            pl.int_range(pl.len(), dtype=pl.Int64).over("balance_index").alias("step"),
        )
    )
