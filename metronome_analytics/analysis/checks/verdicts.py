"""From expected and actual to a verdict and its likely causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.frames import MONEY, ZERO
from metronome_analytics.analysis.schemas import Checks
from metronome_analytics.tables.money import in_cents

if TYPE_CHECKING:
    from decimal import Decimal

PASS, FAIL, WARNING, NOT_CHECKED = "pass", "fail", "warning", "not checked"
WORDS = {PASS: "passed", FAIL: "failed", WARNING: "warnings", NOT_CHECKED: "not checked"}
"""Every verdict, in the order in which they are counted, and how a count of it reads."""

_TEXTS = ("customer_id", "invoice_id", "balance_id", "segment_id", "external_id", "credit_type_id", "credit_type_name")
_OPTIONAL = {
    **dict.fromkeys((*_TEXTS, "skip", "warn", "detail", "hint", "blame"), pl.String()),
    **dict.fromkeys(("expected", "actual", "slack"), MONEY),
}
"""What a check may say of a row. `skip`: why it could not be checked. `warn`: why somebody should look though it ties
out. `blame`: why it fails whatever the amounts. `hint`: the likeliest cause of a difference. `slack`: extra tolerance.
"""


def counts(checks: pl.DataFrame) -> dict[str, int]:
    """How many of `checks` there are of every verdict, 0 where there is none."""
    found = dict(checks["verdict"].value_counts().iter_rows())
    return {verdict: found.get(verdict, 0) for verdict in WORDS}


def in_words(checks: pl.DataFrame) -> str:
    """`1,203 passed, 2 failed, 0 warnings, 5 not checked`."""
    return ", ".join(f"{number:,} {WORDS[verdict]}" for verdict, number in counts(checks).items())


def judged(name: str, rows: pl.LazyFrame, tolerance: Decimal) -> pl.LazyFrame:
    """`rows` of one check as `Checks`."""
    given = rows.collect_schema().names()
    rows = rows.with_columns(
        pl.lit(None, dtype).alias(column) for column, dtype in _OPTIONAL.items() if column not in given
    )
    rows = rows.with_columns(
        pl.max_horizontal(pl.lit(tolerance, MONEY), "slack").alias("tolerance"),
        (pl.col("actual") - pl.col("expected")).alias("difference"),
    )
    size = pl.col("difference").abs()
    close = (size == ZERO) | (size < pl.col("tolerance"))
    verdict = (
        pl.when(pl.col("skip").is_not_null())
        .then(pl.lit(NOT_CHECKED))
        .when(pl.col("blame").is_not_null() | ~close.fill_null(False))
        .then(pl.lit(FAIL))
        .when(pl.col("warn").is_not_null())
        .then(pl.lit(WARNING))
        .otherwise(pl.lit(PASS))
    )
    rows = rows.with_columns(pl.lit(name).alias("check"), verdict.alias("verdict"))
    causes = pl.when(pl.col("verdict") == FAIL).then(_causes())
    return rows.with_columns(
        causes.alias("causes"), pl.coalesce("skip", "blame", "warn", "detail").alias("detail")
    ).select(Checks.column_names())


def _causes() -> pl.Expr:
    """Why the two may differ, the likeliest first."""
    expected, actual = pl.col("expected"), pl.col("actual")
    both = (expected != ZERO) & (actual != ZERO)
    cent = pl.when(in_cents(pl.col("credit_type_name"))).then(pl.lit(1, MONEY))
    known = {
        "missing": (actual == ZERO) & (expected != ZERO),
        "not expected": (expected == ZERO) & (actual != ZERO),
        "sign": both & (actual == -expected),
        "unit 100 times off": both & ((actual == expected * 100) | (expected == actual * 100)),
        "counted twice": both & (actual == expected * 2),
        "rounding": both
        & (pl.col("difference") != ZERO)
        & (pl.col("difference").abs() <= cent.fill_null(pl.lit("0.01").cast(MONEY))),
    }
    listed = [pl.col("hint"), *(pl.when(condition).then(pl.lit(cause)) for cause, condition in known.items())]
    return pl.concat_list(listed).list.drop_nulls()


def half_a_minor_unit() -> pl.Expr:
    """Half a cent (or what else the smallest unit is) of each row's credit type, in its API unit, itself included.

    Other systems round to whole minor units: half of one itself still rounds to the amount billed.
    """
    cents = in_cents(pl.col("credit_type_name"))
    return pl.when(cents).then(pl.lit("0.5000000001")).otherwise(pl.lit("0.0050000001")).cast(MONEY)


def unchecked(why: str) -> pl.LazyFrame:
    """The row of a check that could not be made at all."""
    return pl.LazyFrame({"skip": [why]})
