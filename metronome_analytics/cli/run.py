"""The path `demo` and `pull` share: load a table, write it, go on; then print what the tables say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metronome_analytics.cli import printing, summaries
from metronome_analytics.cli.loads import load
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl
    from rich.console import Console

    from metronome_analytics.account import Account
    from metronome_analytics.cli.loads import LoadOptions
    from metronome_analytics.folder import Folder

Tables = dict[str, "pl.DataFrame"]


def fill(account: Account, options: LoadOptions, folder: Folder) -> Tables:
    """Every table of `options`, each written as soon as it is complete, and the receipts whatever happens."""
    tables: Tables = {}
    try:
        for name, frame in load(account, options):
            tables[name] = frame
            if name in options.tables:
                folder.table(name, frame)
    finally:
        if account.receipts.height:
            folder.table("receipts", account.receipts)
    return tables


class Outlook(NamedTuple):
    """The burn-down of every balance, and which are the next to run out."""

    burned: pl.DataFrame
    running_out: pl.DataFrame


def outlook(tables: Tables, *, as_of: datetime) -> Outlook | None:
    """What the balances that were loaded are heading for; None without balances."""
    if "balances" not in tables:
        return None
    burned = summaries.burn(
        tables["balances"],
        as_of=as_of,
        invoices=tables.get("invoices"),
        breakdowns=tables.get("invoice_breakdowns"),
    )
    return Outlook(burned, summaries.running_out(tables["balances"], burned, tables["customers"], as_of=as_of))


def report(console: Console, tables: Tables, ahead: Outlook | None, receipts: pl.DataFrame, *, as_of: datetime) -> None:
    """Print what can be said of the tables that were loaded; `ahead` is their `outlook`."""
    customers, invoices = tables["customers"], tables.get("invoices")
    largest = None if invoices is None else summaries.largest_customers(invoices, customers, as_of=as_of)
    printing.customers(console, customers, largest)
    if invoices is not None:
        printing.invoiced(console, summaries.invoiced_by_month(invoices), summaries.left_out(invoices))
        printing.drafts(console, summaries.drafts(invoices, as_of=as_of))
    if ahead is not None:
        printing.balances(console, ahead.running_out, tables["balances"], as_of=as_of)
    printing.receipts(console, receipts)


def unfinished(folder: Folder, options: LoadOptions) -> list[str]:
    """What of `options` stands in the folder and what does not, in words."""
    written = [f"{name} ({count(rows, 'row')})" for name, rows in folder.rows.items()]
    missing = [name for name in options.tables if name not in folder.rows]
    older = [name for name in missing if folder.older(name)]
    left = count(len(missing), "table") if len(missing) == len(options.tables) else ", ".join(missing)
    return [
        f"Written to {folder.path}: {', '.join(written)}." if written else "Nothing was written.",
        *([f"Not written: {left}."] if written and missing else []),
        *([f"In {folder.path} from an earlier run: {', '.join(older)}."] if older else []),
    ]
