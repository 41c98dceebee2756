"""The journal: every intent and outcome, append-only, each record bound to the one before it.

An SQLite file. A record is on disk before what it announces is done. A record's hash covers the record and the hash
before it, so a record that was changed, removed or slipped in later breaks the chain; only its end can be cut off
unseen, which is why whoever audits it keeps the number of records and the last hash. The API token is never in it.
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
    from collections.abc import Callable, Iterator
    from pathlib import Path

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

JOURNAL_SCHEMA: dict[str, Any] = {
    "seq": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "plan": pl.String,
    "entry": pl.Int64,
    "attempt": pl.Int64,
    "status": pl.String,
    "http_status": pl.Int64,
    "verified": pl.Boolean,
    "customer_id": pl.String,
    "balance_id": pl.String,
    "segment_id": pl.String,
    "credit_type_name": pl.String,
    "amount": pl.String,
    "reason": pl.String,
    "timestamp": pl.String,
    "environment": pl.String,
    "base_url": pl.String,
    "message": pl.String,
    "hash": pl.String,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """The journal at `path`. No call but `claimed` keeps the file open, and a killed process leaves nothing locked."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self._now = now
        self._held: sqlite3.Connection | None = None

    def write(self, kind: str, plan: str, entry: int, data: dict[str, Any]) -> None:
        """Append one record and put it on the disk before returning."""
        text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
        with self._opened(create=True) as db, self._trouble_named(), _transaction(db):
            last = db.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone() or (0, _FIRST)
            row = (last[0] + 1, self._now().isoformat(), kind, plan, entry, text)
            db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _hash(last[1], row)))

    def records(self) -> list[dict[str, Any]]:
        """Every record, oldest first, its data unpacked; JournalError where the chain is broken."""
        head = ("seq", "at", "kind", "plan", "entry")
        return [
            {
                **json.loads(row[5]),
                **dict(zip(head, row, strict=False)),
                "at": datetime.fromisoformat(row[1]),
                "hash": row[6],
            }
            for row in self._rows()
        ]

    def frame(self) -> pl.DataFrame:
        """Every record, oldest first, as a table."""
        rows = [{name: record.get(name) for name in JOURNAL_SCHEMA} for record in self.records()]
        return pl.DataFrame(rows, schema=JOURNAL_SCHEMA, orient="row")

    def verify(self) -> tuple[int, str]:
        """How many records there are, and the hash of the last; JournalError where the chain is broken."""
        rows = self._rows()
        return len(rows), rows[-1][6] if rows else _FIRST

    def export(self, path: Path) -> int:
        """Write every record for an auditor and return how many: a table if `path` ends in .csv, else JSON lines.

        A JSON line is the record as it is hashed: `hash` is SHA-256 of the JSON list of the hash before it (64 zeros
        before the first), `seq`, `at`, `kind`, `plan`, `entry` and `data`, non-ASCII characters as they are, UTF-8.
        """
        if path.exists():
            raise JournalError(f"{path} exists; an export overwrites nothing.", advice="Name a new file.")
        if path.suffix == ".csv":
            frame = self.frame()
            frame.write_csv(path)
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
            self._held = db
            try:
                yield
            finally:
                self._held = None

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
