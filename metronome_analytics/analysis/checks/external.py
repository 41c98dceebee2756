"""The check against another system: a billing provider's export, an ERP, a general ledger."""

from __future__ import annotations

from typing import Literal

import polars as pl

from metronome_analytics.analysis.checks.verdicts import half_a_minor_unit
from metronome_analytics.analysis.frames import ZERO
from metronome_analytics.analysis.invoiced import is_invoiced
from metronome_analytics.tables.money import USD_NAME, minor
from metronome_analytics.tables.money import currency as currency_of
from metronome_analytics.tables.vocabulary import InvoiceStatus

Units = Literal["major", "api"]

MISSING_HERE, MISSING_THERE = "missing here", "missing there"
AMOUNT, CURRENCY, MATCHED = "amount differs", "currency differs", "matched"
CUT_OFF, DRAFT_HERE, VOID_HERE = "period cut-off", "a draft here, final there", "the invoice is void"

_OURS = ("row", "invoice_id")


def external(invoices: pl.LazyFrame, theirs: pl.DataFrame, units: Units) -> pl.LazyFrame:
    """Final invoices that bill something against the other system's, by invoice id or the billing provider's id.

    Their rows are added up by invoice and currency, never across currencies: what is in another currency than the
    invoice is a failure of its own, in that currency.
    """
    known = invoices.select("credit_type_id", "credit_type_name").drop_nulls().unique()
    groups = _in_api_units(_grouped(theirs), known, units)
    ours = _ours(invoices, groups)
    placed = groups.join(ours.select("external_id", "short").unique("external_id"), on="external_id", how="left")
    foreign = (pl.col("currency") != pl.col("short")).fill_null(False)
    listed = placed.select("external_id", pl.lit(True).alias("listed")).unique()
    same = placed.filter(~foreign).drop("short")
    matched = _matched(ours.join(listed, on="external_id", how="left"), same, units)
    strangers = (
        placed.filter(foreign)
        .drop("short")
        .join(ours.select("external_id", *_OURS, "customer_id"), on="external_id", how="left")
        .with_columns(ZERO.alias("expected"), pl.lit(CURRENCY).alias("blame"), pl.lit("another currency").alias("hint"))
    )
    # Ours before theirs: what is concatenated first stays first.
    rows = pl.concat([matched.sort("currency"), strangers], how="diagonal")
    return rows.sort("row", "external_id", nulls_last=True, maintain_order=True).select(
        pl.coalesce("customer_id", "external_customer_id").alias("customer_id"),
        *("invoice_id", "external_id", "credit_type_id", "credit_type_name", "expected"),
        pl.col("amount").fill_null(ZERO).alias("actual"),
        *("blame", "hint"),
        pl.col("trouble").alias("skip"),
        # Their amounts are rounded to the minor unit.
        half_a_minor_unit().alias("slack"),
        pl.when(pl.col("blame").is_null())
        .then(pl.when(pl.col("amount") == pl.col("expected")).then(pl.lit(MATCHED)).otherwise(pl.lit(AMOUNT)))
        .alias("detail"),
    )  # fmt: skip


def _grouped(theirs: pl.DataFrame) -> pl.LazyFrame:
    """Their rows by invoice and currency; what one row of them is unfit for, the sum is."""
    return (
        theirs.lazy()
        .group_by("external_id", "currency", maintain_order=True)
        .agg(
            pl.col("amount").sum(),
            pl.col("date").min(),
            pl.col("date").max().alias("last_date"),
            pl.col("external_customer_id").first(),
            pl.len().alias("entries"),
            pl.col("trouble").drop_nulls().first(),
        )
    )


def _in_api_units(groups: pl.LazyFrame, known: pl.LazyFrame, units: Units) -> pl.LazyFrame:
    """Their sums with the credit type of their currency, as our invoices or the API's rule have it."""
    types = known.select(
        currency_of(pl.col("credit_type_name")).str.to_uppercase().alias("currency"),
        "credit_type_id",
        "credit_type_name",
    ).unique("currency", keep="none")
    # The API keeps US dollars in cents and every other currency in whole units (fact sheet 1.8).
    name = pl.when(pl.col("currency") == "USD").then(pl.lit(USD_NAME)).otherwise("currency")
    named = groups.join(types, on="currency", how="left").with_columns(
        pl.coalesce("credit_type_name", name).alias("credit_type_name")
    )
    return named.with_columns(_converted(units).alias("amount"))


def _converted(units: Units) -> pl.Expr:
    return pl.col("amount") if units == "api" else minor(pl.col("amount"), pl.col("credit_type_name"))


def _matched(ours: pl.LazyFrame, groups: pl.LazyFrame, units: Units) -> pl.LazyFrame:
    """Each of our invoices with what they have of it in its currency, and what they have that we do not."""
    final = pl.col("status") == InvoiceStatus.FINALIZED
    billed = is_invoiced() & (pl.col("total") != ZERO)
    joined = ours.join(groups, on="external_id", how="full", coalesce=True, suffix="_theirs")
    here, there = pl.col("invoice_id").is_not_null(), pl.col("entries").is_not_null()
    # A row that names no currency cannot be added to one that does: it is expected to be nothing more.
    place = pl.int_range(pl.len()).over(*_OURS, order_by="currency")
    name = pl.when(here).then("credit_type_name").otherwise("credit_type_name_theirs")
    outcome = (
        pl.when(~here).then(pl.lit(MISSING_HERE))
        .when(~there & pl.col("listed")).then(pl.lit(CURRENCY))
        .when(~there).then(pl.lit(MISSING_THERE))
    )  # fmt: skip
    return (
        joined.filter(there | billed)
        .with_columns(
            pl.when(final & (place == 0)).then("total").otherwise(ZERO).alias("expected"),
            # What names no currency is taken to be in the invoice's.
            pl.when(pl.col("currency").is_null()).then(_converted(units)).otherwise("amount").alias("amount"),
            outcome.alias("blame"),
        )
        .join(_dates(groups, "date", "last_date", "theirs"), how="cross")
        .join(_dates(ours.filter(billed), "at", "at", "ours"), how="cross")
        .with_columns(
            _hint(final).alias("hint"),
            name.alias("credit_type_name"),
            pl.when(here).then("credit_type_id").otherwise("credit_type_id_theirs").alias("credit_type_id"),
        )
    )


def _dates(rows: pl.LazyFrame, first: str, last: str, side: str) -> pl.LazyFrame:
    """The first and the last day of one side."""
    return rows.select(
        pl.col(first).dt.truncate("1d").min().alias(f"first_{side}"),
        pl.col(last).dt.truncate("1d").max().alias(f"last_{side}"),
    )


def _ours(invoices: pl.LazyFrame, theirs: pl.LazyFrame) -> pl.LazyFrame:
    """Our invoices with the id under which the other system may know them."""
    names = invoices.collect_schema().names()
    provider = "billing_provider_invoice_id" if "billing_provider_invoice_id" in names else "id"
    known = theirs.select(pl.col("external_id"), pl.lit(True).alias("by_id")).unique()
    ours = invoices.filter("first").select(
        pl.col("id").alias("invoice_id"), "customer_id", "row", "status", "type", "total", "credit_type_id",
        "credit_type_name", currency_of(pl.col("credit_type_name")).str.to_uppercase().alias("short"),
        pl.coalesce("issued_at", "end_timestamp").alias("at"), pl.col(provider).alias("provider_id"),
    )  # fmt: skip
    return ours.join(known, left_on="invoice_id", right_on="external_id", how="left").with_columns(
        pl.when("by_id").then("invoice_id").otherwise(pl.coalesce("provider_id", "invoice_id")).alias("external_id")
    )


def _hint(final: pl.Expr) -> pl.Expr:
    """The likeliest cause that the amounts alone do not tell.

    A cut-off is one where the dates show it: what one side lacks is dated before or after everything it has.
    """
    ours = pl.col("at").dt.truncate("1d")
    cut_there = (ours < pl.col("first_theirs")) | (ours > pl.col("last_theirs"))
    theirs = pl.col("date").dt.truncate("1d")
    cut_here = (theirs < pl.col("first_ours")) | (theirs > pl.col("last_ours"))
    missing_here, missing_there = pl.col("blame") == MISSING_HERE, pl.col("blame") == MISSING_THERE
    return (
        pl.when(pl.col("blame") == CURRENCY)
        .then(pl.lit("another currency"))
        .when(pl.col("status") == InvoiceStatus.VOID)
        .then(pl.lit(VOID_HERE))
        .when(pl.col("status").is_not_null() & ~final)
        .then(pl.lit(DRAFT_HERE))
        .when(pl.col("entries") > 1)
        .then(pl.lit("more than one entry there"))
        .when((missing_there & cut_there) | (missing_here & cut_here))
        .then(pl.lit(CUT_OFF))
    )
