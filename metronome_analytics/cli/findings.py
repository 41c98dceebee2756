"""What a reconciliation found, as a person reads it at 80 columns and wider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich.text import Text

from metronome_analytics.analysis.checks.verdicts import NOT_CHECKED, WARNING, WORDS
from metronome_analytics.cli.printing import cut, grid, heading, plain, say, show_table
from metronome_analytics.tables.money import amount_text, currency_told_apart
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from rich.console import Console

    from metronome_analytics.analysis import Reconciliation

MOST = 20
"""Failures and reasons that are printed; the reports have them all."""


def show(console: Console, found: Reconciliation, customers: pl.DataFrame, invoices: pl.DataFrame) -> None:
    """The counts of every check, what failed, and why something was not checked or deserves a look."""
    heading(console, "Reconciliation", "Checks by currency. A warning ties out, but somebody should look.")
    table = grid("Check", "Currency", *(f"{word.capitalize()}>" for word in WORDS.values()))
    for row in _summary(found.checks, invoices).iter_rows():
        check, unit, *numbers = row
        table.add_row(check, cut(plain(unit)), *(f"{number:,}" for number in numbers))
    show_table(console, table)
    _failures(console, found.exceptions, customers)
    for kind, title in ((NOT_CHECKED, "Not checked"), (WARNING, "Warnings")):
        _reasons(console, found.checks.filter(pl.col("verdict") == kind), title)


def show_statement(console: Console, found: Reconciliation) -> None:
    """The reconciliation with another system in money, currency by currency; nothing where there was none."""
    statement = found.statement()
    if statement.is_empty():
        return
    heading(console, "In money", "What Metronome invoiced, what the other system has, and what the difference is.")
    unit = pl.col("credit_type_name")
    rows = statement.select("line", amount_text(pl.col("amount"), unit), "rows")
    table = grid("Line", "Amount>", "Invoices>")
    for line, amount, number in rows.iter_rows():
        table.add_row(line, amount, f"{number:,}")
    show_table(console, table)


def _summary(checks: pl.DataFrame, invoices: pl.DataFrame) -> pl.DataFrame:
    """Check, currency and the number of each verdict; a credit type with only an id gets its name."""
    pairs = pl.concat([frame.select("credit_type_id", "credit_type_name") for frame in (checks, invoices)])
    names = pairs.drop_nulls().unique("credit_type_id").rename({"credit_type_name": "known"})
    unit = currency_told_apart(pl.coalesce("credit_type_name", "known"), pl.col("credit_type_id")).alias("unit")
    return (
        checks.join(names, on="credit_type_id", how="left", maintain_order="left")
        .with_columns(unit)
        .group_by("check", "unit", maintain_order=True)
        .agg((pl.col("verdict") == kind).sum().alias(kind) for kind in WORDS)
    )


def _failures(console: Console, failed: pl.DataFrame, customers: pl.DataFrame) -> None:
    if failed.is_empty():
        return
    more = f" The first {MOST} of {failed.height:,}; the reports have them all." if failed.height > MOST else ""
    heading(console, "What failed", f"With the likeliest cause.{more}")
    names = customers.select(pl.col("id").alias("customer_id"), pl.col("name").alias("customer")).unique("customer_id")
    unit = pl.col("credit_type_name")
    rows = (
        failed.head(MOST)
        .join(names, on="customer_id", how="left", maintain_order="left")
        .select(
            "check",
            pl.coalesce("customer", "customer_id"),
            pl.coalesce("invoice_id", "balance_id", "external_id").alias("about"),
            *(amount_text(pl.col(name), unit).alias(name) for name in ("expected", "actual")),
            pl.concat_str(pl.col("causes").list.first(), "detail", separator="; ", ignore_nulls=True).alias("why"),
        )
    )
    for check, customer, about, expected, actual, why in rows.iter_rows():
        first = Text(f"  {check}: {plain(customer)}, {plain(about)}")
        second = Text(f"    expected {expected or '-'}, found {actual or '-'}: {plain(why)}", style="dim")
        say(console, first, second)


def _reasons(console: Console, rows: pl.DataFrame, title: str) -> None:
    if rows.is_empty():
        return
    # Ids within a reason are cut out here, so that one reason is one line.
    reason = pl.col("detail").str.replace_all(r"\s*[0-9a-f]{8}-[0-9a-f-]{27}", "")
    grouped = rows.group_by("check", reason.alias("why"), maintain_order=True).len("count")
    heading(console, title)
    for check, why, number in grouped.head(MOST).iter_rows():
        say(console, f"  {check}: {plain(why)} ({count(number, 'row')})")
    if grouped.height > MOST:
        say(console, f"  and {count(grouped.height - MOST, 'more reason')}; the reports have them all.")
