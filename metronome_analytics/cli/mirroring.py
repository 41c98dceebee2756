"""`sync`: write an account to a mirror, or bring the mirror up to date, and tell what that took."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # cyclopts reads the annotations
from shutil import rmtree
from typing import TYPE_CHECKING, Annotated

import polars as pl
from cyclopts import Parameter
from rich.text import Text

from metronome_analytics.cli import exits
from metronome_analytics.cli.options import Many, opened
from metronome_analytics.cli.printing import grid, heading, say, screen
from metronome_analytics.errors import LoadError
from metronome_analytics.mirror.estimate import Estimate
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from rich.console import Console

    from metronome_analytics.account import Account
    from metronome_analytics.folder import Folder
    from metronome_analytics.mirror.mirror import Mirror

# Customers that could not be read, told by name.
_NAMED = 10


def sync(
    uri: str,
    /,
    *,
    customer: Annotated[list[str] | None, Many] = None,
    tables: Annotated[list[str] | None, Many] = None,
    max_requests: int | None = None,
    deadline: datetime | None = None,
    full: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    demo: Annotated[bool, Parameter(negative=())] = False,
    environment: str | None = None,
    base_url: str | None = None,
    max_requests_per_second: float = 7.5,
) -> int:
    """Mirror an account as Delta Lake tables: everything the first time, then what may have changed.

    Stopped in any way it goes on where it was the next time. The exit code is 0 when all that was due was read, 3 when
    a limit stopped it or customers could not be read, 2 when it could not run. The token is read from
    METRONOME_BEARER_TOKEN; there is no option for it.

    Example: metronome-analytics sync mirror

    Parameters
    ----------
    uri
        A folder, or s3://, gs:// or az:// with the credentials that the environment gives.
    customer
        Ids of the customers to read; every customer unless given.
    tables
        The tables to keep; all but invoice_breakdowns unless given.
    max_requests
        Stop before the customer that would need more.
    deadline
        Stop at this time (UTC).
    full
        Read everything again, whatever seems unchanged.
    dry_run
        Say how many requests it would take and why, and write nothing.
    demo
        Mirror the simulated account instead: no token, no network.
    environment
        A label of yours for the account. A mirror is of one environment.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_requests_per_second
        The pace; Metronome throttles an account, not a program.
    """
    console = screen()
    try:
        with opened(environment, base_url, max_requests_per_second, demo=demo) as account:
            say(console, Text(repr(account), style="dim"))
            done = account.sync(
                uri,
                tables=tables,
                customers=customer,
                max_requests=max_requests,
                deadline=deadline,
                full=full,
                dry_run=dry_run,
            )
    except LoadError:
        from metronome_analytics.mirror.mirror import open_mirror  # noqa: PLC0415  # deltalake is an extra

        # Some customers could not be read; all others are in the mirror.
        done = open_mirror(uri)
    if isinstance(done, Estimate):
        show_estimate(console, done)
        return exits.DONE
    show_mirror(console, done)
    return exits.DONE if done.is_up_to_date else exits.PARTIAL


def show_estimate(console: Console, estimate: Estimate) -> None:
    """What a sync would take."""
    heading(console, "A sync would read", estimate.summary)
    rows = grid("Table", "Why", "Customers>", "Requests>")
    for name, reason, customers, requests in estimate.table.iter_rows():
        rows.add_row(name, reason, f"{customers:,}", f"{requests:,}")
    console.print(rows)


def show_mirror(console: Console, mirror: Mirror) -> None:
    """What the last sync read and why, and how complete the mirror is."""
    heading(console, "What was read, and why", "Saved are the requests that what did not change took the last time.")
    receipt = mirror.receipt
    for table, error in receipt.filter(pl.col("reason") == "signal").select("table", "error").drop_nulls().iter_rows():
        say(console, f"Without {table}: {error}")
    rows = grid("Table", "Why", "Customers>", "Requests>", "Rows>", "Saved>")
    for row in receipt.iter_rows(named=True):
        numbers = (f"{row[name]:,}" for name in ("customers", "requests", "rows", "saved"))
        rows.add_row(row["table"], row["reason"], *numbers)
    console.print(rows)
    spent, saved = receipt.select(pl.col("requests", "saved").sum()).row(0)
    say(console, f"{count(spent, 'request')}, {saved:,} saved.")
    heading(console, "What the mirror holds")
    rows = grid("Table", "Customers>", "Complete>", "Failed>", "Missing>", "Oldest reading (UTC)")
    for row in mirror.completeness.iter_rows(named=True):
        numbers = (f"{row[name]:,}" for name in ("customers", "complete", "failed", "missing"))
        rows.add_row(row["table"], *numbers, "-" if row["oldest"] is None else f"{row['oldest']:%Y-%m-%d %H:%M}")
    console.print(rows)
    for row in mirror.quarantined.head(_NAMED).iter_rows(named=True):
        say(console, f"Not read since {row['since']:%Y-%m-%d %H:%M} UTC: {row['customer_id']}: {row['error']}")
    if mirror.quarantined.height > _NAMED:
        say(console, f"And {mirror.quarantined.height - _NAMED:,} more: mirror.quarantined.")
    say(console, Text(repr(mirror), style="bold"))


def write_demo_mirror(console: Console, account: Account, folder: Folder) -> str:
    """Mirror the simulated account twice, tell what the second sync saved, and name the folder it is in."""
    place = folder.path / "mirror"
    # Each demo serves an account of its own, and a mirror is of one account.
    rmtree(place, ignore_errors=True)
    first, second = (account.sync(place).receipt.select(pl.col("requests").sum()).item() for _ in range(2))
    heading(console, "Mirror", "Delta Lake tables that are read once and then kept up: metronome-analytics sync.")
    say(console, f"The first sync took {count(first, 'request')}, the second, of an unchanged account, {second:,}.")
    return "mirror"
