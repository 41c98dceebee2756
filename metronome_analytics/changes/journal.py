"""The journal: every intent and outcome, append-only, each record bound to the one before it.

An SQLite file. A record is on disk before what it announces is done. A record's hash covers the record and the hash
before it, so a record that was changed, removed or slipped in later breaks the chain; only its end can be cut off
unseen. Nor does the chain help against someone who may write the file and works every hash out anew: what stood in
it before is known only to whoever kept a head (the number of records and the last hash) where that person cannot
write, which is what `witness` is for. The API token is never in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from metronome_analytics.changes.records import Record, journal_frame
from metronome_analytics.errors import JournalError
from metronome_analytics.wording import harmless_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import polars as pl

_FIRST = "0" * 64
# How long to wait, in seconds, for another process that is writing one record.
_PATIENCE = 2.0

_TABLES = (
    """CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    plan TEXT NOT NULL,
    entry INTEGER NOT NULL,
    data TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT""",
    """CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """The journal at `path`. No call but `claimed` keeps the file open, and a killed process leaves nothing locked."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self._now = now
        self._held: sqlite3.Connection | None = None
        self._is: tuple[int, int] | None = None

    def write(self, record: Record) -> None:
        """Append one record and put it on the disk before returning."""
        text = json.dumps(record.data(), sort_keys=True, ensure_ascii=False)
        with self._opened(create=True) as db, self._trouble_named(), _transaction(db):
            self._still_there()
            last = db.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone() or (0, _FIRST)
            row = (last[0] + 1, self._now().isoformat(), str(record.kind), record.plan, record.entry, text)
            db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _hash(last[1], row)))

    def records(self) -> list[Record]:
        """Every record, oldest first; JournalError where the chain is broken."""
        return [Record.read(row[:5], json.loads(row[5]), row[6]) for row in self._rows()]

    def frame(self) -> pl.DataFrame:
        """Every record, oldest first, as a table."""
        return journal_frame(self.records())

    def verify(self) -> tuple[int, str]:
        """The head: how many records there are, and the hash of the last; JournalError where the chain is broken.

        An unbroken chain says that no record was changed by someone who did not also work out every later hash anew,
        and that none is missing but perhaps at the end. Whoever may write the file can do both, and nothing in the
        file shows it: compare the head with one that was kept elsewhere, as `witness` does.
        """
        rows = self._rows()
        return len(rows), rows[-1][6] if rows else _FIRST

    def witness(self, path: Path) -> tuple[int, str]:
        """The head, after a look at the heads kept in `path`, to which it is added; JournalError where one is gone.

        Keep `path` where whoever may write the journal cannot: a line a head, the number of records and a hash.
        """
        rows = self._rows()
        count, head = len(rows), rows[-1][6] if rows else _FIRST
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            kept = [(int(number), stamp) for number, stamp in (line.split() for line in lines)]
            for number, stamp in kept:
                if number > count or stamp != (rows[number - 1][6] if number else _FIRST):
                    raise JournalError(
                        f"The journal {self.path} is not the one that {path} saw: of its {number} records then, the "
                        "last is another now, or gone.",
                        advice="Its hashes were worked out anew, or it was cut: keep both files for whoever audits it.",
                    )
            if not kept or kept[-1] != (count, head):
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{count} {head}\n")
        except (OSError, ValueError) as error:
            raise JournalError(f"{path} cannot be read or written as the heads of a journal: {error}.") from error
        return count, head

    def export(self, path: Path) -> int:
        """Write every record for an auditor and return how many: a table if `path` ends in .csv, else JSON lines.

        In the table a text that a spreadsheet would run as a formula begins with an apostrophe.

        A JSON line is the record as it is hashed: `hash` is SHA-256 of the JSON list of the hash before it (64 zeros
        before the first), `seq`, `at`, `kind`, `plan`, `entry` and `data`, non-ASCII characters as they are, UTF-8.
        """
        if path.exists():
            raise JournalError(f"{path} exists; an export overwrites nothing.", advice="Name a new file.")
        if path.suffix == ".csv":
            frame = self.frame()
            harmless_texts(frame).write_csv(path)
            return frame.height
        rows = self._rows()
        names = ("seq", "at", "kind", "plan", "entry", "data", "hash")
        lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return len(rows)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the journal for one apply; whoever else opens it meanwhile gets JournalError. Freed if we are killed."""
        with self._opened(create=True) as db:
            with self._trouble_named():
                # SQLite keeps the file's lock from one transaction to the next until the connection is closed.
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
                db.execute("BEGIN EXCLUSIVE")
                db.execute("COMMIT")
                self._is = self._identity()
            self._held = db
            try:
                yield
            finally:
                self._held = self._is = None

    # --- the file ----------------------------------------------------------------------------------------------------

    def _rows(self) -> list[tuple[Any, ...]]:
        """The rows as they are in the file, after a look at the chain."""
        # An empty file is one whose first record never got there.
        if self._held is None and (not self.path.exists() or (self.path.is_file() and not self.path.stat().st_size)):
            return []
        with self._opened(create=False) as db, self._trouble_named():
            rows = db.execute("SELECT seq, at, kind, plan, entry, data, hash FROM records ORDER BY seq").fetchall()
        before = _FIRST
        for number, (*row, stamp) in enumerate(rows, start=1):
            if row[0] != number or stamp != _hash(before, tuple(row)):
                raise JournalError(
                    f"The journal {self.path} was changed: record {number} does not follow from the one before it.",
                    advice="Keep the file for whoever audits it, and name another by METRONOME_ANALYTICS_JOURNAL.",
                )
            before = stamp
        return rows

    @contextmanager
    def _opened(self, *, create: bool) -> Iterator[sqlite3.Connection]:
        if self._held is not None:
            yield self._held
            return
        with self._trouble_named():
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # Only for its owner, from its first byte: it says who was credited how much, and why.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            # An auditor's copy may be read-only: reading creates nothing.
            address = f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
            db = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
        with closing(db):
            with self._trouble_named():
                # EXTRA: a commit returns when the record and the end of its transaction are on the disk.
                db.execute("PRAGMA synchronous=EXTRA")
                if create:
                    with _transaction(db):
                        for statement in _TABLES:
                            db.execute(statement)
            yield db

    def _identity(self) -> tuple[int, int]:
        """Which file the path leads to."""
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _still_there(self) -> None:
        """JournalError where the file that is held is no longer the one of that name: nobody would find its records."""
        if self._is is None:
            return
        try:
            same = self._identity() == self._is
        except OSError:
            same = False
        if not same:
            raise JournalError(f"The journal {self.path} was deleted or replaced while a plan was applied.")

    @contextmanager
    def _trouble_named(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if "locked" in str(error):
                raise JournalError(
                    f"The journal {self.path} is locked: another process is applying a plan.",
                    advice="Nothing was sent from here. Wait for the other, look at the journal, then try again.",
                ) from error
            raise JournalError(f"The journal {self.path} cannot be used: {error}.") from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite ends a transaction itself where the disk is full.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _hash(before: str, row: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps([before, *row], ensure_ascii=False).encode()).hexdigest()
