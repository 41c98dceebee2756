"""The check against another system: a billing provider's export, an ERP, a general ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from metronome_analytics.analysis.frames import INSTANT, MONEY, ZERO, Given, checked
from metronome_analytics.analysis.invoiced import is_invoiced
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables.money import currency, in_cents
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

Units = Literal["major", "api"]
FIELDS = ("invoice_id", "amount", "currency", "date", "customer_id")
REQUIRED = ("invoice_id", "amount")
CUT_OFF = 5
"""Days around the edge of the other system's period in which a missing invoice is likely booked on the other side."""

MISSING_HERE, MISSING_THERE = "missing here", "missing there"
AMOUNT, CURRENCY, MATCHED = "amount differs", "currency differs", "matched"


def external_rows(external: Given, columns: Mapping[str, str] | None) -> pl.LazyFrame:
    """The other system's rows under our names, one per invoice; ArgumentError for a mapping that does not fit."""
    mapping = dict(columns or {})
    unknown = [name for name in mapping if name not in FIELDS]
    if unknown:
        raise ArgumentError(
            f"external_columns names {', '.join(map(repr, unknown))}.", advice=f"It may name {', '.join(FIELDS)}."
        )
    needed = [mapping.get(name, name) for name in FIELDS if name in REQUIRED or name in mapping]
    rows = checked(external, "external", *needed, source="external, with external_columns={ours: theirs},")
    schema = rows.collect_schema()
    picked = [_field(name, mapping.get(name, name), schema) for name in FIELDS]
    return (
        rows.select(picked)
        .group_by("invoice_id", maintain_order=True)
        .agg(
            pl.col("amount").sum(),
            pl.col("currency", "date", "customer_id").first(),
            pl.len().alias("entries"),
            pl.col("amount").is_null().any().alias("unreadable"),
        )
        .rename({"invoice_id": "external_id", "customer_id": "external_customer_id"})
    )


def _field(name: str, column: str, schema: pl.Schema) -> pl.Expr:
    """One of our fields out of the other system's column."""
    if column not in schema:
        return pl.lit(None, INSTANT if name == "date" else pl.String).alias(name)
    dtype, value = schema[column], pl.col(column)
    if name == "amount":
        # By way of text: a cast from Float64 to Decimal is wrong in the last digits of one value in ten.
        plain = value if dtype.is_decimal() or dtype.is_integer() else _number(value.cast(pl.String))
        return plain.cast(MONEY).alias(name)
    if name == "date":
        return _moment(value, dtype).alias(name)
    return value.cast(pl.String).str.strip_chars().alias(name)


def _number(text: pl.Expr) -> pl.Expr:
    """An amount from text; `1,234.50` and `$1,234.50` are read, what is no number is null."""
    return text.str.strip_chars(" $€£\u00a0").str.replace_all(",", "").cast(MONEY, strict=False)


def _moment(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A moment in UTC; dates and naive datetimes are read as UTC, a text by its first ten characters."""
    if isinstance(dtype, pl.Datetime):
        naive = dtype.time_zone is None
        return (value.dt.replace_time_zone("UTC") if naive else value.dt.convert_time_zone("UTC")).cast(INSTANT)
    if dtype == pl.Date:
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    day = value.cast(pl.String).str.head(10).str.to_date("%Y-%m-%d", strict=False)
    return day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def external(invoices: pl.LazyFrame, theirs: pl.LazyFrame, units: Units) -> pl.LazyFrame:
    """Final invoices that bill something against the other system's, by invoice id or the billing provider's id."""
    joined = _ours(invoices, theirs).join(theirs, on="external_id", how="full", coalesce=True)
    cents = in_cents(pl.col("credit_type_name"))
    amount = pl.col("amount") if units == "api" else pl.when(cents).then(pl.col("amount") * 100).otherwise("amount")
    final = pl.col("status") == InvoiceStatus.FINALIZED
    billed = is_invoiced() & (pl.col("total") != ZERO)
    here, there = pl.col("invoice_id").is_not_null(), pl.col("entries").is_not_null()
    wrong = pl.col("currency").is_not_null() & (
        pl.col("currency").str.to_uppercase() != currency(pl.col("credit_type_name")).str.to_uppercase()
    )
    expected = pl.when(final).then("total").otherwise(ZERO)
    outcome = (
        pl.when(~here).then(pl.lit(MISSING_HERE))
        .when(~there).then(pl.lit(MISSING_THERE))
        .when(wrong).then(pl.lit(CURRENCY))
    )  # fmt: skip
    rows = joined.filter(there | billed).with_columns(
        expected.alias("expected"), amount.alias("actual"), outcome.alias("blame")
    )
    bounds = theirs.select(pl.col("date").min().alias("from"), pl.col("date").max().alias("to"))
    return rows.join(bounds, how="cross").sort("row", "external_id", nulls_last=True).select(
        pl.coalesce("customer_id", "external_customer_id").alias("customer_id"),
        *("invoice_id", "external_id", "credit_type_id", "credit_type_name", "expected"),
        pl.col("actual").fill_null(ZERO),
        "blame",
        pl.when(there & pl.col("unreadable")).then(pl.lit("the other system's amount is no number")).alias("skip"),
        # Their amounts are rounded to the minor unit.
        pl.when(cents).then(pl.lit("0.5000000001")).otherwise(pl.lit("0.0050000001")).cast(MONEY).alias("slack"),
        _hint(final).alias("hint"),
        pl.when(pl.col("blame").is_null()).then(_difference()).alias("detail"),
    )  # fmt: skip


def _ours(invoices: pl.LazyFrame, theirs: pl.LazyFrame) -> pl.LazyFrame:
    """Our invoices with the id under which the other system may know them."""
    names = invoices.collect_schema().names()
    provider = "billing_provider_invoice_id" if "billing_provider_invoice_id" in names else "id"
    known = theirs.select(pl.col("external_id"), pl.lit(True).alias("by_id"))
    ours = invoices.filter("first").select(
        pl.col("id").alias("invoice_id"), "customer_id", "row", "status", "type", "total", "issued_at", "end_timestamp",
        "credit_type_id", "credit_type_name", pl.col(provider).alias("provider_id"),
    )  # fmt: skip
    return ours.join(known, left_on="invoice_id", right_on="external_id", how="left").with_columns(
        pl.when("by_id").then("invoice_id").otherwise(pl.coalesce("provider_id", "invoice_id")).alias("external_id")
    )


def _difference() -> pl.Expr:
    return pl.when(pl.col("actual") == pl.col("expected")).then(pl.lit(MATCHED)).otherwise(pl.lit(AMOUNT))


def _hint(final: pl.Expr) -> pl.Expr:
    """The likeliest cause that the amounts alone do not tell."""
    edge = pl.duration(days=CUT_OFF)
    at = pl.coalesce("issued_at", "end_timestamp")
    outside = (at < pl.col("from") + edge) | (at > pl.col("to") - edge)
    return (
        pl.when(pl.col("blame") == CURRENCY)
        .then(pl.lit("another currency"))
        .when(pl.col("status") == InvoiceStatus.VOID)
        .then(pl.lit("the invoice is void"))
        .when(pl.col("status").is_not_null() & ~final)
        .then(pl.lit("a draft here, final there"))
        .when(pl.col("entries") > 1)
        .then(pl.lit("more than one entry there"))
        .when(pl.col("entries").is_null() & outside)
        .then(pl.lit("period cut-off"))
    )
