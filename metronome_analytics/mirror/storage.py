"""Where a mirror's files are, here or in object storage: written, read, listed and removed; every error is ours."""

from __future__ import annotations

import os
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import polars as pl

from metronome_analytics.errors import ArgumentError, MirrorError
from metronome_analytics.mirror.lake import DeltaError, DeltaFileSystemHandler

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

# Of a row group, which is held in memory as a whole: an invoice may nest thousands of lines.
_ROW_GROUP_BYTES = 16 * 1024 * 1024
_ROW_GROUP_ROWS = 32_768

# At either end of a Parquet file.
_MAGIC = b"PAR1"

# What a scan does about files that have fewer columns or more.
_CARRIED_OVER: Mapping[str, Any] = {
    "missing_columns": "insert",
    "extra_columns": "ignore",
    "cast_options": pl.ScanCastOptions(missing_struct_fields="insert", extra_struct_fields="ignore"),
}


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
    """Turn whatever the storage, Delta Lake or polars raises into a MirrorError that says where.

    Over some damage within a file polars panics, which is no Exception.
    """
    try:
        yield
    except (OSError, DeltaError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise MirrorError(
            f"{what} {uri} failed: {_reason(error)}.",
            advice="Put that right and sync again. mirror.verify() says what is lost of a mirror; "
            "account.sync(uri, full=True) reads it again.",
        ) from error


def _reason(error: BaseException) -> str:
    """One line of what went wrong, without colours and without the queries of addresses, which may hold a signature."""
    text = " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error)).split())
    return re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", text).rstrip(".") or type(error).__name__


class Place:
    """A folder, here or in object storage, that holds Delta tables."""

    def __init__(self, uri: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        text = str(uri).removeprefix("file://")
        self.is_local = "://" not in text
        self.uri = str(Path(text).expanduser().absolute()) if self.is_local else text.rstrip("/")
        if self.is_local and re.search(r"%[0-9a-fA-F]{2}", self.uri):
            # It writes to the folder, and looks for what it wrote where %20 is a space.
            raise ArgumentError(
                f"Delta Lake cannot keep tables in {self.uri}: it reads the percent sign as an escape.",
                advice="Choose a folder without one.",
            )
        self.options = None if storage_options is None else dict(storage_options)
        self._handlers: dict[str, DeltaFileSystemHandler] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return Place, (self.uri, self.options)

    def __str__(self) -> str:
        return self.uri

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

    def read(self, table: str, path: str) -> bytes:
        """What is in a file of `table`."""
        with reaching("Reading", f"{self.uri}/{table}/{path}"):
            if self.is_local:
                return Path(self.uri, table, path).read_bytes()
            file = self._handler(table).open_input_file(path)
            return bytes(file.read(file.size()))

    def damaged(self, table: str, files: Collection[File]) -> dict[str, str]:
        """What is wrong with those of `files` that are not as they were written, by path, as far as is seen from out.

        "missing", "size differs" or, on a disk, "unreadable": no Parquet at either end. In object storage it takes a
        listing, a request for each thousand files, and only the sizes are compared: nothing is cut short there.
        """
        if not files:
            return {}
        if self.is_local:
            told = ((file.path, _damage(Path(self.uri, table, file.path), file.size)) for file in files)
        else:
            folders = {file.path.rpartition("/")[0] for file in files}
            there = self.sizes(table, *folders) if len(folders) == 1 else self.sizes(table)
            told = ((file.path, _difference(there.get(file.path), file.size)) for file in files)
        return {path: damage for path, damage in told if damage is not None}

    def sizes(self, table: str, within: str = "") -> dict[str, int]:
        """The files in the folder of `table`, or `within` a part of it, but for its log: their sizes by path."""
        with reaching("Listing", f"{self.uri}/{table}"):
            if self.is_local:
                folder = Path(self.uri, table)
                paths = (folder / within).rglob("*.parquet")
                found = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
            else:
                # Of a folder it tells a size of None.
                infos = self._handler(table).get_file_info_selector(within, allow_not_found=True, recursive=True)
                found = {info.path: info.size for info in infos if info.size is not None}
        return {path: size for path, size in found.items() if not path.startswith("_delta_log/")}

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
        """`files`, whatever version wrote them, as one LazyFrame of `schema`."""
        uris = [f"{self.uri}/{table}/{file.path}" for file in files]
        if not uris:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            uris,
            schema=schema,
            hive_partitioning=False,
            glob=False,
            storage_options=self.options,
            **_CARRIED_OVER,
            **how,
        )

    def _handler(self, table: str) -> DeltaFileSystemHandler:
        if table not in self._handlers:
            self._handlers[table] = DeltaFileSystemHandler(f"{self.uri}/{table}", self.options)
        return self._handlers[table]


def _damage(path: Path, size: int) -> str | None:
    """What is wrong with a file on this disk that was written with `size` bytes, both its ends included."""
    try:
        with path.open("rb") as file:
            differs = _difference(os.fstat(file.fileno()).st_size, size)
            if differs:
                return differs
            begins = file.read(len(_MAGIC))
            file.seek(-len(_MAGIC), os.SEEK_END)
            return None if begins == file.read() == _MAGIC else "unreadable"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def _difference(there: int | None, size: int) -> str | None:
    """What the size of a file that is there, None for one that is not, says of one that was written with `size`."""
    if there is None:
        return "missing"
    return None if there == size else "size differs"


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
