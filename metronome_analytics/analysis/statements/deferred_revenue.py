"""What was billed for prepaid commits and is not earned yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, floored, ratio
from metronome_analytics.analysis.statements import commits
from metronome_analytics.analysis.statements.keys import by_month
from metronome_analytics.analysis.statements.movements import KEYS, UNIT, By, key_columns
from metronome_analytics.analysis.statements.periods import Months, month_end, month_names, month_start
from metronome_analytics.analysis.statements.recognition import recognised
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import columns as c

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.tables.columns import Frame

_FLOWS = ("billed", "recognised_use", "recognised_breakage", "adjusted")
_STOCKS = ("closing", "non_current", "unbilled")


class DeferredRevenue(dy.Schema):
    """One row per month, the keys of `by`, and credit type billed in. See `deferred_revenue()` for the columns.

    Of `balance_type`, `customer_id`, `product_id`, `contract_id` and `balance_id` a frame has those that `by` names.
    """

    month = c.key()
    balance_type = c.in_key(c.text())
    customer_id = c.in_key(c.text())
    product_id = c.in_key(c.text())
    contract_id = c.in_key(c.text())
    balance_id = c.in_key(c.text())
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    opening = c.amount()
    billed = c.amount()
    recognised_use = c.amount()
    recognised_breakage = c.amount()
    adjusted = c.amount()
    closing = c.amount()
    current = c.amount()
    non_current = c.amount()
    unbilled = c.amount()


def deferred_revenue(
    balances: Frame,
    invoices: Given,
    *,
    months: Months,
    by: By = (),
    as_of: Instant | None = None,
    breakdowns: Given | None = None,
    loaded_at: Instant | None = None,
) -> Frame:
    """What was billed for prepaid commits, what of it was earned by use and by expiry, and what is still owed in kind.

    `balances` is the frame of `account.balances(include_archived=True)`, `invoices` that of `account.invoices()`. The
    result is of the same kind as `balances`: one row per month asked for, keys and credit type, sorted by them. `by`
    is a name or several of type, customer_id, product_id, contract_id and balance_id, none by default. Amounts are
    Decimal(38, 10) in the unit of the currency that was billed (see `ma.major_units`), whatever unit the balance is in.

    closing = opening + billed - recognised_use - recognised_breakage + adjusted; the next opening is the closing.
    `billed` is the `commit_purchase` lines of FINALIZED invoices by month of issue; one without a date of issue is in
    no month. What leaves the balance is worth its cost basis: what the commit's invoice schedule bills over what its
    access schedule grants; credits and free grants have none. `recognised_use` is what was used, `recognised_breakage`
    what expired, both by the month of the service (as `ma.roll_forward()` with basis "service") and never negative.
    `adjusted` is what entries by hand and other corrections took away, at cost basis, negative, and what they gave
    back; and what a rollover moved from one commit to the next, minus there and plus here in the same month. What is
    granted by hand on top is free: it adds nothing. After a commit's last segment nothing stays deferred.

    Nothing is recognised that is not billed: use ahead of billing waits for the invoice. By IFRS 15 and ASC 606 it is
    revenue when the service is rendered, billed or not: `unbilled`, at the month's end, is what waits, the contract
    asset by which recognition lags. With instalments, revenue of a month is recognised_use + recognised_breakage plus
    the change of `unbilled`. Drafts count as use in their month, as the API's balance holds them.

    `non_current` is the part of the closing to be earned more than twelve months after the month's end, if every
    segment is used evenly over what is left of its access; `current` is the rest. Where an end is not known, all of it
    is current.

    Policy is the user's: this recognises breakage when access ends (an entity that expects breakage may recognise it
    in proportion to use), at the commit's one average cost, in the order of drawdown that Metronome chose. Discounts
    and the allocation of a price over several obligations are not in the API. A commit without a ledger (archived) is
    deferred until its end or its archiving, and breakage then; one that `balances` does not hold stays deferred.

    `as_of`, `loaded_at` and `breakdowns` are as in `ma.roll_forward()`; an invoice issued after `as_of` is not billed.
    Raises ArgumentError for a month, `by` or frame that cannot be used. Source: Metronome's revenue recognition of
    prepaid commits (fact sheet 3.6, 4.1, 4.5, 4.9).

    >>> balances, invoices = account.balances(include_archived=True), account.invoices()
    >>> deferred = ma.deferred_revenue(balances, invoices, months="2026-10", as_of=account.now)
    >>> deferred.filter(credit_type_name="USD (cents)").select("opening", "billed", "closing").rows()
    [(Decimal('43505175.9200000000'), Decimal('11220000.0000000000'), Decimal('45670658.3570000000'))]
    """
    wanted, at = month_names(months), instant("as_of", as_of)
    books = commits.books(
        balances, invoices, at=at, loaded_at=instant("loaded_at", loaded_at), breakdowns=breakdowns, months=wanted
    )
    keys: list[str] = key_columns(by)
    whose = [*keys, *UNIT]
    shown = (
        _split(recognised(books).filter(pl.col("month").is_in(wanted)), books.access, wanted)
        .join(books.facts.select(KEYS.values()), on="balance_id", how="left", nulls_equal=True)
        .group_by("month", *whose)
        .agg(pl.col(*_FLOWS, *_STOCKS).sum())
        .with_columns(
            (pl.col("closing") - pl.col("billed") - pl.col("adjusted") + _recognised()).alias("opening"),
            (pl.col("closing") - pl.col("non_current")).alias("current"),
        )
    )
    shown = by_month(shown, DeferredRevenue, keys, KEYS.values())
    return shown if isinstance(balances, pl.LazyFrame) else shown.collect()


def _recognised() -> pl.Expr:
    return pl.col("recognised_use") + pl.col("recognised_breakage")


def _split(rows: pl.LazyFrame, access: pl.LazyFrame, months: Sequence[str]) -> pl.LazyFrame:
    """`rows` with `non_current`: the share of access, used evenly, that lies over twelve months after a month's end."""
    ends = [month_end(month_start(name)) for name in months]
    # February has no 29th in most years, and no month begins then.
    far = [end.replace(year=end.year + 1) for end in ends]
    asked = pl.LazyFrame(
        {"month": months, "end": ends, "far": far}, schema={"month": pl.String, "end": INSTANT, "far": INSTANT}
    )
    left, beyond = _share_after("end"), _share_after("far")
    shares = (
        access.join(asked, how="cross")
        .with_columns(left.alias("left"), beyond.alias("beyond"))
        .group_by("balance_id", "month")
        .agg(pl.col("left", "beyond").sum())
    )
    part = ratio(pl.col("closing") * pl.col("beyond"), pl.col("left")).fill_null(ZERO)
    return rows.join(shares, on=["balance_id", "month"], how="left").with_columns(part.alias("non_current"))


def _share_after(instant_column: str) -> pl.Expr:
    """What of a segment's amount is for the time after an instant."""
    start, end = pl.col("segment_starting_at"), pl.col("segment_ending_before")
    since = pl.max_horizontal(start, instant_column)
    whole, rest = ((end - begin).dt.total_seconds().cast(MONEY) for begin in (start, since))
    return ratio(pl.col("segment_amount") * floored(rest), whole).fill_null(ZERO)
