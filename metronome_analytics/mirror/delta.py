"""Delta Lake, as the mirror needs it: the one file that knows deltalake, and the one that reaches the storage."""

from __future__ import annotations

import json
import re
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import polars as pl

from metronome_analytics.errors import MirrorError, MirrorLocked
from metronome_analytics.extras import missing

try:
    from deltalake import CommitProperties, DeltaTable, Schema, Transaction
    from deltalake._internal import DeltaFileSystemHandler  # only it writes a stream to wherever Delta Lake can
    from deltalake.exceptions import DeltaError, TableNotFoundError
    from deltalake.transaction import AddAction, RemoveAction
except ImportError as error:
    raise missing("lake", "deltalake") from error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

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

# Of a row group, which is held in memory as a whole: an invoice may nest thousands of lines.
_ROW_GROUP_BYTES = 16 * 1024 * 1024
_ROW_GROUP_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of a table: its path in there, its size in bytes and its rows."""

    path: str
    size: int
    rows: int
    bucket: int | None = None

    @property
    def partition(self) -> dict[str, str | None]:
        """The partition it is of, as Delta Lake writes it."""
        return {} if self.bucket is None else {"bucket": str(self.bucket)}


@contextmanager
def reaching(what: str, uri: str) -> Iterator[None]:
    """Turn whatever the storage, Delta Lake or polars raises into a MirrorError that says where."""
    try:
        yield
    except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
        raise MirrorError(
            f"{what} {uri} failed: {_reason(error)}.",
            advice="The mirror still shows its last finished commit; put that right and sync again.",
        ) from error


def _reason(error: Exception) -> str:
    """One line of what went wrong, without colours and without the queries of addresses, which may hold a signature."""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error)).split())
    return re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", text).rstrip(".") or type(error).__name__


class Place:
    """A folder, here or in object storage, that holds Delta tables."""

    def __init__(self, uri: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        text = str(uri).removeprefix("file://")
        self.is_local = "://" not in text
        self.uri = str(Path(text).expanduser().absolute()) if self.is_local else text.rstrip("/")
        self.options = None if storage_options is None else dict(storage_options)
        self._handlers: dict[str, DeltaFileSystemHandler] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return Place, (self.uri, self.options)

    def __str__(self) -> str:
        return self.uri

    def table(self, name: str, version: int | None = None) -> Table | None:
        """The table `name`, as it stands or as of `version`; None where there is none."""
        uri = f"{self.uri}/{name}"
        if self.is_local and not Path(uri, "_delta_log").is_dir():
            return None
        try:
            with reaching("Reading", uri):
                return Table(self, name, DeltaTable(uri, version=version, storage_options=self.options))
        except MirrorError as error:
            if isinstance(error.__cause__, TableNotFoundError):
                return None
            raise

    def create(self, name: str, schema: Mapping[str, pl.DataType], description: str, *, bucketed: bool = True) -> Table:
        """The table `name`, made empty unless it is there."""
        uri = f"{self.uri}/{name}"
        if self.is_local:
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
                    storage_options=self.options,
                )
        except MirrorError:
            # Perhaps another was quicker.
            found = self.table(name)
            if found is None:
                raise
            return found
        return Table(self, name, made)

    def write(self, rows: Iterable[pl.DataFrame], table: str, bucket: int | None) -> tuple[str, int]:
        """Stream `rows`, all of one schema, to a new file of `table` that no reader knows of: its path and size."""
        path = f"{uuid.uuid4()}.parquet" if bucket is None else f"bucket={bucket}/{uuid.uuid4()}.parquet"
        where = f"{self.uri}/{table}/{path}"
        frames = iter(rows)
        with reaching("Writing", where):
            first = next(frames)
            stream = pl.io.plugins.register_io_source(partial(_answer, chain([first], frames)), schema=first.schema)
            try:
                if self.is_local:
                    stream.sink_parquet(where, mkdir=True, row_group_size=rows_of_a_group(first))
                    return path, Path(where).stat().st_size
                target = _Counted(self._handler(table).open_output_stream(path))
                stream.sink_parquet(cast("IO[bytes]", target), row_group_size=rows_of_a_group(first))
                target.close()
            except BaseException:
                self.delete(table, path)
                raise
            return path, target.size

    def delete(self, table: str, path: str) -> None:
        """Remove a file that no commit names, if it can be done: nobody ever reads it."""
        try:
            if self.is_local:
                Path(self.uri, table, path).unlink(missing_ok=True)
            else:
                self._handler(table).delete_file(path)
        except (OSError, DeltaError):
            return

    def scan(self, table: str, files: Iterable[File], schema: Mapping[str, pl.DataType], **how: Any) -> pl.LazyFrame:
        """`files` as one LazyFrame of `schema`."""
        uris = [f"{self.uri}/{table}/{file.path}" for file in files]
        if not uris:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            uris, schema=schema, hive_partitioning=False, glob=False, storage_options=self.options, **how
        )

    def _handler(self, table: str) -> DeltaFileSystemHandler:
        if table not in self._handlers:
            self._handlers[table] = DeltaFileSystemHandler(f"{self.uri}/{table}", self.options)
        return self._handlers[table]


def rows_of_a_group(rows: pl.DataFrame) -> int:
    """How many rows like `rows` go to a row group."""
    each = rows.estimated_size() / max(rows.height, 1)
    return int(min(max(_ROW_GROUP_BYTES / max(each, 1.0), 1), _ROW_GROUP_ROWS))


def _answer(
    frames: Iterable[pl.DataFrame], columns: list[str] | None, predicate: pl.Expr | None, *_: int | None
) -> Iterator[pl.DataFrame]:
    """`frames` as polars asks for them; of a stream that is written whole it asks for all."""
    for frame in frames:
        wanted = frame if columns is None else frame.select(columns)
        yield wanted if predicate is None else wanted.filter(predicate)


class _Counted:
    """A stream that knows how much went through it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = 0

    def write(self, data: bytes) -> int:
        self._stream.write(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: the storage takes it in parts of its own."""

    def close(self) -> None:
        self._stream.close()


class Table:
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

    def refresh(self) -> None:
        """Read what was committed since."""
        with reaching("Reading", self.uri):
            self._table.update_incremental()

    def extend(self, schema: Mapping[str, pl.DataType]) -> None:
        """Give an unpartitioned table the columns of `schema` that it lacks."""
        there = {field.name for field in self.schema.fields}
        missing = [field for field in delta_schema(schema, bucketed=False).fields if field.name not in there]
        if missing:
            with reaching("Writing", self.uri):
                self._table.alter.add_columns(missing)
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


def delta_schema(schema: Mapping[str, pl.DataType], *, bucketed: bool) -> Schema:
    """`schema` as Delta Lake has it, with the bucket a row is filed under if it is `bucketed`."""
    from arro3.core import Table as ArrowTable  # noqa: PLC0415  # comes with deltalake

    empty = pl.DataFrame(schema=dict(schema) | ({"bucket": pl.Int32()} if bucketed else {}))
    return Schema.from_arrow(ArrowTable.from_arrow(empty).schema)
