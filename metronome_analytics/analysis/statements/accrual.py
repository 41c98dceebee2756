"""What is earned by the end of a month and not billed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, checked, like, literal
from metronome_analytics.analysis.invoiced import trues_up
from metronome_analytics.analysis.statements.movements import UNIT
from metronome_analytics.analysis.statements.periods import month_end, month_names, month_of, month_start
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.tables.columns import Frame

_KEY = ("customer_id", *UNIT)


class Accrual(dy.Schema):
    """One row per customer and credit type with something to accrue. See `accrual()` for the columns."""

    month = c.key()
    customer_id = c.key()
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    unbilled = c.amount()
    issued_since = c.amount()
    late = c.amount()
    true_up_outlook = c.amount()


def accrual(invoices: Frame, *, breakdowns: Given | None = None, month: str, as_of: Instant | None = None) -> Frame:
    """What customers used by the end of `month` and had not been billed for: to accrue, and what may come on top.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind: one row per customer and credit
    type with something of it, sorted by them. `month` is one month as "2026-10", in UTC; the period's end is its last
    instant, or `as_of` if that is earlier. Amounts are Decimal(38, 10) in the API's unit (see `ma.major_units`).

    - `unbilled`: totals of the invoices that were drafts at the period's end: of periods that had ended by then or ran
      on at `as_of`, that are DRAFT, or FINALIZED with a later date of issue. VOID invoices and USAGE_CONSOLIDATED twins
      are not. A SCHEDULED invoice counts from its date of issue on while it is still a draft.
    - `issued_since`: the part of `unbilled` that has been issued since; the rest is not billed to this day.
    - `late`: what usage came after finalisation, net of what balances cover and of what was taken back: the windows of
      `breakdowns` less the invoice's total, of FINALIZED usage invoices whose period ended in the month. Metronome
      bills it on no invoice. Null without breakdowns, or where they do not reach over the invoice's whole period.
    - `true_up_outlook`: true-ups of postpaid commits that were drafts at the period's end, and in no other column. Such
      a draft shows all that is outstanding from its first day: it is owed only if nothing more is used, so it is an
      outlook and no accrual, but for the commit that has ended.

    A period over a month's end counts whole in the month of its last instant, at most that of `as_of`. By accrual
    accounting that is wrong for the earlier month: `breakdowns` (`account.invoice_breakdowns()`) put each window in
    its own, and what they do not explain at the period's end. Totals of drafts are those of the moment of loading.

    For the accrued revenue and unbilled receivables of a close. Raises ArgumentError for what is no month or frame.
    Source: Metronome's drafts, grace period and true-ups (fact sheet 4.4, 4.8, 4.12).

    >>> owed = ma.accrual(account.invoices(), month="2026-10", as_of=account.now)
    >>> ma.major_units(owed).group_by("currency").agg(pl.col("issued_since").sum()).sort("currency").rows()
    [('EUR', Decimal('0E-12')), ('USD', Decimal('40012.597675000000'))]
    """
    (name,), at = month_names([month], "month"), instant("as_of", as_of)
    end = month_end(month_start(name))
    cut = _Cut(name, end, end if at is None else min(end, at), at)
    needed = ("id", "customer_id", "status", "type", "total", *UNIT, "start_timestamp", "end_timestamp", "issued_at")
    given = checked(invoices, "invoices", *needed, "line_items").filter(counts_once())
    facts = given.select(*needed, trues_up(given).alias("trues_up"), cut.own_month().alias("own_month"))
    windows = _windows(breakdowns, cut)
    known = _amounts(facts.join(windows, on="id", how="left"), cut, windows_known=breakdowns is not None)
    rows = known.group_by(_KEY).agg(
        pl.col("unbilled", "issued_since", "true_up_outlook").sum(),
        pl.when(pl.col("late").is_null().any()).then(pl.lit(None, MONEY)).otherwise(pl.col("late").sum()).alias("late"),
    )
    rows = rows.with_columns(pl.lit(name).alias("month")).sort("customer_id", "credit_type_name", "credit_type_id")
    return like(rows, invoices, Accrual)


class _Cut(NamedTuple):
    """The month, its end, and the instant at which the books are cut off."""

    month: str
    end: datetime
    closes: datetime
    at: datetime | None

    def own_month(self) -> pl.Expr:
        """The month of an invoice: that of its period's last instant, at most that of `as_of`; else of its issue."""
        last = month_of(pl.col("end_timestamp").dt.offset_by("-1us"))
        if self.at is not None:
            last = pl.min_horizontal(last, month_of(literal(self.at)))
        return pl.when(pl.col("end_timestamp").is_not_null()).then(last).otherwise(month_of(pl.col("issued_at")))

    def open_then(self) -> pl.Expr:
        """Whether an invoice was a draft at the cut."""
        issued, closes = pl.col("issued_at"), literal(self.closes)
        since = issued >= closes if self.closes == self.end else issued > closes
        return _is(InvoiceStatus.DRAFT) | (_is(InvoiceStatus.FINALIZED) & since.fill_null(False))

    def begun(self) -> pl.Expr:
        """Whether an invoice's period, or without one its day of issue, had come."""
        return pl.coalesce("start_timestamp", "issued_at") < literal(self.closes)


def _is(status: InvoiceStatus) -> pl.Expr:
    return pl.col("status").eq_missing(pl.lit(status.value))


def _windows(breakdowns: Given | None, cut: _Cut) -> pl.LazyFrame:
    """What the windows of each invoice sum to, `until` the cut and in `all`, and from when to when windows are known.

    Where nothing is known there is no row.
    """
    starts, ends = "breakdown_start_timestamp", "breakdown_end_timestamp"
    if breakdowns is None:
        return pl.LazyFrame(schema={"id": pl.String, "until": MONEY, "all": MONEY, "from": INSTANT, "to": INSTANT})
    given = checked(breakdowns, "breakdowns", "id", "total", starts, ends, source="account.invoice_breakdowns()")
    total = pl.col("total")
    return (
        given.select("id", "total", starts, pl.col(starts).min().alias("from"), pl.col(ends).max().alias("to"))
        .group_by("id")
        .agg(
            total.filter(pl.col(starts) < literal(cut.closes)).sum().alias("until"),
            total.sum().alias("all"),
            pl.col("from", "to").first(),
        )
    )


def _amounts(facts: pl.LazyFrame, cut: _Cut, *, windows_known: bool) -> pl.LazyFrame:
    """The amounts of each invoice that has any."""
    money = ("unbilled", "issued_since", "true_up_outlook")
    ours, total = pl.col("own_month"), pl.col("total")
    until, every = pl.col("until").fill_null(ZERO), pl.col("all").fill_null(ZERO)
    counts = cut.open_then() & cut.begun() & ~pl.col("trues_up")
    unbilled = pl.when(ours <= cut.month).then(total - every + until).otherwise(until)
    late_of = _is(InvoiceStatus.FINALIZED) & ~pl.col("trues_up") & (ours == cut.month) & pl.col("all").is_not_null()
    ended = pl.col("end_timestamp") <= literal(cut.closes)
    whole = (pl.col("from") <= pl.col("start_timestamp")) & (pl.col("end_timestamp") <= pl.col("to"))
    late = pl.when(late_of & ended & whole).then(every - total).when(late_of & ended).then(None).otherwise(ZERO)
    spread = (ours <= cut.month) | pl.col("until").is_not_null()
    return (
        facts.with_columns((counts & spread).alias("counts"))
        .with_columns(
            pl.when("counts").then(unbilled).otherwise(ZERO).alias("unbilled"),
            pl.when(pl.col("trues_up") & cut.open_then()).then(total).otherwise(ZERO).alias("true_up_outlook"),
            (late if windows_known else pl.lit(None, MONEY)).alias("late"),
        )
        .with_columns(pl.when(_is(InvoiceStatus.FINALIZED)).then("unbilled").otherwise(ZERO).alias("issued_since"))
        .filter(
            pl.col("counts")
            | (pl.col("trues_up") & cut.open_then())
            | (pl.lit(windows_known) & pl.col("late").ne_missing(ZERO))
        )
        .select(*_KEY, *money, "late")
    )
