from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from metronome_analytics.changes.operations import OPERATIONS
from tests.changes.support import Desk, said
from tests.changes.torture import World, torture
from tests.changes.torture_operations import EFFECTS, play, plots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.simulator import Simulator

ROOT = Path(__file__).parents[2]
# In parts, so that several processes share them: 25 of 20 are 500. `python -m tests.changes.torture 5000` and
# `python -m tests.changes.torture_operations 5000` play others.
PARTS = range(25)
IN_A_PART = 20
KILLS = 25


@pytest.mark.parametrize("part", PARTS)
def test_whatever_happens_nothing_is_applied_twice_or_reported_wrong(simulator: Simulator, url: str, part: int) -> None:
    """500 sequences of faults, crashes and re-runs, others at every run."""
    seen = Counter[str]()
    # A seed of its own: without one, hypothesis plays the same ones in every part where CI is set.
    start = secrets.randbits(32)
    torture(World(simulator, url), IN_A_PART, seen, start=start)
    assert seen.total() >= IN_A_PART, (part, start)


def test_the_effect_of_every_operation_is_known() -> None:
    """An entry's is in the ledgers of the simulator, any other's in its memory."""
    assert {*EFFECTS, "balances.enter"} == set(OPERATIONS)


@pytest.mark.parametrize("part", PARTS)
def test_whatever_happens_no_operation_is_done_twice_or_reported_wrong(
    simulator: Simulator, url: str, part: int
) -> None:
    """500 plans of all operations, the same at every run."""
    seen = Counter[str]()
    torture(World(simulator, url), IN_A_PART, seen, drawn=plots(), played=play, start=part)
    assert seen.total() >= IN_A_PART


class Workers:
    """Processes that apply plans and kill themselves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, **order: object) -> int:
        """Apply as ordered; how the process ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """A process that forks one worker after another."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.changes.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("METRONOME_")},
    ) as process:
        yield Workers(process)


POINTS = ("before the intent", "before the send", "during the send", "after the send", "before the outcome")
FAULTS = (None, "lost_after_effect", "status_after_effect", "status")


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_process_killed_anywhere_leaves_a_journal_that_is_made_good(
    desk: Desk, workers: Workers, tmp_path: Path, seed: int
) -> None:
    """After one or two kills with SIGKILL a last apply has every entry in the ledger once, and the journal says so."""
    chance = random.Random(seed)  # noqa: S311  # a test plays, it keeps no secret
    plan = desk.plan(-1000, 5, "0.25")
    plan.save(tmp_path / "plan.json")
    for kill in range(chance.choice((1, 1, 2))):
        if fault := chance.choice(FAULTS):
            desk.fault(fault)
        # Every point comes first for five seeds.
        point = POINTS[seed % len(POINTS)] if not kill else chance.choice(POINTS)
        ended = workers.run(
            plan=str(tmp_path / "plan.json"),
            token=desk.simulator.token,
            url=desk.url,
            journal=str(desk.journal),
            point=point,
            entry=chance.choice((0, 0, 1)),
        )
        assert ended in {-signal.SIGKILL, 0}
        assert max(desk.in_ledger(plan)) <= 1
    desk.simulator.faults.clear()
    assert {status for status, _ in desk.apply(plan)} <= {"applied", "already_applied"}
    assert desk.in_ledger(plan) == [1, 1, 1]
    assert set(said(desk.journal, plan)) <= {"applied", "already_applied"}
    assert desk.account.settle().height == 0
