"""Reconciling an account against the least polars must do with the same rows: read every line once and group them.

The baseline, exactly: the frame of `account.invoices()` in memory, its `line_items` exploded, three fields of each line
unpacked (`credit_type.id`, `total` and the invoice's id), grouped by invoice and credit type, `total` summed, collected
by polars' default engine. It is the cheapest way we know to scan and group the same rows once, so the bar is measured
against it; the same group over `ma.line_items(invoices)`, the package's own flattener, is shown too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from benchmarks.result import Options, Result, best_of
from metronome_analytics.tables import Balances, Invoices, NetBalances

if TYPE_CHECKING:
    from collections.abc import Sequence

_BAR = 3.0
_USD = ("2714e483-4ff1-48e4-9e25-ac732e8f24f2", "USD (cents)")
_MONEY = pl.Decimal(38, 10)
_MONTHS = 24
_LINES = 42
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 1, 3, tzinfo=UTC)


def run(options: Options) -> list[Result]:
    """Our time as a multiple of the baseline's: 1,000 customers, 24 months, a million lines, quick or not."""
    invoices, balances, net_balances = books(range(1000))
    height = ma.line_items(invoices.lazy()).select(pl.len()).collect().item()
    found = ma.reconcile(invoices, balances, net_balances, as_of=AS_OF)
    if not (found.ok and found.complete):
        raise AssertionError(f"the made-up books do not tie out: {found!r}")
    ours, least, flat = best_of(
        5 if options.quick else 15,
        lambda: ma.reconcile(invoices, balances, net_balances, as_of=AS_OF),
        lambda: scan(invoices),
        lambda: _flat(invoices),
    )
    size = f"{height:,} lines, {invoices.height:,} invoices, {found.checks.height:,} checks in {ours:.2f} s"
    base = f"polars explodes line_items and sums total by invoice and credit type in {least:.2f} s"
    return [
        Result("reconcile", f"<= {_BAR:g} x", f"{ours / least:.2f} x", ours / least <= _BAR, f"{size}; {base}"),
        Result("reconcile, flatten", "", f"{ours / flat:.2f} x", None, f"the same by ma.line_items() in {flat:.2f} s"),
    ]


def _flat(invoices: pl.DataFrame) -> pl.DataFrame:
    lines = ma.line_items(invoices.lazy())
    return lines.group_by("invoice_id", "credit_type_id").agg(pl.col("total").sum()).collect()


def scan(invoices: pl.DataFrame) -> pl.DataFrame:
    """The baseline: every line read once, summed by invoice and credit type."""
    item = pl.col("line_items").struct
    lines = (
        invoices.lazy()
        .select(invoice_id="id", line_items="line_items")
        .explode("line_items", empty_as_null=False, keep_nulls=False)
        .select("invoice_id", item.field("credit_type").struct.field("id").alias("credit_type_id"), item.field("total"))
    )
    return lines.group_by("invoice_id", "credit_type_id").agg(pl.col("total").sum()).collect()


def books(customers: Sequence[object]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Invoices, balances and net balances that tie out: one a month, half of its usage under a prepaid commit.

    `customers` is what tells them apart: every id is made of it.
    Of the 42 lines of an invoice 14 are covered usage, 14 what was applied to it, 14 usage to pay.
    """
    invoice = pl.DataFrame({"customer": customers}).join(pl.DataFrame({"month": range(_MONTHS)}), how="cross")
    start = pl.lit(_FIRST).cast(pl.Datetime("us", "UTC"))
    month = pl.format("{}mo", "month")
    heads = invoice.select(
        pl.format("invoice-{}-{}", "customer", "month").alias("id"),
        pl.format("customer-{}", "customer").alias("customer_id"),
        pl.format("commit-{}", "customer").alias("commit"),
        start.dt.offset_by(month).alias("start_timestamp"),
        start.dt.offset_by(month).dt.offset_by("1mo").alias("end_timestamp"),
    )
    lines = _lines(heads)
    totals = lines.group_by("id", maintain_order=True).agg(
        pl.col("total").sum(),
        pl.col("item").alias("line_items"),
        pl.col("total").filter(pl.col("draws")).sum().alias("drawn"),
    )
    whole = heads.join(totals, on="id", how="left", maintain_order="left").with_columns(
        pl.lit("USAGE").alias("type"),
        pl.lit("FINALIZED").alias("status"),
        pl.lit(_USD[0]).alias("credit_type_id"),
        pl.lit(_USD[1]).alias("credit_type_name"),
        pl.format("contract-{}", "customer_id").alias("contract_id"),
        pl.col("end_timestamp").alias("issued_at"),
    )
    balances = _balances(whole)
    nets = balances.select("customer_id", "credit_type_id", "balance")
    return _as(whole, Invoices), balances, _as(nets, NetBalances)


def _lines(heads: pl.DataFrame) -> pl.DataFrame:
    """The lines of every invoice as structs of the table's dtype."""
    item: Any = Invoices.create_empty().schema["line_items"]
    fields = {field.name: field.dtype for field in item.inner.fields}
    index = pl.col("index")
    draws = index % 3 == 1
    covered = index % 3 < 2
    # The same three amounts for usage, applied line and usage to pay, each with fractions of a cent.
    amount = (pl.lit("1.2345").cast(_MONEY) * (index // 3 + 1).cast(pl.Decimal(38, 0))).cast(_MONEY)
    rows = heads.select("id", "commit", "start_timestamp", "end_timestamp").join(
        pl.DataFrame({"index": range(_LINES)}), how="cross", maintain_order="left_right"
    )
    rows = rows.with_columns(draws.alias("draws"), pl.when(draws).then(-amount).otherwise(amount).alias("total"))
    given: dict[str, pl.Expr] = {
        "name": pl.format("Product {}", index // 3),
        "type": pl.when("draws").then(pl.lit("applied_commit_or_credit")).otherwise(pl.lit("usage")),
        "quantity": pl.lit(1.0),
        "total": pl.col("total"),
        "unit_price": pl.col("total"),
        "credit_type": pl.struct(id=pl.lit(_USD[0]), name=pl.lit(_USD[1])),
        "product_id": pl.format("product-{}", index // 3),
        "product_type": pl.lit("UsageProductListItem"),
        "starting_at": pl.col("start_timestamp"),
        "ending_before": pl.col("end_timestamp"),
        "commit_id": pl.when(covered).then("commit"),
        "commit_segment_id": pl.when(covered).then("commit"),
        "commit_type": pl.when(covered).then(pl.lit("PrepaidCommit")),
        "applied_commit_or_credit": pl.when(covered).then(
            pl.struct(id="commit", type=pl.lit("PREPAID"), access_type=pl.lit(None, pl.String))
        ),
    }
    struct = pl.struct(
        given.get(name, pl.lit(None, dtype)).cast(dtype).alias(name) for name, dtype in fields.items()
    ).alias("item")
    return rows.select("id", "draws", "total", struct)


def _balances(invoices: pl.DataFrame) -> pl.DataFrame:
    """One commit per customer that is drawn on by each invoice."""
    schema = Balances.create_empty().schema
    entry: Any = schema["ledger"]
    fields = {field.name: field.dtype for field in entry.inner.fields}
    granted = pl.lit("1000000").cast(_MONEY)
    opened = invoices.group_by("customer_id", "commit", maintain_order=True).agg(
        pl.lit("PREPAID_COMMIT_SEGMENT_START").alias("type"),
        pl.col("start_timestamp").min().alias("timestamp"),
        granted.alias("amount"),
        pl.lit(None, pl.String).alias("invoice_id"),
    )
    drawn = invoices.select(
        "customer_id",
        "commit",
        pl.lit("PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION").alias("type"),
        pl.col("end_timestamp").alias("timestamp"),
        pl.col("drawn").alias("amount"),
        pl.col("id").alias("invoice_id"),
    )
    entries = pl.concat([opened, drawn]).with_columns(pl.col("commit").alias("segment_id"))
    struct = pl.struct(
        (pl.col(name) if name in entries.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in fields.items()
    )
    whole = entries.group_by("customer_id", "commit", maintain_order=True).agg(
        struct.alias("ledger"), pl.col("amount").sum().alias("balance"), pl.col("timestamp").min().alias("from")
    )
    item = (
        pl.struct(id="commit", amount=granted, starting_at="from", ending_before=pl.col("from").dt.offset_by("3y"))
        .implode()
        .over("commit", mapping_strategy="join")
    )
    access: Any = schema["access_schedule"]
    known = {"credit_type": pl.struct(id=pl.lit(_USD[0]), name=pl.lit(_USD[1])), "schedule_items": item}
    schedule = pl.struct(
        known.get(field.name, pl.lit(None)).cast(field.dtype).alias(field.name) for field in access.fields
    )
    return _as(
        whole.with_columns(
            pl.col("commit").alias("id"),
            pl.lit("PREPAID").alias("type"),
            pl.lit("Commit").alias("name"),
            pl.lit(_USD[0]).alias("credit_type_id"),
            pl.lit(_USD[1]).alias("credit_type_name"),
            schedule.alias("access_schedule"),
        ),
        Balances,
    )


def _as(frame: pl.DataFrame, table: Any) -> pl.DataFrame:
    """`frame` with the columns of `table`, null where it has none."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.create_empty().schema.items()
    )
