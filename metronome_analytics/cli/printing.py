"""Summaries as a person reads them, at 80 columns and wider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metronome_analytics.cli.amounts import aligned, exact, in_major_units
from metronome_analytics.cli.summaries import IN_GRACE, TRUE_UP
from metronome_analytics.tables.vocabulary import BalanceType, InvoiceType
from metronome_analytics.wording import count, one_line, printed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import TextIO

    from rich.console import RenderableType

_MONTHS = 14
_CURRENCIES_SIDE_BY_SIDE = 3
_BALANCES = 12
_UNIT_WIDTH = 18

_KINDS = {
    InvoiceType.USAGE: "usage, period running",
    IN_GRACE: "usage, period over",
    InvoiceType.PLAN_ARREARS: "plan usage, period running",
    InvoiceType.SCHEDULED: "scheduled charges",
    TRUE_UP: "true-ups as they stand",
}


def plain(text: str | None) -> str:
    """`text` on one line: what a name holds must not move the cursor, change colours or turn the line around."""
    return one_line(text or "") or "-"


def screen(file: TextIO | None = None, *, stderr: bool = False, width: int | None = None) -> Console:
    """A console that prints what it is given: names from an account may look like markup."""
    return Console(file=file, stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def say(console: Console, *lines: RenderableType) -> None:
    """Print `lines` as they are, but for what would move the cursor or start an escape sequence."""
    for line in lines:
        if isinstance(line, str | Text):
            shown = Text(line) if isinstance(line, str) else line
            shown.plain = printed(shown.plain)
            console.print(shown, soft_wrap=True)
        else:
            console.print(line)


def complain(error: object) -> None:
    """Say on stderr what went wrong. Further lines are set in: no message can look like another of ours."""
    first, *more = [one_line(line) for line in printed(str(error)).split("\n")]
    say(screen(stderr=True), f"metronome-analytics: {first}", *(f"  {line}" for line in more if line))


def heading(console: Console, title: str, note: str = "") -> None:
    """A section's title, and what its figures mean."""
    console.print()
    console.print(Text(title, style="bold"))
    if note:
        console.print(Text(note, style="dim"))


def customers(console: Console, customers: pl.DataFrame, largest: pl.DataFrame | None) -> None:
    """How many customers there are, and the largest by currency."""
    archived = customers["archived_at"].count()
    note = f"{customers.height - archived:,} active, {archived:,} archived."
    if largest is None or not largest.height:
        return heading(console, "Customers", note)
    heading(
        console, "Customers", f"{note} The largest by what was invoiced in the last twelve months (finalised invoices):"
    )
    table = grid("Customer", "Invoices>", "Invoiced", "Unit", "Share>", "Last issued")
    rows = in_major_units(largest)
    for row, total in zip(rows.iter_rows(named=True), _amounts(rows, "total"), strict=True):
        table.add_row(
            cut(plain(row["customer_name"])),
            f"{row['invoices']:,}",
            total,
            _short(plain(row["unit"])),
            _percent(row["share"]),
            f"{row['last_issue']:%Y-%m-%d}",
        )
    return show_table(console, table)


def invoiced(console: Console, months: pl.DataFrame, left_out: pl.DataFrame) -> None:
    """What was invoiced, a row per month and a column per currency, never added across currencies."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.iter_rows())
    heading(
        console,
        "Invoiced by month of issue (UTC)",
        f"Finalised invoices, prepaid purchases included. Drafts are below; left out: {reasons or 'none'}.",
    )
    rows = in_major_units(months)
    units = rows["unit"].unique(maintain_order=True).sort().to_list()
    for first in range(0, len(units), _CURRENCIES_SIDE_BY_SIDE):
        show_table(console, _by_month(rows, units[first : first + _CURRENCIES_SIDE_BY_SIDE]))
    if not units:
        say(console, "  No invoices.")


def _by_month(rows: pl.DataFrame, units: Sequence[str]) -> Table:
    """Months down, `units` across; months before the last fourteen in one row, and a total."""
    month = pl.col("month").dt.strftime("%Y-%m").fill_null("no date")
    every = rows["month"].drop_nulls().unique().sort()
    shown = every.tail(_MONTHS)
    earlier = pl.col("month") < (shown[0] if shown.len() else None)
    label = pl.when(earlier).then(pl.lit("earlier")).otherwise(month)
    sums = rows.group_by(label.alias("label"), "unit").agg(pl.col("invoices", "total").sum())
    labels = [
        *(["earlier"] if every.len() > shown.len() else []),
        *shown.dt.strftime("%Y-%m"),
        *(["no date"] if rows["month"].null_count() else []),
    ]
    table = grid("Month")
    table.columns[0].footer, table.show_footer = "total", True
    cells: list[list[str]] = []
    for unit in units:
        own = {label: (count, total) for label, _, count, total in sums.filter(pl.col("unit") == unit).iter_rows()}
        counts = [f"{own[label][0]:,}" if label in own else "" for label in labels]
        totals = [exact(own[label][1], unit) if label in own else "" for label in labels]
        whole = rows.filter(pl.col("unit") == unit).select(pl.col("invoices", "total").sum()).row(0)
        *texts, footer = aligned([*totals, exact(whole[1], unit)])
        table.add_column("Invoices", justify="right", no_wrap=True, footer=f"{whole[0]:,}")
        table.add_column(_short(plain(unit)).rjust(len(footer)), no_wrap=True, footer=footer)
        cells += [counts, texts]
    for place, label in enumerate(labels):
        table.add_row(label, *(column[place] for column in cells))
    return table


def drafts(console: Console, drafts: pl.DataFrame) -> None:
    """What is not invoiced yet, by kind: a true-up is no spend, and a purchase to come is no usage."""
    heading(
        console,
        "Not invoiced yet (drafts)",
        "Usage is what balances do not cover so far. A true-up shrinks with every use of its commit.",
    )
    table = grid("Draft of", "Invoices>", "Amount", "Unit", "Issued")
    rows = in_major_units(drafts)
    for row, total in zip(rows.iter_rows(named=True), _amounts(rows, "total"), strict=True):
        issued = f"{row['first_issue']:%Y-%m-%d}" if row["first_issue"] else "no date"
        issued = issued if row["first_issue"] == row["last_issue"] else f"from {issued}"
        kind = _KINDS.get(row["kind"]) or plain(row["kind"])
        table.add_row(cut(kind), f"{row['invoices']:,}", total, _short(plain(row["unit"])), issued)
    show_table(console, table, empty="No drafts.")


def balances(console: Console, running_out: pl.DataFrame, balances: pl.DataFrame, *, as_of: datetime) -> None:
    """Open balances, the next to end first, whether by use or by date."""
    postpaid = balances.filter(pl.col("type") == BalanceType.POSTPAID).height
    heading(
        console,
        "Balances about to run out",
        "Open prepaid commits and credits, the next to be empty or to end first. Remaining is what is accessible now: "
        "usage on drafts is off already, expired and future segments are not in it."
        + (f" Not here: {count(postpaid, 'postpaid commit')}, whose rest is billed as a true-up." if postpaid else ""),
    )
    table = grid("Customer\nbalance", "Remaining\nof granted", "Unit\nused", "Ends\n", "At the pace of\nfour weeks")
    rows = in_major_units(running_out.head(_BALANCES))
    both = _amounts(
        pl.concat([rows.select("unit", "remaining"), rows.select("unit", remaining="granted")]), "remaining"
    )
    for place, row in enumerate(rows.iter_rows(named=True)):
        table.add_row(
            _two(plain(row["customer_name"]), plain(row["balance_name"])),
            _two(both[place], both[place + rows.height]),
            _two(_short(plain(row["unit"])), f"{_percent(row['used_up'])} used"),
            _two(f"{row['ends_at']:%Y-%m-%d}", _days(row["days_left"])) if row["ends_at"] else Text("no end"),
            _pace(row["empty_at"], row["expires_unused"], as_of),
        )
    show_table(console, table, empty="No open balance has anything left.")
    if running_out.height > _BALANCES:
        say(console, Text(f"  and {running_out.height - _BALANCES:,} more that last longer", style="dim"))


def _pace(empty_at: datetime | None, expires_unused: float | None, as_of: datetime) -> Text:
    if empty_at is not None:
        return _two(f"empty {empty_at:%Y-%m-%d}", _days((empty_at - as_of).days))
    if expires_unused is None:
        return Text("-")
    return _two(f"{_percent(expires_unused)} of it", "expires unused")


def receipts(console: Console, receipts: pl.DataFrame) -> None:
    """What every load cost, and whether it is complete."""
    heading(console, "Receipts", "One row per load: complete means that every page arrived and every row is there.")
    columns = ("requests", "pages", "rows", "bytes", "retries", "throttled", "seconds")
    table = grid("Load")
    total = receipts.select(pl.col(columns).sum()).row(0, named=True)
    table.columns[0].footer, table.show_footer = "total", True
    for column in columns:
        name = {"bytes": "MB", "throttled": "429", "seconds": "s"}.get(column, column.capitalize())
        table.add_column(name, justify="right", no_wrap=True, footer=_measure(column, total[column]))
    table.add_column("Complete", no_wrap=True)
    for row in receipts.iter_rows(named=True):
        table.add_row(
            cut(row["endpoint"]),
            *(_measure(column, row[column]) for column in columns),
            "yes" if row["complete"] else "NO",
        )
    show_table(console, table)


def _measure(column: str, value: float) -> str:
    match column:
        case "bytes":
            return f"{value / 1e6:,.2f}"
        case "seconds":
            return f"{value:,.2f}"
        case _:
            return f"{value:,.0f}"


def grid(*headings: str) -> Table:
    """A table for 80 columns: the first column gives way, cut with an ellipsis; `>` puts a column to the right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_footer=False)
    for place, title in enumerate(headings):
        right = title.endswith(">")
        table.add_column(title.rstrip(">"), justify="right" if right else "left", no_wrap=place > 0)
    return table


def show_table(console: Console, table: Table, *, empty: str = "Nothing.") -> None:
    """Print a table, or in words that it has no rows."""
    console.print(table if table.row_count else Text(f"  {empty}"))


def _amounts(rows: pl.DataFrame, column: str) -> list[str]:
    return aligned([exact(value, unit) for value, unit in rows.select(column, "unit").iter_rows()])


def cut(text: str) -> Text:
    """A cell that is cut rather than wrapped."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _two(first: str, second: str) -> Text:
    """A cell of two lines, the second quieter."""
    return Text.assemble(first, "\n", (second, "dim"), no_wrap=True, overflow="ellipsis")


def _short(unit: str) -> str:
    """A unit's name no wider than a column of it may be."""
    return unit if len(unit) <= _UNIT_WIDTH else f"{unit[: _UNIT_WIDTH - 1]}…"


def _percent(share: float | None) -> str:
    """A share rounded to whole percent; what is little is not nothing, and what is nearly all is not all."""
    if share is None:
        return "-"
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def _days(days: int) -> str:
    return "today" if days == 0 else f"in {count(days, 'day')}"


def endpoint_lines(page: pl.DataFrame) -> list[str]:
    """The catalogue, two lines an endpoint: its loader and what it does, then how it pages and the key of its rows."""
    lines = []
    wide = 1 + max(len(name) for name in page["loader"].drop_nulls())
    for row in page.iter_rows(named=True):
        limit = f", {row['page_limit']} a page" if row["page_limit"] else ""
        key = f"; key {', '.join(row['key'])}" if row["key"] else ""
        lines += [
            f"{row['loader'] or '-':{wide}}{row['effect']:6}{row['status']:14}{row['endpoint']}",
            f"{'':{wide}}paging {row['paging']}{limit}{key}",
        ]
    return lines
