"""The check of purchases: what a prepaid commit should have been billed for against what was."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.chains import links
from metronome_analytics.analysis.frames import INSTANT, ZERO, optional
from metronome_analytics.tables.vocabulary import BalanceType, InvoiceStatus, LineType

_SALE = ("balance_id", "origin_id")
_VOID = "the invoice is void"


def prepaid_purchase(invoices: pl.LazyFrame, lines: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """Each item of a prepaid commit's invoice schedule against the purchase lines of its invoice.

    On a fixed product's line `commit_id` is the commit being paid for, not one that was applied (fact sheet 4.5). A
    void invoice sells nothing, and one that was regenerated stands in for it, whichever of the two the schedule names.
    """
    origins = _origins(invoices)
    due = _due(balances, origins)
    joined = due.join(_settled(_sold(invoices, lines, origins), due), on=_SALE, how="full", coalesce=True)
    heads = invoices.filter("first").select(
        pl.col("id").alias("invoice_id"), "status", "row", pl.col("customer_id").alias("billed_id")
    )
    facts = balances.select(
        pl.col("id").alias("balance_id"),
        pl.col("customer_id").alias("owner_id"),
        optional(balances.collect_schema().names(), "archived_at", INSTANT).is_not_null().alias("archived"),
    ).unique("balance_id", keep="first", maintain_order=True)
    joined = (
        joined.with_columns(pl.coalesce("sold_id", "due_id").alias("invoice_id"))
        .join(heads, on="invoice_id", how="left")
        .join(facts, on="balance_id", how="left")
    )
    void = pl.col("status") == InvoiceStatus.VOID
    other = pl.col("credit_type_id").is_not_null() & (pl.col("credit_type_id") != pl.col("sold_in"))
    # A commit is archived once its invoices are void: then nothing is due any more (fact sheet 4.11).
    settled = void & pl.col("archived").fill_null(False)
    return joined.sort("owner_id", "row", "balance_id", "invoice_id", nulls_last=True).select(
        pl.coalesce("owner_id", "billed_id").alias("customer_id"),
        *("balance_id", "invoice_id"),
        pl.coalesce("credit_type_id", "sold_in").alias("credit_type_id"),
        pl.coalesce("credit_type_name", "sold_in_name").alias("credit_type_name"),
        pl.when(settled).then(ZERO).otherwise(pl.col("expected").fill_null(ZERO)).alias("expected"),
        pl.col("actual").fill_null(ZERO),
        pl.when(void & ~settled)
        .then(pl.lit("the purchase's invoice is void and access remains"))
        .when(other)
        .then(pl.lit("billed in another credit type than scheduled"))
        .alias("blame"),
        pl.when(pl.col("invoice_id").is_null())
        .then(pl.lit("the purchase has no invoice yet"))
        .when(pl.col("status").is_null())
        .then(pl.lit("the invoice is not in the frame"))
        .when(pl.col("archived").is_null())
        .then(pl.lit("the balance is not in the frame"))
        .alias("skip"),
        pl.when(void).then(pl.lit(_VOID)).alias("hint"),
    )


def _origins(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Each regenerated invoice with the first of its chain: `invoice_id`, `origin_id`."""
    names = invoices.collect_schema().names()
    made = invoices.select(
        pl.col("id").alias("invoice_id"), optional(names, "regenerated_from_invoice_id").alias("before_id")
    )
    before: dict[str, str] = dict(made.drop_nulls().collect().iter_rows())
    found = {invoice_id: link.first for invoice_id, link in links(before).items()}
    columns = {"invoice_id": list(found), "origin_id": list(found.values())}
    return pl.LazyFrame(columns, schema={"invoice_id": pl.String, "origin_id": pl.String})


def _with_origin(rows: pl.LazyFrame, origins: pl.LazyFrame) -> pl.LazyFrame:
    return rows.join(origins, on="invoice_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("origin_id", "invoice_id")
    )


def _sold(invoices: pl.LazyFrame, lines: pl.LazyFrame, origins: pl.LazyFrame) -> pl.LazyFrame:
    """What was billed for each commit by each chain of invoices: by those that are not void, if there are any."""
    bought = lines.filter((pl.col("line_type") == LineType.PURCHASE) & pl.col("commit_id").is_not_null())
    first = invoices.filter("first").select(
        "row", pl.col("id").alias("invoice_id"), (pl.col("status") != InvoiceStatus.VOID).alias("live")
    )
    names = invoices.select(
        pl.col("credit_type_id").alias("sold_in"), pl.col("credit_type_name").alias("sold_in_name")
    ).unique("sold_in")
    billed = (
        bought.group_by("row", pl.col("commit_id").alias("balance_id"), pl.col("credit_type_id").alias("sold_in"))
        .agg(pl.col("total").sum())
        .join(first, on="row", how="inner")
        .sort("live", "row", descending=[True, False])
    )
    return (
        _with_origin(billed, origins)
        .group_by(*_SALE, "sold_in", maintain_order=True)
        .agg(
            pl.col("total").filter(pl.col("live")).sum().alias("actual"),
            pl.col("invoice_id").first().alias("sold_id"),
            pl.col("row").first().alias("sale"),
            pl.col("live").any(),
        )
        .join(names, on="sold_in", how="left")
    )


def _settled(sold: pl.LazyFrame, due: pl.LazyFrame) -> pl.LazyFrame:
    """`sold` with each void sale replaced by the one made in its place, where no field says which that is."""
    asked = due.select(*_SALE, pl.lit(True).alias("asked")).unique(_SALE)
    sales = sold.join(asked, on=_SALE, how="left").with_columns(pl.col("asked").fill_null(False))
    place = pl.int_range(pl.len()).over("balance_id", order_by="sale").alias("place")
    spare = sales.filter(pl.col("live") & ~pl.col("asked")).with_columns(place)
    holes = sales.filter(~pl.col("live") & pl.col("asked")).with_columns(place)
    taken = spare.join(
        holes.select("balance_id", "place", pl.col("origin_id").alias("hole_id")), on=["balance_id", "place"]
    ).select("balance_id", "origin_id", "hole_id")
    moved = sales.join(taken, on=_SALE, how="left").with_columns(
        pl.coalesce("hole_id", "origin_id").alias("origin_id"), pl.col("asked") | pl.col("hole_id").is_not_null()
    )
    filled = taken.select("balance_id", pl.col("hole_id").alias("origin_id"), pl.lit(True).alias("filled"))
    kept = moved.join(filled, on=_SALE, how="left").filter(pl.col("live") | pl.col("filled").is_null())
    # A void sale that nothing asks for matters only where nothing else was sold or is due: access remains unpaid.
    others = pl.concat([kept.filter(pl.col("live") | pl.col("asked")).select("balance_id"), due.select("balance_id")])
    idle = kept.filter(~pl.col("live") & ~pl.col("asked"))
    return pl.concat(
        [
            kept.filter(pl.col("live") | pl.col("asked")),
            idle.join(others.unique(), on="balance_id", how="anti"),
        ]
    ).drop("asked", "hole_id", "filled", "live", "sale")


def _due(balances: pl.LazyFrame, origins: pl.LazyFrame) -> pl.LazyFrame:
    """What the invoice schedules of prepaid commits say is billed; commits that are not invoiced have nothing due."""
    schedule = pl.col("invoice_schedule").struct
    prepaid = balances.filter(
        (pl.col("type") == BalanceType.PREPAID) & ~schedule.field("do_not_invoice").fill_null(False)
    )
    items = prepaid.select(
        pl.col("id").alias("balance_id"),
        pl.coalesce(schedule.field("credit_type").struct.field("id"), "credit_type_id").alias("credit_type_id"),
        pl.coalesce(schedule.field("credit_type").struct.field("name"), "credit_type_name").alias("credit_type_name"),
        schedule.field("schedule_items").alias("item"),
    ).explode("item", empty_as_null=False, keep_nulls=False)
    item = pl.col("item").struct
    named = items.with_columns(item.field("invoice_id"), item.field("amount"))
    return (
        _with_origin(named, origins)
        .group_by(*_SALE, "credit_type_id", "credit_type_name", maintain_order=True)
        .agg(pl.col("amount").sum().alias("expected"), pl.col("invoice_id").first().alias("due_id"))
    )
