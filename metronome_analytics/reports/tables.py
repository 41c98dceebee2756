"""The tables of a page, by great_tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl
from great_tables import GT, loc, style

from metronome_analytics.analysis.checks.verdicts import NOT_CHECKED, WARNING
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.tables.money import amount_text, in_cents
from metronome_analytics.wording import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.reports.report import Report

MOST = 100
"""Rows of a table; the workbook has them all."""
_RED = "#b42318"


def sections(report: Report) -> list[str]:
    """Headings, what they mean, and the tables below them."""
    return [
        *(_reconciled(report) if report.reconciled else []),
        *_section(
            "Invoices",
            "Only what counts as invoiced was asked for; amounts of different kinds do not add up to anything.",
            _table("invoices", _invoices(report), right=("Invoices", "Total")),
        ),
        *_section(
            "Balances",
            "Balance is what can be used now. At risk is what will expire unused if use goes on as it did. "
            "What is left of a POSTPAID commit is billed as a true-up: it is no money left.",
            _table("balances", _balances(report), right=("Balances", *_LEFT.values())),
        ),
    ]


def _reconciled(report: Report) -> list[str]:
    numbers = ("Rows", "Passed", "Failed", "Warnings", "Not checked", "Difference")
    failed = report.exceptions
    return [
        *_section(
            "Checks",
            "Per check and currency. Difference sums the sizes of what failed.",
            _table("checks", _summary(report), right=numbers),
        ),
        *_section(
            "Exceptions",
            "What failed, with the likely causes, the likeliest first." if failed.height else "Nothing failed.",
            _table("exceptions", _failures(failed), right=("Expected", "Actual", "Difference"))
            if failed.height
            else "",
            _more(failed.height),
        ),
        *_reasons(report, NOT_CHECKED, "Not checked", "What could not be checked, and why."),
        *_reasons(report, WARNING, "Warnings", "What ties out, but somebody should look."),
    ]


def _section(title: str, note: str, *body: str) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", f'<p class="quiet">{escape(note)}</p>', *(part for part in body if part)]


def _more(rows: int) -> str:
    return f'<p class="quiet">{rows - MOST:,} more are in the workbook.</p>' if rows > MOST else ""


def _table(name: str, frame: pl.DataFrame, *, right: Sequence[str] = ()) -> str:
    """A table of texts; those in `right` end at the same place, red when negative."""
    if frame.is_empty():
        return "<p>None.</p>"
    shown = frame.head(MOST)
    made: Any = (
        GT(shown, id=f"table-{name}")
        .cols_align("right", columns=list(right))
        .cols_align("left", columns=[column for column in shown.columns if column not in right])
        .sub_missing(missing_text="-")
        .opt_row_striping()
        .tab_options(table_font_size="13px", data_row_padding="4px", column_labels_font_weight="bold")
        .tab_style(style.text(size="13px"), loc.body(columns=list(right)))
    )
    for column in right:
        negative = [row for row, text in enumerate(shown[column].to_list()) if " -" in f" {text}"]
        if negative:
            made = made.tab_style(style.text(color=_RED), loc.body(columns=[column], rows=negative))
    drawn: str = made.as_raw_html()
    # great_tables numbers nothing: the ids of its headings are the columns' names, once per table.
    return f'<div class="scroll">{drawn}</div>'


def _count(column: str, alias: str) -> pl.Expr:
    return grouped(pl.col(column).cast(pl.String)).alias(alias)


def _money(column: str, alias: str) -> pl.Expr:
    return amount_text(pl.col(column), pl.col("credit_type_name")).alias(alias)


def _summary(report: Report) -> pl.DataFrame:
    """The checks by unit: a net balance without its credit type's name belongs to the one of its id."""
    counts = {
        "rows": "Rows",
        "passed": "Passed",
        "failed": "Failed",
        "warnings": "Warnings",
        "not_checked": "Not checked",
    }
    grouped = report.summary.group_by("check", "unit", "credit_type_name", maintain_order=True).agg(
        pl.col(*counts, "difference").sum()
    )
    return grouped.select(
        pl.col("check").alias("Check"),
        pl.col("unit").alias("Currency"),
        *(_count(column, alias) for column, alias in counts.items()),
        pl.when(pl.col("failed") > 0).then(_money("difference", "Difference")),
    )


def _failures(failed: pl.DataFrame) -> pl.DataFrame:
    subject = pl.coalesce(
        pl.lit("invoice ") + pl.col("invoice_id"),
        pl.lit("balance ") + pl.col("balance_id"),
        pl.lit("external ") + pl.col("external_id"),
    )
    return failed.head(MOST).select(
        pl.col("check").alias("Check"),
        pl.coalesce("customer_name", "customer_id").alias("Customer"),
        subject.alias("About"),
        _money("expected", "Expected"),
        _money("actual", "Actual"),
        _money("difference", "Difference"),
        pl.concat_str(
            pl.col("causes").list.join(", ").replace("", None), pl.col("detail"), separator="; ", ignore_nulls=True
        ).alias("Why"),
    )


def _reasons(report: Report, verdict: str, title: str, note: str) -> list[str]:
    rows = report.of_verdict(verdict)
    if rows.is_empty():
        return []
    grouped = rows.group_by("check", "unit", "detail", maintain_order=True).len("count")
    listed = grouped.select(
        pl.col("check").alias("Check"),
        pl.col("unit").alias("Currency"),
        pl.col("detail").alias("Why"),
        _count("count", "Rows"),
    )
    return _section(title, note, _table(title.lower().replace(" ", "-"), listed, right=("Rows",)), _more(listed.height))


def _invoices(report: Report) -> pl.DataFrame:
    order = pl.col("counts_as").replace_strict(list(Standing), list(range(len(Standing))), return_dtype=pl.Int64)
    grouped = (
        report.invoices.group_by("unit", "counts_as", "type")
        .agg(pl.len().alias("count"), pl.col("total").sum(), pl.col("credit_type_name").first())
        .sort("unit", order, "type", nulls_last=True)
    )
    return grouped.select(
        pl.col("unit").alias("Currency"),
        pl.col("counts_as").alias("Counts as"),
        pl.col("type").alias("Type"),
        _count("count", "Invoices"),
        _money("total", "Total"),
    )


_LEFT = {"granted": "Granted", "used": "Used", "expired": "Expired", "balance": "Balance", "at_risk": "At risk"}


def _balances(report: Report) -> pl.DataFrame:
    risk = pl.col("at_risk")
    grouped = (
        report.balances.group_by("unit", "type")
        .agg(pl.len().alias("count"), pl.col(*_LEFT).sum(), pl.col("credit_type_name").first())
        .sort("unit", "type", nulls_last=True)
        # An estimate needs no fractions of a cent.
        .with_columns(pl.when(in_cents(pl.col("credit_type_name"))).then(risk.round(0)).otherwise(risk.round(2)))
    )
    return grouped.select(
        pl.col("unit").alias("Currency"),
        pl.col("type").alias("Type"),
        _count("count", "Balances"),
        *(_money(column, alias) for column, alias in _LEFT.items()),
    )
