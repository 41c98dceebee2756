"""`doctor`: whether what this package relies on is true of an account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from metronome_analytics.account import connect
from metronome_analytics.cli import exits
from metronome_analytics.cli.options import Many, opened
from metronome_analytics.cli.printing import heading, say, screen, show_table
from metronome_analytics.doctor.examination import examine
from metronome_analytics.doctor.facts import Verdict
from metronome_analytics.doctor.writes import sandbox_writes as sandbox_writes_on
from metronome_analytics.errors import ArgumentError
from metronome_analytics.folder import writable
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from rich.console import Console

    from metronome_analytics.changes import BalancePlan
    from metronome_analytics.doctor.facts import Finding

_STYLES = {Verdict.HOLDS: "green", Verdict.DIFFERS: "bold red", Verdict.UNKNOWN: "dim"}


def doctor(
    *,
    out: Path = Path("doctor.json"),
    max_requests: int = 60,
    customer: Annotated[list[str] | None, Many] = None,
    sandbox_writes: Annotated[bool, Parameter(negative=())] = False,
    balance: str | None = None,
    demo: Annotated[bool, Parameter(negative=())] = False,
    environment: str | None = None,
    base_url: str | None = None,
    max_requests_per_second: float = 7.5,
) -> int:
    """Look whether what this package relies on is true of your account: read-only, in a few dozen requests.

    Prints what we rely on, where that comes from, what was seen and what follows for you, and writes the same to a
    file in which every id, name and amount is replaced, so that it can be sent to somebody. The token is read from
    METRONOME_BEARER_TOKEN. Exit code 1: something differs; 3: the token may not even list customers.

    With --sandbox-writes it asks for the environment's name, and then, by an ordinary plan and its phrase each, makes
    one entry of the smallest amount on the balance you name, sends it again in three ways, and takes it back.

    Example: metronome-analytics doctor --out findings.json

    Parameters
    ----------
    out
        The file to write.
    max_requests
        How many requests it may take; what they do not suffice for cannot be told.
    customer
        Ids of the customers whose invoices and balances are looked at; a few of the first unless given.
    sandbox_writes
        Also learn what only a write shows; needs --environment, --balance and one --customer. For a sandbox only.
    balance
        The commit or credit that the entries are made on.
    demo
        Look at a simulated account instead; no token needed.
    environment
        A label of yours for the account.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_requests_per_second
        The pace.
    """
    writable(out)
    written = _tried(customer, balance, environment, base_url) if sandbox_writes else None
    with opened(environment, base_url, max_requests_per_second, demo=demo) as account:
        found = examine(account, customers=customer, max_requests=max_requests, out=out, written=written)
        requests = int(account.receipts["requests"].sum())
    print_diagnosis(screen(), found)
    say(
        screen(),
        "",
        f"{count(requests, 'request')}. Wrote {out}, without ids, names and amounts: read it, then send it.",
    )
    return exit_code(found)


def _tried(
    customer: list[str] | None, balance: str | None, environment: str | None, base_url: str | None
) -> dict[str, Finding]:
    """What the writes show, each confirmed by whoever is at the keyboard."""
    if not environment or balance is None or customer is None or len(customer) != 1:
        raise ArgumentError("--sandbox-writes needs --environment, --balance and one --customer.")
    typed = _typed(f"This writes to the account. Type the environment's name ({environment}) to go on: ")

    def confirm(plan: BalancePlan) -> str:
        say(screen(stderr=True), repr(plan))
        return _typed("The phrase: ")

    with connect(base_url=base_url, environment=environment, allow_writes=True) as account:
        return sandbox_writes_on(account, customer[0], balance, typed=typed, confirm=confirm)


def _typed(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\n")


def exit_code(found: pl.DataFrame) -> int:
    """1 where something differs, 3 where the account could not be looked at."""
    verdicts = dict(found.select("fact", "verdict").iter_rows())
    if verdicts.get("token") != Verdict.HOLDS:
        return exits.PARTIAL
    return exits.DIFFERENCE if Verdict.DIFFERS in verdicts.values() else exits.DONE


def print_diagnosis(console: Console, found: pl.DataFrame) -> None:
    """The facts by verdict, those that differ first and in full."""
    counts = {verdict: found.filter(pl.col("verdict") == verdict.value).height for verdict in Verdict}
    heading(console, "What this package relies on", ", ".join(f"{number} {name}" for name, number in counts.items()))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title, ratio in (("Verdict", 2), ("Relied on", 5), ("Source", 3), ("Seen", 4)):
        table.add_column(title, ratio=ratio)
    order = [Verdict.DIFFERS, Verdict.HOLDS, Verdict.UNKNOWN]
    for verdict in order:
        for row in found.filter(pl.col("verdict") == verdict.value).iter_rows(named=True):
            table.add_row(
                Text(row["verdict"], style=_STYLES[verdict]), row["relied_on"], Text(row["source"], "dim"), row["seen"]
            )
    show_table(console, table)
    for row in found.filter(pl.col("consequence") != "").iter_rows(named=True):
        say(console, f"{row['relied_on']}: {row['seen']}.", f"  {row['consequence']}")
