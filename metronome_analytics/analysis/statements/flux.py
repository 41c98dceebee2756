"""Why billing moved from one month to another: volume, price, who came and went, coverage, fixed charges, purchases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.frames import MONEY, ZERO
from metronome_analytics.analysis.statements.billed import (
    COVERED,
    NET,
    UNIT,
    By,
    Part,
    billed_lines,
    by_part,
    key_columns,
    presented,
)
from metronome_analytics.analysis.statements.periods import month_names
from metronome_analytics.arguments import Instant, instant
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import columns as c

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.analysis.frames import Given
    from metronome_analytics.tables.columns import Frame

FLUX_PARTS = ("volume", "price", "new", "gone", "coverage", "fixed", "one_off")
"""What adds up to a change, in the order of a bridge."""

_PRICED = ("customer_id", "product_id", "line_type", "tier_level", "pricing_group_values")
"""What has one price: a customer's product, within a tier and a group. A renewal keeps it, so no contract is here."""


class Flux(dy.Schema):
    """One row per the keys of `by` and credit type. See `flux()` for what each column is."""

    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    before_month = c.text()
    after_month = c.text()
    before = c.amount()
    after = c.amount()
    change = c.amount()
    volume = c.amount()
    price = c.amount()
    new = c.amount()
    gone = c.amount()
    coverage = c.amount()
    fixed = c.amount()
    one_off = c.amount()
    purchases = c.amount()


def flux(
    invoices: Frame,
    *,
    months: Sequence[str],
    by: By = ("customer_id",),
    as_of: Instant | None = None,
    breakdowns: Given | None = None,
    drafts: bool = True,
) -> Frame:
    """Why what was billed moved from one month to another, by key: parts that add up to the change.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind, one row per keys and credit type,
    sorted by them. `months` are two, as ("2026-09", "2026-10"), the one that is compared with first. `by`, `as_of`,
    `breakdowns` and `drafts` are those of `ma.revenue()`. Amounts are Decimal(38, 10) in the API's unit.

    `before` and `after` are the `net` of `ma.revenue()`, and `change` is after - before. Its parts:

    - `new`, `gone`: the whole change of a key that has no line at all in the first month, or in the second. The other
      parts are then zero, purchases too.
    - `volume`, `price`: the change of gross usage, product by product within a customer, pricing group and tier.
      Where one unit price holds in both months all of it is volume; where the quantity is the same all is price. Where
      both moved, volume is the change in quantity at the first month's average price, and price is the rest. What was
      used in one month only, and what has no quantity, is volume: so a product, group or tier that comes in is volume.
    - `coverage`: the change in what prepaid commits and credits covered; less coverage is positive.
    - `fixed`: the change in fixed charges. `one_off`: the change in purchases.

    `purchases` is a memo: the change in purchases whichever part they are in, because a new customer's first
    prepayment is in `new` and will not come again next month. By customers, a customer who comes is new; by products,
    the same usage is volume of products that were there already: each sums to the same change.

    Raises ArgumentError unless `months` are two different ones, and as `ma.revenue()` does. Source: Metronome's
    invoice arithmetic (fact sheet 3.3, 4.5 to 4.8); volume before price is the custom of price-volume analysis.

    >>> account = ma.demo(customers=3)
    >>> ma.flux(account.invoices(), months=("2026-09", "2026-10"))
    """
    before, after = _two(months)
    keys = key_columns(by)
    lines = billed_lines(
        invoices,
        breakdowns=breakdowns,
        months=[before, after],
        at=instant("as_of", as_of),
        drafts=drafts,
    )
    priced = pl.col("part") == Part.GROSS.value
    items = [pl.when(priced).then(name).alias(f"item_{name}") for name in _PRICED]
    # Sums of floats depend on their order; those of decimals do not.
    quantity = pl.col("quantity").cast(pl.String).cast(MONEY, strict=False)
    signed = pl.when(pl.col("sign") < 0).then(-quantity).otherwise(quantity)
    rows = by_part(
        lines.with_columns(*items, pl.when(priced).then(signed).alias("quantity")),
        keys,
        *(f"item_{name}" for name in _PRICED),
        sums=[
            pl.col("quantity").sum(),
            pl.col("quantity").is_null().any().alias("uncounted"),
            pl.col("unit_price").min().alias("least_price"),
            pl.col("unit_price").max().alias("most_price"),
            (pl.col("unit_price").is_null().any()).alias("unpriced"),
        ],
    )
    rows = rows.with_columns((pl.col("month") == after).alias("later"))
    whole = _by_key(_volumes(rows, keys), keys).with_columns(
        pl.lit(before).alias("before_month"), pl.lit(after).alias("after_month")
    )
    return presented(whole, invoices, Flux, *keys)


def _two(months: Sequence[str]) -> tuple[str, str]:
    given = list(months) if not isinstance(months, str) else [months]
    if len(given) != 2 or len(month_names(given)) != 2:  # a flux is between two months
        raise ArgumentError(
            f"months must be two different months, not {given!r}.", advice='Write ("2026-09", "2026-10").'
        )
    return given[0], given[1]


def _volumes(rows: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """One row per item of one price and per part: what it came to in both months, and the volume in its change."""
    later, amount, counts = pl.col("later"), pl.col("total"), pl.col("quantity")
    groups = dict.fromkeys([*keys, *UNIT, "part", *(f"item_{name}" for name in _PRICED)])
    least, most = pl.col("least_price"), pl.col("most_price")
    items = rows.group_by(*groups).agg(
        amount.filter(~later).sum().alias("was"),
        amount.filter(later).sum().alias("is"),
        counts.filter(~later).sum().alias("was_counted"),
        counts.filter(later).sum().alias("is_counted"),
        (pl.col("stands") & ~later).any().alias("stood"),
        (pl.col("stands") & later).any().alias("stands"),
        (pl.col("uncounted").any()).alias("uncounted"),
        ((least.min() == most.max()) & ~pl.col("unpriced").any()).fill_null(value=False).alias("one_price"),
    )
    change = pl.col("is") - pl.col("was")
    were, are = pl.col("was_counted"), pl.col("is_counted")
    one_sided = ~(pl.col("stood") & pl.col("stands"))
    volume = (
        pl.when(pl.col("one_price") | one_sided | pl.col("uncounted") | (were == ZERO))
        .then(change)
        .when(were == are)
        .then(ZERO)
        .otherwise((pl.col("was") * (are - were) / pl.when(were != ZERO).then(were)).cast(MONEY))
    )
    return items.with_columns(volume.alias("volume"))


def _by_key(items: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """The change of each key and its parts."""
    change = pl.col("is") - pl.col("was")

    def of(*parts: Part) -> pl.Expr:
        return change.filter(pl.col("part").is_in([part.value for part in parts])).sum()

    in_net = pl.col("part").is_in([part.value for part in NET])
    whole = items.group_by(*keys, *UNIT).agg(
        pl.col("was").filter(in_net).sum().alias("before"),
        pl.col("is").filter(in_net).sum().alias("after"),
        pl.col("stood", "stands").any(),
        pl.col("volume").filter(pl.col("part") == Part.GROSS.value).sum(),
        of(Part.GROSS).alias("gross"),
        of(*COVERED).alias("coverage"),
        of(Part.FIXED).alias("fixed"),
        of(Part.PURCHASES).alias("one_off"),
    )
    stays = pl.col("stood") & pl.col("stands")
    moved = pl.col("after") - pl.col("before")
    return whole.with_columns(
        moved.alias("change"),
        pl.when(~pl.col("stood")).then(moved).otherwise(ZERO).alias("new"),
        pl.when(pl.col("stood") & ~pl.col("stands")).then(moved).otherwise(ZERO).alias("gone"),
        (pl.col("gross") - pl.col("volume")).alias("price"),
        pl.col("one_off").alias("purchases"),
    ).with_columns(pl.when(stays).then(name).otherwise(ZERO).alias(name) for name in _WHERE_IT_STAYS)


_WHERE_IT_STAYS = ("volume", "price", "coverage", "fixed", "one_off")
