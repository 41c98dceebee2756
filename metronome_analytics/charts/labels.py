"""Names for legends: short, readable, and different for different things."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.frames import checked
from metronome_analytics.wording import drawable_column

LONGEST = 44
"""Characters of a name on a legend or axis; the tooltip has the whole of it."""

SEPARATOR = " · "
"""Between a name and whose it is."""


def shortened(name: pl.Expr, longest: int = LONGEST) -> pl.Expr:
    """`name` as it can be drawn, cut with an ellipsis when it is too long."""
    name = drawable_column(name)
    return pl.when(name.str.len_chars() > longest).then(name.str.head(longest - 1) + "…").otherwise(name)


def customer_names(frame: pl.DataFrame, customers: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    """`frame` with `customer`: the name from `account.customers()`, else the start of the id."""
    short = pl.col("customer_id").str.head(8)
    if customers is None:
        return frame.with_columns(short.alias("customer"))
    names = (
        checked(customers, "customers", "id", "name")
        .select(pl.col("id").alias("customer_id"), drawable_column(pl.col("name")).alias("customer"))
        .unique("customer_id")
        .collect()
    )
    return frame.join(names, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("customer", short)
    )


def only_customer(frame: pl.DataFrame) -> str | None:
    """The `customer` of a frame that is all of one; None where there are several."""
    names = frame.select("customer_id", shortened(pl.col("customer"))).unique()
    return str(names["customer"][0]) if names.height == 1 and names["customer"][0] is not None else None


def unbroken(name: pl.Expr, at: str) -> pl.Expr:
    """A name as a part of labels that a narrow page breaks `at` this: it holds none."""
    return name.str.replace_all(at, " ", literal=True)


def balance_labels(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `balance`: its name, with the customer where there are several and the id where names meet."""
    several = frame["customer_id"].n_unique() > 1
    name = unbroken(pl.coalesce(pl.col("balance_name"), pl.col("balance_id").str.head(8)), SEPARATOR)
    customer = unbroken(pl.col("customer"), SEPARATOR)
    both = pl.concat_str(shortened(name, 26), shortened(customer, 20), separator=SEPARATOR)
    label = both if several else shortened(name)
    keys = frame.select("customer_id", "balance_id", label.alias("balance")).unique(maintain_order=True)
    alike = pl.len().over("balance") > 1
    keys = keys.with_columns(
        pl.when(alike)
        .then(pl.col("balance") + " #" + pl.col("balance_id").str.head(6))
        .otherwise("balance")
        .alias("balance")
    )
    return frame.join(keys, on=["customer_id", "balance_id"], how="left", maintain_order="left")
