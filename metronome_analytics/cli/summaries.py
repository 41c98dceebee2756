"""What an analyst wants first, as frames of frames. Pure: no I/O, no clock, amounts raw in the API's own unit.

Every rule is one of analysis: what counts as invoiced, what was used, when a balance runs out. Here it is only chosen,
added up and put in order.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from metronome_analytics.analysis import burn_down, forecast, invoiced, utilisation
from metronome_analytics.analysis.frames import INSTANT, ratio
from metronome_analytics.analysis.invoiced import Standing, standing
from metronome_analytics.tables.vocabulary import BalanceType, InvoiceType

CREDIT_TYPE = ("credit_type_id", "credit_type_name")
BALANCE = ("customer_id", "balance_id")

PACE = timedelta(weeks=4)
"""The stretch a pace is taken from: four weeks, so that weekends weigh the same in every one."""

TRUE_UP, IN_GRACE = "TRUE_UP", "USAGE_IN_GRACE"
"""What a draft is for beside the types of invoices: a true-up, and usage of a period that is over."""


def left_out(invoices: pl.DataFrame) -> pl.DataFrame:
    """How many invoices no total counts, by `reason`: VOID, USAGE_CONSOLIDATED, or a status nobody knows."""
    reason = (
        pl.when(pl.col("standing") == Standing.VOID)
        .then("status")
        .when(pl.col("standing") == Standing.TWIN)
        .then("type")
        .when(pl.col("standing") == Standing.OTHER)
        .then(pl.format("status {}", pl.col("status").fill_null("unknown")))
    )
    return (
        invoices.with_columns(standing(invoices).alias("standing"))
        .select(reason=reason)
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
        invoiced(invoices)
        .group_by(pl.col("issued_at").dt.truncate("1mo").dt.date().alias("month"), *CREDIT_TYPE)
        .agg(pl.len().cast(pl.Int64).alias("invoices"), pl.col("total").sum())
        .sort("month", "credit_type_name", "credit_type_id", nulls_last=True)
    )


def drafts(invoices: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """`kind`, credit type, `invoices`, `total`, `first_issue`, `last_issue`: what is not invoiced yet.

    `kind` is the invoice type, or TRUE_UP for what is owed only if nothing more is used, or USAGE_IN_GRACE for a period
    that is over while its invoice is a draft still.
    """
    over = (pl.col("type") == InvoiceType.USAGE) & (pl.col("end_timestamp") <= as_of)
    kind = (
        pl.when(pl.col("standing") == Standing.TRUE_UP)
        .then(pl.lit(TRUE_UP))
        .when(over)
        .then(pl.lit(IN_GRACE))
        .otherwise("type")
    )
    return (
        invoices.with_columns(standing(invoices).alias("standing"))
        .filter(pl.col("standing").is_in([Standing.DRAFT, Standing.TRUE_UP]))
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
        invoiced(invoices)
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


def burn(
    balances: pl.DataFrame,
    *,
    as_of: datetime,
    invoices: pl.DataFrame | None = None,
    breakdowns: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`ma.burn_down` of what was loaded, by day for every invoice of which all days were.

    An invoice whose first days are missing stays one step: half of it by day would look like a jump.
    """
    if breakdowns is not None:
        first = pl.col("breakdown_start_timestamp").min()
        breakdowns = breakdowns.filter(pl.col("start_timestamp") >= first)
    return burn_down(balances, breakdowns=breakdowns, invoices=invoices, as_of=as_of)


def running_out(
    balances: pl.DataFrame, burned: pl.DataFrame, customers: pl.DataFrame, *, as_of: datetime
) -> pl.DataFrame:
    """Every open PREPAID or CREDIT balance with something left, the next to end first.

    `customer_id`, `customer_name`, `balance_id`, `balance_name`, `balance_type`, credit type, `remaining` (the API's
    `balance`: drafts are off, expired and future segments are not in it), `granted` (of the segments open at `as_of`),
    `used_up` (what was used of it, as a share), and from `ma.forecast` of `burned` (see `burn`) at the pace of the last
    four weeks: `ends_at`, `days_left`, `burn_per_day`, `empty_at` (null when the balance outlasts its end) and
    `expires_unused` (share of `remaining` that would be left at the end). A POSTPAID commit is left out: what remains
    of it becomes a true-up.
    """
    over = pl.col("ending_before").is_not_null() & (pl.col("ending_before") <= as_of)
    open_ = (
        utilisation(balances, as_of=as_of, by="segment")
        .filter((pl.col("starting_at") <= as_of) & ~over)
        .group_by(BALANCE)
        .agg(pl.col("granted", "used").sum())
    )
    pace = forecast(burned, as_of=as_of, window=PACE).select(
        *BALANCE,
        "burn_per_day",
        "unused_at_end",
        pl.col("ending_before").alias("ends_at"),
        pl.when(pl.col("ending_before").is_not_null()).then(pl.col("days_left").floor().cast(pl.Int64)),
        pl.col("runs_out_at").alias("empty_at"),
    )
    left = balances.filter((pl.col("type") != BalanceType.POSTPAID) & (pl.col("balance") > 0)).select(
        "customer_id",
        pl.col("id").alias("balance_id"),
        pl.col("name").alias("balance_name"),
        pl.col("type").alias("balance_type"),
        *CREDIT_TYPE,
        pl.col("balance").alias("remaining"),
    )
    outlasts = pl.col("empty_at").is_null() & pl.col("ends_at").is_not_null() & pl.col("burn_per_day").is_not_null()
    return (
        left.join(open_, on=BALANCE, how="inner", maintain_order="left")
        .join(pace, on=BALANCE, how="left", maintain_order="left")
        .join(_names(customers), on="customer_id", how="left", maintain_order="left")
        .with_columns(
            _share(pl.col("used"), pl.col("granted")).alias("used_up"),
            pl.when(outlasts).then(_share(pl.col("unused_at_end"), pl.col("remaining"))).alias("expires_unused"),
        )
        .sort(
            pl.min_horizontal("empty_at", "ends_at"), "customer_id", "balance_id", nulls_last=True, maintain_order=True
        )
        .select(
            *("customer_id", "customer_name", "balance_id", "balance_name", "balance_type", *CREDIT_TYPE),
            *("remaining", "granted", "used_up", "ends_at", "days_left", "burn_per_day", "empty_at", "expires_unused"),
        )
    )


def _names(customers: pl.DataFrame) -> pl.DataFrame:
    return customers.select(pl.col("id").alias("customer_id"), pl.col("name").alias("customer_name"))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return ratio(part, whole).cast(pl.Float64)
