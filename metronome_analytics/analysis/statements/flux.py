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
    billed,
    key_columns,
    only,
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

_WHERE_IT_STAYS = ("volume", "price", "coverage", "fixed", "one_off")
FLUX_PARTS = ("volume", "price", "new", "gone", "coverage", "fixed", "one_off")
"""What adds up to a change, in the order of a bridge."""

_PRICED = ("product_id", "line_type", "tier_level", "pricing_group_values")
"""What of one customer has one price: a product, within a tier and a group. A renewal keeps it: no contract is here."""


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

    >>> moved = ma.flux(account.invoices(), months=("2026-09", "2026-10"))
    >>> moved.select("before", "after", "purchases").row(0)
    (Decimal('145708.1800000000'), Decimal('1600000.0000000000'), Decimal('1600000.0000000000'))
    """
    before, after = _two(months)
    keys: list[str] = key_columns(by)
    gross = pl.col("part") == Part.GROSS.value
    # Sums of floats depend on their order; those of decimals do not.
    counted = pl.col("quantity").cast(pl.String).cast(MONEY, strict=False)
    signed = pl.when(pl.col("sign") < 0).then(-counted).otherwise(counted)
    rows = billed(
        invoices,
        breakdowns=breakdowns,
        months=[before, after],
        at=instant("as_of", as_of),
        keys=[*keys, "customer_id"],
        drafts=drafts,
        more=[pl.when(gross).then(pl.struct(_PRICED).hash()).alias("item")],
        sums=[
            signed.sum().alias("quantity"),
            pl.col("quantity").is_null().any().alias("uncounted"),
            pl.col("unit_price").min().alias("least_price"),
            pl.col("unit_price").max().alias("most_price"),
            pl.col("unit_price").is_null().any().alias("unpriced"),
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
    later = pl.col("later")
    groups = list(dict.fromkeys([*keys, *UNIT, "part", "customer_id", "item"]))
    sides = {"was": ~later, "is": later}
    items = (
        rows.with_columns(
            *(pl.when(side).then("total").alias(name) for name, side in sides.items()),
            *(pl.when(side).then("quantity").alias(f"{name}_counted") for name, side in sides.items()),
            (pl.col("stands") & ~later).alias("stood"),
            (pl.col("stands") & later).alias("stands"),
        )
        .group_by(groups)
        .agg(
            pl.col("was", "is", "was_counted", "is_counted").sum(),
            pl.col("stood", "stands", "uncounted", "unpriced").any(),
            pl.col("least_price").min(),
            pl.col("most_price").max(),
        )
    )
    change = pl.col("is") - pl.col("was")
    were, are = pl.col("was_counted"), pl.col("is_counted")
    one_sided = ~(pl.col("stood") & pl.col("stands"))
    one_price = ((pl.col("least_price") == pl.col("most_price")) & ~pl.col("unpriced")).fill_null(value=False)
    volume = (
        pl.when(one_price | one_sided | pl.col("uncounted") | (were == ZERO))
        .then(change)
        .when(were == are)
        .then(ZERO)
        .otherwise((pl.col("was") * (are - were) / pl.when(were != ZERO).then(were)).cast(MONEY))
    )
    return items.with_columns(volume.alias("volume"))


def _by_key(items: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """The change of each key and its parts."""
    change = pl.col("is") - pl.col("was")
    columns = {
        "before": only(pl.col("was"), *NET),
        "after": only(pl.col("is"), *NET),
        "volume": only(pl.col("volume"), Part.GROSS),
        "gross": only(change, Part.GROSS),
        "coverage": only(change, *COVERED),
        "fixed": only(change, Part.FIXED),
        "one_off": only(change, Part.PURCHASES),
    }
    whole = (
        items.with_columns(amount.alias(name) for name, amount in columns.items())
        .group_by(*keys, *UNIT)
        .agg(pl.col(*columns).sum(), pl.col("stood", "stands").any())
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
