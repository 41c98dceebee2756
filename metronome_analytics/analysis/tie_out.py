"""A reconciliation with another system as money: what each side has, the difference, and what that is made of."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from metronome_analytics.analysis.checks.external import CURRENCY, CUT_OFF, DRAFT_HERE, MISSING_HERE, MISSING_THERE
from metronome_analytics.analysis.checks.external import VOID_HERE as VOID
from metronome_analytics.analysis.checks.verdicts import NOT_CHECKED, half_a_minor_unit
from metronome_analytics.analysis.frames import ZERO
from metronome_analytics.analysis.schemas import TieOut

_UNIT = ("credit_type_id", "credit_type_name")


class Item(StrEnum):
    """What a difference is, in the order of the statement."""

    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    AMOUNT = "amount"
    TIMING = "timing"
    UNREADABLE = "not readable there"
    ROUNDING = "rounding"


OURS, THEIRS, DIFFERENCE, REST = "per Metronome", "per the other system", "difference", "unexplained"
LINES = (OURS, THEIRS, DIFFERENCE, *Item, REST)
"""Every line of a currency, in order."""


def tie_out(checks: pl.DataFrame, about: pl.Series | None = None) -> pl.DataFrame:
    """The rows of the check against another system as `TieOut`; `about` are the ids of the invoices it is about.

    What the other system has for an invoice that it is not about is the other system's alone, and timing.
    """
    found = checks.filter(pl.col("check") == "external")
    named = pl.col("invoice_id").is_not_null()
    ours = pl.lit(value=True) if about is None else pl.col("invoice_id").is_in(about.implode()).fill_null(value=False)
    here = pl.when(ours).then("expected").otherwise(ZERO).alias("here")
    rows = found.select(*_UNIT, here, pl.col("actual").alias("there"), _item(named & ~ours).alias("item"))
    rows = rows.with_columns((pl.col("there") - pl.col("here")).alias("off"))
    moved = [pl.when(pl.col("item") == item).then("off").otherwise(ZERO).alias(item) for item in Item]
    amounts = rows.with_columns(pl.col("here").alias(OURS), pl.col("there").alias(THEIRS), *moved)
    amounts = amounts.with_columns(
        (pl.col("off") - pl.sum_horizontal(Item)).alias(REST), pl.col("off").alias(DIFFERENCE)
    )
    # A row counts in each line to which it brings something.
    sums = amounts.group_by(_UNIT).agg(
        pl.struct(pl.col(line).sum().alias("amount"), (pl.col(line) != 0).sum().alias("rows")).alias(line)
        for line in LINES
    )
    order = pl.col("line").replace_strict(list(LINES), list(range(len(LINES))), return_dtype=pl.Int64)
    return (
        sums.unpivot(list(LINES), index=list(_UNIT), variable_name="line", value_name="of")
        .unnest("of")
        .with_columns(order.alias("place"), pl.col("rows").cast(pl.Int64))
        .sort("credit_type_name", "credit_type_id", "place", nulls_last=True)
        .select(TieOut.column_names())
        .cast(dict(TieOut.create_empty().schema))  # type: ignore[arg-type]  # its own
    )


def _item(elsewhere: pl.Expr) -> pl.Expr:
    """What makes a row's two amounts differ; what does not differ is in no item either way."""
    detail, cause = pl.col("detail"), pl.col("causes").list.first()
    size = (pl.col("actual") - pl.col("expected")).abs()
    absent = pl.when(pl.col("expected") == ZERO).then(pl.lit(Item.MISSING_HERE)).otherwise(pl.lit(Item.MISSING_THERE))
    return (
        pl.when(pl.col("verdict") == NOT_CHECKED)
        .then(pl.lit(Item.UNREADABLE))
        .when(elsewhere | cause.is_in([CUT_OFF, DRAFT_HERE]))
        .then(pl.lit(Item.TIMING))
        .when(detail.is_in([MISSING_HERE, MISSING_THERE, CURRENCY]) | (cause == VOID))
        .then(absent)
        .when(size <= half_a_minor_unit())
        .then(pl.lit(Item.ROUNDING))
        .otherwise(pl.lit(Item.AMOUNT))
    )
