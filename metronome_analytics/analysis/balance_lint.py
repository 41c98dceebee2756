"""Balance lint: what looks wrong about commits and credits though every sum may be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.burn_down import in_books
from metronome_analytics.analysis.entries import BALANCE, NEEDED, access, covered, identities
from metronome_analytics.analysis.frames import (
    INSTANT,
    MONEY,
    ZERO,
    Given,
    checked,
    like,
    literal,
    optional,
    required_instant,
)
from metronome_analytics.analysis.schemas import Lint
from metronome_analytics.analysis.standing import answered
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables.vocabulary import BalanceType, Event

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.tables.columns import Frame

IDLE_DAYS = 30
"""So many days of access without a single deduction count as no burn."""

_COLUMNS = ("customer_id", "balance_id", "segment_id", "entry_index", "amount", "timestamp", "detail")


def balance_lint(
    balances: Frame,
    *,
    as_of: Instant,
    breakdowns: Given | None = None,
    invoices: Given | None = None,
    loaded_at: Instant | None = None,
) -> Frame:
    """What somebody should look at in commits and credits, one row per finding; the columns of `Lint`.

    They are `rule`, `customer_id`, `balance_id`, `balance_name`, `segment_id`, `entry_index`, `credit_type_id`,
    `credit_type_name`, `amount`, `timestamp` and `detail`, and stand in `metronome_analytics.analysis.schemas`.

    `balances` is the frame of `account.balances()`; the result is of the same kind, sorted by rule. Rules:
    stacked grants (segments of one balance that overlap), negative segment (its ledger sums below zero, which the API
    shows as zero), expired but positive (access is over and something is left or the API still shows a balance),
    manual entry without a reason, same priority (balances of one customer, type and credit type that run together at
    one priority, so that finer rules decide who pays; archived ones do not run), no burn (runs, and has had 30 days of
    access, gaps left out, without a deduction), rollover fraction above 1 (it is a share, not a percentage).
    For a past `as_of` the rules of `burn_down()` hold, which also says what `breakdowns`, `invoices` and `loaded_at`
    are needed for; what the API shows now says nothing about then.
    Raises ArgumentError without `as_of` or needed columns, or for a past `as_of` that the frames cannot answer for.

    >>> balances, now = account.balances(), account.now
    >>> findings = ma.balance_lint(balances, as_of=now)
    >>> findings["rule"].value_counts(sort=True, name="findings").rows()
    [('same priority', 4), ('no burn', 2), ('negative segment', 1)]
    """
    at, read = required_instant("as_of", as_of), instant("loaded_at", loaded_at)
    given = checked(balances, "balances", *NEEDED)
    steps = in_books(given, at, read, breakdowns=breakdowns, invoices=invoices)
    booked, spans = steps.filter(~pl.col("scheduled")).cache(), access(given)
    past = booked.filter("past").select("customer_id").unique()
    # Here alone, so that what cannot be answered is refused once.
    segments, active = _segments(answered(booked, at), spans).cache(), _running(given, spans, at)
    rules = {
        "stacked grants": _stacked(spans),
        "negative segment": _negative(segments),
        "expired but positive": _expired(given.join(past, on="customer_id", how="anti"), segments, at),
        "manual entry without a reason": _unreasoned(booked),
        "same priority": _same_priority(given, active),
        "no burn": _no_burn(booked, spans, active, at),
        "rollover fraction above 1": _rollover(given),
    }
    found = pl.concat([_shaped(name, rows) for name, rows in rules.items()])
    names = identities(given).select(*BALANCE, "balance_index", "balance_name", "credit_type_id", "credit_type_name")
    order = ["place", "balance_index", "timestamp", "segment_id", "entry_index"]
    placed = found.join(names, on=BALANCE, how="left").with_columns(
        pl.col("rule").replace_strict({name: n for n, name in enumerate(rules)}, return_dtype=pl.Int8).alias("place")
    )
    return like(placed.sort(order, nulls_last=True), balances, Lint)


def _shaped(rule: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with every column of a finding."""
    names = rows.collect_schema().names()
    schema = Lint.create_empty().schema
    return rows.select(
        pl.lit(rule).alias("rule"), *(optional(names, name, schema[name]).cast(schema[name]) for name in _COLUMNS)
    )


def _segments(booked: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """What each segment's ledger sums to."""
    sums = booked.group_by(*BALANCE, "segment_id").agg(pl.col("change").sum().alias("amount"))
    return sums.join(spans, on=[*BALANCE, "segment_id"], how="left")


def _stacked(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Segments that start before every earlier one of their balance has ended."""
    ends = pl.col("segment_ending_before").cum_max().shift(1).over(BALANCE)
    ordered = spans.sort(*BALANCE, "segment_starting_at", "segment_ending_before").with_columns(ends.alias("until"))
    return ordered.filter(pl.col("segment_starting_at") < pl.col("until")).select(
        *BALANCE,
        "segment_id",
        pl.col("segment_amount").alias("amount"),
        pl.col("segment_starting_at").alias("timestamp"),
        pl.format("starts before an earlier segment ends on {}", pl.col("until").dt.strftime("%Y-%m-%d")).alias(
            "detail"
        ),
    )


def _negative(segments: pl.LazyFrame) -> pl.LazyFrame:
    return segments.filter(pl.col("amount") < ZERO).select(
        *BALANCE,
        "segment_id",
        "amount",
        pl.col("segment_starting_at").alias("timestamp"),
        pl.lit("overdrawn: the API counts the segment as zero").alias("detail"),
    )


def _expired(balances: pl.LazyFrame, segments: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """Segments that are over and not empty, and balances the API shows though all access is over."""
    over = pl.col("segment_ending_before") <= literal(at)
    left = segments.filter(over & (pl.col("amount") > ZERO)).select(
        *BALANCE,
        "segment_id",
        "amount",
        pl.col("segment_ending_before").alias("timestamp"),
        pl.lit("access is over and the ledger has no expiration for the rest").alias("detail"),
    )
    names = balances.collect_schema().names()
    ends = access(balances).group_by(BALANCE).agg(pl.col("segment_ending_before").max())
    shown = (
        balances.select(
            "customer_id", pl.col("id").alias("balance_id"), optional(names, "balance", MONEY).alias("amount")
        )
        .join(ends, on=BALANCE, how="inner", maintain_order="left")
        .filter(over & (pl.col("amount") > ZERO))
        .select(
            *BALANCE,
            pl.lit(None, pl.String).alias("segment_id"),
            "amount",
            pl.col("segment_ending_before").alias("timestamp"),
            pl.lit("access is over and the API still shows a balance").alias("detail"),
        )
    )
    return pl.concat([left, shown])


def _unreasoned(booked: pl.LazyFrame) -> pl.LazyFrame:
    blank = pl.col("reason").str.strip_chars().fill_null("") == ""
    return booked.filter((pl.col("event") == "manual") & blank).select(
        *BALANCE,
        "segment_id",
        "entry_index",
        pl.col("change").alias("amount"),
        "timestamp",
        pl.lit("an entry by hand gives no reason").alias("detail"),
    )


def _running(balances: pl.LazyFrame, spans: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """The balances with access at `at` that are not archived.

    An archived credit may have no `archived_at`: it shows by a ledger that is missing and a balance of zero.
    """
    names = balances.collect_schema().names()
    dated = (optional(names, "archived_at", INSTANT) <= literal(at)).fill_null(False)
    hidden = pl.col("ledger").is_null() & (optional(names, "balance", MONEY) == ZERO).fill_null(False)
    alive = balances.filter(~dated & ~hidden).select("customer_id", pl.col("id").alias("balance_id"))
    inside = (pl.col("segment_starting_at") <= literal(at)) & (literal(at) < pl.col("segment_ending_before"))
    return spans.filter(inside).select(BALANCE).unique().join(alive, on=BALANCE, how="semi")


def _same_priority(balances: pl.LazyFrame, active: pl.LazyFrame) -> pl.LazyFrame:
    """Balances that run together at one priority. Postpaid come after all others, so they only meet each other."""
    names = balances.collect_schema().names()
    key = ["customer_id", "credit_type_id", "postpaid", "rolled_over", "priority"]
    together = (
        balances.select(
            "customer_id",
            pl.col("id").alias("balance_id"),
            "credit_type_id",
            (pl.col("type") == BalanceType.POSTPAID).alias("postpaid"),
            optional(names, "rolled_over_from_commit_id").is_not_null().alias("rolled_over"),
            optional(names, "priority", pl.Float64),
        )
        .join(active, on=BALANCE, how="inner", maintain_order="left")
        .with_columns(pl.len().over(key).alias("count"))
    )
    return together.filter(pl.col("count") > 1).select(
        *BALANCE,
        pl.format(
            "{} balances share priority {}",
            "count",
            pl.col("priority").cast(pl.String).fill_null("none").str.strip_suffix(".0"),
        ).alias("detail"),
    )


def _no_burn(booked: pl.LazyFrame, spans: pl.LazyFrame, active: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """Balances that have had access for a while, still run, and were never drawn on."""
    started = pl.col("segment_starting_at") <= literal(at)
    ordered = spans.sort("segment_starting_at", maintain_order=True)
    time = covered(pl.col("segment_starting_at"), literal(at), BALANCE)
    facts = (
        ordered.with_columns(time.alias("time"))
        .group_by(BALANCE)
        .agg(
            pl.col("segment_starting_at").min().alias("timestamp"),
            pl.col("time").sum(),
            pl.col("segment_amount").filter(started).sum().alias("amount"),
        )
    )
    burning = booked.filter(pl.col("event") == Event.DEDUCTION).select(BALANCE).unique()
    known = booked.select(BALANCE).unique()
    return (
        facts.filter(pl.col("time") >= pl.duration(days=IDLE_DAYS))
        .join(active, on=BALANCE, how="semi")
        .join(known, on=BALANCE, how="semi")
        .join(burning, on=BALANCE, how="anti")
        .select(
            *BALANCE,
            "amount",
            "timestamp",
            pl.format("nothing drawn in {} days of access", pl.col("time").dt.total_days()).alias("detail"),
        )
    )


def _rollover(balances: pl.LazyFrame) -> pl.LazyFrame:
    names = balances.collect_schema().names()
    share = optional(names, "rollover_fraction", pl.Float64)
    return balances.filter(share > 1).select(
        "customer_id",
        pl.col("id").alias("balance_id"),
        pl.format("rollover_fraction is {}, which reads as a percentage", share).alias("detail"),
    )
