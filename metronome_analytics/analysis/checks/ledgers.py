"""Checks of ledgers: against the invoices that drew on them, the balance, the access schedule, the net balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.entries import BALANCE
from metronome_analytics.analysis.frames import INSTANT, ZERO, floored, literal, optional
from metronome_analytics.tables.vocabulary import CLOSING, BalanceType, Event, InvoiceStatus, InvoiceType

if TYPE_CHECKING:
    from datetime import datetime

_PAIR = ("balance_id", "invoice_id")
_UNIT = ("credit_type_id", "credit_type_name")
_UNTOUCHED = [Event.SEGMENT_START, Event.MANUAL]


def _names(balances: pl.LazyFrame) -> pl.LazyFrame:
    """Balances by id: whose they are, their unit, and whether they have a ledger."""
    return balances.select(
        pl.col("id").alias("balance_id"),
        pl.col("customer_id").alias("owner_id"),
        *_UNIT,
        pl.col("ledger").is_not_null().alias("has_ledger"),
    ).unique("balance_id", keep="first", maintain_order=True)


def drawdown(
    invoices: pl.LazyFrame, lines: pl.LazyFrame, balances: pl.LazyFrame, entries: pl.LazyFrame
) -> pl.LazyFrame:
    """What an invoice drew on a balance against the ledger's deductions, joined by invoice id, never by date.

    A void invoice draws nothing; a consolidated one only repeats its constituents.
    """
    drawing = lines.filter("draws").select("row", pl.coalesce("applied_id", "commit_id").alias("balance_id"), "total")
    told = _by_invoice(invoices.filter(pl.col("type") != InvoiceType.USAGE_CONSOLIDATED), drawing)
    kinds = [Event.DEDUCTION, Event.CANCELED, Event.CREDITED]
    return _matched(told, entries.filter(pl.col("event").is_in(kinds)), invoices, balances).with_columns(
        pl.when(pl.col("status") == InvoiceStatus.VOID).then(pl.lit("the invoice is void")).alias("hint")
    )


def true_up(invoices: pl.LazyFrame, lines: pl.LazyFrame, balances: pl.LazyFrame, entries: pl.LazyFrame) -> pl.LazyFrame:
    """What a final true-up invoice bills against the ledger's true-up; a draft shows what is outstanding so far."""
    billing = lines.filter(pl.col("postpaid_id").is_not_null()).select(
        "row", pl.col("postpaid_id").alias("balance_id"), (-pl.col("total")).alias("total")
    )
    told = _by_invoice(invoices, billing)
    rows = _matched(told, entries.filter(pl.col("event") == Event.TRUE_UP), invoices, balances)
    return rows.filter((pl.col("status") != InvoiceStatus.DRAFT) | (pl.col("actual") != ZERO))


def _by_invoice(invoices: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """What each live invoice says it took from each balance."""
    live = invoices.filter((pl.col("status") != InvoiceStatus.VOID) & pl.col("first")).select(
        "row", pl.col("id").alias("invoice_id")
    )
    sums = lines.group_by("row", "balance_id").agg((-pl.col("total").sum()).alias("expected"))
    return sums.join(live, on="row", how="inner").drop("row")


def _matched(told: pl.LazyFrame, entries: pl.LazyFrame, invoices: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """Both sides by balance and invoice; a side that was not loaded makes the row unchecked."""
    booked = (
        entries.filter(pl.col("invoice_id").is_not_null())
        .group_by(_PAIR)
        .agg((-pl.col("change").sum()).alias("actual"))
    )
    heads = invoices.filter("first").select(
        pl.col("id").alias("invoice_id"), pl.col("customer_id").alias("billed_id"), "status", "row"
    )
    joined = told.join(booked, on=_PAIR, how="full", coalesce=True)
    joined = joined.join(heads, on="invoice_id", how="left").join(_names(balances), on="balance_id", how="left")
    return joined.sort("owner_id", "row", "balance_id", "invoice_id", nulls_last=True).select(
        pl.coalesce("owner_id", "billed_id").alias("customer_id"),
        *_PAIR,
        *_UNIT,
        "status",
        pl.col("expected").fill_null(ZERO),
        pl.col("actual").fill_null(ZERO),
        pl.when(pl.col("status").is_null())
        .then(pl.lit("the invoice is not in the frame"))
        .when(pl.col("has_ledger").is_null())
        .then(pl.lit("the balance is not in the frame"))
        .when(~pl.col("has_ledger"))
        .then(pl.lit("the balance has no ledger: loaded without, or archived"))
        .alias("skip"),
    )


def started(
    spans: pl.LazyFrame, entries: pl.LazyFrame, evidence: pl.LazyFrame | None, at: datetime | None
) -> pl.LazyFrame:
    """Segments with `started`, and `over`: by `as_of`, or by what the frames prove to be past for a customer."""
    now: pl.Expr = literal(at)
    if at is None:
        closing = entries.filter(pl.col("event").is_in(CLOSING))
        seen = [closing.select("customer_id", pl.col("timestamp").alias("past"))]
        seen += [] if evidence is None else [evidence]
        latest = pl.concat(seen).group_by("customer_id").agg(pl.col("past").max())
        spans = spans.join(latest, on="customer_id", how="left", maintain_order="left")
        now = pl.col("past")
    return spans.with_columns(
        (pl.col("segment_starting_at") <= now).fill_null(False).alias("started"),
        (pl.col("segment_ending_before") <= now).fill_null(False).alias("over"),
    )


def evidence(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Moments that are past for sure: a final invoice has been issued."""
    return invoices.filter(pl.col("status") != InvoiceStatus.DRAFT).select(
        "customer_id", pl.col("issued_at").cast(INSTANT).alias("past")
    )


def ledger_balance(
    balances: pl.LazyFrame, entries: pl.LazyFrame, spans: pl.LazyFrame, at: datetime | None
) -> pl.LazyFrame:
    """The API's balance against the ledger, segment by segment.

    A segment counts once it has started, never below zero; one that is over has its expiration in the ledger. Without
    `as_of` a segment that nothing proves to have started may count or not: the nearer of the two is expected.
    """
    segments = (
        entries.group_by(*BALANCE, "segment_id")
        .agg(
            floored(pl.col("change").sum()).alias("rest"),
            (~pl.col("event").is_in(_UNTOUCHED)).any().alias("touched"),
        )
        .join(spans, on=[*BALANCE, "segment_id"], how="left")
    )
    # Without as_of nothing in the frames proves that a postpaid commit's access is over: no entry is made of it.
    may_be_over = pl.col("over") if at is not None else pl.lit(True)
    postpaid_over = (pl.col("balance_type") == BalanceType.POSTPAID) & may_be_over
    unknown = pl.lit(False) if at is not None else ~pl.col("started") & ~pl.col("touched")
    counts = pl.col("started") | pl.col("touched") | pl.col("segment_starting_at").is_null()
    facts = balances.select("customer_id", pl.col("id").alias("balance_id"), pl.col("type").alias("balance_type"))
    sided = segments.join(facts, on=BALANCE, how="left").with_columns(
        # A true-up is booked after the last usage invoice; until then the segment is over and its rest still there.
        (unknown | postpaid_over).fill_null(False).alias("unsure"),
        counts.alias("counts"),
    )
    sure = sided.group_by(BALANCE).agg(pl.col("rest").filter(pl.col("counts") & ~pl.col("unsure")).sum().alias("sure"))
    perhaps = (
        sided.filter("unsure")
        .sort(*BALANCE, "segment_starting_at")
        .select(*BALANCE, pl.col("rest").cum_sum().over(BALANCE).alias("more"))
    )
    return _nearest(balances, sure, perhaps, at)


def _nearest(balances: pl.LazyFrame, sure: pl.LazyFrame, perhaps: pl.LazyFrame, at: datetime | None) -> pl.LazyFrame:
    """For each balance the possible sum that is nearest to what the API says."""
    names = balances.collect_schema().names()
    archived = optional(names, "archived_at", INSTANT)
    gone = archived.is_not_null() & (pl.lit(True) if at is None else archived <= literal(at))
    told = balances.with_row_index("row").select(
        "row", "customer_id", pl.col("id").alias("balance_id"), *_UNIT, pl.col("balance").alias("actual"),
        gone.alias("gone"), pl.col("ledger").is_null().alias("bare"),
    )  # fmt: skip
    # The archived state wins over the ledger: an archived balance counts zero.
    base = told.join(sure, on=BALANCE, how="left").with_columns(
        pl.when("gone").then(ZERO).otherwise(pl.col("sure").fill_null(ZERO)).alias("expected")
    )
    more = base.filter(~pl.col("gone")).join(perhaps, on=BALANCE, how="inner")
    every = pl.concat([base, more.with_columns(pl.col("expected") + pl.col("more")).drop("more")])
    return (
        every.with_columns((pl.col("actual") - pl.col("expected")).abs().alias("distance"))
        .sort("row", "distance", "expected", nulls_last=True)
        .unique("row", keep="first", maintain_order=True)
        .with_columns(
            pl.when(pl.col("actual").is_null())
            .then(pl.lit("the balance was loaded without include_balance"))
            .when(pl.col("bare") & ~pl.col("gone"))
            .then(pl.lit("the balance has no ledger: loaded without, or an archived credit"))
            .alias("skip")
        )
    )


def access_schedule(balances: pl.LazyFrame, entries: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """What the access schedule grants in each segment against what the ledger opened it with."""
    facts = balances.select(
        "customer_id", pl.col("id").alias("balance_id"), *_UNIT, pl.col("ledger").is_not_null().alias("has_ledger")
    )
    opened = (
        entries.filter(pl.col("event") == Event.SEGMENT_START)
        .group_by(*BALANCE, "segment_id")
        .agg(pl.col("change").sum().alias("actual"))
    )
    joined = spans.join(opened, on=[*BALANCE, "segment_id"], how="full", coalesce=True)
    return joined.join(facts, on=BALANCE, how="left").filter("has_ledger").sort(
        *BALANCE, "segment_starting_at", "segment_id", nulls_last=True
    ).select(
        *BALANCE, "segment_id", *_UNIT,
        pl.col("segment_amount").fill_null(ZERO).alias("expected"),
        pl.col("actual").fill_null(ZERO),
        pl.when(pl.col("actual").is_null() & ~pl.col("started"))
        .then(pl.lit("the segment may not have started yet"))
        .alias("skip"),
    )  # fmt: skip


def signs(balances: pl.LazyFrame, entries: pl.LazyFrame) -> pl.LazyFrame:
    """Deductions that add and grants that take away: examples in Metronome's own reference have them."""
    wrong = ((pl.col("event") == Event.DEDUCTION) & (pl.col("change") > ZERO)) | (
        (pl.col("event") == Event.SEGMENT_START) & (pl.col("change") < ZERO)
    )
    sums = entries.group_by(BALANCE).agg(
        pl.col("change").filter(wrong).sum().alias("actual"),
        wrong.sum().alias("count"),
        pl.col("invoice_id").filter(wrong & pl.col("invoice_id").is_not_null()).first(),
    )
    facts = balances.select("customer_id", pl.col("id").alias("balance_id"), *_UNIT)
    return facts.join(sums, on=BALANCE, how="inner", maintain_order="left").select(
        *BALANCE, *_UNIT, "invoice_id", ZERO.alias("expected"), "actual",
        pl.when(pl.col("count") > 0).then(pl.format("{} entries have the wrong sign", "count")).alias("blame"),
        pl.when(pl.col("count") > 0).then(pl.lit("sign")).alias("hint"),
    )  # fmt: skip


def net_balance(net_balances: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """The net balance of each customer and credit type against the sum of its balances."""
    key = ["customer_id", "credit_type_id"]
    sums = balances.group_by(key, maintain_order=True).agg(
        pl.col("balance").sum().alias("expected"),
        pl.col("balance").is_null().sum().alias("unknown"),
        pl.col("credit_type_name").first(),
    )
    told = net_balances.select(*key, pl.col("balance").alias("actual"), pl.lit(True).alias("told"))
    joined = sums.join(told, on=key, how="full", coalesce=True, maintain_order="left_right")
    return joined.select(
        *key, "credit_type_name", pl.col("expected").fill_null(ZERO), "actual",
        pl.when(pl.col("told").is_null())
        .then(pl.lit("the net balance of this credit type is not in the frame"))
        .when(pl.col("unknown") > 0)
        .then(pl.lit("balances were loaded without include_balance"))
        .alias("skip"),
    )  # fmt: skip
