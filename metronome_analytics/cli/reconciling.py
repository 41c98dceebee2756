"""`reconcile`: the books of an account against each other and against another system, as two reports."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from cyclopts import Parameter
from rich.text import Text

from metronome_analytics.analysis import reconcile as reconciled
from metronome_analytics.analysis.closing import close
from metronome_analytics.analysis.statements import periods
from metronome_analytics.cli import exits, findings
from metronome_analytics.cli.folder import Folder
from metronome_analytics.cli.loads import every_customer, every_net_balance
from metronome_analytics.cli.month import By, month_start, of_month, read_external
from metronome_analytics.cli.options import opened
from metronome_analytics.cli.printing import say, screen
from metronome_analytics.errors import ArgumentError
from metronome_analytics.external import DecimalMark  # noqa: TC001  # cyclopts reads the annotations
from metronome_analytics.tables import Receipts
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from rich.console import Console

    from metronome_analytics.account import Account
    from metronome_analytics.analysis import Reconciliation
    from metronome_analytics.analysis.closing import Close
    from metronome_analytics.mirror.mirror import Mirror


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
    start = month_start(month)
    if external is None and (map_ or decimal):
        raise ArgumentError("--map and --decimal are about the file of --external, which is not given.")
    theirs = None if external is None else read_external(external, map_, decimal)
    console, folder = screen(), Folder(out)
    folder.try_out()
    with _books(environment, base_url, max_requests_per_second, demo=demo, mirror=mirror) as books:
        loaded, as_of = books.loaded, books.as_of
        whole = reconciled(
            loaded.invoices,
            loaded.balances,
            loaded.net_balances,
            theirs,
            as_of=as_of,
            external_units=external_units,
        )
        chosen, end = of_month(loaded.invoices, start, by), periods.month_end(start)
        found = whole.about(chosen, runs_until=end if as_of < end else None)
        which = "whose period starts in it, or issued in it without one" if by == "period" else "issued in it"
        filters = {"Account": books.environment or "(no label)", "Month": f"{month}, invoices {which}"}
        if external is not None:
            filters["Compared with"] = f"{external.name}, amounts in {external_units} units"
        say(
            console,
            Text(f"{books.source} as of {as_of:%Y-%m-%d %H:%M} UTC", style="dim"),
            f"{month}: {count(chosen.height, 'invoice')} ({which}), {count(loaded.balances.height, 'balance')}.",
        )
        findings.show(console, found, loaded.customers, loaded.invoices)
        report = _Report(f"reconciliation-{month}", f"Reconciliation of {month}", filters, as_of)
        closed = books.close(start, end) if end <= as_of else None
        if closed is not None:
            filters["Balances and ledger"] = f"as of the end of {month} (24:00 UTC); what moved in it"
            filters["Checks"] = f"of the books as read at {as_of:%Y-%m-%d %H:%M} UTC"
            loaded, report = (
                replace(loaded, balances=closed.balances),
                replace(report, as_of=end, entries=closed.ledger),
            )
        files = report.write(folder, loaded, chosen, found, books.receipts)
    say(console, "", f"Wrote {', '.join(files)} into", Text(str(out), style="bold"), found.headline)
    return exits.of_verdict(found.verdict)


def write_demo_report(
    console: Console, account: Account, tables: Mapping[str, pl.DataFrame], folder: Folder, *, as_of: datetime
) -> list[str]:
    """Reconcile what `demo` loaded, print what was found and write the report of the account; the files' names."""
    # Archived balances are no table of the demo, but the ledger of an archived commit is part of the books.
    ids = tables["customers"]["id"]
    balances = account.balances(ids, include_archived=True)
    net_balances = every_net_balance(account, ids, balances)
    loaded = _Loaded(tables["customers"], tables["invoices"], balances, net_balances)
    found = reconciled(loaded.invoices, loaded.balances, loaded.net_balances, as_of=as_of)
    findings.show(console, found, loaded.customers, loaded.invoices)
    say(console, found.headline)
    report = _Report("report", "Report of the demo account", {"Account": "demo (simulated)"}, as_of)
    return report.write(folder, loaded, loaded.invoices, found, account.receipts)


@dataclass(frozen=True)
class _Loaded:
    """What is reconciled."""

    customers: pl.DataFrame
    invoices: pl.DataFrame
    balances: pl.DataFrame
    net_balances: pl.DataFrame


@dataclass(frozen=True)
class _Books:
    """What is reconciled, where it comes from, and the moment it is of."""

    loaded: _Loaded
    source: str
    environment: str | None
    as_of: datetime
    receipts: pl.DataFrame
    days_of: Callable[[list[str], datetime, datetime], pl.DataFrame | None]
    """Daily breakdowns of some customers; None where there are none to be had."""

    def close(self, start: datetime, end: datetime) -> Close:
        """The close of a month. Days are loaded only of customers whose billing periods lie on both sides of one."""
        status, begins, ends = (pl.col(name) for name in ("status", "start_timestamp", "end_timestamp"))
        across = [(begins < edge) & (edge < ends) for edge in (start, end)]
        split = self.loaded.invoices.filter((status != InvoiceStatus.VOID) & pl.any_horizontal(across))
        days = None
        if split.height:
            ids = split["customer_id"].unique(maintain_order=True).to_list()
            days = self.days_of(ids, *split.select(begins.min(), ends.max()).row(0))
        return close(
            self.loaded.balances,
            starting=start,
            ending=end,
            loaded_at=self.as_of,
            invoices=self.loaded.invoices,
            breakdowns=days,
        )


@contextmanager
def _books(
    environment: str | None, base_url: str | None, pace: float, *, demo: bool, mirror: str | None
) -> Iterator[_Books]:
    """The books of an account, or of its mirror."""
    if mirror is None:
        with opened(environment, base_url, pace, demo=demo) as account:
            loaded = _load(account)
            yield _Books(
                loaded,
                repr(account),
                account.environment,
                account.now,
                account.receipts,
                lambda ids, first, last: account.invoice_breakdowns(ids, starting_on=first, ending_before=last),
            )
        return
    if demo:
        raise ArgumentError("mirror and demo exclude each other: sync --demo makes a mirror of the simulated account.")
    from metronome_analytics.cli.mirroring import as_of as newest  # noqa: PLC0415  # deltalake is an extra
    from metronome_analytics.mirror.mirror import open_mirror  # noqa: PLC0415  # as above

    held = open_mirror(mirror)
    frames = (held.customers(), held.invoices(), held.balances(), held.net_balances())
    yield _Books(
        _Loaded(*(frame.collect() for frame in frames)),
        repr(held),
        held.environment,
        newest(held),
        Receipts.create_empty(),
        partial(_mirrored_days, held),
    )


def _mirrored_days(held: Mirror, ids: list[str], first: datetime, last: datetime) -> pl.DataFrame | None:
    if "invoice_breakdowns" not in held.completeness["table"]:
        return None
    begins = pl.col("breakdown_start_timestamp")
    return held.invoice_breakdowns().filter(pl.col("customer_id").is_in(ids), begins >= first, begins < last).collect()


def _load(account: Account) -> _Loaded:
    customers = every_customer(account, None)
    ids = customers["id"]
    invoices = account.invoices(ids)
    balances = account.balances(ids, include_archived=True)
    return _Loaded(customers, invoices, balances, every_net_balance(account, ids, balances))


@dataclass(frozen=True)
class _Report:
    """Two files of one name."""

    name: str
    title: str
    filters: Mapping[str, str]
    as_of: datetime
    entries: pl.DataFrame | None = None

    def write(
        self,
        folder: Folder,
        loaded: _Loaded,
        invoices: pl.DataFrame,
        found: Reconciliation,
        receipts: pl.DataFrame,
    ) -> list[str]:
        """Write both, about `invoices` and every balance; the names of the files."""
        from metronome_analytics import reports  # noqa: PLC0415  # only who writes a report needs it

        given: dict[str, Any] = {
            "invoices": invoices,
            "balances": loaded.balances,
            "customers": loaded.customers,
            "reconciliation": found,
            "receipts": receipts,
            "as_of": self.as_of,
            "entries": self.entries,
            "filters": self.filters,
            "title": self.title,
        }
        book, page = f"{self.name}.xlsx", f"{self.name}.html"
        folder.drawn(book, lambda path: reports.workbook(path, **given))
        folder.drawn(page, lambda path: reports.html(path, history=loaded.invoices, **given))
        return [book, page]
