"""What the Explorer's tabs show: each is a few lines that a user could write in a cell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import polars as pl

from metronome_analytics import charts
from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.closing import across
from metronome_analytics.analysis.forecast import forecast
from metronome_analytics.charts.portfolio import drawn_by_month
from metronome_analytics.tables import ledger
from metronome_analytics.widgets.table import Table, show

if TYPE_CHECKING:
    from collections.abc import Callable

_COST_DAYS = 90
"""Days of costs without a period: costs need one."""


class Account(Protocol):
    """The clock and the loaders that are used."""

    @property
    def now(self) -> datetime:
        """The account's own time."""

    @property
    def customers(self) -> Callable[..., pl.DataFrame]:
        """Every customer."""

    @property
    def balances(self) -> Callable[..., pl.DataFrame]:
        """Commits and credits."""

    @property
    def customer_card(self) -> Callable[..., pl.DataFrame]:
        """A customer on one page."""

    @property
    def invoices(self) -> Callable[..., pl.DataFrame]:
        """Invoices."""

    @property
    def invoice_breakdowns(self) -> Callable[..., pl.DataFrame]:
        """Daily invoices."""


class Wanted(NamedTuple):
    """What is looked at: a customer, a half-open period or all time, the moment taken for now, and that of loading."""

    customer: str
    starting_on: datetime | None
    ending_before: datetime | None
    as_of: datetime
    loaded_at: datetime


def portfolio(account: Account, wanted: Wanted) -> list[object]:
    """Every customer: who runs out first, who drew more in the last month than before, and who drew when."""
    held, customers = account.balances(include_archived=True), account.customers()
    burn = _burn(account, wanted, held)
    outlook = forecast(burn, as_of=wanted.as_of, by="customer", balances=held)
    names = ["customer", "remaining", "burn_per_day", "runs_out_at", "runs_out_at_earliest", "runs_out_at_latest"]
    ending = outlook.filter(pl.col("runs_out_at").is_not_null()).sort("runs_out_at")
    return [
        show(ending, columns=[*names, "overage_at_end"], customers=customers, title="Who runs out, the first first"),
        show(_grown(burn, wanted.as_of), customers=customers, title="Who grew, the most first"),
        charts.portfolio(burn, customers=customers, as_of=wanted.as_of),
    ]


def _grown(burn: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """What each customer drew in the last whole month and in the one before, and the difference, largest first."""
    last = as_of.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    after = last.replace(day=1)
    before = (after - timedelta(days=1)).replace(day=1)
    drawn = drawn_by_month(burn).filter(pl.col("month").is_in([before, after]))
    names = {at: f"drawn {at:%Y-%m}" for at in (before, after)}
    sums = [pl.col("amount").filter(pl.col("month") == at).sum().alias(name) for at, name in names.items()]
    both = drawn.group_by("customer_id", "credit_type_name", maintain_order=True).agg(sums)
    grown = both.with_columns((pl.col(names[after]) - pl.col(names[before])).alias("change"))
    return grown.sort("change", descending=True, maintain_order=True)


def card(account: Account, wanted: Wanted) -> list[object]:
    """A customer's card, and how its balances burn down from here."""
    burn = _burn(account, wanted, account.balances([wanted.customer], include_archived=True))
    shown = account.customer_card(wanted.customer)
    names = ["contract", "net_balance", "granted", "used", "remaining", "utilisation", "ending_before", "runs_out_at"]
    ahead = ["runs_out_at_earliest", "runs_out_at_latest", "unused_at_end", "overage_at_end", "verdict"]
    title = shown["customer_name"].drop_nulls().first()
    outlook = forecast(burn, as_of=wanted.as_of)
    return [
        show(shown, columns=[*names, *ahead], title=None if title is None else str(title)),
        charts.burn_down(burn, as_of=wanted.as_of, forecast=outlook, customers=_named(shown)),
    ]


def _named(card: pl.DataFrame) -> pl.DataFrame:
    return card.select(id="customer_id", name="customer_name")


def balances(account: Account, wanted: Wanted) -> list[object]:
    """The burn-down of a customer's balances, and the balances. The period does not matter here."""
    frame = account.balances([wanted.customer], include_archived=True)
    burn = _burn(account, wanted, frame)
    shown = frame.sort("balance", descending=True, nulls_last=True)
    names = ["name", "type", "credit_type_name", "balance", "priority", "created_at", "archived_at", "id"]
    return [charts.burn_down(burn, as_of=wanted.as_of), _table(shown, names)]


def _burn(account: Account, wanted: Wanted, frame: pl.DataFrame) -> pl.DataFrame:
    """The burn-down of balances, of a past moment by what the books said then."""
    bills = days = None
    if wanted.as_of < wanted.loaded_at:
        bills = account.invoices([wanted.customer] if wanted.customer else None)
        cut = across(bills, wanted.as_of)
        if cut is not None:
            days = account.invoice_breakdowns(cut.customer_ids, starting_on=cut.starting, ending_before=cut.ending)
    return burn_down(frame, as_of=wanted.as_of, loaded_at=wanted.loaded_at, invoices=bills, breakdowns=days)


def invoices(account: Account, wanted: Wanted) -> list[object]:
    """A customer's invoices of the period, the last first."""
    frame = account.invoices([wanted.customer], **_window(wanted))
    names = ["issued_at", "status", "type", "credit_type_name", "total", "start_timestamp", "end_timestamp", "id"]
    return [_table(frame.sort("issued_at", descending=True, nulls_last=False), names)]


def entries(account: Account, wanted: Wanted) -> list[object]:
    """The ledger entries of a customer's balances within the period, the last first."""
    frame = account.balances([wanted.customer], include_archived=True)
    named = ledger(frame).join(frame.select(balance="name", balance_id="id"), on="balance_id", how="left")
    at = pl.col("timestamp")
    if wanted.starting_on is not None:
        named = named.filter(at >= wanted.starting_on)
    if wanted.ending_before is not None:
        named = named.filter(at < wanted.ending_before)
    names = ["timestamp", "balance", "type", "credit_type_name", "amount", "reason", "invoice_id"]
    return [_table(named.sort("timestamp", descending=True), names)]


def costs(account: Account, wanted: Wanted) -> list[object]:
    """A customer's usage by day and product: of the period, or of the last 90 days."""
    window = _window(wanted) or {
        "starting_on": wanted.as_of - timedelta(days=_COST_DAYS),
        "ending_before": wanted.as_of,
    }
    frame = account.invoice_breakdowns([wanted.customer], **window)
    return [charts.costs(frame, title="Usage before commits and credits", as_of=wanted.as_of)]


VIEWS = {
    "Portfolio": portfolio,
    "Customer": card,
    "Balances": balances,
    "Invoices": invoices,
    "Ledger": entries,
    "Costs": costs,
}
OF_ALL = frozenset({"Portfolio"})
"""The views that need no customer."""


def _window(wanted: Wanted) -> dict[str, datetime]:
    ends = {"starting_on": wanted.starting_on, "ending_before": wanted.ending_before}
    return {name: at for name, at in ends.items() if at is not None}


def _table(frame: pl.DataFrame, names: list[str]) -> Table:
    return show(frame, columns=names, rows=100)
