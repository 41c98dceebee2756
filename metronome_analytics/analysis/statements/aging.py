"""What is unpaid, and since when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, checked, like, literal, optional, required_instant
from metronome_analytics.analysis.invoiced import is_invoiced
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.vocabulary import NOT_OWED

if TYPE_CHECKING:
    from metronome_analytics.arguments import Instant
    from metronome_analytics.tables.columns import Frame

UNKNOWN = "unknown"
"""The status of an invoice of which the billing provider tells nothing."""
NO_DATE = "no date"
BUCKETS = ("not due", "1 to 30 days", "31 to 60 days", "61 to 90 days", "over 90 days", NO_DATE)
"""How long invoices are overdue, in order; the last is for those without a date of issue."""
_MORE_THAN = (0, 30, 60, 90)
_PROVIDER = "billing_provider_invoice_external_status"
_SECONDS_A_DAY = 86_400


class Aging(dy.Schema):
    """One row per unpaid invoice. Key: `invoice_id`. See `aging()` for the columns."""

    invoice_id = c.key()
    customer_id = c.text()
    contract_id = c.text()
    issued_at = c.instant()
    due_at = c.instant()
    days_overdue = dy.Int64(nullable=True)
    bucket = c.text()
    status = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    amount = c.amount()


def aging(invoices: Frame, *, as_of: Instant) -> Frame:
    """The unpaid final invoices, each with its due date and how long it is overdue at `as_of`.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind, in the order given: one row per
    FINALIZED invoice over more than zero that the billing provider does not call PAID, VOID, DELETED or SKIPPED;
    consolidated twins are left out. `due_at` is the date of issue plus `net_payment_terms_days`, none being 0.
    `days_overdue` is in whole days begun and done, negative until the invoice is due. `bucket` is "not due" to 0 days,
    then "1 to 30 days", "31 to 60 days", "61 to 90 days", "over 90 days", or "no date". `status` is the provider's
    word, `unknown` where it tells nothing: whether such an invoice is paid, Metronome does not know. `amount` is the
    whole total, Decimal(38, 10) in the API's unit (see `ma.major_units`): never add it up across credit types.

    For the allowance for doubtful debts. Metronome does not say how much of a PARTIALLY_PAID invoice is paid, so it
    counts in full, and an UNCOLLECTIBLE one counts until the user writes it off; both overstate what can be collected,
    and `status` tells them apart. Statuses are those of the moment of loading: a past `as_of` moves the due dates
    only, and an invoice issued after it is "not due".

    Raises ArgumentError without `as_of`, or for a frame without the columns. Source: Metronome's invoices and the
    statuses of billing providers (fact sheet 3.2).

    >>> unpaid = ma.aging(account.invoices(), as_of=account.now)
    >>> unpaid["bucket"].value_counts(name="invoices").sort("bucket").rows()
    [('1 to 30 days', 2), ('31 to 60 days', 2), ('61 to 90 days', 2), ('not due', 3), ('over 90 days', 12)]
    """
    at = required_instant("as_of", as_of)
    needed = ("id", "customer_id", "status", "type", "total", "credit_type_id", "credit_type_name", "issued_at")
    given = checked(invoices, "invoices", *needed, _PROVIDER)
    names = given.collect_schema().names()
    terms = optional(names, "net_payment_terms_days", pl.Float64).fill_null(0)
    seconds = (literal(at) - pl.col("due_at")).dt.total_seconds()
    unpaid = given.filter(is_invoiced() & (pl.col("total") > 0) & ~pl.col(_PROVIDER).is_in(NOT_OWED).fill_null(False))
    rows = (
        unpaid.with_columns((pl.col("issued_at") + pl.duration(days=terms)).cast(INSTANT).alias("due_at"))
        .with_columns((seconds // _SECONDS_A_DAY).alias("days_overdue"))
        .select(
            pl.col("id").alias("invoice_id"),
            *("customer_id", "issued_at", "due_at", "days_overdue", "credit_type_id", "credit_type_name"),
            optional(names, "contract_id"),
            _bucket().alias("bucket"),
            pl.col(_PROVIDER).fill_null(UNKNOWN).alias("status"),
            pl.col("total").alias("amount"),
        )
    )
    return like(rows, invoices, Aging)


def _bucket() -> pl.Expr:
    """In which of `BUCKETS` a number of days falls."""
    late = pl.col("days_overdue")
    bucket: pl.Expr = pl.lit(BUCKETS[0])
    for days, older in zip(_MORE_THAN, BUCKETS[1:-1], strict=True):
        bucket = pl.when(late > days).then(pl.lit(older)).otherwise(bucket)
    return pl.when(late.is_null()).then(pl.lit(NO_DATE)).otherwise(bucket)
