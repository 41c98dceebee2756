"""Burn-down: what was left of each commit and credit after every step of its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis import drawdown
from metronome_analytics.analysis.entries import BALANCE, NEEDED, access, entries, identities, rank
from metronome_analytics.analysis.frames import INSTANT, ZERO, Given, checked, floored, like, literal
from metronome_analytics.analysis.schemas import BurnDown
from metronome_analytics.analysis.standing import answered, standing
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables.vocabulary import Event

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.tables.columns import Frame

_ORDER = (
    *("balance_index", "scheduled", "timestamp", "segment_starting_at", "rank", "entry_index", "usage_starting_at"),
    "source",
)
"""Leaves no two rows equal: a sort that keeps no order must not choose."""
_SEGMENT = ("balance_index", "segment_id")


def burn_down(
    balances: Frame,
    *,
    breakdowns: Given | None = None,
    invoices: Given | None = None,
    as_of: Instant | None = None,
    include_scheduled: bool = False,
    loaded_at: Instant | None = None,
) -> Frame:
    """One row per balance and step: what changed it, and what was left; the columns of `BurnDown`.

    They are `step`, `timestamp`, `event`, `change`, `remaining`, `pending`, `scheduled`, `source` and what names the
    balance, segment, invoice and entry: `help("metronome_analytics.analysis.schemas.BurnDown")` says what each means.

    `balances` is the frame of `account.balances()`, `commits()` or `credits()`; the result is of the same kind, in
    the order given, amounts in each balance's own unit. A balance without a ledger (archived, or loaded with
    `include_ledgers=False`) has no rows.

    `as_of` is when the balances were loaded. The frame then ends there: `remaining` of a balance's last row is the
    API's `balance`; less its pending changes it is the balance without drafts. A deduction or manual entry dated
    later is pending, because the API counts it already; segments that start later are left out unless
    `include_scheduled`, which adds them whether the ledger lists them yet or not. Without `as_of` nothing is pending by
    date, nothing is left out and nothing expires that the ledger does not say: the ledger as it stands.

    A past `as_of` gives the books of that instant. It is known to be past from `loaded_at` (when the balances were
    loaded), else, customer by customer, from a deduction dated later whose invoice is FINALIZED, or whose usage begins
    at `as_of` or later: by its invoice's period, by its window, or because the same contract had drawn on the segment
    for another period until then (of deductions that name no contract, two dates ahead are believed open at once).
    Then what is dated after `as_of` was not in the books, entries by hand included, with one exception: the
    deduction of a period that had begun was a draft, and counts as pending with the windows that had begun, whole;
    a rest that no window explains counts at the entry's own date, and a VOID invoice drew nothing. Without windows for
    it the share is unknown: ArgumentError. Entries dated until `as_of` count as they stand today.

    `breakdowns` (`account.invoice_breakdowns()`) replaces each deduction by one row per day or hour that drew on it,
    and a row `source="rest"` for what no window explains, so the rows sum to the deduction exactly. With breakdowns
    or `invoices` (`account.invoices()`) deductions of DRAFT invoices are pending whatever their date.

    Rules: a ledger's signed entries sum to the balance; expired segments and those to come count zero, an overdrawn
    segment counts zero (rows `overdraft` make up the difference, segment by segment as in getNetBalance); deductions
    of drafts are dated at the end of the billing period (Metronome: ledger entries of commits and credits).
    Raises ArgumentError for a frame without the needed columns, an `as_of` that is no date, or a past one that the
    frames cannot answer for; of a LazyFrame the last when it is collected.

    >>> balances, now = account.balances(), account.now
    >>> burn = ma.burn_down(balances, as_of=now)
    >>> burn.select(pl.col("timestamp").dt.date(), "event", "change", "remaining").row(0)
    (datetime.date(2025, 10, 1), 'segment_start', Decimal('1600000.0000000000'), Decimal('1600000.0000000000'))
    """
    at, read = instant("as_of", as_of), instant("loaded_at", loaded_at)
    given = checked(balances, "balances", *NEEDED)
    steps = in_books(given, at, read, breakdowns=breakdowns, invoices=invoices)
    if not include_scheduled:
        steps = steps.filter(~pl.col("scheduled"))
    return like(walked(steps, given, at), balances, BurnDown)


def in_books(
    balances: pl.LazyFrame,
    at: datetime | None,
    loaded_at: datetime | None,
    *,
    breakdowns: Given | None = None,
    invoices: Given | None = None,
) -> pl.LazyFrame:
    """Every ledger entry, or the windows of it, with what of it was in the books at `at`."""
    facts = identities(balances).select(
        *BALANCE, "balance_index", "archived_at", pl.col("contract_id").alias("balance_contract_id")
    )
    booked = entries(balances).with_columns(pl.lit(None, pl.String).alias("source"))
    if at is not None:
        booked = pl.concat([booked, _unlisted(balances, booked, at)], how="diagonal")
    steps = drawdown.dated(booked.join(facts, on=BALANCE, how="left"), breakdowns=breakdowns, invoices=invoices)
    return standing(steps, at, loaded_at).with_columns(rank())


def walked(steps: pl.LazyFrame, balances: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """`steps` in order of time, floored and closed as the API counts them, with what was left after each."""
    steps = _floored_by_segment(steps.cache()).cache()
    if at is not None:
        closings = _closings(steps, balances, at).cache()
        closed = closings.select(_SEGMENT).with_columns(pl.lit(True).alias("scheduled"))
        # Nothing is still to come of a segment that is closed.
        steps = steps.join(closed, on=[*_SEGMENT, "scheduled"], how="anti")
        steps = pl.concat([steps, closings], how="diagonal")
    numbered = _numbered(steps, balances)
    # Last, and once: polars shares no plan through it.
    return numbered if at is None else answered(numbered, at)


def _unlisted(balances: pl.LazyFrame, booked: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """The start of each segment to come that the ledger, which is computed on read, does not list yet."""
    listed = booked.filter(pl.col("event") == Event.SEGMENT_START).select(*BALANCE, "segment_id")
    with_ledger = balances.filter(pl.col("ledger").is_not_null()).select(
        "customer_id", pl.col("id").alias("balance_id")
    )
    return (
        access(balances)
        .filter(pl.col("segment_starting_at") > literal(at))
        .join(with_ledger, on=BALANCE, how="semi")
        .join(listed, on=[*BALANCE, "segment_id"], how="anti")
        .with_columns(
            pl.lit(Event.SEGMENT_START).alias("event"),
            pl.lit("schedule").alias("source"),
            pl.col("segment_starting_at").alias("timestamp"),
            pl.col("segment_amount").alias("change"),
        )
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
            pl.lit(Event.OVERDRAFT).alias("event"),
            pl.lit("schedule").alias("source"),
            pl.lit(1).alias("sub"),
            *(pl.lit(None, pl.String).alias(name) for name in ("invoice_id", "reason")),
            pl.lit(None, INSTANT).alias("usage_starting_at"),
        )
    )
    return pl.concat([ordered, gaps])


def _closings(steps: pl.LazyFrame, balances: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """What is left of a segment whose access is over though no ledger entry says so."""
    started = ~pl.col("scheduled") & (pl.col("sub") == 0)
    last = steps.filter(started).group_by(_SEGMENT).agg(pl.col("counted", "timestamp", "archived_at").last())
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
            pl.lit(Event.EXPIRATION).alias("event"),
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
