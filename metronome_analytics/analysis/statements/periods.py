"""Months as statements write them: `YYYY-MM`, in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from metronome_analytics.errors import ArgumentError
from metronome_analytics.periods import is_month

Months = str | Iterable[str]
"""A month, or several."""

By = Literal["period", "issued"]
"""What decides an invoice's month: its period (or without one its date of issue), or always its date of issue."""


def month_names(months: Months, argument: str = "months") -> list[str]:
    """`months` as a list, each once, in the order of time; ArgumentError for none or for what is no month."""
    given = [months] if isinstance(months, str) else list(months) if isinstance(months, Iterable) else [months]
    for each in given:
        if not isinstance(each, str) or not is_month(each):
            raise ArgumentError(f"{argument} holds {each!r}, which is no month.", advice='Write it as "2026-10".')
    if not given:
        raise ArgumentError(f"{argument} names no month.", advice='Write it as "2026-10", or several of them.')
    return sorted(set(given))


def month_of(at: pl.Expr) -> pl.Expr:
    """The month of an instant in UTC."""
    return at.dt.strftime("%Y-%m")


def invoice_at() -> pl.Expr:
    """What decides an invoice's month: where its period starts, and without a period its date of issue."""
    return pl.coalesce("start_timestamp", "issued_at")


def of_month(invoices: pl.DataFrame, month: str, by: By = "period") -> pl.DataFrame:
    """The invoices whose period starts in the month (without one: that are issued in it), or those issued in it."""
    at = pl.col("issued_at") if by == "issued" else invoice_at()
    return invoices.filter(month_of(at) == month)


def one_month(text: str) -> str:
    """`text` if it is a month as 2026-10, else ArgumentError."""
    (name,) = month_names(text.strip() if isinstance(text, str) else text, "month")
    return name


def last_months(month: str, number: int) -> list[str]:
    """`month` and those before it, `number` in all, in the order of time."""
    last = int(month[:4]) * 12 + int(month[5:]) - 1
    return [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(last - number + 1, last + 1)]


def month_start(name: str) -> datetime:
    """The first instant of a month written as 2026-10, in UTC."""
    return datetime(int(name[:4]), int(name[5:]), 1, tzinfo=UTC)


def month_end(start: datetime) -> datetime:
    """The first instant after the month that begins at `start`."""
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
