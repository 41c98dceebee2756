"""What the files of one bucket are after fresh rows came in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.mirror.storage import File, reaching, rows_of_a_group

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from metronome_analytics.mirror.layout import Layout
    from metronome_analytics.mirror.storage import Place

# The files of a bucket are merged, the small ones first, when there are more than this.
_MOST_FILES = 8

# Read of a file before it is known how large its rows are.
_FIRST_ROWS = 64


@dataclass
class Replacement:
    """The parts written for a table and bucket take the place of these customers' rows.

    Their old rows go, except those that satisfy `keep`; of these too go those whose key is in the parts. In an
    account-level table `customers` means nothing: everything old goes, except `keep`.
    """

    customers: Collection[str]
    keep: pl.Expr | None = None
    together: bool = False  # all the files in one


@dataclass(frozen=True)
class Merge:
    """`parts` come to the `old` files of a bucket, and what `fresh` says goes."""

    place: Place
    layout: Layout
    bucket: int
    old: Sequence[File]
    parts: Sequence[File]
    fresh: Replacement

    def files(self) -> list[File]:
        """The files of the bucket then.

        Old files that lose no row stay as they are, so that a commit costs what changes and not what is there; what
        the others keep is streamed to one new file.
        """
        left = self._left()
        whole = sorted((file for file in self.old if left[file.path] == file.rows), key=lambda file: file.size)
        again = [file for file in self.old if 0 < left[file.path] < file.rows]
        if self.fresh.together:
            whole, again = [], [*again, *whole]
        elif len(whole) + len(self.parts) + bool(again) > _MOST_FILES:
            # As long as what is small weighs as much as the next larger file, so that no row is copied often.
            while whole and whole[0].size <= sum(file.size for file in (*again, *self.parts)):
                again.append(whole.pop(0))
        return [*whole, *self._copied(again, sum(left[file.path] for file in again)), *self.parts]

    def _copied(self, files: Sequence[File], count: int) -> list[File]:
        """The `count` rows that stay of `files`, in one new file."""
        if not count:
            return []
        path, size = self.place.write(self._staying(files), self.layout.name, self.bucket)
        return [File(path, size, count, self.bucket)]

    def _staying(self, files: Sequence[File]) -> Iterator[pl.DataFrame]:
        """The rows that stay, some at a time: never more than about a row group is held."""
        step = _FIRST_ROWS
        for file in files:
            rows = self._scan([file])
            start = 0
            while start < file.rows:
                stay = rows.slice(start, step).filter(~self._goes).collect()
                start += step
                if stay.height:
                    step = rows_of_a_group(stay)
                    yield stay

    def _left(self) -> Mapping[str, int]:
        """How many rows of each old file stay."""
        everything_goes = self.layout.owner is None and self.fresh.keep is None
        left = dict.fromkeys((file.path for file in self.old), 0)
        if everything_goes or not self.old:
            return left
        path = pl.col("_file").str.strip_prefix(f"{self.place}/{self.layout.name}/")
        counts = self._scan(self.old, include_file_paths="_file").group_by(path).agg((~self._goes).sum())
        with self._reading():
            return left | dict(counts.collect(engine="streaming").iter_rows())

    @cached_property
    def _goes(self) -> pl.Expr:
        """Whether an old row goes."""
        owner, keep = self.layout.owner, self.fresh.keep
        goes = pl.lit(value=True) if owner is None else pl.col(owner).is_in(list(self.fresh.customers))
        if keep is not None:
            key = pl.struct(self.layout.key)
            with self._reading():
                new = self._scan(self.parts).select(key).collect().to_series()
            goes &= ~keep.fill_null(value=False) | key.is_in(new.implode())
        return goes.fill_null(value=False)

    def _scan(self, files: Sequence[File], **how: str) -> pl.LazyFrame:
        return self.place.scan(self.layout.name, files, self.layout.schema, **how)

    def _reading(self) -> AbstractContextManager[None]:
        return reaching("Reading", f"{self.place}/{self.layout.name}/bucket={self.bucket}")
