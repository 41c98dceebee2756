"""What `demo` and `pull` load, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from metronome_analytics.arguments import customer_ids, midnight, window
from metronome_analytics.books.loading import every_customer, every_net_balance
from metronome_analytics.tables import cost_lines, ledger, line_items, segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from metronome_analytics.account import Account

TableName = Literal[
    "customers",
    "invoices",
    "line_items",
    "balances",
    "ledger",
    "segments",
    "commits",
    "credits",
    "net_balances",
    "invoice_breakdowns",
    "breakdown_line_items",
    "costs",
    "cost_lines",
]
TABLES: tuple[TableName, ...] = get_args(TableName)
"""Every table, in the order of loading."""

RECENT = timedelta(weeks=5)
"""How far back daily tables reach unless asked otherwise: what one response of the API may cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What to load: which tables, of which customers, in which window. Checked when it is made."""

    tables: tuple[TableName, ...] = TABLES
    customers: Sequence[str] | None = None
    starting_on: str | None = None
    ending_before: str | None = None

    def __post_init__(self) -> None:
        """Raise ArgumentError before anything is sent."""
        customer_ids(self.customers, argument="customer")
        _ = self.window

    @property
    def window(self) -> tuple[datetime | None, datetime | None]:
        """The window of invoices; open where nothing was given."""
        return window(("starting_on", self.starting_on), ("ending_before", self.ending_before))

    def daily(self, now: datetime) -> tuple[datetime, datetime]:
        """The window of breakdowns and costs: as given, else the last five weeks with today."""
        start, end = self.window
        tomorrow = midnight(now) + timedelta(days=1)
        end = end or (tomorrow if start is None else max(tomorrow, midnight(start) + timedelta(days=1)))
        return start or end - RECENT, end

    @property
    def limits(self) -> str:
        """What the options leaves out, in words, so that a part is not taken for the whole."""
        parts = [
            f"from {self.starting_on}" if self.starting_on else "",
            f"before {self.ending_before}" if self.ending_before else "",
            "of the customers given" if self.customers is not None else "",
        ]
        return "".join(f", {part}" for part in parts if part)

    def any_of(self, *names: TableName) -> bool:
        """Whether one of `names` is wanted."""
        return not set(names).isdisjoint(self.tables)


def load(account: Account, options: LoadOptions) -> Iterator[tuple[TableName, pl.DataFrame]]:
    """Yield each wanted table as soon as it is complete, in the order of `TABLES`; customers in any case.

    Archived customers are among them: invoices were sent while they were active. Raises what the loaders raise, and
    NotFoundError for a customer id nobody has.
    """
    customers = every_customer(account, options.customers)
    yield "customers", customers
    ids = customers["id"]
    start, end = options.window
    if options.any_of("invoices", "line_items"):
        invoices = account.invoices(ids, starting_on=start, ending_before=end)
        yield "invoices", invoices
        yield "line_items", line_items(invoices)
    if options.any_of("balances", "ledger", "segments", "net_balances"):
        balances = account.balances(ids)
        yield "balances", balances
        yield "ledger", ledger(balances)
        yield "segments", segments(balances)
    if options.any_of("commits"):
        yield "commits", account.commits(ids)
    if options.any_of("credits"):
        yield "credits", account.credits(ids)
    if options.any_of("net_balances"):
        yield "net_balances", every_net_balance(account, ids, balances)
    first, last = options.daily(account.now)
    if options.any_of("invoice_breakdowns", "breakdown_line_items"):
        breakdowns = account.invoice_breakdowns(ids, starting_on=first, ending_before=last)
        yield "invoice_breakdowns", breakdowns
        yield "breakdown_line_items", line_items(breakdowns)
    if options.any_of("costs", "cost_lines"):
        costs = account.costs(ids, starting_on=first, ending_before=last)
        yield "costs", costs
        yield "cost_lines", cost_lines(costs)
