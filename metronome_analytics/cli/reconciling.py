"""`reconcile`: the books of an account against each other and against another system, as two reports."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.text import Text

from metronome_analytics.analysis import reconcile as reconcile_frames
from metronome_analytics.analysis.statements.periods import By  # noqa: TC001  # cyclopts reads the annotations
from metronome_analytics.books.loading import Books, account_books, every_net_balance, mirror_books
from metronome_analytics.books.month import Comparison, Month
from metronome_analytics.cli import exits, findings
from metronome_analytics.cli.external import read_external
from metronome_analytics.cli.options import opened
from metronome_analytics.cli.printing import say, screen
from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import DecimalMark  # noqa: TC001  # cyclopts reads the annotations
from metronome_analytics.folder import Folder
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import polars as pl
    from rich.console import Console

    from metronome_analytics.account import Account
    from metronome_analytics.analysis import Reconciliation


def reconcile(
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
    """Reconcile a month: check its invoices and every balance, and write a workbook and an HTML page.

    Of a month that is over the reports show the balances at its end, 24:00 UTC of its last day, and its own ledger.
    The whole account is loaded, because the ledger an invoice is checked against holds every month. The token is read
    from METRONOME_BEARER_TOKEN; there is no option for it.

    Example: metronome-analytics reconcile --month 2026-10 --out report

    Parameters
    ----------
    month
        The month to close, such as 2026-10 (UTC).
    out
        The folder to write reconciliation-MONTH.xlsx and reconciliation-MONTH.html to.
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
        Reconcile the simulated account instead: no token, no network.
    mirror
        Reconcile what `sync` wrote here instead: no token, nothing is sent. Its books are of the newest reading.
    environment
        A label of yours for the account; it is on the reports.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_requests_per_second
        The pace; Metronome throttles an account, not a program.
    """
    month = Month.named(month, by)
    compared = comparison(external, map_, decimal, external_units)
    console, folder = screen(), Folder(out)
    folder.try_out()
    with opened_books(environment, base_url, max_requests_per_second, demo=demo, mirror=mirror) as books:
        part = Month(month, books, compared, by)
        show_month(console, part)
        title = f"Reconciliation of {month}"
        report = _Report(f"reconciliation-{month}", title, part.facts(external), part.cut, external)
        balances = books.balances
        if part.closed is not None:
            balances, report = part.closed.balances, replace(report, entries=part.closed.ledger)
        files = report.write(folder, replace(books, balances=balances), part.invoices, part.found)
    say(console, "", f"Wrote {', '.join(files)} into", Text(str(out), style="bold"), part.found.headline)
    return exits.of_verdict(part.found.verdict)


def comparison(
    external: Path | None, pairs: list[str] | None, decimal: DecimalMark | None, units: Literal["major", "api"]
) -> Comparison:
    """What the options say the books are compared with; the file is read, before anything is loaded."""
    if external is None and (pairs or decimal):
        raise ArgumentError("--map and --decimal are about the file of --external, which is not given.")
    theirs = None if external is None else read_external(external, pairs, decimal)
    return Comparison(external=theirs, external_units=units)


def show_month(console: Console, month: Month) -> None:
    """What of the books was read, and what was found of the month."""
    books = month.books
    say(
        console,
        Text(f"{books.source} as of {books.as_of:%Y-%m-%d %H:%M} UTC", style="dim"),
        f"{month.name}: {count(month.invoices.height, 'invoice')} ({month.which}), "
        f"{count(books.balances.height, 'balance')}.",
    )
    findings.show(console, month.found, books.customers, books.invoices)
    findings.show_statement(console, month.found)


def write_demo_report(
    console: Console, account: Account, tables: Mapping[str, pl.DataFrame], folder: Folder, *, as_of: datetime
) -> list[str]:
    """Reconcile what `demo` loaded, print what was found and write the report of the account; the files' names."""
    # Archived balances are no table of the demo, but the ledger of an archived commit is part of the books.
    ids = tables["customers"]["id"]
    balances = account.balances(ids, include_archived=True)
    net_balances = every_net_balance(account, ids, balances)
    found = reconcile_frames(tables["invoices"], balances, net_balances, as_of=as_of)
    findings.show(console, found, tables["customers"], tables["invoices"])
    say(console, found.headline)
    report = _Report("report", "Report of the demo account", {"Account": "demo (simulated)"}, as_of)
    books = Books(
        tables["customers"],
        tables["invoices"],
        balances,
        net_balances,
        as_of,
        repr(account),
        account.environment,
        lambda: account.receipts,
        lambda *_: None,
    )
    return report.write(folder, books, books.invoices, found)


@contextmanager
def opened_books(
    environment: str | None, base_url: str | None, pace: float, *, demo: bool, mirror: str | None
) -> Iterator[Books]:
    """The books of an account, or of its mirror."""
    if mirror is None:
        with opened(environment, base_url, pace, demo=demo) as account:
            yield account_books(account)
        return
    if demo:
        raise ArgumentError("mirror and demo exclude each other: sync --demo makes a mirror of the simulated account.")
    yield mirror_books(mirror)


@dataclass(frozen=True)
class _Report:
    """Two files of one name."""

    name: str
    title: str
    filters: Mapping[str, str]
    as_of: datetime
    external: Path | None = None
    entries: pl.DataFrame | None = None

    def write(self, folder: Folder, books: Books, invoices: pl.DataFrame, found: Reconciliation) -> list[str]:
        """Write both, about `invoices` and every balance; the names of the files."""
        from metronome_analytics import reports  # noqa: PLC0415  # only who writes a report needs it

        given: dict[str, Any] = {
            "invoices": invoices,
            "balances": books.balances,
            "customers": books.customers,
            "reconciliation": found,
            "receipts": books.receipts(),
            "as_of": self.as_of,
            "entries": self.entries,
            "filters": self.filters,
            "title": self.title,
        }
        book, page = f"{self.name}.xlsx", f"{self.name}.html"
        files = [] if self.external is None else [self.external]
        folder.drawn(book, lambda path: reports.workbook(path, files=files, **given))
        folder.drawn(page, lambda path: reports.html(path, history=books.invoices, **given))
        return [book, page]
