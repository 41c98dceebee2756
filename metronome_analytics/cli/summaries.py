"""What an analyst wants first, as frames of frames. Pure: no I/O, no clock, amounts raw in the API's own unit."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from metronome_analytics.analysis.drawdown import applied
from metronome_analytics.arguments import midnight

MONEY = pl.Decimal(38, 10)
INSTANT = pl.Datetime("us", "UTC")
CREDIT_TYPE = ("credit_type_id", "credit_type_name")

PACE = timedelta(days=28)
"""The stretch a pace is taken from: four weeks, so that weekends weigh the same in every one."""

_VOID = pl.col("status").eq_missing("VOID")
_TWIN = pl.col("type").eq_missing("USAGE_CONSOLIDATED")
_DRAFT = pl.col("status").eq_missing("DRAFT")
_FINAL = pl.col("status").eq_missing("FINALIZED")


def left_out(invoices: pl.DataFrame) -> pl.DataFrame:
    """How many invoices no total counts, by `reason`: VOID, USAGE_CONSOLIDATED, or a status nobody knows.

    A consolidated invoice repeats what the parent's and the children's own USAGE invoices say.
    """
    reason = (
        pl.when(_VOID)
        .then(pl.lit("VOID"))
        .when(_TWIN)
        .then(pl.lit("USAGE_CONSOLIDATED"))
        .when(~(_FINAL | _DRAFT))
        .then(pl.format("status {}", pl.col("status").fill_null("unknown")))
    )
    return (
        invoices.select(reason=reason)
        .drop_nulls()
        .group_by("reason")
        .agg(pl.len().cast(pl.Int64).alias("invoices"))
        .sort("reason")
    )


def invoiced_by_month(invoices: pl.DataFrame) -> pl.DataFrame:
    """`month` (UTC, of issue), credit type, `invoices`, `total`: what was invoiced, finalised invoices only.

    Prepaid purchases count in the month they were invoiced; usage they cover does not count again.
    """
    return (
        _finalised(invoices)
        .group_by(pl.col("issued_at").dt.truncate("1mo").dt.date().alias("month"), *CREDIT_TYPE)
        .agg(pl.len().cast(pl.Int64).alias("invoices"), pl.col("total").sum())
        .sort("month", "credit_type_name", "credit_type_id", nulls_last=True)
    )


def drafts(invoices: pl.DataFrame, lines: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """`kind`, credit type, `invoices`, `total`, `first_issue`, `last_issue`: what is not invoiced yet.

    `kind` is the invoice type, or TRUE_UP for what is owed only if nothing more is used (an invoice with a line that
    pays for a postpaid commit), or USAGE_IN_GRACE for a period that is over while its invoice is a draft still.
    """
    true_ups = lines.filter(pl.col("postpaid_commit_id").is_not_null())["invoice_id"]
    kind = (
        pl.when(pl.col("id").is_in(true_ups.implode()))
        .then(pl.lit("TRUE_UP"))
        .when((pl.col("type") == "USAGE") & (pl.col("end_timestamp") <= as_of))
        .then(pl.lit("USAGE_IN_GRACE"))
        .otherwise("type")
    )
    return (
        invoices.filter(_DRAFT & ~_TWIN)
        .group_by(kind.alias("kind"), *CREDIT_TYPE)
        .agg(
            pl.len().cast(pl.Int64).alias("invoices"),
            pl.col("total").sum(),
            pl.col("issued_at").min().alias("first_issue"),
            pl.col("issued_at").max().alias("last_issue"),
        )
        .sort("first_issue", "kind", "credit_type_name", "credit_type_id", nulls_last=True)
    )


def largest_customers(
    invoices: pl.DataFrame, customers: pl.DataFrame, *, as_of: datetime, top: int = 5
) -> pl.DataFrame:
    """The `top` customers in each credit type by what was invoiced in the twelve months before `as_of`.

    `customer_id`, `customer_name`, credit type, `invoices`, `total`, `share` (of its credit type), `last_issue`.
    """
    since = pl.lit(as_of, INSTANT).dt.offset_by("-12mo")
    return (
        _finalised(invoices)
        .filter((pl.col("issued_at") > since) & (pl.col("issued_at") <= as_of))
        .group_by("customer_id", *CREDIT_TYPE)
        .agg(
            pl.len().cast(pl.Int64).alias("invoices"),
            pl.col("total").sum(),
            pl.col("issued_at").max().alias("last_issue"),
        )
        .with_columns(_share(pl.col("total"), pl.col("total").sum().over(*CREDIT_TYPE)).alias("share"))
        .filter(pl.col("total") > 0)
        .sort("total", "customer_id", descending=[True, False])
        .group_by(*CREDIT_TYPE, maintain_order=True)
        .head(top)
        .join(_names(customers), on="customer_id", how="left", maintain_order="left")
        .select("customer_id", "customer_name", *CREDIT_TYPE, "invoices", "total", "share", "last_issue")
    )


def running_out(
    balances: pl.DataFrame,
    segments: pl.DataFrame,
    customers: pl.DataFrame,
    *,
    as_of: datetime,
    breakdown_lines: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Every open PREPAID or CREDIT balance with something left, the next to end first.

    `customer_id`, `customer_name`, `balance_id`, `balance_name`, `balance_type`, credit type, `remaining` (the API's
    `balance`: drafts are off, expired and future segments are not in it), `granted` (of the segments open at `as_of`),
    `used_up` (share of `granted`), `ends_at` (of several open segments the first to end), `days_left`, and from
    `breakdown_lines` the pace of the last four weeks, or since the segment began: `burn_per_day`, `empty_at` (null when
    the balance outlasts its end) and `expires_unused` (share of `remaining` that would be left at the end).
    What the pace says is an estimate in Float64. A POSTPAID commit is left out: what remains of it becomes a true-up.
    """
    open_ = (
        segments.filter(
            (pl.col("starting_at") <= as_of) & (pl.col("ending_before").is_null() | (pl.col("ending_before") > as_of))
        )
        .group_by("customer_id", "balance_id")
        .agg(
            pl.col("amount").sum().alias("granted"),
            pl.col("starting_at").min().alias("began_at"),
            pl.col("ending_before").min().alias("ends_at"),
        )
    )
    left = (
        balances.filter((pl.col("type") != "POSTPAID") & (pl.col("balance") > 0))
        .select(
            "customer_id",
            pl.col("id").alias("balance_id"),
            pl.col("name").alias("balance_name"),
            pl.col("type").alias("balance_type"),
            *CREDIT_TYPE,
            pl.col("balance").alias("remaining"),
        )
        .join(open_, on=["customer_id", "balance_id"], how="inner", maintain_order="left")
        .join(_names(customers), on="customer_id", how="left", maintain_order="left")
    )
    days_left = (pl.col("ends_at") - pl.lit(as_of, INSTANT)).dt.total_days(fractional=True)
    lasts = pl.col("remaining").cast(pl.Float64) / pl.col("burn_per_day")
    outlasts = (lasts >= days_left) | pl.col("burn_per_day").eq(0)
    return (
        _paced(left, breakdown_lines, as_of)
        .with_columns(
            (1 - _share(pl.col("remaining"), pl.col("granted"))).alias("used_up"),
            days_left.floor().cast(pl.Int64).alias("days_left"),
            pl.when(~outlasts.fill_null(value=False))
            .then(pl.lit(as_of, INSTANT) + pl.duration(seconds=(lasts * 86_400).cast(pl.Int64, strict=False)))
            .alias("empty_at"),
            pl.when(outlasts).then(1 - days_left / lasts).alias("expires_unused"),
        )
        .sort(
            pl.min_horizontal("empty_at", "ends_at"), "customer_id", "balance_id", nulls_last=True, maintain_order=True
        )
        .select(
            "customer_id",
            "customer_name",
            "balance_id",
            "balance_name",
            "balance_type",
            *CREDIT_TYPE,
            "remaining",
            "granted",
            "used_up",
            "ends_at",
            "days_left",
            "burn_per_day",
            "empty_at",
            "expires_unused",
        )
    )


def _finalised(invoices: pl.DataFrame) -> pl.DataFrame:
    return invoices.filter(_FINAL & ~_TWIN)


def _names(customers: pl.DataFrame) -> pl.DataFrame:
    return customers.select(pl.col("id").alias("customer_id"), pl.col("name").alias("customer_name"))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return part.cast(pl.Float64) / pl.when(whole != 0).then(whole.cast(pl.Float64))


def _paced(left: pl.DataFrame, lines: pl.DataFrame | None, as_of: datetime) -> pl.DataFrame:
    """`left` with `burn_per_day`: what whole days of the last four weeks drew, null when none was watched."""
    if lines is None:
        return left.with_columns(pl.lit(None, pl.Float64).alias("burn_per_day"))
    today = midnight(as_of)
    begin, start = pl.lit(today - PACE, INSTANT), pl.col("breakdown_start_timestamp")
    drawn = (
        applied(lines.lazy())
        .filter((start >= begin) & (start < today) & ~pl.col("invoice_type").eq_missing("USAGE_CONSOLIDATED"))
        .group_by("balance_id")
        .agg(pl.col("total").neg().sum().cast(pl.Float64).alias("drawn"))
        .collect()
    )
    watched = (pl.lit(today, INSTANT) - pl.max_horizontal(begin, "began_at")).dt.total_days(fractional=True)
    return left.join(drawn, on="balance_id", how="left", maintain_order="left").with_columns(
        pl.when(watched > 0).then(pl.col("drawn").fill_null(0.0) / watched).alias("burn_per_day")
    )
