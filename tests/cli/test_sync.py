from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.__main__ import main
from metronome_analytics.simulator import Fault
from tests.cli.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.simulator import Simulator


def run(*arguments: str) -> int:
    """The exit code of a command; some leave by SystemExit when they have one to tell."""
    try:
        return main(arguments)
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.usefixtures("environment")
def test_a_sync_tells_what_it_read_and_what_the_mirror_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every table with its reason, its requests and how complete it is."""
    assert run("sync", str(tmp_path / "mirror")) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for table in ma.open_mirror(tmp_path / "mirror").completeness["table"]:
        assert table in told.out
    assert told.out.rstrip().endswith("complete)")


@pytest.mark.usefixtures("environment")
def test_the_second_sync_tells_what_it_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The requests of all that did not change."""
    run("sync", str(tmp_path))
    capsys.readouterr()
    assert run("sync", str(tmp_path)) == 0
    saved = ma.open_mirror(tmp_path).receipt.select(pl.col("saved").sum()).item()
    assert f"{saved:,} saved." in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many requests, how long at the pace."""
    assert run("sync", str(tmp_path / "mirror"), "--dry-run") == 0
    assert "at least" in capsys.readouterr().out
    assert not (tmp_path / "mirror").exists()


@pytest.mark.usefixtures("environment")
def test_a_limited_sync_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says so too, and the next one goes on."""
    assert run("sync", str(tmp_path), "--max-requests", "20") == 3
    assert "of 7" in capsys.readouterr().out.splitlines()[-1]
    assert run("sync", str(tmp_path)) == 0
    assert ma.open_mirror(tmp_path).is_complete


def test_a_customer_that_cannot_be_read_is_named_and_the_rest_is_there(
    environment: None, simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who, why and since when; the exit code says partial."""
    unlucky = simulator.account.customer(simulator.account.active[1]).id
    simulator.faults.add(Fault("status", match=f"{unlucky}/invoices", status=403, times=None, message="not this one"))
    assert run("sync", str(tmp_path)) == 3
    told = " ".join(capsys.readouterr().out.split())
    assert f"UTC: {unlucky}" in told
    assert "not this one" in told
    simulator.faults.clear()
    assert run("sync", str(tmp_path)) == 0


def test_a_right_that_is_missing_is_told_first(
    environment: None, simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is no failure: more was read instead."""
    run("sync", str(tmp_path))
    simulator.faults.add(Fault("status", match="/auditLogs", status=403, times=None))
    capsys.readouterr()
    assert run("sync", str(tmp_path)) == 0
    assert "Without audit_logs" in capsys.readouterr().out


def test_a_mirror_of_another_account_is_one_line_on_stderr(
    environment: None, simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the token in it."""
    run("sync", str(tmp_path), "--environment", "sandbox")
    capsys.readouterr()
    assert run("sync", str(tmp_path), "--environment", "production") == 2
    told = capsys.readouterr().err
    assert "sandbox" in told
    assert simulator.token not in told


def test_the_page_on_mirrors_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mirror of the demo, synced twice, and a month reconciled from it without a token."""
    monkeypatch.chdir(tmp_path)
    page = " ".join((ROOT / "docs" / "howto" / "mirror.md").read_text(encoding="utf-8").split())
    sync, reconcile = (
        "metronome-analytics sync mirror --demo",
        "metronome-analytics reconcile --mirror mirror --month 2026-10 --out report",
    )
    assert sync in page
    assert reconcile in page
    for command in (sync, sync, reconcile):
        assert run(*shlex.split(command)[1:]) == 0, capsys.readouterr()
    assert {path.suffix for path in (tmp_path / "report").iterdir()} == {".xlsx", ".html"}
