"""A folder of files. A file has its final name only when it is whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl


def writable(path: Path, argument: str = "--out") -> None:
    """Raise ArgumentError, naming `argument`, unless a file can be written at `path`; nothing stays of the trial."""
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.open("ab").close()
        else:
            path.touch()
            path.unlink()
    except OSError as error:
        why = error.strerror or str(error)
        named = path if path.is_dir() else path.parent
        raise ArgumentError(f"{argument} {str(named)!r} cannot be written to: {why}.") from error
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


class Folder:
    """Writes into `path`, which is made when there is something to write; remembers what it wrote."""

    def __init__(self, path: Path, *, argument: str = "--out") -> None:
        self.path = path
        self._argument = argument
        self.rows: dict[str, int] = {}
        """Each table written, and its rows, in the order of writing."""

    def try_out(self) -> None:
        """Write a file and take it away again, before hours are spent on what goes here; else ArgumentError."""
        writable(self.path / f".{os.getpid()}.partial", self._argument)

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Write `frame` as `<name>.parquet`; an older file of that name stays until the new one is whole."""
        self.drawn(f"{name}.parquet", frame.write_parquet)
        self.rows[name] = frame.height

    def drawn(self, filename: str, write: Callable[[Path], object]) -> Path:
        """The file `filename`, as `write` writes it to the path it is given."""
        with self._whole(self.path / filename) as partial:
            write(partial)
        return self.path / filename

    @contextmanager
    def all_or_nothing(self) -> Iterator[Path]:
        """A folder beside this one: its files come here when the block ends, all of them, or none if it fails.

        A file of another run that has the name of one of them is replaced; any other file stays.
        """
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(dir=self.path, prefix=".", suffix=".partial"))
        try:
            yield beside
            for file in sorted(beside.rglob("*")):
                place = self.path / file.relative_to(beside)
                if file.is_dir():
                    place.mkdir(exist_ok=True)
                else:
                    file.replace(place)
        except BaseException:
            rmtree(beside, ignore_errors=True)
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            raise
        rmtree(beside)

    def older(self, name: str) -> bool:
        """Whether a file of the table `name` is there that this run did not write."""
        return name not in self.rows and (self.path / f"{name}.parquet").exists()

    @property
    def size(self) -> int:
        """Bytes of the tables written."""
        return sum((self.path / f"{name}.parquet").stat().st_size for name in self.rows)

    @contextmanager
    def _whole(self, path: Path) -> Iterator[Path]:
        """A path beside `path` that takes its name at the end; gone if the block fails."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
