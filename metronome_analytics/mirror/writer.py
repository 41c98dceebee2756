"""Writing a mirror: files first, then one commit for each table, then the one that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.errors import ArgumentError, MirrorError, MirrorLocked
from metronome_analytics.mirror.delta import create_table, open_table
from metronome_analytics.mirror.layout import PROGRESS, PROGRESS_TABLE, bucket_of
from metronome_analytics.mirror.merge import Merge
from metronome_analytics.mirror.snapshot import by_bucket, newest, progress_rows
from metronome_analytics.mirror.storage import File, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.mirror.delta import LakeTable
    from metronome_analytics.mirror.layout import Layout
    from metronome_analytics.mirror.merge import Replacement
    from metronome_analytics.mirror.snapshot import Snapshot
    from metronome_analytics.mirror.storage import Place

# The progress is rewritten as its newest rows when it has more files than this.
_PROGRESS_FILES = 100


BEGINS = "begins"
"""The mark that says which version is the oldest that can be read."""


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that waits for its commit."""

    table: str
    bucket: int
    file: File


class MirrorWriter:
    """The one who may write a mirror now. `part` may be called from many threads, `commit` from one at a time."""

    def __init__(
        self,
        place: Place,
        layouts: Mapping[str, Layout],
        snapshot: Snapshot,
        progress: LakeTable,
        *,
        buckets: int,
        now: Callable[[], datetime],
        renew: Callable[[], None],
    ) -> None:
        self._place = place
        self._layouts = layouts
        self._snapshot = snapshot
        self._progress = progress
        self._buckets = buckets
        self._now = now
        self._renew = renew
        self._version = snapshot.version
        self._at = snapshot.at
        self._pins = dict(snapshot.pins)
        self._held: dict[str, dict[int, list[File]]] = {}
        self._tables: dict[str, LakeTable] = {}
        self._waiting: dict[tuple[str, int], list[File]] = {}
        self._attempt: File | None = None
        self._marks: dict[str, int] = {}
        self._named: set[str] = set()
        self._mutex = Lock()

    def make(self, tables: Iterable[str]) -> None:
        """Let `tables` be there, empty at least: other engines know no table that has no rows yet."""
        for name in tables:
            self._table(name)

    @property
    def uri(self) -> str:
        """The mirror's place."""
        return self._place.uri

    def rows(self, table: str, bucket: int) -> pl.LazyFrame:
        """What the commits so far show of `table` in `bucket`."""
        return self._place.scan(table, self._files(table).get(bucket, ()), self._layouts[table].schema)

    def write(self, table: str, bucket: int, rows: pl.DataFrame) -> WaitingFile:
        """Write `rows` now to a file that the next commit of this table and bucket shows."""
        layout = self._layouts[table]
        if rows.schema != pl.Schema(layout.schema):
            raise ArgumentError(f"rows for {table} have other columns than its loader: {rows.schema}.")
        of = [0] if layout.owner is None else bucket_of(rows[layout.owner].unique(), self._buckets)
        if not {bucket}.issuperset(of):
            raise ArgumentError(f"rows for {table} do not belong in bucket {bucket}.")
        self._renew()
        part = WaitingFile(table, bucket, self._write_file(table, bucket, rows))
        with self._mutex:
            self._waiting.setdefault((table, bucket), []).append(part.file)
        return part

    def discard(self, part: WaitingFile) -> None:
        """Forget a part that was not committed."""
        with self._mutex:
            self._waiting[part.table, part.bucket].remove(part.file)
        self._forget(part.table, part.file)

    def close(self) -> None:
        """Forget every part that was not committed."""
        for (table, _), files in self._waiting.items():
            for file in files:
                self._forget(table, file)
        self._waiting.clear()

    def _forget(self, table: str, file: File) -> None:
        # What a commit that came to nothing named stays: other engines may see that commit until the next one.
        if file.path not in self._named:
            self._place.delete(table, file.path)

    def commit(self, changes: Mapping[str, Mapping[int, Replacement]], progress: pl.DataFrame) -> int:
        """Show what was written for `changes`, and `progress` (columns of `PROGRESS`, some or all): the new version.

        All of it is shown, or nothing where an error is raised; the parts then wait for the next commit. Parts of a
        table and bucket that `changes` does not name go on waiting. Where the storage does not even answer whether the
        commit is there, the next one tells, by an error if it is.
        """
        self._renew()
        self._progress.refresh()
        if self._progress.version != self._version:
            raise self._overtaken()
        pins = dict(self._pins)
        held = {}
        for table, buckets in changes.items():
            held[table] = self._files(table) | {
                bucket: self._replaced(self._layouts[table], bucket, fresh) for bucket, fresh in buckets.items()
            }
            pins[table] = self._commit_table(table, held[table])
        self._renew()
        self._commit_progress(progress, pins)
        self._pins = pins
        self._held |= held
        with self._mutex:
            for table, buckets in changes.items():
                for bucket in buckets:
                    # What came in from another thread meanwhile still waits.
                    shown = set(held[table][bucket])
                    left = [file for file in self._waiting.pop((table, bucket), []) if file not in shown]
                    if left:
                        self._waiting[table, bucket] = left
        return self._version

    def drop(self, lost: Mapping[str, Mapping[int, Collection[str]]], progress: pl.DataFrame) -> int:
        """Show the tables of `lost` without these files, all that are not there of one without any: the new version.

        `progress` tells whose rows they held.
        """
        self._renew()
        for table, buckets in lost.items():
            held = by_bucket(self._table(table).files()) if not buckets else self._files(table)
            self._held[table] = {
                bucket: [file for file in files if file.path not in buckets.get(bucket, ())]
                for bucket, files in held.items()
            }
            # Whatever the log shows now, it is made to show these.
            self._pins.pop(table, None)
        return self.commit({table: {} for table in lost}, progress)

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def begin_at(self, version: int) -> None:
        """From now on the mirror shows nothing that is older than `version`."""
        if version > (self._progress.mark(BEGINS) or 0):
            self._marks[BEGINS] = version
            self.commit({}, pl.DataFrame(schema=PROGRESS))

    def shown_since(self, table: str, version: int | None) -> set[str]:
        """The files that `table` had at `version`, and all that came to it later; all there ever were for None."""
        now = open_table(self._place, table)
        then = None if version is None else open_table(self._place, table, version)
        if now is None:
            return set()
        ends = {file.path for table_then in (then, now) if table_then is not None for file in table_then.files()}
        return ends | now.added_since(version)

    def remove(self, table: str, path: str) -> None:
        """Delete a file that nothing shows."""
        self._renew()
        self._place.delete(table, path)

    def _overtaken(self) -> MirrorError:
        if self._attempt in self._progress.files():
            # A commit that ended in an error: to repeat it would replace with nothing what it has shown.
            return MirrorError(
                f"The last commit to the mirror at {self._place} is there after all, only its answer was lost.",
                advice="Sync again: it continues from there.",
            )
        return MirrorLocked(f"Another sync wrote to the mirror at {self._place}, so this one stopped.")

    # --- tables -----------------------------------------------------------------------------------------------------

    def _files(self, table: str) -> dict[int, list[File]]:
        if table not in self._held:
            self._held[table] = dict(self._snapshot.by_bucket(table))
        return self._held[table]

    def _table(self, name: str) -> LakeTable:
        if name not in self._tables:
            layout = self._layouts[name]
            table = open_table(self._place, name) or create_table(self._place, name, layout.schema, describe(layout))
            table.extend(layout.schema, bucketed=True)
            self._tables[name] = table
        return self._tables[name]

    def _commit_table(self, name: str, wanted: Mapping[int, Sequence[File]]) -> int:
        """Let `wanted` be the files of table `name`, whatever a writer that died left there: its version then."""
        table = self._table(name)
        table.refresh()
        is_ours = table.version == self._pins.get(name)
        there = self._held[name] if is_ours else by_bucket(table.files())
        buckets = [bucket for bucket in {*there, *wanted} if there.get(bucket) is not wanted.get(bucket)]
        old = {file.path: file for bucket in buckets for file in there.get(bucket, ())}
        new = {file.path: file for bucket in buckets for file in wanted.get(bucket, ())}
        adds = [file for path, file in new.items() if path not in old]
        removes = [file for path, file in old.items() if path not in new]
        self._named.update(file.path for file in adds)
        if adds or removes:
            table.commit(adds, removes)
        return table.version

    def _replaced(self, layout: Layout, bucket: int, fresh: Replacement) -> list[File]:
        with self._mutex:
            parts = list(self._waiting.get((layout.name, bucket), ()))
        return Merge(self._place, layout, bucket, self._files(layout.name).get(bucket, ()), parts, fresh).files()

    def _write_file(self, table: str, bucket: int | None, rows: pl.DataFrame) -> File:
        path, size = self._place.write([rows], table, bucket)
        return File(path, size, rows.height, bucket)

    # --- the progress -----------------------------------------------------------------------------------------------

    def _commit_progress(self, progress: pl.DataFrame, pins: Mapping[str, int]) -> None:
        """The commit that makes all the others visible."""
        at = max(filter(None, (self._at, self._now())))
        version = self._version + 1
        unknown = [name for name in progress.columns if name not in PROGRESS]
        if unknown:
            raise ArgumentError(f"progress has columns that the mirror does not keep: {', '.join(unknown)}.")
        rows = (
            progress.with_columns(
                pl.lit(None, kind).alias(name) for name, kind in PROGRESS.items() if name not in progress.columns
            )
            .select(pl.col(name).cast(kind) for name, kind in PROGRESS.items())
            .unique(["table", "customer_id"], keep="last", maintain_order=True)
            .with_columns(
                pl.col("table").replace_strict(pins, default=None, return_dtype=pl.Int64).alias("version"),
                commit=pl.lit(version, pl.Int64),
                at=pl.lit(at, PROGRESS["at"]),
            )
        )
        old = self._progress.files()
        if len(old) < _PROGRESS_FILES:
            old = []
        else:
            with reaching("Reading", self._progress.uri):
                rows = newest(pl.concat([progress_rows(self._place, old), rows.lazy()])).collect()
        marks = {**pins, **self._marks, "at": pl.Series([at]).dt.epoch("us").item()}
        self._attempt = self._write_file(PROGRESS_TABLE, None, rows)
        self._progress.commit([self._attempt], old, marks)
        self._attempt = None
        self._version = version
        self._at = at


def describe(layout: Layout) -> str:
    """What stands in the metadata of a table, for whoever finds it."""
    return (
        f"{layout.name} of a Metronome account, one row per {', '.join(layout.key)}. Do not write here: it is synced."
    )
