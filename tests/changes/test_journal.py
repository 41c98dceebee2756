from __future__ import annotations

import json
import sqlite3
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

import metronome_analytics as ma
from metronome_analytics.changes import journal as module
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.records import Kind
from tests.changes.support import Desk, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from metronome_analytics.changes.records import Record


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)


def connecting(monkeypatch: pytest.MonkeyPatch, change: Callable[[sqlite3.Connection], object]) -> None:
    """Every connection to the journal is changed as it is opened."""
    connect = sqlite3.connect

    def changed(*arguments: Any, **options: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*arguments, **options)
        change(db)
        return db

    monkeypatch.setattr(sqlite3, "connect", changed)


def pages(db: sqlite3.Connection) -> int:
    """How large the file is, in pages."""
    (count,) = db.execute("PRAGMA page_count").fetchone()
    return int(count)


def test_a_full_disk_before_the_intent_sends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a new journal fits: the error says that the disk is full."""
    plan = desk.plan(-1000)
    connecting(monkeypatch, lambda db: db.execute("PRAGMA max_page_count=1"))
    with pytest.raises(ma.JournalError, match="full"):
        desk.apply(plan)
    assert desk.posts() == 0


def test_a_disk_that_fills_up_sends_no_further_entry(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent that does not fit is not followed by a send; what was sent before it is reported as it is."""
    plan = desk.plan(*range(1, 9))
    first = desk.plan(-77)
    desk.apply(first)
    connecting(monkeypatch, lambda db: db.execute(f"PRAGMA max_page_count={pages(db) + 2}"))
    plan = desk.plan(*range(1, 9))
    try:
        statuses = desk.account.apply(plan, confirm=plan.confirmation).table["status"].to_list()
    except ma.OutcomeUnknown as error:
        statuses = error.outcome.table["status"].to_list()
    sent = statuses.count("applied")
    assert 0 < sent < 8
    assert statuses == ["applied"] * sent + ["not_sent"] * (8 - sent)
    assert desk.in_ledger(plan) == [1] * sent + [0] * (8 - sent)
    monkeypatch.undo()
    assert desk.apply(plan) == [("already_applied", None)] * sent + [("applied", 200)] * (8 - sent)


def test_an_outcome_that_cannot_be_written_is_said_with_all_that_is_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent, read back, and the journal fails: OutcomeUnknown carries the outcome, nothing follows, settle() decides."""
    plan = desk.plan(-1000, 5)
    write = Journal.write

    def writing(self: Journal, record: Record) -> None:
        if record.kind is Kind.OUTCOME:
            raise ma.JournalError("The disk went away.")
        write(self, record)

    monkeypatch.setattr(Journal, "write", writing)
    with pytest.raises(ma.OutcomeUnknown, match="The disk went away") as raised:
        desk.account.apply(plan, confirm=plan.confirmation)
    assert raised.value.outcome.table["status"].to_list() == ["applied", "not_sent"]
    monkeypatch.undo()
    assert desk.account.settle()["status"].to_list() == ["applied"]
    assert desk.apply(plan) == [("already_applied", None), ("applied", 200)]


def test_a_read_only_journal_sends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own word for it is in the error."""
    desk.apply(desk.plan(5))
    plan = desk.plan(-1000)
    connecting(monkeypatch, lambda db: db.execute("PRAGMA query_only=ON"))
    with pytest.raises(ma.JournalError, match="readonly"):
        desk.apply(plan)
    assert desk.posts() == 1


def test_a_journal_that_is_no_file_sends_nothing(desk: Desk, tmp_path: Path) -> None:
    """A folder, or a place below a file."""
    plan = desk.plan(-1000)
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "journal.sqlite"):
        desk.account.session.journal_path = lambda place=place: place  # type: ignore[misc]  # bound in the loop
        with pytest.raises(ma.JournalError, match=r"cannot be used"):
            desk.apply(plan)
    assert desk.posts() == 0


def test_a_locked_journal_sends_nothing(desk: Desk) -> None:
    """Whoever holds it, the error says so."""
    plan = desk.plan(-1000)
    with Journal(desk.journal).claimed(), pytest.raises(ma.JournalError, match="another process is applying"):
        desk.apply(plan)
    assert desk.posts() == 0
    assert desk.apply(plan) == [("applied", 200)]


def test_of_two_that_apply_the_same_plan_one_wins(desk: Desk) -> None:
    """The other is told, and applying again finds everything there."""
    plan = desk.plan(-1000, 5)
    told: list[BaseException] = []

    def second() -> None:
        with opened(desk.simulator, desk.url, desk.journal, time=desk.time) as account:
            try:
                account.apply(plan, confirm=plan.confirmation)
            except ma.JournalError as error:
                told.append(error)

    def watch(_: object) -> None:
        other = threading.Thread(target=second)
        other.start()
        other.join()

    assert desk.account.apply(plan, confirm=plan.confirmation, watch=watch).ok
    assert ["another process is applying" in str(error) for error in told] == [True, True]
    assert desk.in_ledger(plan) == [1, 1]
    second()
    assert len(told) == 2
    assert desk.posts() == 2


def tampered(path: Path, change: str) -> None:
    """A journal changed behind its back, triggers and all."""
    with sqlite3.connect(path) as db:
        db.executescript("DROP TRIGGER no_update; DROP TRIGGER no_delete;")
        db.execute(change)
    db.close()


@pytest.mark.parametrize(
    ("change", "record"),
    [
        ("UPDATE records SET data = replace(data, '-1000', '-1') WHERE seq = 1", 1),
        ("UPDATE records SET at = '2020-01-01T00:00:00+00:00' WHERE seq = 2", 2),
        ("DELETE FROM records WHERE seq = 1", 1),
        ("DELETE FROM records WHERE seq = 2", 2),
        ("UPDATE records SET hash = 'x' WHERE seq = 3", 3),
    ],
)
def test_a_changed_journal_is_found_out_and_sends_nothing(desk: Desk, change: str, record: int) -> None:
    """A record that was changed or removed breaks the chain; nothing is planned, sent, settled or shown after that."""
    desk.apply(desk.plan(-1000, 5))
    plan = desk.plan(7)
    tampered(desk.journal, change)
    for attempt in (
        lambda: desk.apply(plan),
        lambda: desk.plan(9),
        desk.account.settle,
        desk.account.journal,
        Journal(desk.journal).verify,
    ):
        with pytest.raises(ma.JournalError, match=f"record {record} does not follow"):
            attempt()
    assert desk.posts() == 2


def test_a_damaged_file_sends_nothing(desk: Desk) -> None:
    """What is no database is said to be none."""
    plan = desk.plan(-1000)
    desk.journal.write_bytes(b"not a database, but long enough to be looked at as one" * 30)
    with pytest.raises(ma.JournalError, match="not a database"):
        desk.apply(plan)
    assert desk.posts() == 0


def test_the_journal_is_append_only(desk: Desk) -> None:
    """SQLite itself refuses to change or delete a record."""
    desk.apply(desk.plan(-1000))
    db = sqlite3.connect(desk.journal)
    for change in ("UPDATE records SET kind = 'x'", "DELETE FROM records"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(change)
    db.close()


def test_an_intent_is_on_the_disk_before_it_is_sent(desk: Desk) -> None:
    """Another connection sees it in the file while the POST is on its way; it says what is sent and by which keys."""
    plan = desk.plan(-1000)
    seen: list[bytes] = []

    def looking(_: object, idempotency_key: str) -> None:
        seen.append(desk.journal.read_bytes())
        assert idempotency_key.encode() in seen[-1]

    desk.sender.before.append(looking)
    desk.apply(plan)
    assert plan.uniqueness_key(0).encode() in seen[0]
    assert b'"amount": "-1000"' in seen[0]


def test_the_chain_and_its_export_can_be_checked_without_us(desk: Desk, tmp_path: Path) -> None:
    """An auditor needs SHA-256 and JSON; a table is there for who only reads."""
    desk.apply(desk.plan(-1000, 5))
    assert Journal(desk.journal).export(tmp_path / "out.jsonl") == 4
    before = "0" * 64
    for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        fields = [record[name] for name in ("seq", "at", "kind", "plan", "entry", "data")]
        before = sha256(json.dumps([before, *fields], ensure_ascii=False).encode()).hexdigest()
        assert before == record["hash"]
    assert Journal(desk.journal).verify() == (4, before)
    assert Journal(desk.journal).export(tmp_path / "out.csv") == 4
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").count("Credit for the outage") == 4
    with pytest.raises(ma.JournalError, match="overwrites nothing"):
        Journal(desk.journal).export(tmp_path / "out.csv")


def test_reading_makes_no_journal(desk: Desk) -> None:
    """Before the first entry there is none, and planning leaves it at that."""
    assert desk.account.journal().height == 0
    desk.plan(-1000)
    assert Journal(desk.journal).verify()[0] == 0
    assert list(desk.journal.parent.iterdir()) == []


def test_nothing_is_written_but_the_journal_and_the_token_nowhere(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One file, and the token neither in it nor in the plan, the displays, the errors or what is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    token = desk.simulator.token
    plan = desk.plan(-1000, 5)
    desk.fault("status", status=500, message=f"echo of Bearer {token}")
    outcome = desk.account.apply(plan, confirm=plan.confirmation)
    settled = desk.account.settle()
    desk.apply(plan)
    assert [path.name for path in desk.journal.parent.iterdir()] == [desk.journal.name]
    assert list(tmp_path.rglob("*")) == []
    plan.save(tmp_path / "plan.json")
    texts = [
        repr(plan),
        plan._repr_html_(),
        (tmp_path / "plan.json").read_text(encoding="utf-8"),
        repr(outcome),
        *(str(frame.rows()) for frame in (plan.table, outcome.table, settled, desk.account.journal())),
        *capfd.readouterr(),
    ]
    for attempt in (lambda: desk.account.apply(plan, confirm=""), lambda: desk.plan(0)):
        with pytest.raises(ma.MetronomeError) as raised:
            attempt()
        texts.append(f"{raised.value!r} {raised.value}")
    assert token.encode() not in desk.journal.read_bytes()
    assert [text for text in texts if token in text] == []
    assert "***" in repr(outcome)
