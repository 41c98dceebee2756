"""What a page opens with: the verdict, money by currency, and what needs a decision."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.checks.meaning import meaning
from metronome_analytics.analysis.checks.verdicts import NOT_CHECKED, WARNING, in_words
from metronome_analytics.analysis.invoiced import Standing
from metronome_analytics.analysis.statements.aging import UNKNOWN
from metronome_analytics.analysis.tie_out import DIFFERENCE
from metronome_analytics.analysis.verdict import DIFFERS, TIES_OUT
from metronome_analytics.reports.tables import across, section
from metronome_analytics.tables.money import amount_text, figures
from metronome_analytics.tables.vocabulary import BalanceType
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.reports.report import Report

_SHOWN = 3
"""Customers or causes that are named in one sentence."""

_FIGURES = (
    ("revenue", "Usage, at the price charged", "gross"),
    ("revenue", "Fixed charges and subscriptions", "fixed"),
    ("revenue", "Covered by prepaid commits", "covered_prepaid"),
    ("revenue", "Covered by credits", "covered_credit"),
    ("revenue", "Purchases of prepaid commits", "purchases"),
    ("revenue", "Billed for the month: the sum of these", "net"),
    ("deferred_revenue", "Deferred revenue at its end", "closing"),
    ("deferred_revenue", "Recognised from it by use", "recognised_use"),
    ("deferred_revenue", "Recognised from it by expiry", "recognised_breakage"),
    ("accrual", "Used and not billed at its end", "unbilled"),
    ("aging", "Billed and not known to be paid", "amount"),
)
"""Statement, words and column of each line of money."""


def opening(report: Report) -> list[str]:
    """The verdict, what there is of money, and what somebody must decide."""
    return [verdict(report), *_money(report), *_decisions(report)]


def verdict(report: Report) -> str:
    """The verdict as a bar."""
    kind = {TIES_OUT: "pass", DIFFERS: "fail"}.get(report.verdict or "", "unsure")
    text = report.headline
    if report.verdict == TIES_OUT:
        text = f"Everything was checked and ties out. {in_words(report.checks)}."
    elif report.verdict == DIFFERS:
        text = f"{report.exceptions.height:,} of {report.checks.height:,} checks failed. {in_words(report.checks)}."
    return f'<div class="verdict {kind}">{escape(text)}</div>'


def _money(report: Report) -> list[str]:
    """One line a figure, one column a currency."""
    rows = [line for line in _lines(report) if line[1]]
    currencies = sorted({unit for _, amounts in rows for unit in amounts})
    if not rows:
        return []
    note = "In major units, nothing rounded and nothing converted: currencies are never added."
    return section("Money", note, across("money", rows, currencies, "Figure"))


def _lines(report: Report) -> Iterator[tuple[str, dict[str, str]]]:
    for name, words, column in _FIGURES:
        if name in report.statements:
            yield words, _sums(report.statements[name], column)
    if "roll_forward" in report.statements:
        moved = report.statements["roll_forward"].filter(pl.col("balance_type") != BalanceType.POSTPAID)
        yield "Prepaid commits and credits that expired unused", _sums(moved, "expired")
        yield "Prepaid commits and credits left at its end", _sums(moved, "closing")
    if "reconciliation" in report.statements:
        off = report.statements["reconciliation"].filter(pl.col("line") == DIFFERENCE)
        yield "The other system has more (less) than Metronome by", _sums(off, "amount")
    if not report.statements:
        for standing in (Standing.INVOICED, Standing.DRAFT, Standing.TRUE_UP):
            yield standing.capitalize(), _sums(report.invoices.filter(pl.col("counts_as") == standing), "total")
        held = report.balances.filter(pl.col("type") != BalanceType.POSTPAID)
        yield "Prepaid commits and credits that can be used now", _sums(held, "balance")


def _sums(frame: pl.DataFrame, column: str) -> dict[str, str]:
    """The sum of a column by currency, as text; currencies that have none of it are left out."""
    sums = frame.group_by("unit", "credit_type_name").agg(pl.col(column).sum())
    told = sums.filter(pl.col(column) != 0).select("unit", figures(pl.col(column), pl.col("credit_type_name")))
    return dict(told.drop_nulls().iter_rows())


def _decisions(report: Report) -> list[str]:
    found = [*_failed(report), *_open(report), *_looked_at(report), *_unpaid(report)]
    listed = "".join(f"<li>{escape(text)}</li>" for text in found)
    note = "What somebody must settle, the gravest first." if found else "Nothing that these figures show."
    return section("What needs a decision", note, f'<ul class="decide">{listed}</ul>' if listed else "")


def _failed(report: Report) -> Iterator[str]:
    """A sentence for each check that failed: how many, what they come to, and the likeliest causes."""
    for (check,), rows in report.exceptions.group_by("check", maintain_order=True):
        cause = pl.col("causes").list.first().drop_nulls()
        causes = rows.select(cause.alias("cause"))["cause"].value_counts(sort=True).head(_SHOWN)
        why = ", ".join(f"{text} ({number:,})" for text, number in causes.iter_rows())
        off = _by_currency(rows.with_columns(pl.col("difference").abs()), "difference")
        yield (
            f"{meaning(str(check)).title}: {rows.height:,} failed{f', off by {off} in all' if off else ''}"
            f"{f'. Likeliest: {why}' if why else ''}."
        )


def _open(report: Report) -> Iterator[str]:
    """Drafts: what is not billed may still change."""
    for standing, why in ((Standing.DRAFT, "not final yet"), (Standing.TRUE_UP, "owed only if nothing more is used")):
        drafts = report.invoices.filter(pl.col("counts_as") == standing)
        if drafts.height:
            yield f"{count(drafts.height, str(standing))} of {_by_currency(drafts, 'total') or 'nothing'}: {why}."


def _looked_at(report: Report) -> Iterator[str]:
    """What ties out and deserves a look, and what could not be checked."""
    for kind, words in ((WARNING, "to look at"), (NOT_CHECKED, "that could not be checked")):
        for (check,), rows in report.of_verdict(kind).group_by("check", maintain_order=True):
            reasons = rows["detail"].drop_nulls().value_counts(sort=True).head(_SHOWN)
            why = "; ".join(f"{text} ({number:,})" for text, number in reasons.iter_rows())
            yield f"{meaning(str(check)).title}: {count(rows.height, 'row')} {words}{f': {why}' if why else ''}."


def _unpaid(report: Report) -> Iterator[str]:
    """What is overdue, and what nobody knows of whether it is paid."""
    aged = report.statements.get("aging")
    if aged is None:
        return
    late = aged.filter((pl.col("days_overdue") > 0) & (pl.col("status") != UNKNOWN))
    if late.height:
        yield f"{count(late.height, 'invoice')} overdue: {_by_currency(late, 'amount')}."
    unknown = aged.filter(pl.col("status") == UNKNOWN)
    if unknown.height:
        yield (
            f"{count(unknown.height, 'invoice')} of which the billing provider tells nothing, paid or not: "
            f"{_by_currency(unknown, 'amount')}."
        )


def _by_currency(rows: pl.DataFrame, column: str) -> str:
    """The sums of a column as text, `USD 1.00 and EUR 2.00`, zero ones left out."""
    name = pl.col("credit_type_name")
    sums = rows.group_by("unit", "credit_type_name", maintain_order=True).agg(pl.col(column).sum())
    return " and ".join(
        sums.filter(pl.col(column) != 0).select(amount_text(pl.col(column), name)).to_series().drop_nulls()
    )
