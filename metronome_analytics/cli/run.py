"""The path `demo` and `pull` share: load a table, write it, go on; then print what the tables say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.cli import printing, summaries
from metronome_analytics.cli.loads import load

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from metronome_analytics.account import Account
    from metronome_analytics.cli.folder import Folder
    from metronome_analytics.cli.loads import Wish

Tables = dict[str, "pl.DataFrame"]


def fill(account: Account, wish: Wish, folder: Folder) -> Tables:
    """Every table of `wish`, each written as soon as it is complete, and the receipts whatever happens."""
    tables: Tables = {}
    try:
        for name, frame in load(account, wish):
            tables[name] = frame
            if name in wish.tables:
                folder.table(name, frame)
    finally:
        if account.receipts.height:
            folder.table("receipts", account.receipts)
    return tables


def running_out(tables: Tables, wish: Wish) -> pl.DataFrame | None:
    """`summaries.running_out` of what was loaded; None without balances."""
    if "balances" not in tables:
        return None
    return summaries.running_out(
        tables["balances"],
        tables["segments"],
        tables["customers"],
        as_of=wish.as_of,
        breakdown_lines=tables.get("breakdown_line_items"),
    )


def report(
    console: Console, tables: Tables, open_balances: pl.DataFrame | None, receipts: pl.DataFrame, wish: Wish
) -> None:
    """Print what can be said of the tables that were loaded; `open_balances` is what `running_out` returned."""
    customers, invoices = tables["customers"], tables.get("invoices")
    largest = None if invoices is None else summaries.largest_customers(invoices, customers, as_of=wish.as_of)
    printing.customers(console, customers, largest)
    if invoices is not None:
        printing.invoiced(console, summaries.invoiced_by_month(invoices), summaries.left_out(invoices))
        printing.drafts(console, summaries.drafts(invoices, tables["line_items"], as_of=wish.as_of))
    if open_balances is not None:
        printing.balances(console, open_balances, tables["balances"], as_of=wish.as_of)
    printing.receipts(console, receipts)


def unfinished(folder: Folder, wish: Wish) -> list[str]:
    """What of `wish` stands in the folder and what does not, in words."""
    written = [f"{name} ({printing.count(rows, 'row')})" for name, rows in folder.rows.items()]
    missing = [name for name in wish.tables if name not in folder.rows]
    older = [name for name in missing if folder.older(name)]
    left = printing.count(len(missing), "table") if len(missing) == len(wish.tables) else ", ".join(missing)
    return [
        f"Written to {folder.path}: {', '.join(written)}." if written else "Nothing was written.",
        *([f"Not written: {left}."] if written and missing else []),
        *([f"In {folder.path} from an earlier run: {', '.join(older)}."] if older else []),
    ]
