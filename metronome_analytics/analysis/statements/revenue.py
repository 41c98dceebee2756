"""What was billed by month, and what of it somebody had paid before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.statements.billed import (
    EARNED,
    NET,
    UNIT,
    By,
    Part,
    added,
    billed,
    key_columns,
    only,
    presented,
)
from metronome_analytics.analysis.statements.periods import Months, month_names
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.tables.columns import Frame


class Revenue(dy.Schema):
    """One row per month, the keys of `by`, and credit type. See `revenue()` for what each column is."""

    month = c.key()
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    gross = c.amount()
    covered_prepaid = c.amount()
    covered_credit = c.amount()
    covered_postpaid = c.amount()
    fixed = c.amount()
    purchases = c.amount()
    net = c.amount()
    draft = c.amount()
    draft_true_up = c.amount()
    earned = c.amount()


def revenue(
    invoices: Frame,
    *,
    breakdowns: Given | None = None,
    months: Months,
    by: By = ("product",),
    as_of: Instant | None = None,
    drafts: bool = True,
    pricing_units: bool = False,
) -> Frame:
    """What was billed, by month and `by`: usage, what covered it, fixed charges and purchases.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind: one row per month, keys and credit
    type, sorted by them. `by` is a name or several: product (columns `product_id`, `product_name`), product_id,
    customer_id, contract_id, invoice_id and status (columns of these names), balance_id (`balance_id`, the commit or
    credit a line names) and type (`balance_type`, that balance's). `months` is a month as "2026-10" or several, in UTC.
    Amounts are Decimal(38, 10) in the API's unit (see `ma.major_units`), never added across credit types.

    - `gross`: usage lines and `cpu_conversion` lines, whoever pays for them.
    - `covered_prepaid`, `covered_credit`: applied lines of prepaid commits and of credits, negative. An applied line
      that says only "PrepaidCommit" counts as prepaid: the API calls credits so too.
    - `covered_postpaid`: applied lines of postpaid commits, a memo outside `net`, because such usage is payable.
    - `purchases`: `commit_purchase` lines. `fixed`: every other line, subscriptions, scheduled charges, true-ups and
      adjustments of Plans invoices among them.
    - `net`: gross + covered_prepaid + covered_credit + fixed + purchases. Over any keys it sums to the totals of the
      invoices, to the last digit. What a total has that its lines do not say, `ma.reconcile()` finds (`invoice_total`).
    - `draft`: the part of `net` on DRAFT invoices; `draft_true_up`: the part of that which a postpaid commit would be
      trued up by. Drafts count by definition, but a draft true-up is owed only if nothing more is used: what is sure is
      `net` less `draft_true_up`, what is final `net` less `draft`, and so is everything with `drafts=False`.
    - `earned`: gross + covered_credit + fixed. `net` is what is billed, and by IFRS 15 and ASC 606 not revenue: a
      prepayment is earned by use and not by purchase. This counts prepaid use at its face, before cost basis and
      breakage, for which see the deferred revenue.

    FINALIZED and DRAFT invoices count; VOID ones, USAGE_CONSOLIDATED twins and unknown statuses do not. The month is
    that of the period's start, without a period that of issue; an invoice with neither is in no month. `as_of` leaves
    out what is dated after it, and drafts of months after its own. `breakdowns`, of `account.invoice_breakdowns()`,
    spread an invoice over the months of its windows; what windows do not explain stays in the invoice's month, so the
    sum over months is always the invoice's.

    Lines in a custom pricing unit are not in an invoice's total, their `cpu_conversion` is. They are left out unless
    `pricing_units`, which adds rows in that unit.

    Raises ArgumentError for a month, `by` or frame that cannot be used. Source: Metronome's invoice arithmetic (fact
    sheet 3.3, 4.4 to 4.8).

    >>> billed = ma.revenue(account.invoices(), months=["2026-09", "2026-10"])
    >>> billed.filter(product_name="API calls", credit_type_name="USD (cents)").select("month", "net").rows()
    [('2026-09', Decimal('25925.1400000000')), ('2026-10', Decimal('20219.0400000000'))]
    """
    wanted, keys = month_names(months), key_columns(by)
    rows = billed(
        invoices,
        breakdowns=breakdowns,
        months=wanted,
        at=instant("as_of", as_of),
        keys=keys,
        drafts=drafts,
        pricing_units=pricing_units,
    )
    total, draft = pl.col("total"), pl.col("status") == InvoiceStatus.DRAFT
    whole = (
        rows.select(
            "month",
            *keys,
            *UNIT,
            *(only(total, part).alias(part) for part in Part),
            pl.when(draft).then(only(total, *NET)).alias("draft"),
            pl.when(draft & pl.col("trues_up")).then(only(total, *NET)).alias("draft_true_up"),
        )
        .group_by("month", *keys, *UNIT)
        .sum()
        .with_columns(added(*NET).alias("net"), added(*EARNED).alias("earned"))
    )
    return presented(whole, invoices, Revenue, "month", *keys)
