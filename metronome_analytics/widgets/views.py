"""What the Explorer's tabs show: each is a few lines that a user could write in a cell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from metronome_analytics import charts
from metronome_analytics.analysis.customer_card import customer_card
from metronome_analytics.analysis.forecast import forecast
from metronome_analytics.analysis.statements.explain import explain_invoice
from metronome_analytics.charts.portfolio import drawn_by_month
from metronome_analytics.tables import ledger, line_items
from metronome_analytics.tables.money import currency
from metronome_analytics.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metronome_analytics.widgets.read import Books, Wanted

_DATES = ("runs_out_at", "runs_out_at_earliest", "runs_out_at_latest")
_COST_DAYS = 90
"""Days of costs without a period: costs need one."""
_STILL = 20
"""Rows of a table that are left in a page without a kernel: each takes its time to be drawn."""


class View(NamedTuple):
    """What a tab shows: its parts, and what a row chosen in one of its tables leads to."""

    parts: Sequence[object]
    note: str = ""
    customer_of: Callable[[pl.DataFrame], str] | None = None
    """The customer whose card the row opens."""
    below: Callable[[pl.DataFrame], Sequence[object]] | None = None
    """What the row shows below the others."""

    @property
    def tables(self) -> list[Table]:
        """Those whose rows lead somewhere."""
        return [part for part in self.parts if isinstance(part, Table) and not part.multiple]


def portfolio(books: Books, wanted: Wanted) -> View:
    """Every customer: who runs out first, who drew more in the last month than before, and who drew when."""
    burn, customers = books.burn(wanted), books.customers
    outlook = forecast(burn, as_of=wanted.as_of, by="customer", balances=books.balances(wanted))
    names = ["customer", "remaining", "burn_per_day", *_DATES, "overage_at_end"]
    ending = _days(outlook.filter(pl.col("runs_out_at").is_not_null()).sort("runs_out_at"))
    grown = _grown(burn, wanted.as_of)
    tables = [
        _choice(ending, names, "Who runs out first", customers=customers),
        _choice(grown, ["customer", *grown.columns[2:]], "Who grew most", customers=customers),
    ]
    return View(
        [*tables, charts.portfolio(burn, customers=customers, as_of=wanted.as_of)],
        "Click a row for the card of its customer.",
        customer_of=lambda row: str(row["customer_id"].item()),
    )


def _grown(burn: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """What each customer drew in the last whole month and in the one before, and the difference, largest first.

    Amounts of one credit type stand together, those that most customers have first: they compare with no other.
    """
    last = as_of.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    after = last.replace(day=1)
    before = (after - timedelta(days=1)).replace(day=1)
    drawn = drawn_by_month(burn).filter(pl.col("month").is_in([before, after]))
    names = {at: f"drawn {at:%Y-%m}" for at in (before, after)}
    sums = [pl.col("amount").filter(pl.col("month") == at).sum().alias(name) for at, name in names.items()]
    both = drawn.group_by("customer_id", "credit_type_name", maintain_order=True).agg(sums)
    grown = both.with_columns((pl.col(names[after]) - pl.col(names[before])).alias("change"))
    unit = pl.col("credit_type_name")
    return grown.sort([-pl.len().over(unit).cast(pl.Int64), unit, -pl.col("change")], maintain_order=True)


def _days(outlook: pl.DataFrame) -> pl.DataFrame:
    """With forecast dates as days: they are no surer than that."""
    return outlook.with_columns(pl.col(*_DATES, "ending_before").dt.date())


def card(books: Books, wanted: Wanted) -> View:
    """A customer's card, and how the balances that hold something burn down from here."""
    burn, named = books.burn(wanted), books.named(wanted)
    contracts, net = books.read("contracts", wanted), None if wanted.past else books.read("net_balances", wanted)
    shown = customer_card(named, contracts, books.balances(wanted), net, as_of=wanted.as_of, **books.evidence(wanted))
    shown = shown.with_columns(currency=currency(pl.col("credit_type_name")))
    names = ["contract", "currency", "net_balance", "granted", "used", "utilisation", "ending_before", "runs_out_at"]
    title = named["name"].drop_nulls().first()
    outlook = forecast(burn, as_of=wanted.as_of)
    held = outlook.filter(pl.col("remaining") != 0)["balance_id"]
    drawn = burn.filter(pl.col("balance_id").is_in(held.to_list()) | pl.lit(held.is_empty()))
    return View(
        [
            _table(_days(shown), [*names, "overage_at_end"], title=None if title is None else str(title)),
            charts.burn_down(drawn, as_of=wanted.as_of, forecast=outlook, customers=named, title="What is left"),
        ],
        "The net balance is only known of today." if wanted.past else "",
    )


def balances(books: Books, wanted: Wanted) -> View:
    """The burn-down of a customer's balances, and the balances. The period does not matter here."""
    shown = books.balances(wanted).sort("balance", descending=True, nulls_last=True)
    names = ["name", "type", "balance", "priority", "created_at", "archived_at", "id"]
    chart = charts.burn_down(books.burn(wanted), as_of=wanted.as_of, customers=books.named(wanted))
    return View([chart, _table(shown, names)])


def invoices(books: Books, wanted: Wanted) -> View:
    """A customer's invoices of the period, the last first, each of which opens."""
    frame = books.read("invoices", wanted, **wanted.window)
    names = ["issued_at", "status", "type", "total", "start_timestamp", "end_timestamp", "id"]
    table = _choice(frame.sort("issued_at", descending=True, nulls_last=False), names)
    note = "Click an invoice for its lines and what its total comes from."
    return View([table], note if frame.height else "", below=lambda row: bill(row, books.named(wanted)))


def bill(invoice: pl.DataFrame, named: pl.DataFrame) -> list[object]:
    """How an invoice comes to its total, and its lines; `named` is the row of its customer."""
    id_ = str(invoice["id"].item())
    steps = explain_invoice(invoice, id_)
    lines = ["name", "type", "quantity", "unit_price", "total", "starting_at", "ending_before"]
    return [
        charts.explain_invoice(steps, title=" of ".join(["Invoice", *named["name"].drop_nulls()])),
        _table(steps, ["step", "name", "quantity", "amount", "running", "memo"], title=f"Invoice {id_} explained"),
        _table(line_items(invoice), lines, title="Its lines"),
    ]


def entries(books: Books, wanted: Wanted) -> View:
    """The ledger entries of a customer's balances within the period, the last first."""
    frame = books.balances(wanted)
    named = ledger(frame).join(frame.select(balance="name", balance_id="id"), on="balance_id", how="left")
    at = pl.col("timestamp")
    if wanted.starting_on is not None:
        named = named.filter(at >= wanted.starting_on)
    if wanted.ending_before is not None:
        named = named.filter(at < wanted.ending_before)
    names = ["timestamp", "balance", "type", "amount", "reason", "invoice_id"]
    return View([_table(named.sort("timestamp", descending=True), names)])


def costs(books: Books, wanted: Wanted) -> View:
    """A customer's usage by day and product: of the period, or of the last 90 days."""
    window = wanted.window or {
        "starting_on": wanted.as_of - timedelta(days=_COST_DAYS),
        "ending_before": wanted.as_of,
    }
    frame = books.read("invoice_breakdowns", wanted, **window)
    title = "Usage before commits and credits"
    lines = ["breakdown_start_timestamp", "name", "type", "quantity", "unit_price", "total"]
    return View(
        [
            charts.costs(frame, title=title, customers=books.named(wanted), as_of=wanted.as_of),
            _table(
                line_items(frame).sort("breakdown_start_timestamp", maintain_order=True),
                lines,
                title="Its lines, by day",
            ),
        ],
        "" if wanted.window else f"The last {_COST_DAYS} days: choose a period for others.",
    )


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
OF_PERIOD = frozenset({"Invoices", "Ledger", "Costs"})
"""The views that a period bounds."""


def _table(frame: pl.DataFrame, names: list[str], **options: Any) -> Table:
    return Table(frame, columns=names, rows=_STILL, **options)


def _choice(frame: pl.DataFrame, names: list[str], title: str | None = None, **options: Any) -> Table:
    """A table whose rows lead somewhere, one at a time."""
    return _table(frame, names, title=title, multiple=False, **options)
