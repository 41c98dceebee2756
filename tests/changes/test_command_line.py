from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import session
from metronome_analytics.__main__ import main
from metronome_analytics.cli.exits import PARTIAL, UNDECIDED
from metronome_analytics.session import Clock
from metronome_analytics.simulator import Fault, Simulator, running
from tests.changes.support import POST, Time

if TYPE_CHECKING:
    from collections.abc import Iterator

# The command line lives in real time, so its simulated account does too.
SIMULATOR = Simulator(customers=4, months=3, as_of=datetime.now(UTC))


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """One server for all of them."""
    with running(SIMULATOR) as url:
        yield url


@pytest.fixture
def files(served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of a user, and a folder with a CSV of two entries."""
    monkeypatch.setenv("METRONOME_BASE_URL", served)
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", SIMULATOR.token)
    monkeypatch.setenv("METRONOME_ANALYTICS_JOURNAL", str(tmp_path / "journal.sqlite"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    time = Time()
    monkeypatch.setattr(session, "Clock", partial(Clock, wall=time.now, monotonic=time.monotonic, sleep=time.sleep))
    with ma.connect(max_requests_per_second=None, progress=False) as account:
        balances = account.balances().filter(pl.col("balance") > 0)
        active = ma.segments(balances).filter(pl.col("starting_at") <= time.at, pl.col("ending_before") > time.at)
        rows = active.select(
            "customer_id", "balance_id", "segment_id", amount=pl.lit("-10.5"), reason=pl.lit(f"Outage {tmp_path.name}")
        )
    rows.head(2).write_csv(tmp_path / "entries.csv")
    yield tmp_path
    SIMULATOR.faults.clear()


def run(*arguments: str) -> int:
    """The exit code of a command."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(str(ended.code))


def planned(capsys: pytest.CaptureFixture[str]) -> str:
    """Plan the entries of the CSV; the phrase."""
    assert run("entries", "plan", "entries.csv", "--out", "plan.json", "--environment", "test") == 0
    phrase = str(json.loads(Path("plan.json").read_text(encoding="utf-8"))["confirmation"])
    assert phrase in capsys.readouterr().out
    return phrase


def test_plan_apply_status_verify_export(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a CSV to the ledger to what an auditor gets; the phrase is asked for; a second time sends nothing."""
    phrase = planned(capsys)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{phrase}\n"))
    assert run("entries", "apply", "plan.json") == 0
    shown = capsys.readouterr()
    assert "-10.5 USD (cents) = -$0.105" in shown.out
    assert "entry 1: applied." in shown.out
    assert "Type the phrase" in shown.err
    sent = SIMULATOR.requests.count(POST)
    assert run("entries", "apply", "plan.json", "--confirm", phrase) == 0
    assert "entry 0: already_applied." in capsys.readouterr().out
    assert SIMULATOR.requests.count(POST) == sent
    assert run("entries", "status") == 0
    assert "2 entries, 0 undecided" in capsys.readouterr().out
    assert run("journal", "verify") == 0
    assert "6 records" in capsys.readouterr().out
    assert run("journal", "export", "--out", "audit.jsonl") == 0
    assert len((files / "audit.jsonl").read_text(encoding="utf-8").splitlines()) == 6
    everything = b"".join(path.read_bytes() for path in files.iterdir())
    assert SIMULATOR.token.encode() not in everything


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "apply\n"])
def test_anything_but_the_phrase_sends_nothing(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """Exit code 2, and no journal is begun."""
    planned(capsys)
    sent = SIMULATOR.requests.count(POST)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert run("entries", "apply", "plan.json") == 2
    assert "phrase" in capsys.readouterr().err
    assert SIMULATOR.requests.count(POST) == sent
    assert not (files / "journal.sqlite").exists()


def test_a_bad_csv_is_told_by_row_and_writes_no_plan(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, every problem on stderr."""
    frame = pl.read_csv("entries.csv", infer_schema=False).with_columns(amount=pl.lit("0"), reason=pl.lit(""))
    frame.write_csv("entries.csv")
    assert run("entries", "plan", "entries.csv", "--out", "plan.json") == 2
    told = capsys.readouterr().err
    assert all(f"row {row}, {name}" in told for row in (0, 1) for name in ("amount", "reason"))
    assert not (files / "plan.json").exists()
    assert run("entries", "plan", "missing.csv", "--out", "plan.json") == 2
    assert run("entries", "plan", "entries.csv", "--out", "plan.json", "--max-entry", "much") == 2
    assert "max_entry must be" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [(400, PARTIAL), (504, UNDECIDED)])
def test_the_exit_code_says_what_became_of_it(
    files: Path, capsys: pytest.CaptureFixture[str], status: int, code: int
) -> None:
    """3 for refused, 4 for undecided; `entries status --settle` decides; applying again finishes."""
    phrase = planned(capsys)
    SIMULATOR.faults.add(Fault("status", POST, status=status))
    assert run("entries", "apply", "plan.json", "--confirm", phrase) == code
    assert run("entries", "status") == (UNDECIDED if code == UNDECIDED else 0)
    assert run("entries", "status", "--settle", "--environment", "test") == 0
    assert run("entries", "apply", "plan.json", "--confirm", phrase) == 0


def test_a_changed_journal_does_not_verify(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and the record that does not fit is named."""
    phrase = planned(capsys)
    run("entries", "apply", "plan.json", "--confirm", phrase)
    content = (files / "journal.sqlite").read_bytes()
    (files / "journal.sqlite").write_bytes(content.replace(b'"amount": "-10.5"', b'"amount": "-99.5"', 1))
    assert run("journal", "verify") == 1
    assert "does not follow" in capsys.readouterr().err


def test_a_plan_cannot_send_the_token_elsewhere(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The address comes from the environment; a plan made for another one is stale."""
    phrase = planned(capsys)
    plan = ma.BalancePlan.load("plan.json")
    replace(plan, base_url="https://elsewhere.test").save("plan.json")
    assert run("entries", "apply", "plan.json", "--confirm", phrase) == 2
    assert "this account is" in capsys.readouterr().err


def test_any_change_goes_from_a_csv_to_the_account(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue names it, its fields are the columns, its phrase is asked for, and its status is in the journal."""
    assert run("changes", "catalogue") == 0
    assert "customers.set_name" in capsys.readouterr().out
    with ma.connect(max_requests_per_second=None, progress=False) as account:
        customer = account.customers()["id"][0]
    pl.DataFrame({"customer_id": [customer], "name": [f"Renamed {files.name}"]}).write_csv(files / "names.csv")
    named = ("--operation", "customers.set_name", "--environment", "test")
    assert run("changes", "plan", "names.csv", *named, "--out", "names.json") == 0
    phrase = str(json.loads((files / "names.json").read_text(encoding="utf-8"))["confirmation"])
    assert phrase.startswith(f"rename customer {customer} to ")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{phrase}\n"))
    assert run("changes", "apply", "names.json") == 0
    assert "entry 0: applied." in capsys.readouterr().out
    assert run("changes", "status") == 0
    assert f"customers.set_name of {customer}" in capsys.readouterr().out
    assert run("changes", "plan", "names.csv", "--operation", "customers.invent", "--out", "x.json") == 2
