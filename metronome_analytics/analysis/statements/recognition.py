"""Recognition: when what was billed for a commit is earned, exactly and never more than was billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.chains import Link, links
from metronome_analytics.analysis.frames import MONEY, ZERO, floored, ratio
from metronome_analytics.analysis.statements.commits import LEFT
from metronome_analytics.analysis.statements.movements import UNIT

if TYPE_CHECKING:
    from metronome_analytics.analysis.statements.commits import Books

_HEAD = ("balance_id", *UNIT)
_FLOWS = ("billed", "recognised_use", "recognised_breakage", "adjusted", "passed_on")


def recognised(books: Books) -> pl.LazyFrame:
    """One row per commit, currency and month with something in it or asked for: flows, `closing` and `unbilled`.

    What a rollover takes along comes from the commit before it, so commits are worked out by generation.
    """
    generations = _generations(books.lineage)
    facts = books.facts.join(generations, on="balance_id", how="left").with_columns(
        pl.col("generation").fill_null(0), pl.col("granted", "scheduled").fill_null(ZERO)
    )
    inherited = pl.LazyFrame(schema=dict.fromkeys((*_HEAD, "month"), pl.String) | {"inherited": MONEY})
    told = []
    for generation in range(int(generations.select(pl.col("generation").max()).collect().item() or 0) + 1):
        commits = facts.filter(pl.col("generation") == generation)
        flows = _flows(commits, books, inherited).cache()
        told.append(flows)
        inherited = _passed_on(flows, facts.filter(pl.col("generation") == generation + 1))
    return pl.concat(told)


def _generations(lineage: pl.LazyFrame) -> pl.LazyFrame:
    """How many rollovers each balance is away from the first, as far as the frame goes."""
    pairs = lineage.collect()
    known = set(pairs["balance_id"])
    before = {heir: source for heir, source in pairs.drop_nulls().iter_rows() if source in known}
    found: dict[str, Link] = links(before)
    columns = {"balance_id": list(found), "generation": [link.steps for link in found.values()]}
    return pl.LazyFrame(columns, schema={"balance_id": pl.String, "generation": pl.Int64})


def _flows(commits: pl.LazyFrame, books: Books, inherited: pl.LazyFrame) -> pl.LazyFrame:
    """The months of some commits, each from the sums until then."""
    purchases = books.purchases.join(commits.select("balance_id"), on="balance_id", how="semi", nulls_equal=True)
    agreed = commits.filter(pl.col("scheduled") > ZERO).select(
        "balance_id",
        pl.col("scheduled_in").alias("credit_type_id"),
        pl.col("scheduled_in_name").alias("credit_type_name"),
    )
    heads = pl.concat([purchases.select(_HEAD), inherited.select(_HEAD), agreed]).unique()
    ends = commits.filter(pl.col("end_month").is_not_null()).select(
        "balance_id", pl.col("end_month").alias("month"), pl.lit(1).alias("over")
    )
    asked = pl.LazyFrame({"month": books.months}, schema={"month": pl.String})
    parts = [
        heads.join(books.moves, on="balance_id", how="inner"),
        heads.join(ends, on="balance_id", how="inner"),
        heads.join(asked, how="cross"),
        purchases,
        inherited,
    ]
    sums = (
        pl.concat(parts, how="diagonal")
        .group_by(*_HEAD, "month")
        .agg(pl.col(*LEFT, "billed", "inherited", "over").sum())
        .sort(*_HEAD, "month", nulls_last=True)
        .with_columns(
            pl.col("billed").sum().over(_HEAD).alias("billed_ever"), pl.col("inherited").sum().over(_HEAD).alias("came")
        )
        .with_columns(pl.col(*LEFT, "billed", "inherited", "over").cum_sum().over(_HEAD))
        .join(
            commits.select("balance_id", "granted", "scheduled", "scheduled_in"),
            on="balance_id",
            how="left",
            maintain_order="left",
            nulls_equal=True,
        )
    )
    stocks = _stocks(sums)
    return stocks.select(
        *_HEAD,
        "month",
        *((pl.col(name) - pl.col(name).shift(1).over(_HEAD).fill_null(ZERO)).alias(name) for name in _FLOWS),
        *("closing", "unbilled"),
    )


def _stocks(sums: pl.LazyFrame) -> pl.LazyFrame:
    """What was recognised, adjusted and passed on until the end of each month, and what is left."""
    same = pl.col("scheduled_in").eq_missing(pl.col("credit_type_id")) & (pl.col("scheduled") > ZERO)
    price = pl.when(same).then("scheduled").otherwise("billed_ever") + pl.col("came")
    funded = pl.col("billed") + pl.col("inherited")
    # Late corrections may take entries back: what was earned once stays earned, what comes back is an adjustment.
    used = (-pl.col("used")).cum_max().over(_HEAD)
    gone = (-pl.col("used") - pl.col("expired")).cum_max().over(_HEAD)
    worth = sums.with_columns(price.alias("price"), funded.alias("funded")).with_columns(
        _worth(used).alias("used_worth"),
        _worth(gone).alias("earned"),
        _worth(floored(-pl.col("rolled_over"))).alias("rolled_worth"),
        _worth(floored(-pl.col("adjusted"))).alias("taken_worth"),
    )
    free = floored(pl.col("funded") - pl.col("rolled_worth") - pl.col("taken_worth"))
    due = pl.when(pl.col("over") > 0).then(free).otherwise(pl.min_horizontal("earned", free))
    rest = pl.col("funded") - pl.col("recognised")
    return (
        worth.with_columns(due.cum_max().over(_HEAD).alias("recognised"))
        .with_columns(
            # Use is taken first from what may be recognised; the rest is breakage, and breakage it stays.
            floored(pl.col("recognised") - pl.col("used_worth")).cum_max().over(_HEAD).alias("recognised_breakage"),
            floored(pl.min_horizontal("rolled_worth", rest)).alias("passed_on"),
        )
        .with_columns(
            (pl.col("recognised") - pl.col("recognised_breakage")).alias("recognised_use"),
            pl.min_horizontal(pl.col("taken_worth"), rest - pl.col("passed_on")).alias("taken"),
        )
        .with_columns(
            (pl.col("inherited") - pl.col("passed_on") - pl.col("taken")).alias("adjusted"),
            (rest - pl.col("passed_on") - pl.col("taken")).alias("closing"),
            floored(pl.col("earned") - pl.col("recognised")).alias("unbilled"),
        )
    )


def _worth(units: pl.Expr) -> pl.Expr:
    """What units of a commit cost: all of them all of the price, to the last digit."""
    granted, price = pl.col("granted"), pl.col("price")
    part = ratio(price * units, granted).fill_null(ZERO)
    return pl.when((units > ZERO) & (units >= granted)).then(price).otherwise(part).fill_null(ZERO)


def _passed_on(flows: pl.LazyFrame, heirs: pl.LazyFrame) -> pl.LazyFrame:
    """What each heir gets of what its source passed on: of several each its share, the last what is left."""
    source = "source_id"
    ordered = heirs.sort(source, "balance_id").select(
        source,
        pl.col("balance_id").alias("heir_id"),
        pl.col("granted").cum_sum().over(source).alias("until"),
        pl.col("granted").sum().over(source).alias("whole"),
        (pl.int_range(pl.len()).over(source) == pl.len().over(source) - 1).alias("last"),
        pl.col("granted"),
    )
    amount = pl.col("passed_on")
    upto = pl.when("last").then(amount).otherwise(ratio(amount * pl.col("until"), pl.col("whole")).fill_null(ZERO))
    before = ratio(amount * (pl.col("until") - pl.col("granted")), pl.col("whole")).fill_null(ZERO)
    return (
        flows.filter(amount != ZERO)
        .join(ordered, left_on="balance_id", right_on=source, how="inner")
        .select(pl.col("heir_id").alias("balance_id"), *UNIT, "month", (upto - before).cast(MONEY).alias("inherited"))
    )
