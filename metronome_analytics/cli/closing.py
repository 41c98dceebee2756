"""`close`: the pack of a month, all of it or nothing."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from metronome_analytics.analysis.statements.month_end import ACCOUNTS
from metronome_analytics.analysis.statements.periods import By  # noqa: TC001  # cyclopts reads the annotations
from metronome_analytics.books.month import Month
from metronome_analytics.books.pack import folder_for, write_pack
from metronome_analytics.cli import exits
from metronome_analytics.cli.printing import say, screen
from metronome_analytics.cli.reconciling import comparison, opened_books, show_month
from metronome_analytics.external import DecimalMark  # noqa: TC001  # cyclopts reads the annotations
from metronome_analytics.wording import count


def close(
    *,
    month: str,
    out: Path,
    external: Path | None = None,
    map_: Annotated[list[str] | None, Parameter(name="--map", consume_multiple=True, negative=())] = None,
    external_units: Literal["major", "api"] = "major",
    decimal: DecimalMark | None = None,
    by: By = "period",
    demo: Annotated[bool, Parameter(negative=())] = False,
    mirror: str | None = None,
    environment: str | None = None,
    base_url: str | None = None,
    max_requests_per_second: float = 7.5,
) -> int:
    """Close a month: reconcile it, draw up every statement of its end, and write the pack.

    The pack is a workbook, an HTML page, every statement and the journal entries as Parquet and CSV, and a manifest
    with the hash of every file, what was loaded, and as of when. It is written as a whole or not at all, whatever the
    verdict, which the exit code tells. The token is read from METRONOME_BEARER_TOKEN; there is no option for it.

    Example: metronome-analytics close --month 2026-10 --out october

    Parameters
    ----------
    month
        The month to close, such as 2026-10 (UTC).
    out
        The folder to write the pack to; files of the same names in it are replaced.
    external
        A CSV, .xlsx or Parquet file of another system (billing provider, ERP, general ledger) to compare the month
        with. Lines above its header are skipped.
    map_
        Its columns, each as OURS=THEIRS; ours are invoice_id, amount, currency, date and customer_id.
    external_units
        Whether its amounts are in major units or as the API's, with USD in cents.
    decimal
        What separates decimals in its amounts. Unless given the file as a whole decides; one that can be read two ways
        is refused.
    by
        Which invoices are the month's: those whose period starts in it (or that have none and are issued in it), or
        those issued in it.
    demo
        Close a month of the simulated account instead: no token, no network.
    mirror
        Close a month of what `sync` wrote here instead: no token, nothing is sent.
    environment
        A label of yours for the account; it is on the reports.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_requests_per_second
        The pace; Metronome throttles an account, not a program.
    """
    name = Month.named(month, by)
    compared = comparison(external, map_, decimal, external_units)
    console, folder = screen(), folder_for(out, argument="--out")
    with opened_books(environment, base_url, max_requests_per_second, demo=demo, mirror=mirror) as books:
        closed = Month(name, books, compared, by)
        show_month(console, closed)
        pack = write_pack(closed, folder, ACCOUNTS, external)
    files = f"the pack of {name}, {count(pack.files.height + 1, 'file')},"
    say(console, "", f"Wrote {files} into", Text(str(out), style="bold"), pack.reconciliation.headline)
    return exits.of_verdict(pack.verdict)
