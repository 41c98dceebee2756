"""Utilisation: what was granted, what became of it, and how that compares with the time gone by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from metronome_analytics.analysis.burn_down import in_books, walked
from metronome_analytics.analysis.entries import BALANCE, NEEDED, identities
from metronome_analytics.analysis.frames import MONEY, ZERO, Given, checked, floored, like, literal, optional, ratio
from metronome_analytics.analysis.schemas import Utilisation
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.offers import one_of
from metronome_analytics.tables.vocabulary import BalanceType, Event

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.tables.columns import Frame

By = Literal["balance", "segment", "customer", "product", "contract"]

_UNIT = ("credit_type_id", "credit_type_name")
_KEYS: dict[str, tuple[str, ...]] = {
    "balance": (*BALANCE, "balance_name", "balance_type", "contract_id", "product_id", "product_name"),
    "segment": (*BALANCE, "segment_id", "balance_name", "balance_type", "contract_id", "product_id", "product_name"),
    "customer": ("customer_id",),
    "product": ("customer_id", "product_id", "product_name"),
    "contract": ("customer_id", "contract_id"),
}
_FLOWS = {
    "granted": (Event.SEGMENT_START, 1),
    "used": (Event.DEDUCTION, -1),
    "expired": (Event.EXPIRATION, -1),
    "rolled_over": (Event.ROLLOVER, -1),
    "trued_up": (Event.TRUE_UP, -1),
    "overdraft": (Event.OVERDRAFT, 1),
}
_AMOUNTS = (*_FLOWS, "adjusted", "not_started", "pending", "remaining", "at_risk")


def utilisation(
    balances: Frame,
    *,
    as_of: Instant | None = None,
    by: By = "balance",
    breakdowns: Given | None = None,
    invoices: Given | None = None,
    loaded_at: Instant | None = None,
) -> Frame:
    """What was granted, used, expired, adjusted and is left, per group and credit type; the columns of `Utilisation`.

    What each means, and how they tie out, says `help("metronome_analytics.analysis.schemas.Utilisation")`.

    `balances` is the frame of `account.balances()`; the result is of the same kind, in the order given. `by` is
    "balance", "segment", "customer", or a customer's "product" or "contract" (null: customer level). Credit types are
    never summed together. Used is minus the sum of deductions, drafts included, never granted less balance:
    expirations, rollovers, true-ups and entries by hand are no use (fact sheet 4.1). Without `as_of` there is no
    time: `days_left`, `elapsed` and `at_risk` are null, nothing counts as not started, and a segment to come is granted
    only if the ledger lists it. A balance without a ledger has no row. A past `as_of` gives what the books said then,
    by the rules of `burn_down()`, which also says what `breakdowns`, `invoices` and `loaded_at` are needed for.
    Raises ArgumentError for another `by`, a frame without the needed columns, or a past `as_of` that the frames cannot
    answer for.

    >>> balances, now = account.balances(), account.now
    >>> used = ma.utilisation(balances, as_of=now, by="customer")
    >>> used.select("granted", "used", "remaining", "utilisation").row(0)
    (Decimal('3200000.0000000000'), Decimal('1865378.2600000000'), Decimal('1334621.7400000000'), 0.5829307062)
    """
    one_of("by", by, get_args(By))
    at, read = instant("as_of", as_of), instant("loaded_at", loaded_at)
    given = checked(balances, "balances", *NEEDED)
    steps = in_books(given, at, read, breakdowns=breakdowns, invoices=invoices)
    keys: list[str] = [*_KEYS[by], *_UNIT]
    rows = _segments(steps, given, at).with_columns(_internal_rollover(by).alias("internal"))
    grouped = rows.group_by(keys, maintain_order=True).agg(
        pl.struct(BALANCE).n_unique().cast(pl.Int64).alias("balances"),
        pl.col(*_AMOUNTS, "internal").sum(),
        pl.col("segment_starting_at").min().alias("starting_at"),
        pl.col("segment_ending_before").max().alias("ending_before"),
    )
    grouped = grouped.with_columns(pl.col("granted", "rolled_over") - pl.col("internal"))
    missing = [name for name in Utilisation.column_names() if name not in (*keys, *_AMOUNTS, "balances")]
    empty = [pl.lit(None, pl.String).alias(name) for name in missing if name.endswith(("_id", "_name", "_type"))]
    return like(_timed(grouped, at).with_columns(empty), balances, Utilisation)


def _segments(steps: pl.LazyFrame, balances: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """One row per balance and segment: its flows, its rest, and what of it is at risk."""
    burn = walked(steps.filter(~pl.col("scheduled") | pl.col("coming")), balances, at)
    amount, kind, later = pl.col("change"), pl.col("event"), pl.col("scheduled")
    known = [name for name, _ in _FLOWS.values()]
    flows = [
        (sign * amount.filter(kind == event).sum()).cast(MONEY).alias(name) for name, (event, sign) in _FLOWS.items()
    ]
    totals = burn.group_by(*BALANCE, "segment_id", maintain_order=True).agg(
        *flows,
        amount.filter(~kind.is_in(known)).sum().alias("adjusted"),
        amount.filter(later).sum().alias("not_started"),
        (-amount.filter((kind == Event.DEDUCTION) & pl.col("pending"))).sum().alias("pending"),
        amount.filter(~later).sum().alias("remaining"),
        pl.col("segment_starting_at", "segment_ending_before").first(),
    )
    names = identities(balances)
    lineage = balances.select(
        "customer_id",
        pl.col("id").alias("balance_id"),
        optional(balances.collect_schema().names(), "rolled_over_from_commit_id").alias("source_id"),
    )
    return (
        totals.join(names, on=BALANCE, how="left", maintain_order="left")
        .join(lineage, on=BALANCE, how="left", maintain_order="left")
        .join(_sources(names, totals), on=["customer_id", "source_id"], how="left", maintain_order="left")
        .with_columns(_at_risk(at).alias("at_risk"))
    )


def _sources(names: pl.LazyFrame, totals: pl.LazyFrame) -> pl.LazyFrame:
    """What a balance that was rolled over into another was grouped by, and how much left it by rollover.

    An archived source has no ledger: it is in no group, and nothing left it within one.
    """
    left = totals.group_by(BALANCE).agg(pl.col("rolled_over").sum().alias("source_rolled_over"))
    return names.join(left, on=BALANCE, how="inner").select(
        "customer_id",
        pl.col("balance_id").alias("source_id"),
        *(pl.col(name).alias(f"source_{name}") for name in ("contract_id", "product_id", "product_name", *_UNIT)),
        "source_rolled_over",
    )


def _internal_rollover(by: By) -> pl.Expr:
    """What a balance got by rollover from one of its own group: granted once, it must not count again."""
    if by in ("balance", "segment"):
        return ZERO
    same = [pl.col(name).eq_missing(pl.col(f"source_{name}")) for name in (*_KEYS[by], *_UNIT) if name != "customer_id"]
    known = pl.col("source_rolled_over").is_not_null()
    inside = pl.min_horizontal("granted", "source_rolled_over")
    return pl.when(known & pl.all_horizontal(same)).then(inside).otherwise(ZERO)


def _at_risk(at: datetime | None) -> pl.Expr:
    """What is left of a running segment at its end if use goes on as it did; nothing of a postpaid one."""
    if at is None:
        return pl.lit(None, MONEY)
    now, start, end = literal(at), pl.col("segment_starting_at"), pl.col("segment_ending_before")
    gone, left = _seconds(now - start), _seconds(end - now)
    to_come = ratio(pl.col("used") * left, gone)
    running = (start <= now) & (now < end) & (pl.col("balance_type") != BalanceType.POSTPAID)
    # A segment that has only just started has used nothing and shows no pace: all of it is at risk.
    return pl.when(running).then(floored(pl.col("remaining") - to_come.fill_null(ZERO))).otherwise(ZERO)


def _seconds(duration: pl.Expr) -> pl.Expr:
    """Whole seconds, floored at zero, as an exact number."""
    return pl.max_horizontal(duration.dt.total_seconds(), 0).cast(MONEY)


def _timed(grouped: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """Adds the shares used and gone by, and the days left."""
    start, end = pl.col("starting_at"), pl.col("ending_before")
    used = ratio(pl.col("used"), pl.col("granted")).cast(pl.Float64).alias("utilisation")
    if at is None:
        nothing = [pl.lit(None, pl.Int64).alias("days_left"), pl.lit(None, pl.Float64).alias("elapsed")]
        return grouped.with_columns(used, *nothing, pl.lit(None, MONEY).alias("at_risk"))
    now = literal(at)
    gone = ratio(_seconds(pl.min_horizontal(now, end) - start), _seconds(end - start))
    return grouped.with_columns(
        used,
        pl.max_horizontal((end - now).dt.total_days(), 0).alias("days_left"),
        gone.cast(pl.Float64).alias("elapsed"),
    )
