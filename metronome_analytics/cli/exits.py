"""Exit codes: one table for every command, in `--help` and in README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.analysis.verdict import DIFFERS, TIES_OUT
from metronome_analytics.changes.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

DONE, DIFFERENCE, CANNOT, PARTIAL, UNDECIDED, UNLIKE = range(6)

MEANINGS = {
    DONE: "it ties out, or it is done",
    DIFFERENCE: "a difference was found",
    CANNOT: "it could not run (arguments, token, file, network)",
    PARTIAL: "something could not be checked, is empty, partial or not closed",
    UNDECIDED: "an entry is undecided: it may have taken effect",
    UNLIKE: "what is in the ledger is not what was sent",
}
"""What each code means, whatever the command."""

INTERRUPTED = 130
"""Ctrl-C, as shells have it."""

HELP = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."

_STATUSES = {
    Status.APPLIED: DONE,
    Status.ALREADY_APPLIED: DONE,
    Status.SENT: DONE,
    Status.UNKNOWN: UNDECIDED,
    Status.DIFFERS: UNLIKE,
}
"""What the status of an entry comes to; of any other (refused, not sent) it was not all done."""


def of_verdict(verdict: str) -> int:
    """The code of a reconciliation's verdict."""
    return {TIES_OUT: DONE, DIFFERS: DIFFERENCE}.get(verdict, PARTIAL)


def of_entries(statuses: Iterable[str | None]) -> int:
    """The code of what became of entries: the gravest. An intent without an outcome (None) is undecided."""
    return max((_STATUSES.get(Status(status or Status.UNKNOWN), PARTIAL) for status in statuses), default=DONE)
