"""The journal: every intent and outcome, append-only, each record bound to the one before it.

An SQLite file. A record is on disk before what it announces is done. A record's hash covers the record and the hash
before it, so a record that was changed, removed or slipped in later breaks the chain. The journal holds no token.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIRST = "0" * 64

_TABLES = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    plan TEXT NOT NULL,
    entry INTEGER NOT NULL,
    data TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""

JOURNAL_SCHEMA: dict[str, Any] = {
    "seq": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "plan": pl.String,
    "entry": pl.Int64,
    "status": pl.String,
    "http_status": pl.Int64,
    "customer_id": pl.String,
    "balance_id": pl.String,
    "segment_id": pl.String,
    "credit_type_name": pl.String,
    "amount": pl.String,
    "reason": pl.String,
    "environment": pl.String,
    "base_url": pl.String,
    "message": pl.String,
    "hash": pl.String,
}


class Journal:
    """The journal at `path`. Every call opens and closes the file, so a killed process leaves nothing locked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, plan: str, entry: int, data: dict[str, Any]) -> None:
        """Append one record and put it on the disk before returning."""
        at, text = datetime.now(UTC).isoformat(), json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            last = db.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone() or (0, _FIRST)
            row = (last[0] + 1, at, kind, plan, entry, text)
            db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _hash(last[1], row)))
            db.execute("COMMIT")

    def records(self) -> list[dict[str, Any]]:
        """Every record, oldest first, its data unpacked; JournalError where the chain is broken."""
        if not self.path.exists():
            return []
        with self._open() as db:
            rows = db.execute("SELECT seq, at, kind, plan, entry, data, hash FROM records ORDER BY seq").fetchall()
        before = _FIRST
        found = []
        for number, (*row, stamp) in enumerate(rows, start=1):
            if row[0] != number or stamp != _hash(before, tuple(row)):
                raise JournalError(
                    f"The journal {self.path} was changed: record {number} does not follow from the one before it.",
                    advice="Keep the file for whoever audits it, and name another by METRONOME_ANALYTICS_JOURNAL.",
                )
            before = stamp
            head = dict(zip(("seq", "at", "kind", "plan", "entry"), row, strict=False))
            found.append({**json.loads(row[5]), **head, "at": datetime.fromisoformat(row[1]), "hash": stamp})
        return found

    def frame(self) -> pl.DataFrame:
        """Every record, oldest first, as a table."""
        rows = [{name: record.get(name) for name in JOURNAL_SCHEMA} for record in self.records()]
        return pl.DataFrame(rows, schema=JOURNAL_SCHEMA, orient="row")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the journal for one apply; another that tries meanwhile gets JournalError. Freed if we are killed."""
        path = self.path.with_name(self.path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error
        with closing(lock):
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                if "locked" not in str(error):
                    raise self._trouble(error) from error
                raise JournalError(
                    "Another process is applying a plan.", advice="Wait for it, look at the journal, then apply again."
                ) from error
            yield

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as db:
                # FULL: a commit returns when the record is on the disk, not when the kernel has it.
                db.execute("PRAGMA synchronous=FULL")
                db.executescript(_TABLES)
                yield db
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> JournalError:
        return JournalError(f"The journal {self.path} cannot be used: {error}.")


def _hash(before: str, row: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps([before, *row], ensure_ascii=False).encode()).hexdigest()
