from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

import metronome_analytics as ma
from metronome_analytics.__main__ import main
from metronome_analytics.cli import exits
from metronome_analytics.cli.app import app
from metronome_analytics.folder import Folder, writable
from tests.cli.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cyclopts import App

    from metronome_analytics.simulator import Simulator


def test_readme_has_the_table_of_exit_codes() -> None:
    """Code by code, in the very words of the program."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [f"| {code} | {meaning} |" for code, meaning in exits.MEANINGS.items()]
    assert "\n".join(rows) in readme


def commands(group: App, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, by its words."""
    yield before
    for name in group:
        if not name.startswith("-"):
            yield from commands(group[name], (*before, name))


@pytest.mark.parametrize("command", list(commands(app)))
def test_help_has_the_table_of_exit_codes(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Of every command."""
    assert main([*command, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(f"{code} {meaning}" in told for code, meaning in exits.MEANINGS.items())


RUN = [words for words in commands(app) if words and words not in {("changes",), ("entries",), ("journal",)}]


@pytest.mark.parametrize("command", RUN)
def test_help_has_an_example_that_is_understood(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Of every command that does something: its words, and arguments that its parser takes."""
    assert main([*command, "--help"]) == 0
    told = capsys.readouterr().out
    (example,) = re.findall(r"^Example: metronome-analytics (.+(?:\n\S.*)*)$", told, re.MULTILINE)
    arguments = example.split()
    assert tuple(arguments[: len(command)]) == command
    called, _, _ = app.parse_args(arguments, exit_on_error=False)
    assert called.__name__ != "tour"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("ties out", 0),
        ("does not tie out", 1),
        ("nothing to check", 3),
        ("not closed: 3 drafts", 3),
        ("not everything could be checked", 3),
    ],
)
def test_a_verdict_is_an_exit_code(verdict: str, code: int) -> None:
    """Only what was checked and ties out is 0."""
    assert exits.of_verdict(verdict) == code


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        (["applied", "already_applied"], 0),
        (["applied", "refused"], 3),
        (["not_sent"], 3),
        (["refused", "unknown"], 4),
        ([None], 4),
        (["unknown", "differs", "applied"], 5),
    ],
)
def test_the_gravest_status_of_an_entry_is_the_exit_code(statuses: list[str | None], code: int) -> None:
    """What is otherwise in the ledger than it was sent is worse than what is undecided."""
    assert exits.of_entries(statuses) == code


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["reconcile"], ["reconcile", "--month", "October", "--out", "x"], ["pull", "--no-such"]]
)
def test_arguments_that_cannot_be_used_are_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever refuses them, the parser or we."""
    assert main(arguments) == 2
    assert capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_a_month_without_invoices_does_not_tie_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to check, on the screen, in the page and as exit code 3."""
    assert main(["reconcile", "--month", "2019-01", "--out", str(tmp_path)]) == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("Nothing to check: ")
    assert ">Nothing to check: " in (tmp_path / "reconciliation-2019-01.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("environment")
def test_a_month_still_open_does_not_tie_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The running month is drafts."""
    assert main(["reconcile", "--month", "2026-11", "--out", str(tmp_path)]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Not closed: ")
    assert " drafts. " in last


@pytest.mark.parametrize("command", ["pull", "reconcile"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_sent(
    command: str, environment: None, simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after hours of loading."""
    (tmp_path / "taken").touch()
    month = ["--month", "2026-10"] if command == "reconcile" else []
    sent = len(simulator.requests)
    assert main([command, *month, "--out", str(tmp_path / "taken" / "deep")]) == 2
    assert "--out" in capsys.readouterr().err
    assert len(simulator.requests) == sent


def test_trying_a_folder_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor the folders on the way; what is there stays as it is."""
    Folder(tmp_path / "new" / "folder").try_out()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there.json").write_text("{}", encoding="utf-8")
    writable(tmp_path / "there.json")
    assert (tmp_path / "there.json").read_text(encoding="utf-8") == "{}"
    with pytest.raises(ma.ArgumentError, match="--out"):
        writable(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Found out by writing, not by looking at modes."""
    tmp_path.chmod(0o500)
    with pytest.raises(ma.ArgumentError, match="--out"):
        Folder(tmp_path).try_out()
