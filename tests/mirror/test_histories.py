from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.mirror.delta import LakeTable
from metronome_analytics.mirror.storage import Place
from metronome_analytics.simulator import Fault, Simulator
from tests.mirror.histories import (
    Advance,
    FailingCustomer,
    LateUsage,
    LostFile,
    Move,
    NoRight,
    Trouble,
    Void,
    apply,
    moves,
    served,
    troubled,
    troubles,
)
from tests.mirror.support import account_of, assert_mirrors, fresh

# A round of a history: some moves, some trouble, then a sync that may send so many requests or is broken at so many'th
# write.
Round = tuple[list[Move], "Trouble | None", int | None, int | None]


class _Broken(BaseException):
    """The process would be dead here."""


@given(
    history=st.lists(
        st.tuples(
            moves(max_size=4),
            st.none() | troubles(),
            st.none() | st.integers(0, 40),
            st.none() | st.integers(1, 25),
        ),
        max_size=4,
    ),
    last=moves(max_size=3),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@example(history=[([], None, None, None)], last=[LateUsage(0, 0, 40, 7)])
@example(history=[([], None, None, 9), ([Advance(days=31)], None, None, None)], last=[Void(0, 0)])
@example(
    history=[([], None, None, None), ([Void(1, 0), Advance(days=1)], NoRight("/auditLogs"), None, None)],
    last=[Advance(days=1)],
)
@example(history=[([], None, None, None), ([Advance(days=2)], FailingCustomer(1), None, None)], last=[])
@example(history=[([], LostFile(3), None, None), ([Advance(days=1)], LostFile(5, cut=True), 9, None)], last=[])
def test_after_any_history_the_mirror_is_what_a_full_load_gives(history: list[Round], last: list[Move]) -> None:
    """Whatever happened, however often a sync was stopped or died: frame by frame, to the last digit."""
    simulator = Simulator(customers=4, months=3)
    with TemporaryDirectory() as folder:
        for happened, trouble, requests, dies_at in history:
            for move in happened:
                apply(simulator, move)
            with troubled(simulator, Path(folder), trouble):
                _attempt(simulator, folder, requests, dies_at)
        for move in last:
            apply(simulator, move)
        with account_of(simulator) as account:
            mirror = account.sync(folder)
            assert mirror.is_complete
            assert_mirrors(mirror, fresh(account))


def _attempt(simulator: Simulator, folder: str, requests: int | None, dies_at: int | None) -> None:
    """A sync that may end before it is done."""
    account = account_of(simulator)
    with nullcontext() if dies_at is None else _Breaking(dies_at), suppress(_Broken, BaseExceptionGroup):
        with suppress(ma.LoadError):  # some of its customers failed; the others are in the mirror
            account.sync(folder, max_requests=requests)
    with suppress(RuntimeError):  # who is dead closes nothing
        account.close()


class _Breaking:
    """Break at the `at`-th write; then nothing is tidied up, as if the process had been killed."""

    def __init__(self, at: int) -> None:
        self._context = pytest.MonkeyPatch.context()
        self._left = at

    def __enter__(self) -> None:
        patch = self._context.__enter__()
        for place, name in ((Place, "write"), (LakeTable, "commit")):
            patch.setattr(place, name, self._counted(getattr(place, name)))
        delete = Place.delete
        patch.setattr(Place, "delete", lambda *given: delete(*given) if self._left > 0 else None)

    def _counted(self, real: Any) -> Any:
        def touch(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left <= 0:
                raise _Broken
            return real(*given, **named)

        return touch

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)


def _sync(simulator: Simulator, url: str, folder: Path, dies_at: int = 0) -> subprocess.Popen[bytes]:
    """A process that syncs."""
    now = simulator.clock.now.isoformat()
    command = [sys.executable, "-m", "tests.mirror.syncing", url, simulator.token, str(folder), now, str(dies_at)]
    return subprocess.Popen(command)


@pytest.mark.parametrize("dies_at", [2, 9, 14, 17])
def test_a_sync_killed_at_any_write_is_continued(tmp_path: Path, dies_at: int) -> None:
    """SIGKILL before or after a file or commit: the next process goes on, and nothing is lost or doubled."""
    simulator = Simulator(customers=4, months=3)
    with served(simulator) as url:
        assert _sync(simulator, url, tmp_path, dies_at).wait() == -signal.SIGKILL
        apply(simulator, Advance(days=2))
        assert _sync(simulator, url, tmp_path).wait() == 0
    with account_of(simulator) as account:
        assert_mirrors(ma.open_mirror(tmp_path), fresh(account))


@pytest.mark.parametrize("dies_at", [3, 30])
def test_a_sync_killed_at_any_request_is_continued(tmp_path: Path, dies_at: int) -> None:
    """SIGKILL while an answer is on its way."""
    simulator = Simulator(customers=4, months=3)
    running: list[subprocess.Popen[bytes]] = []

    def kill(answer: object) -> object:
        os.kill(running[0].pid, signal.SIGKILL)
        return answer

    simulator.faults.add(Fault("mutate", times=1, after=dies_at, change=kill))
    with served(simulator) as url:
        running.append(_sync(simulator, url, tmp_path))
        assert running[0].wait() == -signal.SIGKILL
        assert _sync(simulator, url, tmp_path).wait() == 0
    with account_of(simulator) as account:
        assert_mirrors(ma.open_mirror(tmp_path), fresh(account))
