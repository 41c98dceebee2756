"""Deductions given their true time: when the usage behind them was, from invoices or their daily breakdowns."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, checked
from metronome_analytics.tables import line_items
from metronome_analytics.tables.vocabulary import Event, InvoiceStatus, LineType

_ENTRY = ("balance_index", "entry_index")
_DRAWN = ("balance_id", "invoice_id", "segment_id")


def draws(line_type: str = "line_type") -> pl.Expr:
    """Whether a line draws on a balance: an applied one, or a negative one that names a commit.

    A positive line names the balance that covered it too, and a purchase the commit it pays for: neither is drawdown
    (fact sheet 4.5). `line_type` is the column of the line's own type.
    """
    drawn = (pl.col(line_type) == LineType.APPLIED) | ((pl.col("total") < ZERO) & pl.col("commit_id").is_not_null())
    return drawn.fill_null(False)


def applied(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines that draw on a balance, with `balance_id` and `segment_id`."""
    return lines.filter(draws("type")).with_columns(
        pl.coalesce("applied_commit_or_credit_id", "commit_id").alias("balance_id"),
        pl.col("commit_segment_id").alias("segment_id"),
    )


def dated(steps: pl.LazyFrame, *, breakdowns: Given | None, invoices: Given | None) -> pl.LazyFrame:
    """Ledger entries with `source`, `invoice_status`, `usage_starting_at` and, in `booked_at`, their own date.

    With `breakdowns` a deduction is one row per window, each with the window's time.
    """
    steps = steps.with_columns(
        pl.coalesce(pl.col("source"), pl.lit("ledger")).alias("source"), pl.col("timestamp").alias("booked_at")
    )
    facts: list[pl.LazyFrame] = []
    if invoices is not None:
        known = checked(invoices, "invoices", "id", "status", "start_timestamp")
        facts.append(known.select("id", "status", pl.col("start_timestamp").alias("usage_starting_at")))
    windows = None
    if breakdowns is not None:
        needed = (
            "id",
            "status",
            "start_timestamp",
            "line_items",
            "breakdown_start_timestamp",
            "breakdown_end_timestamp",
        )
        given = checked(breakdowns, "breakdowns", *needed, source="account.invoice_breakdowns()")
        facts.append(given.select("id", "status", pl.col("start_timestamp").alias("usage_starting_at")))
        windows = _windows(given)
    steps = _with_invoice(steps, facts)
    return steps if windows is None else _split(steps, windows)


def _with_invoice(steps: pl.LazyFrame, facts: list[pl.LazyFrame]) -> pl.LazyFrame:
    """Adds the invoice's status, and the start of its period or of the segment within it."""
    if not facts:
        return steps.with_columns(
            pl.lit(None, pl.String).alias("invoice_status"), pl.lit(None, INSTANT).alias("usage_starting_at")
        )
    status = pl.col("status")
    invoices = (
        pl.concat(facts)
        .group_by(pl.col("id").alias("invoice_id"))
        .agg(
            # Where two frames were loaded at different times, a draft is the earlier word: it may still change.
            pl.when((status == InvoiceStatus.DRAFT).any())
            .then(pl.lit(InvoiceStatus.DRAFT))
            .otherwise(status.max())
            .alias("invoice_status"),
            pl.col("usage_starting_at").min(),
        )
    )
    drawn = pl.col("event") == Event.DEDUCTION
    start = pl.when(drawn & pl.col("usage_starting_at").is_not_null()).then(
        pl.max_horizontal("usage_starting_at", "segment_starting_at")
    )
    return steps.join(invoices, on="invoice_id", how="left", maintain_order="left").with_columns(
        start.alias("usage_starting_at")
    )


def _windows(breakdowns: pl.LazyFrame) -> pl.LazyFrame:
    """What each balance and segment lost to each invoice in each window."""
    return (
        applied(line_items(breakdowns))
        .group_by(*_DRAWN, "breakdown_start_timestamp", "breakdown_end_timestamp")
        .agg(pl.col("total").sum().alias("drawn"))
        .filter(pl.col("drawn") != ZERO)
    )


def _split(steps: pl.LazyFrame, windows: pl.LazyFrame) -> pl.LazyFrame:
    """Deductions by window, and a rest where windows and entry differ; everything else as it is."""
    drawn = pl.col("event") == Event.DEDUCTION
    # What is read several times is worked out once.
    steps = steps.cache()
    deductions = steps.filter(drawn).cache()
    # A line may leave the segment out: where an invoice drew on one segment only, there is no doubt which.
    lone = deductions.group_by("balance_id", "invoice_id").agg(
        pl.when(pl.col("segment_id").n_unique() == 1).then(pl.col("segment_id").first()).alias("only")
    )
    placed = windows.join(lone, on=["balance_id", "invoice_id"], how="inner").with_columns(
        pl.coalesce("segment_id", "only").alias("segment_id")
    )
    end = pl.min_horizontal("breakdown_end_timestamp", "timestamp")
    daily = (
        deductions.join(placed, on=_DRAWN, how="inner", nulls_equal=True)
        .with_columns(
            pl.col("drawn").alias("change"),
            end.alias("timestamp"),
            pl.col("breakdown_start_timestamp").alias("usage_starting_at"),
            pl.lit("breakdown").alias("source"),
        )
        .select(deductions.collect_schema().names())
        .cache()
    )
    explained = daily.group_by(_ENTRY).agg(pl.col("change").sum().alias("explained"))
    rest = (
        deductions.join(explained, on=_ENTRY, how="left")
        .with_columns(
            (pl.col("change") - pl.col("explained").fill_null(ZERO)).cast(MONEY).alias("change"),
            pl.when(pl.col("explained").is_null()).then("source").otherwise(pl.lit("rest")).alias("source"),
        )
        .filter((pl.col("change") != ZERO) | pl.col("explained").is_null())
        .drop("explained")
    )
    return pl.concat([steps.filter(~drawn.fill_null(False)), daily, rest])
