"""Changes on the command line: `changes catalogue`, `changes plan`, `changes apply`, `changes status`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import Annotated

from cyclopts import App, Parameter

from metronome_analytics.account import connect
from metronome_analytics.changes import Plan, catalogue
from metronome_analytics.cli.entries import apply_saved, limit, read_rows, status
from metronome_analytics.cli.printing import grid, say, screen, show_table
from metronome_analytics.folder import writable
from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL

changes = App(name="changes", help="Guarded writes: what may be changed, plan it, apply a plan, see what became of it.")
Flag = Parameter(negative=())
# The catalogue's columns, and how wide a screen has to be to show each beside the longest name.
_CATALOGUE = {"operation": 0, "status": 100, "once_by": 120, "proof": 120, "weight": 120, "undo": 0}
changes.command(
    status,
    help="What the journal says last of every change.\n\nExample: metronome-analytics changes status --settle",
)


@changes.command(name="catalogue")
def show_catalogue() -> None:
    """Every operation: its name, what keeps it from happening twice, what proves it and what undoes it.

    A screen under 120 columns shows its name, its status and what undoes it, one under 100 no status.

    Example: metronome-analytics changes catalogue
    """
    console = screen()
    shown = [name for name, least in _CATALOGUE.items() if console.width >= least]
    table = grid(*shown)
    # Rows are looked up by their name, which is copied from here: what gives way is the sentence at the end.
    table.columns[0].no_wrap, table.columns[-1].no_wrap = True, False
    for row in catalogue().select(shown).iter_rows():
        table.add_row(*row)
    show_table(console, table)


@changes.command(name="plan")
def make_plan(
    file: Path,
    *,
    operation: str,
    out: Path,
    environment: str | None = None,
    base_url: str | None = None,
    max_entry: str = str(MAX_ENTRY),
    max_total: str = str(MAX_TOTAL),
    allow_duplicate: Annotated[bool, Flag] = False,
) -> None:
    """Check the changes of a CSV against the account and write the plan. Reads only.

    The columns are the fields of the operation's class. The token is read from METRONOME_BEARER_TOKEN.

    Example: metronome-analytics changes plan credits.csv --operation credits.create --out plan.json

    Parameters
    ----------
    file
        The CSV, one row per change.
    operation
        What the rows are, as `changes catalogue` names it: credits.create, say.
    out
        Where to write the plan: JSON that a person can read.
    environment
        A label of yours for the account; it is in the plan and in the phrase that confirms it.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_entry
        The most one change may move, in major units (dollars, not cents).
    max_total
        The most all changes of a currency may move, in major units.
    allow_duplicate
        Let a change through that is in the plan, the account or the journal already.
    """
    rows = read_rows(file)
    writable(out)
    with connect(base_url=base_url, environment=environment) as account:
        plan = account.plan(
            rows,
            operation=operation,
            max_entry=limit("max_entry", max_entry),
            max_total=limit("max_total", max_total),
            allow_duplicate=allow_duplicate,
        )
    plan.save(out)
    say(screen(), repr(plan), f"Wrote {out}. It holds for 15 minutes: metronome-analytics changes apply {out}")


@changes.command(name="apply")
def apply_plan(file: Path, *, confirm: str | None = None, base_url: str | None = None) -> int:
    """Apply a plan: show it, ask for its phrase, send each change once, and read it back from the account.

    Applying the same plan again sends only what is provably not in the account. What is undecided `changes status
    --settle` decides by reading.

    Example: metronome-analytics changes apply plan.json

    Parameters
    ----------
    file
        The plan, as `changes plan` wrote it.
    confirm
        The plan's phrase, literally. Unless given it is asked for.
    base_url
        Another address of the API; else METRONOME_BASE_URL. A plan for another address is refused.
    """
    return apply_saved(Plan.load(file), confirm, base_url)
