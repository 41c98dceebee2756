"""Delta tables, as the mirror needs them: their files, their columns, and commits that see each other."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import polars as pl

from metronome_analytics.errors import MirrorError, MirrorLocked
from metronome_analytics.mirror.columns import check_types, delta_schema, lacking
from metronome_analytics.mirror.lake import (
    AddAction,
    CommitProperties,
    DeltaTable,
    RemoveAction,
    TableNotFoundError,
    Transaction,
)
from metronome_analytics.mirror.storage import File, reaching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from metronome_analytics.mirror.lake import Schema
    from metronome_analytics.mirror.storage import Place

# Every commit carries this mark, so that Delta Lake itself refuses the second of two that saw the same version.
_FENCE = "metronome-analytics"

_CONFIGURATION = {
    # Reading a version means reading the log since the checkpoint before it.
    "delta.checkpointInterval": "20",
    # The log is the mirror's history: `as_of` needs all of it.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    # What somebody's VACUUM leaves to `as_of`.
    "delta.deletedFileRetentionDuration": "interval 30 days",
}


def open_table(place: Place, name: str, version: int | None = None) -> LakeTable | None:
    """The table `name`, as it stands or as of `version`; None where there is none."""
    uri = f"{place.uri}/{name}"
    if place.is_local and not Path(uri, "_delta_log").is_dir():
        return None
    try:
        with reaching("Reading", uri):
            return LakeTable(place, name, DeltaTable(uri, version=version, storage_options=place.options))
    except MirrorError as error:
        if isinstance(error.__cause__, TableNotFoundError):
            return None
        raise


def create_table(
    place: Place, name: str, schema: Mapping[str, pl.DataType], description: str, *, bucketed: bool = True
) -> LakeTable:
    """The table `name`, made empty unless it is there."""
    uri = f"{place.uri}/{name}"
    if place.is_local:
        with reaching("Writing", uri):
            Path(uri).mkdir(parents=True, exist_ok=True)
    try:
        with reaching("Writing", uri):
            made = DeltaTable.create(
                uri,
                schema=delta_schema(schema, bucketed=bucketed),
                partition_by=["bucket"] if bucketed else [],
                description=description,
                configuration=_CONFIGURATION,
                storage_options=place.options,
            )
    except MirrorError:
        # Perhaps another was quicker.
        found = open_table(place, name)
        if found is None:
            raise
        return found
    return LakeTable(place, name, made)


def set_damaged_log_aside(place: Place) -> None:
    """Go back to the commit before, where the newest one of a table was cut short, as on a disk that failed.

    Only on a disk: in object storage a file is there whole or not at all.
    """
    for log in Path(place.uri).glob("*/_delta_log") if place.is_local else ():
        newest = max(log.glob("[0-9]*.json"), default=None)
        if newest is None or int(newest.stem) == 0:
            continue
        with reaching("Reading", str(newest)):
            try:
                for line in newest.read_text(encoding="utf-8").splitlines() or [""]:
                    json.loads(line)
            except ValueError:
                newest.rename(log.parent / f"_damaged-{newest.name}")


class LakeTable:
    """One Delta table, as of the version that was read last."""

    def __init__(self, place: Place, name: str, table: DeltaTable) -> None:
        self._place = place
        self._table = table
        self.name = name
        self.uri = f"{place}/{name}"

    @property
    def version(self) -> int:
        """The version read last."""
        return self._table.version()

    @property
    def description(self) -> str:
        """What stands in the table's own metadata."""
        return self._table.metadata().description or ""

    @property
    def schema(self) -> Schema:
        """Its columns."""
        return self._table.schema()

    def mark(self, name: str) -> int | None:
        """What the commits so far said last of `name`."""
        return self._table.transaction_version(name)

    def files(self) -> list[File]:
        """Its files, in no order."""
        with reaching("Reading", self.uri):
            found = pl.DataFrame(self._table.get_add_actions(flatten=True))
        bucket = "partition.bucket"
        return [
            File(path, size, rows or 0, number)
            for path, size, rows, number in found.select(
                "path",
                "size_bytes",
                "num_records",
                pl.col(bucket).cast(pl.Int32) if bucket in found.columns else pl.lit(None, pl.Int32).alias(bucket),
            ).rows()
        ]

    def added_since(self, version: int | None) -> set[str]:
        """The paths of the files that any commit after `version` added; any at all for None."""
        added = set()
        for number in range(0 if version is None else version + 1, self.version + 1):
            log = self._place.read(self.name, f"_delta_log/{number:020}.json")
            actions = (json.loads(line) for line in log.splitlines() if line)
            added |= {unquote(action["add"]["path"]) for action in actions if "add" in action}
        return added

    def refresh(self) -> None:
        """Read what was committed since."""
        with reaching("Reading", self.uri):
            self._table.update_incremental()

    def extend(self, schema: Mapping[str, pl.DataType], *, bucketed: bool) -> None:
        """Give the table the columns of `schema` that it lacks. Raises MirrorMismatch for one of another type."""
        wanted = delta_schema(schema, bucketed=bucketed)
        check_types(self.schema, wanted, self.uri)
        missing = lacking(self.schema, wanted)
        if missing is not None:
            with reaching("Writing", self.uri):
                self._table.alter.add_columns(missing.fields)
                self._table.update_incremental()

    def commit(self, adds: Collection[File], removes: Collection[File], marks: Mapping[str, int] | None = None) -> None:
        """Let `adds` take the place of `removes` in one commit that follows the version read last.

        Raises MirrorLocked when somebody else's commit came in between.
        """
        follows = self.version + 1
        try:
            with reaching("Committing to", self.uri):
                self._write(adds, removes, {_FENCE: follows, **(marks or {})})
                self._table.update_incremental()
        except MirrorError as error:
            if not self._is_done(adds, removes, follows):
                raise self._refused(error, follows) from error

    def _write(self, adds: Iterable[File], removes: Iterable[File], marks: Mapping[str, int]) -> None:
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(file.path, file.size, file.partition, now, data_change=True, stats=_stats(file)) for file in adds
        ]
        actions += [RemoveAction(file.path, True, now, file.size, file.partition) for file in removes]
        self._table.create_write_transaction(
            actions,
            "append",
            self._table.schema(),
            self._table.metadata().partition_columns,
            commit_properties=CommitProperties(
                max_commit_retries=1,
                app_transactions=[Transaction(name, value, now) for name, value in marks.items()],
            ),
        )

    def _is_done(self, adds: Collection[File], removes: Collection[File], follows: int) -> bool:
        """Whether the commit is there all the same: an answer can be lost on its way."""
        try:
            self.refresh()
            paths = {file.path for file in self.files()} if self.version >= follows else set()
        except MirrorError:
            return False
        return bool(adds) and paths >= {f.path for f in adds} and paths.isdisjoint(f.path for f in removes)

    def _refused(self, error: MirrorError, follows: int) -> MirrorError:
        if self.version < follows:
            return error
        return MirrorLocked(f"Another sync wrote to {self.uri} at the same time, so this one stopped.")


def _stats(file: File) -> str:
    return json.dumps({"numRecords": file.rows})
