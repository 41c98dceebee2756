"""One invoice, step by step: from usage at list to what is to be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.checks.lines import under_postpaid
from metronome_analytics.analysis.drawdown import draws
from metronome_analytics.analysis.frames import MONEY, ZERO, checked, like
from metronome_analytics.analysis.statements.billed import (
    BALANCE_ID,
    NEEDED,
    UNIT,
    adjustments,
    balance_type_of,
    unpacked,
)
from metronome_analytics.arguments import identifier
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.vocabulary import BalanceType, LineType

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

AT_LIST, DISCOUNT, TIERS = "usage at list", "discount", "tiers"
UNEXPLAINED, NOTHING = "not said by its lines", "nothing to pay"
_TYPES = {
    LineType.USAGE: AT_LIST,
    LineType.SUBSCRIPTION: "subscription",
    LineType.SCHEDULED: "scheduled charge",
    LineType.PURCHASE: "purchase",
    LineType.CONVERSION: "conversion",
}
_BALANCES = {
    BalanceType.PREPAID: "prepaid commit",
    BalanceType.CREDIT: "credit",
    BalanceType.POSTPAID: "postpaid commit",
}
_COVERED = 9
_ORDER = {AT_LIST: 0, DISCOUNT: 1, TIERS: 2, "subscription": 3, "scheduled charge": 4, "true-up": 5, "purchase": 6}
"""Steps come in this order; conversion, other lines and adjustments follow, then what covered them, then the rest."""


class InvoiceSteps(dy.Schema):
    """One row per step of one invoice. Key: `invoice_id`, `step_index` (from 0). See `explain_invoice()`."""

    invoice_id = c.key()
    step_index = c.index()
    step = c.text()
    name = c.text()
    product_id = c.text()
    balance_id = c.text()
    balance_type = c.text()
    quantity = c.number()
    credit_type_id = c.text()
    credit_type_name = c.text()
    amount = c.amount()
    running = c.amount()
    memo = c.amount()
    lines = c.Typed(pl.List(pl.Int64))


def explain_invoice(invoices: Frame, invoice_id: str) -> Frame:
    """How one invoice comes to its total: usage at list, discounts, tiers, fixed charges, then what covered it.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind, one row per step, in order: `step`,
    whose `name`, `amount`, and `running`, the sum so far. The last `running` is the invoice's total. Amounts are
    Decimal(38, 10) in the API's unit.

    - usage at list: a product's usage at `list_price`, which the API gives on spend breakdowns only; else at the price
      of the lowest tier on the invoice, else as charged. `quantity` is what was used.
    - discount: what the price charged differs by from the list price, and lines that name a discount.
    - tiers: what the price of higher tiers differs by from that of the lowest.
    - subscription, scheduled charge, true-up, purchase, conversion, adjustment, or a line type's own word.
    - prepaid commit, credit: what each balance covered, negative, in the order of the invoice, which is the order of
      application: rollovers, prepaid commits and credits by priority, then postpaid ones.
    - postpaid commit: what it covered is payable and not taken off, so `amount` is zero and `memo` says how much.
    - "not said by its lines": where the total is another than its lines add up to. "nothing to pay": where no line is
      in the invoice's currency.

    Lines in a custom pricing unit come first, in that unit and with a `running` of their own, and enter the total by
    their conversion; nothing is added across credit types. `lines` are the `line_item_index` a step is made of. A step
    is a product's or a balance's, so usage that a commit split in two lines is one step: the vendor's own example, 80
    at 100 cents with 5,000 cents prepaid, is 8,000, then 3,000.

    Any invoice can be explained, a VOID one too. Raises ArgumentError for an id that is not in the frame, or more than
    once, as in breakdowns. Source: Metronome's invoice arithmetic (fact sheet 3.3, 4.5 to 4.7).

    >>> invoices = ma.invoiced(account.invoices(type="USAGE", month="2026-10"))
    >>> steps = ma.explain_invoice(invoices, invoices.sort("total")["id"][-1])
    >>> steps.select("step", "amount", "running").tail(1).rows()
    [('postpaid commit', Decimal('0E-10'), Decimal('2940037.4000000000'))]
    """
    wanted = identifier("invoice_id", invoice_id)
    one = checked(invoices, "invoices", *NEEDED, "total").filter(pl.col("id") == wanted).collect()
    if one.height != 1:
        found = "has no invoice" if one.is_empty() else f"has {one.height:,} rows of invoice"
        raise ArgumentError(
            f"invoices {found} {wanted!r}.", advice="Pass account.invoices() and the id of one of them."
        )
    steps = _steps(_lines(one))
    rest = _rest(one, steps)
    ordered = pl.concat([steps, rest], how="diagonal").sort("home", "rank", "first", nulls_last=True)
    running = pl.col("amount").cum_sum().over("credit_type_id")
    told = ordered.with_row_index("step_index").with_columns(
        pl.lit(wanted).alias("invoice_id"), pl.col("step_index").cast(pl.Int64), running.cast(MONEY).alias("running")
    )
    return like(told.lazy(), invoices, InvoiceSteps)


def _lines(one: pl.DataFrame) -> pl.DataFrame:
    """The lines of an invoice and its adjustments, with the step of each and what they come to at list."""
    lines = unpacked(one.lazy()).with_row_index("line").with_columns(pl.col("line").cast(pl.Int64))
    parts = [lines]
    if "invoice_adjustments" in one.columns:
        parts.append(adjustments(one.lazy()).with_columns(pl.lit("adjustment").alias("line_type")))
    told = pl.concat(parts, how="diagonal").with_columns(
        draws().alias("draws"),
        pl.col("quantity").cast(pl.String).cast(MONEY, strict=False).alias("counted"),
        balance_type_of().alias("balance_type"),
        BALANCE_ID,
    )
    lowest = ["product_id", "pricing_group_values", "credit_type_id"]
    first = pl.col("unit_price").sort_by("tier_level", "line", nulls_last=True).first().over(lowest)
    usage = (pl.col("line_type") == LineType.USAGE).fill_null(value=False) & ~pl.col("draws")
    priced, total = usage & pl.col("counted").is_not_null(), pl.col("total").fill_null(ZERO)
    at_list = (
        pl.when(priced & pl.col("list_price").is_not_null())
        .then((pl.col("list_price") * pl.col("counted")).cast(MONEY))
        .when(priced & pl.col("tier_level").is_not_null() & first.is_not_null())
        .then((total + (first - pl.col("unit_price")) * pl.col("counted")).cast(MONEY))
        .otherwise(total)
    )
    return told.with_columns(_step().alias("step"), total.alias("total"), at_list.alias("at_list")).collect()


def _step() -> pl.Expr:
    """The step of a line, by what it is."""
    kind = pl.col("line_type")
    # Polars gives the links of such a chain different types.
    step: Any = pl.when("draws").then(
        pl.when(under_postpaid())
        .then(pl.lit(_BALANCES[BalanceType.POSTPAID]))
        .when(pl.col("applied_type") == BalanceType.CREDIT)
        .then(pl.lit(_BALANCES[BalanceType.CREDIT]))
        .otherwise(pl.lit(_BALANCES[BalanceType.PREPAID]))
    )
    step = step.when(pl.col("postpaid_id").is_not_null()).then(pl.lit("true-up"))
    step = step.when(pl.col("discount_id").is_not_null()).then(pl.lit(DISCOUNT))
    for word, name in _TYPES.items():
        step = step.when(kind == word).then(pl.lit(name))
    named: pl.Expr = step.otherwise(pl.coalesce(kind, pl.lit("other")))
    return named


def _steps(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per step and what it is about; `home` is whether it is in the invoice's own credit type."""
    known = pl.col("list_price").is_not_null()
    difference = pl.col("total") - pl.col("at_list")
    moves = lines.filter(difference != ZERO).with_columns(
        pl.when(known).then(pl.lit(DISCOUNT)).otherwise(pl.lit(TIERS)).alias("step"), difference.alias("amount")
    )
    rows = pl.concat([lines.with_columns(pl.col("at_list").alias("amount")), moves.with_columns(counted=None)])
    about = pl.col("draws") | pl.col("step").is_in(["purchase", "true-up"])
    postpaid = pl.col("step") == _BALANCES[BalanceType.POSTPAID]
    rows = rows.with_columns(
        pl.when("draws").then(None).otherwise("product_id").alias("product_id"),
        pl.when(about).then("balance_id").alias("balance_id"),
        pl.when(about).then("balance_type").alias("balance_type"),
        pl.when("draws").then(None).otherwise("line_name").alias("called"),
        pl.when(postpaid).then(ZERO).otherwise("amount").alias("amount"),
        pl.when(postpaid).then("amount").alias("memo"),
        pl.when("draws")
        .then(pl.lit(_COVERED, pl.Int64))
        .otherwise(pl.col("step").replace_strict(_ORDER, default=_COVERED - 1, return_dtype=pl.Int64))
        .alias("rank"),
        (pl.col("credit_type_id").eq_missing(pl.col("invoice_credit_type_id"))).alias("home"),
    )
    keys = ("home", "rank", "step", "product_id", "balance_id", "balance_type", "called", *UNIT)
    return (
        rows.group_by(*keys, maintain_order=True)
        .agg(
            pl.col("line_name").first().alias("name"),
            pl.col("counted").sum().cast(pl.String).cast(pl.Float64).alias("quantity"),
            pl.col("counted").count().alias("counts"),
            pl.col("amount").sum(),
            pl.when(pl.col("memo").is_not_null().any()).then(pl.col("memo").sum()).alias("memo"),
            pl.col("line").min().alias("first"),
            pl.col("line").drop_nulls().sort().alias("lines"),
        )
        .with_columns(pl.when(pl.col("counts") > 0).then("quantity").alias("quantity"))
    )


def _rest(one: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """What the total has beyond the steps in its own credit type: no row where there is nothing."""
    said = steps.filter("home")
    rest = one.select(
        *UNIT,
        (pl.col("total").fill_null(ZERO) - pl.lit(said["amount"].sum() or 0, MONEY)).cast(MONEY).alias("amount"),
        pl.lit(_COVERED + 1, pl.Int64).alias("rank"),
        pl.lit(value=True).alias("home"),
        pl.lit([], pl.List(pl.Int64)).alias("lines"),
    )
    step = pl.when(pl.col("amount") == ZERO).then(pl.lit(NOTHING)).otherwise(pl.lit(UNEXPLAINED))
    return rest.with_columns(step.alias("step")).filter((pl.col("amount") != ZERO) | pl.lit(said.is_empty()))
