"""What only a write shows: by the ordinary plan and phrase, in an environment whose name was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.changes.operations import operations_allowed
from metronome_analytics.doctor.writes import sandbox_writes
from tests.doctor.support import SHOWN, account_of, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.changes import BalancePlan


def phrase(plan: BalancePlan) -> str:
    """Somebody who types what is asked for."""
    return plan.confirmation


def tried(path: Path, *, typed: str = "sandbox", confirm: Any = phrase, **switches: Any) -> tuple[Any, list[Any], Any]:
    """What is found, the balance before and after, and how many writes the server saw."""
    simulator = simulated(**switches)
    options = {
        "environment": "sandbox",
        "allow_writes": operations_allowed(True),
        "journal_path": lambda: path / "journal.sqlite",
    }
    with account_of(simulator, **options) as account:
        now = simulator.clock.now
        segments = ma.segments(account.balances(SHOWN[0]))
        running = segments.filter(pl.col("starting_at") <= now, pl.col("ending_before") > now)
        one = running.filter(pl.len().over("balance_id") == 1)["balance_id"][0]

        def rest() -> Any:
            return account.balances(SHOWN[0]).filter(pl.col("id") == one)["balance"][0]

        before, found = rest(), None
        try:
            found = sandbox_writes(account, SHOWN[0], one, typed=typed, confirm=confirm)
        finally:
            writes, after = simulator.requests.count("addManualBalanceLedgerEntry"), rest()
        return found, [before, after], writes


WRITES = {"uniqueness_key_honoured": "uniqueness_key", "idempotency_key_honoured": "idempotency_key"}


@pytest.mark.parametrize("switch", [None, "off_hour_times_refused", *WRITES])
def test_a_pair_of_entries_shows_what_no_read_does(switch: str | None, tmp_path: Path) -> None:
    """The fact of a flipped switch differs and no other; the balance is what it was."""
    found, rests, writes = tried(tmp_path, **dict.fromkeys([switch] if switch else [], False))  # type: ignore[arg-type]  # a switch
    names = {"off_hour_times_refused": "off_hour_times", **WRITES}
    assert {name for name, finding in found.items() if finding.verdict == "differs"} == {
        names[s] for s in [switch] if s
    }
    assert {finding.verdict for finding in found.values()} <= {"holds", "differs"}
    assert rests[0] == rests[1]
    assert writes == 5


def test_neither_key_honoured_is_seen_too(tmp_path: Path) -> None:
    """Three entries of one are in the ledger, all of which are taken back."""
    found, rests, _ = tried(tmp_path, uniqueness_key_honoured=False, idempotency_key_honoured=False)
    assert {name for name, finding in found.items() if finding.verdict == "differs"} == set(WRITES.values())
    assert rests[0] == rests[1]


def test_nothing_is_sent_unless_the_environment_is_typed(tmp_path: Path) -> None:
    """Another name, and another phrase, refuse before anything leaves."""
    with pytest.raises(ma.ConfigurationError, match="Nothing was sent"):
        tried(tmp_path, typed="production")
    with pytest.raises(ma.ConfirmationError):
        tried(tmp_path, confirm=lambda _: "yes")
