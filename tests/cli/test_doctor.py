"""`metronome-analytics doctor`: a table, a file, an exit code; and no write without the environment's name."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from metronome_analytics.cli import exits
from metronome_analytics.cli.app import run
from metronome_analytics.simulator import Simulator, Switches, running

if TYPE_CHECKING:
    from pathlib import Path


def examined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, simulator: Simulator, *arguments: str) -> int:
    """The exit code of the command on a served simulator."""
    with running(simulator) as url:
        monkeypatch.setenv("METRONOME_BEARER_TOKEN", simulator.token)
        monkeypatch.setenv("METRONOME_ANALYTICS_JOURNAL", str(tmp_path / "journal.sqlite"))
        out = str(tmp_path / "doctor.json")
        return run(["doctor", "--base-url", url, "--out", out, "--max-requests-per-second", "500", *arguments])


def test_what_differs_is_told_with_what_follows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the fact and its consequence on the screen, the same in the file."""
    simulator = Simulator(customers=3, months=2, switches=Switches(reject_unknown_parameters=True))
    assert examined(monkeypatch, tmp_path, simulator, "--max-requests", "40") == exits.DIFFERENCE
    printed = " ".join(capsys.readouterr().out.split())
    assert "access_type=" in printed
    assert "RequestRejected" in printed
    facts = {row["fact"]: row["verdict"] for row in json.loads((tmp_path / "doctor.json").read_text())["facts"]}
    assert facts["unknown_parameter"] == "differs"
    assert simulator.token not in (tmp_path / "doctor.json").read_text()


def test_a_token_that_reads_nothing_is_partial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 3: hardly anything could be looked at."""
    simulator = Simulator(customers=1, months=2)
    served = Simulator(customers=1, months=2, token="another")
    served.token = simulator.token
    assert examined(monkeypatch, tmp_path, served) == exits.PARTIAL


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        ([], ""),
        (["--environment", "sandbox", "--customer", "c"], "sandbox\n"),
        (["--environment", "sandbox", "--customer", "c", "--balance", "b"], "production\n"),
    ],
)
def test_sandbox_writes_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], typed: str
) -> None:
    """Without the balance, or with another name than the environment's, nothing is sent at all."""
    simulator = Simulator(customers=1, months=2)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert examined(monkeypatch, tmp_path, simulator, "--sandbox-writes", *arguments) == exits.CANNOT
    assert simulator.requests.total == 0
