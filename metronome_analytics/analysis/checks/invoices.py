"""Checks of invoices: their own arithmetic, each counted once, and what the billing provider has."""

from __future__ import annotations

import polars as pl

from metronome_analytics.analysis.checks.verdicts import half_a_minor_unit
from metronome_analytics.analysis.frames import MONEY, ZERO, optional
from metronome_analytics.tables.vocabulary import TROUBLED, WITHDRAWN, InvoiceStatus, InvoiceType, ProviderStatus

_HEAD = ("customer_id", pl.col("id").alias("invoice_id"), "credit_type_id", "credit_type_name")
_LIVE = pl.col("status") != InvoiceStatus.VOID
_UNKNOWN = "status unknown"
_NO_BILL = [*map(str, WITHDRAWN), ProviderStatus.SKIPPED.value, ProviderStatus.INVALID_REQUEST_ERROR.value, _UNKNOWN]
"""Of a void invoice: nobody holds a bill, as far as the provider tells."""

BILL_WITHOUT_INVOICE = "the customer holds a bill for an invoice that is void"
"""The gravest cause of all: money is asked for that nobody owes."""


def invoice_total(invoices: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """The total of every invoice, whatever its status, against the lines that make it up."""
    amount = pl.when("counted").then("total").otherwise(ZERO)
    sums = lines.group_by("row").agg(amount.sum().alias("expected"), pl.col("bare").any())
    names = invoices.collect_schema().names()
    extra = adjustments() if "invoice_adjustments" in names else ZERO
    return invoices.join(sums, on="row", how="left", maintain_order="left").select(
        *_HEAD,
        (pl.col("expected").fill_null(ZERO) + extra).alias("expected"),
        pl.col("total").alias("actual"),
        pl.when("bare")
        .then(pl.lit("the invoice was loaded without its lines"))
        .when(pl.col("total").is_null())
        .then(pl.lit("the invoice has no total"))
        .alias("skip"),
    )


def adjustments() -> pl.Expr:
    """What adjustments of a Plans invoice add to its lines."""
    total = pl.element().struct.field("total")
    return pl.col("invoice_adjustments").list.eval(total).list.sum().fill_null(0).cast(MONEY)


def counted_once(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Every invoice once, and one live usage invoice per contract and period.

    A voided invoice and its regenerated twin are both in the list, a corrected one has another id, and a consolidated
    one repeats its constituents (fact sheet 4.8, 4.10): none of these may be live beside the other.
    """
    names = invoices.collect_schema().names()
    corrects = optional(names, "corrected_invoice_id").alias("corrects")
    live = invoices.filter(_LIVE).with_columns(corrects, optional(names, "plan_id").alias("plan_id"))
    # A correction, a consolidated invoice and one without a period stand for themselves.
    alone = (
        pl.col("start_timestamp").is_null()
        | (pl.col("type") == InvoiceType.USAGE_CONSOLIDATED)
        | pl.col("corrects").is_not_null()
    )
    period = ["customer_id", "contract_id", "plan_id", "type", "start_timestamp", "end_timestamp"]
    keys = [*period, "credit_type_id", "single"]
    grouped = live.with_columns(pl.when(alone).then("id").alias("single")).group_by(keys, maintain_order=True)
    return grouped.agg(
        pl.col("id").last().alias("invoice_id"),
        pl.col("credit_type_name").first(),
        pl.col("total").last().alias("expected"),
        pl.col("total").sum().alias("actual"),
        pl.len().alias("count"),
        pl.col("id").n_unique().alias("ids"),
    ).with_columns(
        pl.when(pl.col("ids") > 1)
        .then(pl.format("{} live invoices for one contract and period", "ids"))
        .when(pl.col("count") > 1)
        .then(pl.lit("the same invoice is in the frame more than once"))
        .alias("blame")
    )


def consolidated(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """The total of a consolidated invoice against the invoices it is made of: count one side or the other."""
    if "constituent_invoices" not in invoices.collect_schema().names():
        return invoices.select(*_HEAD).clear()
    wholes = invoices.filter((pl.col("type") == InvoiceType.USAGE_CONSOLIDATED) & _LIVE & pl.col("first"))
    parts = wholes.select("row", "constituent_invoices").explode(
        "constituent_invoices", empty_as_null=False, keep_nulls=False
    )
    totals = invoices.filter("first").select(
        pl.col("id").alias("part_id"), pl.col("total").alias("part_total"), pl.lit(True).alias("loaded")
    )
    sums = (
        parts.select("row", pl.col("constituent_invoices").struct.field("invoice_id").alias("part_id"))
        .join(totals, on="part_id", how="left")
        .group_by("row")
        .agg(pl.col("part_total").sum().alias("expected"), pl.col("loaded").is_null().sum().alias("absent"))
    )
    return wholes.join(sums, on="row", how="left", maintain_order="left").select(
        *_HEAD,
        pl.col("expected").fill_null(ZERO),
        pl.col("total").alias("actual"),
        pl.when(pl.col("absent") > 0)
        .then(pl.format("{} of its invoices are not in the frame", "absent"))
        .alias("skip"),
    )


def corrections(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Every correction, with what it corrects: Metronome does not say how the two net, so nobody nets them here."""
    names = invoices.collect_schema().names()
    if "corrected_invoice_id" not in names:
        return invoices.select(*_HEAD).clear()
    corrected = invoices.filter("first").select(
        pl.col("id").alias("corrected_invoice_id"), pl.col("status").alias("corrected_status")
    )
    return (
        invoices.filter(pl.col("corrected_invoice_id").is_not_null() & _LIVE)
        .join(corrected, on="corrected_invoice_id", how="left", maintain_order="left")
        .select(
            *_HEAD,
            pl.col("total").alias("expected"),
            pl.col("total").alias("actual"),
            pl.format("corrects invoice {}, which stands; the two are not netted", "corrected_invoice_id").alias(
                "warn"
            ),
            pl.when(pl.col("corrected_status") == InvoiceStatus.VOID)
            .then(pl.lit("it corrects an invoice that is void"))
            .alias("blame"),
            pl.when(pl.col("corrected_status").is_null())
            .then(pl.lit("the invoice it corrects is not in the frame"))
            .alias("skip"),
        )
    )


def billing_provider(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Metronome's total against what the billing provider billed, without tax; invoices without a provider have none.

    Providers bill whole minor units, so a difference of half of one is rounding. Voiding here does not void there: a
    customer who holds a bill for what is void fails whatever else is known. The provider's status is optional in the
    API's specification; without it the amounts are compared all the same.
    """
    if "external_invoice" not in invoices.collect_schema().names():
        return invoices.select(*_HEAD).clear()
    outside = pl.col("external_invoice").struct
    status = outside.field("external_status").fill_null(_UNKNOWN)
    tax = outside.field("tax").struct.field("total_tax_amount").fill_null(ZERO)
    billed = pl.coalesce(outside.field("invoiced_sub_total"), outside.field("invoiced_total") - tax)
    void, skipped = pl.col("status") == InvoiceStatus.VOID, status == ProviderStatus.SKIPPED
    held = void & ~status.is_in(_NO_BILL)
    return invoices.filter(pl.col("external_invoice").is_not_null() & "first").select(
        *_HEAD,
        outside.field("invoice_id").alias("external_id"),
        pl.when(void).then(billed.fill_null(ZERO)).otherwise("total").alias("expected"),
        pl.when(skipped).then(billed.fill_null(ZERO)).otherwise(billed).alias("actual"),
        half_a_minor_unit().alias("slack"),
        pl.when(void & ~status.is_in([*WITHDRAWN, ProviderStatus.SKIPPED]))
        .then(pl.format("void here, {} at the billing provider", status))
        .when(status.is_in(TROUBLED))
        .then(pl.format("{} at the billing provider", status))
        .alias("warn"),
        pl.when(held)
        .then(pl.format("void here, {} at the billing provider", status))
        .when(~void & status.is_in(WITHDRAWN))
        .then(pl.format("{} at the billing provider", status))
        .alias("blame"),
        pl.when(billed.is_null() & ~skipped & ~held).then(pl.lit("the billing provider tells no amount")).alias("skip"),
        pl.when(held).then(pl.lit(BILL_WITHOUT_INVOICE)).alias("hint"),
        pl.when(status == _UNKNOWN).then(pl.format("{} at the billing provider", status)).alias("detail"),
    )
