"""What a page says of the checks, and of the books behind them: invoices and balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.checks.verdicts import NOT_CHECKED, WARNING
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.reports.tables import MOST, by_currency, count, more, section, table
from metronome_analytics.tables.money import figures, in_cents

if TYPE_CHECKING:
    from metronome_analytics.reports.report import Report

_COUNTS = {"rows": "Rows", "passed": "Passed", "failed": "Failed", "warnings": "Warnings", "not_checked": "Not checked"}


def checks(report: Report) -> list[str]:
    """Exceptions, then each check in words with what it proves; what was not checked and what deserves a look."""
    failed = report.exceptions
    return [
        *section(
            "Exceptions",
            "What failed, with the likely causes, the likeliest first." if failed.height else "Nothing failed.",
            table("exceptions", _failures(failed), right=("Expected", "Found", "Difference")) if failed.height else "",
            more(failed.height),
        ),
        *_reasons(report, NOT_CHECKED, "Not checked", "What could not be checked, and why."),
        *_reasons(report, WARNING, "Warnings", "What ties out, but somebody should look."),
        *section(
            "Checks",
            "What each check proves where it passes, and what it found, by currency. Difference sums the sizes of what "
            "failed.",
            table("checks", _summary(report), right=(*_COUNTS.values(), "Difference")),
        ),
    ]


def books(report: Report) -> list[str]:
    """The invoices and balances that all of it is about."""
    return [
        *section(
            "Invoices",
            "Only what counts as invoiced was asked for; amounts of different kinds do not add up to anything.",
            by_currency(
                "invoices",
                _invoices(report),
                {"counts_as": "Counts as", "type": "Type"},
                {"total": "Total"},
                counts={"count": "Invoices"},
            ),
        ),
        *section(
            "Balances",
            "Balance is what can be used now. At risk is what will expire unused if use goes on as it did. "
            "What is left of a POSTPAID commit is billed as a true-up: it is no money left.",
            by_currency("balances", _balances(report), {"type": "Type"}, _LEFT, counts={"count": "Balances"}),
        ),
    ]


def _summary(report: Report) -> pl.DataFrame:
    """The checks by unit: a net balance without its credit type's name belongs to the one of its id."""
    grouped = report.summary.group_by("check", "unit", "credit_type_name", maintain_order=True).agg(
        pl.col(*_COUNTS, "difference").sum()
    )
    proves = {name: meaning(name).proves for name in grouped["check"].unique()}
    # What a check proves is said once, beside its first currency.
    first = pl.int_range(pl.len()).over("check") == 0
    return grouped.select(
        pl.when(first).then(_titled(grouped)).otherwise(pl.lit("")).alias("Check"),
        pl.when(first)
        .then(pl.col("check").replace_strict(proves, return_dtype=pl.String))
        .otherwise(pl.lit(""))
        .alias("What it proves"),
        pl.col("unit").alias("Currency"),
        *(count(column, title) for column, title in _COUNTS.items()),
        pl.when(pl.col("failed") > 0)
        .then(figures(pl.col("difference"), pl.col("credit_type_name")))
        .alias("Difference"),
    )


def _titled(frame: pl.DataFrame) -> pl.Expr:
    """The check of each row in words."""
    titles = {name: meaning(name).title for name in frame["check"].unique()}
    return pl.col("check").replace_strict(titles, return_dtype=pl.String)


def _failures(failed: pl.DataFrame) -> pl.DataFrame:
    subject = pl.coalesce(
        pl.lit("invoice ") + pl.col("invoice_id"),
        pl.lit("balance ") + pl.col("balance_id"),
        pl.lit("external ") + pl.col("external_id"),
    )
    head = failed.head(MOST)
    return head.select(
        _titled(head).alias("Check"),
        pl.coalesce("customer_name", "customer_id").alias("Customer"),
        subject.alias("About"),
        pl.col("unit").alias("Currency"),
        *(
            figures(pl.col(column), pl.col("credit_type_name")).alias(title)
            for column, title in (("expected", "Expected"), ("actual", "Found"), ("difference", "Difference"))
        ),
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
        _titled(grouped).alias("Check"),
        pl.col("unit").alias("Currency"),
        pl.col("detail").alias("Why"),
        count("count", "Rows"),
    )
    return section(title, note, table(title.lower().replace(" ", "-"), listed, right=("Rows",)), more(listed.height))


def _invoices(report: Report) -> pl.DataFrame:
    order = pl.col("counts_as").replace_strict(list(Standing), list(range(len(Standing))), return_dtype=pl.Int64)
    return (
        report.invoices.group_by("unit", "counts_as", "type")
        .agg(pl.len().alias("count"), pl.col("total").sum(), pl.col("credit_type_name").first())
        .sort("unit", order, "type", nulls_last=True)
    )


_LEFT = {"granted": "Granted", "used": "Used", "expired": "Expired", "balance": "Balance", "at_risk": "At risk"}


def _balances(report: Report) -> pl.DataFrame:
    risk = pl.col("at_risk")
    return (
        report.balances.group_by("unit", "type")
        .agg(pl.len().alias("count"), pl.col(*_LEFT).sum(), pl.col("credit_type_name").first())
        .sort("unit", "type", nulls_last=True)
        # An estimate needs no fractions of a cent.
        .with_columns(pl.when(in_cents(pl.col("credit_type_name"))).then(risk.round(0)).otherwise(risk.round(2)))
    )
