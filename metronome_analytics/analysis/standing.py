"""What of the ledger stood in the books at an instant: what counted, what was pending, what came later."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.frames import ZERO, literal
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables.vocabulary import CLOSING, Event, InvoiceStatus

if TYPE_CHECKING:
    from datetime import datetime

_NOT_COUNTED_AHEAD = (Event.SEGMENT_START, *CLOSING)
"""Entries the API does not count before their date; whatever else is dated ahead is in the balance already."""
_CLOSES_OR_DRAWS = (Event.DEDUCTION, *CLOSING)
_UNNAMED_CONTRACTS = 2
"""How many contracts may hide behind deductions that name none: so many open periods of a segment are believed."""
_DRAWN_BY = ("balance_index", "segment_id", "contract")


def standing(steps: pl.LazyFrame, at: datetime | None, loaded_at: datetime | None) -> pl.LazyFrame:
    """Adds `pending`, `scheduled` (not in the books at `at`) and `coming` (scheduled, but granted already).

    The rules are those of `burn_down()`. With `at` also `unknown`: what a past `at` cannot be told of; see `answered`.
    """
    draft = (pl.col("invoice_status") == InvoiceStatus.DRAFT).fill_null(False)
    if at is None:
        nothing = pl.lit(False)
        return steps.with_columns(draft.alias("pending"), nothing.alias("scheduled"), nothing.alias("coming"))
    now, past = literal(at), pl.col("past")
    ahead, drawn = pl.col("booked_at") > now, pl.col("event") == Event.DEDUCTION
    in_segment_to_come = pl.col("segment_starting_at") > now
    used_later = ahead & ((pl.col("usage_starting_at") >= now) | pl.col("period_to_come"))
    void = (pl.col("invoice_status") == InvoiceStatus.VOID).fill_null(False)
    to_come = (
        in_segment_to_come
        | (ahead & pl.col("event").is_in(_NOT_COUNTED_AHEAD))
        | used_later
        | (past & ahead & (~drawn | (pl.col("source") == "rest") | void | pl.col("invoice_id").is_null()))
    ).fill_null(False)
    booked = ~past | ~ahead | (pl.col("event") == Event.SEGMENT_START)
    coming = in_segment_to_come & ~pl.col("event").is_in(_CLOSES_OR_DRAWS) & booked
    unknown = past & ahead & drawn & (pl.col("source") == "ledger") & (pl.col("change") != ZERO) & ~to_come
    never = in_segment_to_come & (pl.col("archived_at") <= now)
    return (
        _read_later(steps, at, loaded_at)
        .with_columns(to_come.alias("scheduled"), coming.fill_null(False).alias("coming"), unknown.alias("unknown"))
        .with_columns((~pl.col("scheduled") & (ahead | draft)).alias("pending"))
        # What is archived before it starts never starts.
        .filter(~never.fill_null(False))
    )


def answered(steps: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """`steps` as they are; when collected, ArgumentError if some are `unknown`."""
    return steps.map_batches(
        partial(_refused, at=at), predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False
    )


def _read_later(steps: pl.LazyFrame, at: datetime, loaded_at: datetime | None) -> pl.LazyFrame:
    """Adds `past`, whether a customer's books were read after `at`, and `period_to_come`.

    A period begins no earlier than the one before it ended: a deduction's usage is later than the date of an earlier
    deduction of the same segment by the same contract.
    """
    now = literal(at)
    ahead, drawn = pl.col("booked_at") > now, (pl.col("event") == Event.DEDUCTION) & pl.col("invoice_id").is_not_null()
    named = pl.col("contract").is_not_null()
    first_ahead = pl.col("booked_at").filter(drawn & (pl.col("booked_at") >= now)).min().over(_DRAWN_BY)
    dates_ahead = pl.col("booked_at").filter(drawn & ahead).n_unique().over(_DRAWN_BY)
    steps = steps.with_columns(pl.coalesce("drawing_contract_id", "balance_contract_id").alias("contract"))
    steps = steps.with_columns(
        (drawn & named & (pl.col("booked_at") > first_ahead)).fill_null(False).alias("period_to_come"),
        (drawn & ~named & (dates_ahead > _UNNAMED_CONTRACTS)).fill_null(False).alias("too_many"),
    )
    if loaded_at is not None:
        return steps.with_columns(pl.lit(at < loaded_at).alias("past"), pl.col("period_to_come") & (at < loaded_at))
    begins = pl.col("usage_starting_at")
    final = (pl.col("invoice_status") == InvoiceStatus.FINALIZED) & begins.is_not_null()
    proof = drawn & ahead & (final | (begins >= now) | pl.col("period_to_come") | pl.col("too_many"))
    return steps.with_columns(proof.fill_null(False).any().over("customer_id").alias("past"))


def _refused(steps: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """`steps`, unless a draft that was open at `at` cannot be told."""
    unknown = steps.filter(pl.col("unknown").fill_null(False))
    if unknown.is_empty():
        return steps
    balance, invoice = unknown.select("balance_id", "invoice_id").row(0)
    raise ArgumentError(
        f"as_of={at:%Y-%m-%dT%H:%M:%SZ} lies before these books were read, and {unknown.height:,} of their deductions "
        f"(first: balance {balance}, invoice {invoice}) may be of periods that were open then: "
        "the ledger does not say how much had been drawn.",
        advice="Pass breakdowns=account.invoice_breakdowns(...) of the periods as_of falls into, and "
        "invoices=account.invoices() for where periods begin; or as_of= the moment the balances were loaded.",
    )
