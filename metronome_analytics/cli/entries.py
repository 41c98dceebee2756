"""Manual balance entries on the command line: `entries plan`, `entries apply`, `entries status`, and the journal."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import Annotated

import polars as pl
from cyclopts import App, Parameter

from metronome_analytics.account import connect
from metronome_analytics.changes import BalancePlan, Plan
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.records import Status
from metronome_analytics.cli import exits
from metronome_analytics.cli.printing import complain, plain, say, screen
from metronome_analytics.errors import ArgumentError, JournalError, OutcomeUnknown
from metronome_analytics.folder import writable
from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL
from metronome_analytics.settings import journal_path
from metronome_analytics.tables.money import display

entries = App(name="entries", help="Manual balance entries: plan them, apply a plan, see what became of it.")
journal = App(name="journal", help="The journal of every manual balance entry that was sent.")
Flag = Parameter(negative=())


@entries.command(name="plan")
def make_plan(
    file: Path,
    *,
    out: Path,
    environment: str | None = None,
    base_url: str | None = None,
    max_entry: str = str(MAX_ENTRY),
    max_total: str = str(MAX_TOTAL),
    allow_overdraw: Annotated[bool, Flag] = False,
    allow_duplicate: Annotated[bool, Flag] = False,
) -> None:
    """Check the entries of a CSV against the account and write the plan. Reads only.

    Columns: customer_id, balance_id, amount (in the balance's own unit: USD is in cents), reason, and if need be
    segment_id, contract_id, timestamp, per_group_amounts (JSON). The token is read from METRONOME_BEARER_TOKEN.

    Example: metronome-analytics entries plan entries.csv --out plan.json --environment sandbox

    Parameters
    ----------
    file
        The CSV, one row per entry.
    out
        Where to write the plan: JSON that a person can read.
    environment
        A label of yours for the account; it is in the plan and in the phrase that confirms it.
    base_url
        Another address of the API; else METRONOME_BASE_URL.
    max_entry
        The most one entry may move, in major units (dollars, not cents).
    max_total
        The most all entries of a currency may move, in major units.
    allow_overdraw
        Let an entry draw more than is left in its segment.
    allow_duplicate
        Let an entry through that is in the plan, the ledger or the journal already.
    """
    rows = read_rows(file)
    writable(out)
    with connect(base_url=base_url, environment=environment) as account:
        plan = account.plan_balance_entries(
            rows,
            max_entry=limit("max_entry", max_entry),
            max_total=limit("max_total", max_total),
            allow_overdraw=allow_overdraw,
            allow_duplicate=allow_duplicate,
        )
    plan.save(out)
    say(screen(), repr(plan), f"Wrote {out}. It holds for 15 minutes: metronome-analytics entries apply {out}")


@entries.command(name="apply")
def apply_plan(file: Path, *, confirm: str | None = None, base_url: str | None = None) -> int:
    """Apply a plan: show it, ask for its phrase, send each entry once, and read it back from the ledger.

    Applying the same plan again sends only what is provably not in the ledger. What is undecided `entries status
    --settle` decides by reading.

    Example: metronome-analytics entries apply plan.json

    Parameters
    ----------
    file
        The plan, as `entries plan` wrote it.
    confirm
        The plan's phrase, literally. Unless given it is asked for.
    base_url
        Another address of the API; else METRONOME_BASE_URL. A plan for another address is refused.
    """
    plan = BalancePlan.load(file)
    return apply_saved(plan, confirm, base_url)


@entries.command
def status(
    *, settle: Annotated[bool, Flag] = False, environment: str | None = None, base_url: str | None = None
) -> int:
    """What the journal says last of every entry.

    Exit code 5: what the ledger holds of some entry is not what was sent; it stays until somebody looks at it.

    Example: metronome-analytics entries status --settle

    Parameters
    ----------
    settle
        First decide what is open by reading the ledger; needs the token, sends nothing.
    environment
        With --settle: the label the entries were planned under.
    base_url
        With --settle: another address of the API; else METRONOME_BASE_URL.
    """
    if settle:
        with connect(base_url=base_url, environment=environment) as account:
            account.settle()
    frame = Journal(journal_path()).frame()
    last = frame.group_by("plan", "entry", maintain_order=True).last()
    for row in last.iter_rows(named=True):
        amount = row["what"] if row["amount"] is None else display(Decimal(row["amount"]), row["credit_type_name"])
        # An intent without an outcome: whatever happened then, nobody wrote it down.
        state = row["status"] or "unknown"
        where, reason = plain(row["environment"] or row["base_url"]), plain(row["reason"] or "")
        say(
            screen(),
            f"{row['at']:%Y-%m-%d %H:%M} UTC  plan {row['plan'][:8]} entry {row['entry']}  {state}: {amount}, "
            f"customer {row['customer_id']}, {_about(row)}, {reason!r}, in {where}",
        )
        if state == Status.DIFFERS:
            say(screen(), f"  ALARM: {plain(row['message'])}")
    states = last["status"].fill_null(Status.UNKNOWN.value)
    undecided, wrong = (states == Status.UNKNOWN).sum(), (states == Status.DIFFERS).sum()
    hint = " --settle decides them, with the --environment they were planned under." if undecided else ""
    differing = f", {wrong:,} NOT AS SENT" if wrong else ""
    say(screen(), f"{last.height:,} entries, {undecided:,} undecided{differing}.{hint}")
    # What was refused is an outcome like another here: only what is open or wrong is a reason to act.
    return exits.of_entries(states.filter(states.is_in([Status.UNKNOWN.value, Status.DIFFERS.value])))


@journal.command
def verify(*, witness: Path | None = None) -> int:
    """Check the journal's hash chain. A journal that was changed or is damaged is a difference: exit code 1.

    Someone who may write the file can work every hash out anew; only a head kept elsewhere shows that.

    Example: metronome-analytics journal verify --witness heads.txt

    Parameters
    ----------
    witness
        A file of heads, kept where the journal's writers cannot write: each is looked for, and this one is added.
    """
    path = journal_path()
    try:
        count, last = Journal(path).verify() if witness is None else Journal(path).witness(witness)
    except JournalError as error:
        complain(error)
        return exits.DIFFERENCE
    say(screen(), f"{path}: {count:,} records, each follows from the one before it. The last hash is {last}.")
    return exits.DONE


@journal.command
def export(*, out: Path) -> None:
    """Write every record of the journal for an auditor, after checking its chain.

    Example: metronome-analytics journal export --out journal.csv

    Parameters
    ----------
    out
        A new file: a table if it ends in .csv, else JSON lines that hold what is hashed.
    """
    writable(out)
    path = journal_path()
    count = Journal(path).export(out)
    say(screen(), f"Wrote {count:,} records of {path} to {out}.")


def _about(row: dict[str, object]) -> str:
    """What a record is about: for most the balance."""
    return f"{row['operation']} of {row['subject_id']}" if row["balance_id"] is None else f"balance {row['balance_id']}"


def read_rows(file: Path) -> pl.DataFrame:
    """The rows of a CSV as text; what they mean is for the plan to say."""
    try:
        return pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise ArgumentError(f"{file} cannot be read as CSV: {str(error).splitlines()[0]}") from error


def apply_saved(plan: Plan, confirm: str | None, base_url: str | None) -> int:
    """Show a plan, ask for its phrase, apply it and say what became of it; the exit code.

    The account may write what the plan is made of, and no more.
    """
    allowed = {each.change.operation for each in plan.changes}
    # The address is never the file's: it would decide where the token goes.
    with connect(base_url=base_url, environment=plan.environment, allow_writes=allowed) as account:
        say(screen(), repr(plan))
        phrase = _ask() if confirm is None else confirm
        try:
            outcome = account.apply(plan, phrase, watch=lambda row: say(screen(), _line(row)))
        except OutcomeUnknown as error:
            complain(error)
            return exits.UNDECIDED
    return exits.of_entries(outcome.table["status"])


def _ask() -> str:
    sys.stderr.write("Type the phrase to apply it, anything else to leave it: ")
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\r\n")


def _line(row: dict[str, object]) -> str:
    return f"entry {row['entry']}: {row['status']}. {plain(str(row['message']))}"


def limit(name: str, text: str) -> Decimal:
    """A limit that was typed; ArgumentError where it is none."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal("NaN")
    if not value.is_finite() or value <= 0:
        raise ArgumentError(f"{name} must be a positive number of major units, not {text!r}.")
    return value
