"""The roll-forward of balances: what they held, what moved them, what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.entries import BALANCE, NEEDED, identities
from metronome_analytics.analysis.frames import MONEY, ZERO, checked
from metronome_analytics.analysis.statements.keys import by_month
from metronome_analytics.analysis.statements.movements import (
    KEYS,
    MEMOS,
    MOVEMENTS,
    UNIT,
    Basis,
    By,
    held,
    key_columns,
    moved,
)
from metronome_analytics.analysis.statements.periods import Months, month_names
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.tables import columns as c

if TYPE_CHECKING:
    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.tables.columns import Frame

_AMOUNTS = (*MOVEMENTS, *MEMOS)


class RollForward(dy.Schema):
    """One row per month, type of balance, the keys of `by`, and credit type. See `roll_forward()` for the columns.

    Of `customer_id`, `product_id`, `contract_id` and `balance_id` a frame has those that `by` names.
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
    granted = c.amount()
    used = c.amount()
    expired = c.amount()
    rolled_over = c.amount()
    adjusted = c.amount()
    trued_up = c.amount()
    closing = c.amount()
    not_started = c.amount()
    overdraft = c.amount()
    pending = c.amount()


def roll_forward(
    balances: Frame,
    invoices: Given | None,
    *,
    months: Months,
    basis: Basis = "service",
    by: By = "type",
    as_of: Instant | None = None,
    breakdowns: Given | None = None,
    loaded_at: Instant | None = None,
) -> Frame:
    """What balances held at the start of each month, what moved them, and what they hold at its end.

    `balances` is the frame of `account.balances(include_archived=True)`, `invoices` that of `account.invoices()`. The
    result is of the same kind as `balances`: one row per month, type of balance, keys and credit type, sorted by them,
    for every month asked for and everything in the frame, moved or not. `months` is a month as "2026-10" or several.
    `by` is a name or several of type, customer_id, product_id, contract_id and balance_id; the type is always a key
    (`balance_type`: PREPAID, POSTPAID, CREDIT). Amounts are Decimal(38, 10) in the API's unit (see `ma.major_units`),
    never added across credit types.

    opening + granted + used + expired + rolled_over + adjusted + trued_up = closing; the next opening is the closing.
    Movements are signed as in the ledger: what leaves is negative. `adjusted` is entries by hand, seats, entries that
    cancel or credit an invoice, types nobody knows, and overdrafts: the API counts an overdrawn segment as zero, and
    `overdraft`, a memo within `adjusted`, makes up the difference. `pending`, a memo within `used`, is what drafts
    drew. `not_started`, a memo outside the sum, is what later segments grant, as the frame knows them, at the month's
    end or at `as_of` if that is earlier.

    `as_of` is when the balances were loaded. Nothing after it counts except what the API's balance holds already,
    drafts and entries by hand dated ahead, which fall in their month: the closing of the last of those months is the
    API's balance. Without it, it is the ledger as it stands. A past `as_of`, `loaded_at` and `breakdowns` are as in
    `ma.burn_down()`.

    `basis="service"` is for the income statement and for deferred revenue, where use belongs to the month of the
    service: a deduction, an expiration, a rollover or a true-up stands at the exclusive end of its time and counts in
    the month that ends there. A period over a month's end counts whole in the month of its last instant, at most that
    of `as_of`. By accrual accounting that is wrong for the earlier month; `breakdowns` (`account.invoice_breakdowns()`)
    put each window in its own. `basis="posted"` is for tying to the ledger and to what another system booked by date:
    the month of each entry's own timestamp, in which a period's deduction comes a month later.

    What a movement is worth, and when breakage is revenue, is the user's policy: this counts units of the balance.
    A balance without a ledger (archived, or loaded with `include_ledgers=False`) is not in it, in no month.
    Raises ArgumentError for a month, `by`, `basis` or frame that cannot be used, and as `ma.burn_down()` for a past
    `as_of`. Source: Metronome's ledgers of commits and credits (fact sheet 3.9, 4.1, 4.2); of its worked examples, the
    revenue recognition page's 2c, and the sentences with 150 and 700 below 1 and 2b, contradict their own tables.

    >>> balances, invoices = account.balances(include_archived=True), account.invoices()
    >>> rolled = ma.roll_forward(balances, invoices, months="2026-10", as_of=account.now)
    >>> rolled.select("balance_type", "opening", "closing").row(0)
    ('CREDIT', Decimal('283234.3750000000'), Decimal('311854.2125000000'))
    """
    wanted = month_names(months)
    named = key_columns(by)
    keys: list[str] = [column for column in KEYS.values() if column == "balance_type" or column in named]
    rows = moved(
        balances,
        invoices,
        at=instant("as_of", as_of),
        loaded_at=instant("loaded_at", loaded_at),
        breakdowns=breakdowns,
        basis=basis,
    )
    whose = [*keys, *UNIT]
    asked = pl.LazyFrame({"month": wanted}, schema={"month": pl.String})
    every = _groups(checked(balances, "balances", *NEEDED), whose).join(asked, how="cross")
    months_of = (
        pl.concat([rows.select("month", *whose, *_AMOUNTS), every], how="diagonal")
        .group_by("month", *whose)
        .agg(pl.col(_AMOUNTS).sum())
        .sort("month")
    )
    rolled = _rolled(months_of, whose).filter(pl.col("month").is_in(wanted))
    shown = by_month(rolled, RollForward, keys, KEYS.values())
    return shown if isinstance(balances, pl.LazyFrame) else shown.collect()


def _groups(balances: pl.LazyFrame, whose: list[str]) -> pl.LazyFrame:
    """Everything that has a row in every month."""
    known = identities(balances).join(held(balances), on=BALANCE, how="semi")
    return known.select(whose).unique()


def _rolled(months_of: pl.LazyFrame, whose: list[str]) -> pl.LazyFrame:
    """Each month with its opening, closing and what had not started."""
    moves = pl.sum_horizontal(MOVEMENTS).cast(MONEY)
    granted = pl.col("granted")
    # A sum over null keys is one over their own group: `over` takes null as a value.
    return (
        months_of.with_columns(moves.alias("moves"))
        .with_columns(pl.col("moves").cum_sum().over(whose).alias("closing"))
        .with_columns(
            (pl.col("closing") - pl.col("moves")).alias("opening"),
            (granted.sum().over(whose) - granted.cum_sum().over(whose) + pl.col("coming").sum().over(whose))
            .fill_null(ZERO)
            .alias("not_started"),
        )
    )
