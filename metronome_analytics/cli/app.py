"""The commands and their options."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, UnusedCliTokensError
from rich.text import Text

from metronome_analytics import __version__
from metronome_analytics.account import connect
from metronome_analytics.catalogue import catalogue
from metronome_analytics.cli import exits
from metronome_analytics.cli.changing import changes
from metronome_analytics.cli.closing import close
from metronome_analytics.cli.doctor import doctor
from metronome_analytics.cli.entries import entries, journal
from metronome_analytics.cli.exporting import export
from metronome_analytics.cli.loads import TABLES, LoadOptions, TableName
from metronome_analytics.cli.log import readable_log
from metronome_analytics.cli.mirroring import sync, write_demo_mirror
from metronome_analytics.cli.options import Many
from metronome_analytics.cli.printing import complain, endpoint_lines, say, screen
from metronome_analytics.cli.reconciling import reconcile, write_demo_report
from metronome_analytics.cli.run import fill, outlook, report, unfinished
from metronome_analytics.errors import ArgumentError, ConfigurationError, LoadError, MetronomeError
from metronome_analytics.extras import need
from metronome_analytics.folder import Folder
from metronome_analytics.settings import NO_TOKEN
from metronome_analytics.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from metronome_analytics.account import Account
    from metronome_analytics.simulator import Simulator

app = App(
    name="metronome-analytics",
    help="Every customer, invoice, cost, commit, credit and balance ledger of a Metronome account as exact tables.",
    version=__version__,
    suppress_keyboard_interrupt=False,
    help_epilogue=exits.HELP,
)

app.register_install_completion_command(add_to_startup=False)
app.command(changes)
app.command(close)
app.command(doctor)
app.command(entries)
app.command(export)
app.command(journal)
app.command(reconcile)
app.command(sync)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Our own errors and the system's become one message on stderr."""
    try:
        with readable_log():
            code = app(arguments, result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as wrong:
        complain(_misused(wrong))
        return exits.CANNOT
    except (MetronomeError, OSError) as error:
        complain(_message(error))
        return exits.CANNOT
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    return exits.DONE if code is None else int(code)


_TOUR = """\
Three commands to begin with; each has --help with its options, an example and its exit codes.

  metronome-analytics demo                                    a simulated account, no token needed
  metronome-analytics pull --out tables                       your account, every table as Parquet
  metronome-analytics reconcile --month 2026-10 --out report  does the month tie out?

The token of your account is read from METRONOME_BEARER_TOKEN. More: doctor looks whether we know its API right, close
writes the pack of a month, sync keeps a mirror, entries corrects balances, endpoints lists what can be read, export
makes a page of a notebook, simulate serves a made-up account to other programs.
"""


@app.default
def tour() -> None:
    """What to try first."""
    sys.stdout.write(_TOUR)


@app.command
def demo(*, customers: int = 40, seed: int = 7, out: Path = Path("metronome-demo")) -> None:
    """Load a simulated account over real HTTP, print what an analyst wants first, and write every table.

    Example: metronome-analytics demo --customers 12 --out metronome-demo

    Parameters
    ----------
    customers
        How many active customers the simulated account has.
    seed
        Another seed makes another account; the same one makes the same.
    out
        The folder to write Parquet files and the burn-down chart to.
    """
    simulator = _simulator(customers, seed)
    from metronome_analytics.simulator import running  # noqa: PLC0415  # pull must not load the simulator

    with (
        running(simulator) as url,
        connect(simulator.token, base_url=url, environment="demo", max_requests_per_second=None) as account,
    ):
        _run(account, LoadOptions(), Folder(out), chart=True, mirror=True)


@app.command
def simulate(*, port: int = 8787, customers: int = 500, seed: int = 7) -> None:
    """Serve a simulated account on this machine until Ctrl-C.

    The first two lines printed are METRONOME_BASE_URL=... and METRONOME_BEARER_TOKEN=...

    Example: metronome-analytics simulate --port 0 --customers 50

    Parameters
    ----------
    port
        The loopback port to listen on; 0 picks a free one.
    customers
        How many active customers the simulated account has.
    seed
        Another seed makes another account; the same one makes the same.
    """
    if not 0 <= port <= 65_535:
        raise ArgumentError(f"port must be from 0 to 65535, not {port}.")
    # To be stopped is how this command ends, so it is no failure.
    signal.signal(signal.SIGTERM, _stop)
    try:
        simulator = _simulator(customers, seed)
        from metronome_analytics.simulator import serve  # noqa: PLC0415  # pull must not load the simulator

        def ready(url: str) -> None:
            sys.stdout.write(f"METRONOME_BASE_URL={url}\nMETRONOME_BEARER_TOKEN={simulator.token}\n")
            sys.stdout.flush()
            sys.stderr.write(f"{customers:,} simulated customers, seed {seed}. Ctrl-C stops.\n")

        serve(simulator, port=port, ready=ready)
    except KeyboardInterrupt:
        pass
    except SystemExit as refused:
        raise ConfigurationError(
            f"The simulator cannot listen on port {port}.", advice="Another --port may be free; 0 finds one."
        ) from refused


@app.command
def pull(
    *,
    out: Path,
    customer: Annotated[list[str] | None, Many] = None,
    tables: Annotated[list[TableName] | None, Many] = None,
    starting_on: str | None = None,
    ending_before: str | None = None,
    base_url: str | None = None,
    max_requests_per_second: float = 7.5,
) -> None:
    """Load a real account, print what an analyst wants first, and write every table and the receipts.

    The token is read from METRONOME_BEARER_TOKEN; there is no option for it, because other users of a machine can
    read the arguments of a process.

    Example: metronome-analytics pull --out tables --starting-on 2026-10-01 --ending-before 2026-11-01

    Parameters
    ----------
    out
        The folder to write Parquet files to. A file has its final name only when it is whole.
    customer
        Ids of the customers to load; every customer unless given.
    tables
        The tables to write; all unless given.
    starting_on
        Start of the window (UTC): invoices whose period starts in it, daily breakdowns and costs. Unless given, every
        invoice and five weeks of days.
    ending_before
        End of the window (UTC), exclusive.
    base_url
        Another address of the API, such as that of `metronome-analytics simulate`; else METRONOME_BASE_URL.
    max_requests_per_second
        The pace; Metronome throttles an account, not a program.
    """
    options = LoadOptions(
        tables=tuple(name for name in TABLES if tables is None or name in tables),
        customers=customer,
        starting_on=starting_on,
        ending_before=ending_before,
    )
    with connect(base_url=base_url, max_requests_per_second=max_requests_per_second) as account:
        _run(account, options, Folder(out), chart=False)


@app.command
def endpoints() -> None:
    """Print every endpoint with its loader, paging, table, key and for whom it answers. Sends nothing.

    Example: metronome-analytics endpoints
    """
    say(screen(), *endpoint_lines(catalogue()))


def _run(account: Account, options: LoadOptions, folder: Folder, *, chart: bool, mirror: bool = False) -> None:
    console = screen()
    folder.try_out()
    say(console, Text(f"{account!r}{options.limits}", style="dim"))
    try:
        tables = fill(account, options, folder)
        as_of = account.now
        ahead = outlook(tables, as_of=as_of)
        files = []
        if chart and ahead is not None:
            from metronome_analytics.cli.chart import write_burn_down  # noqa: PLC0415  # altair is slow to import

            files = write_burn_down(*ahead, tables["customers"], folder, as_of=as_of)
    except BaseException:
        say(screen(stderr=True), *unfinished(folder, options))
        raise
    say(console, Text(f"As of {as_of:%Y-%m-%d %H:%M} UTC", style="dim"))
    report(console, tables, ahead, account.receipts, as_of=as_of)
    if chart:
        files += write_demo_report(console, account, tables, folder, as_of=as_of)
    if mirror:
        files.append(write_demo_mirror(console, account, folder))
    wrote = f"{len(folder.rows)} Parquet tables, {sum(folder.rows.values()):,} rows, {folder.size / 1e6:,.1f} MB"
    say(console, "", f"Wrote {', '.join([wrote, *files])} into", Text(str(folder.path), style="bold"))


def _simulator(customers: int, seed: int) -> Simulator:
    need("simulator")
    if customers < 0:
        raise ArgumentError(f"customers must be at least 0, not {customers}.")
    from metronome_analytics.simulator import Simulator  # noqa: PLC0415  # pull must not load the simulator

    return Simulator(customers=customers, seed=seed)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _misused(wrong: CycloptsError) -> str:
    """What is wrong with the arguments, and whose help says more; what is no command at all may be near to one."""
    wrong.verbose = False  # to its author it would also show the function
    said, chain, first = str(wrong), wrong.command_chain or (), (wrong.root_input_tokens or [""])[0]
    if not chain and not first.startswith("-"):
        commands = [name for name in app if not name.startswith("-")]
        said = " ".join(filter(None, (f"{first!r} is no command.", nearest(first, commands))))
    elif isinstance(wrong, UnusedCliTokensError) and wrong.unused_tokens:
        said = f"{' '.join(chain)} does not take {wrong.unused_tokens[0]!r}."
    return f"{said} See {' '.join((*app.name, *chain))} --help."


def _message(error: Exception) -> str:
    """What happened, where and what to do; the advice of some errors is about what no command line has."""
    if isinstance(error, ConfigurationError) and error.message == NO_TOKEN:
        return f"{NO_TOKEN} Set METRONOME_BEARER_TOKEN; {app.name[0]} demo needs none."
    if isinstance(error, LoadError) and error.__cause__ is not None:
        more = f" ({error.failures.height - 1:,} more customers failed too.)" if error.failures.height > 1 else ""
        return f"{error.__cause__}{more}"
    return str(error)
