"""What the files of one bucket are after fresh rows came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.mirror.delta import File, reaching

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from metronome_analytics.mirror.delta import Place
    from metronome_analytics.mirror.layout import Layout

# The files of a bucket are merged, the small ones first, when there are more than this.
_MOST_FILES = 8


@dataclass
class Fresh:
    """The parts written for a table and bucket take the place of these customers' rows.

    Their old rows go, except those that satisfy `keep`; of these too go those whose key is in the parts. In an
    account-level table `customers` means nothing: everything old goes, except `keep`.
    """

    customers: Collection[str]
    keep: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """`parts` come to the `old` files of a bucket, and what `fresh` says goes."""

    place: Place
    layout: Layout
    bucket: int
    old: Sequence[File]
    parts: Sequence[File]
    fresh: Fresh

    def files(self) -> list[File]:
        """The files of the bucket then.

        Old files that lose no row stay as they are, so that a commit costs what changes and not what is there; what
        the others keep is streamed to one new file.
        """
        left = self._left()
        whole = sorted((file for file in self.old if left[file.path] == file.rows), key=lambda file: file.size)
        again = [file for file in self.old if 0 < left[file.path] < file.rows]
        if len(whole) + len(self.parts) + bool(again) > _MOST_FILES:
            # As long as what is small weighs as much as the next larger file, so that no row is copied often.
            while whole and whole[0].size <= sum(file.size for file in (*again, *self.parts)):
                again.append(whole.pop(0))
        return [*whole, *self._copied(again, sum(left[file.path] for file in again)), *self.parts]

    def _copied(self, files: Sequence[File], count: int) -> list[File]:
        """The `count` rows that stay of `files`, in one new file."""
        if not count:
            return []
        rows = self._marked(files).filter(~pl.col("_goes")).select(list(self.layout.schema))
        path, size = self.place.write(rows, self.layout.name, self.bucket)
        return [File(path, size, count, self.bucket)]

    def _left(self) -> Mapping[str, int]:
        """How many rows of each old file stay."""
        everything_goes = self.layout.owner is None and self.fresh.keep is None
        left = dict.fromkeys((file.path for file in self.old), 0)
        if everything_goes or not self.old:
            return left
        root = f"{self.place}/{self.layout.name}/"
        counts = (
            self._marked(self.old, include_file_paths="_file")
            .group_by(pl.col("_file").str.strip_prefix(root))
            .agg((~pl.col("_goes")).sum())
        )
        with reaching("Reading", f"{root}bucket={self.bucket}"):
            return left | dict(counts.collect(engine="streaming").iter_rows())

    def _marked(self, files: Sequence[File], **how: str) -> pl.LazyFrame:
        """The rows of `files`, with `_goes`."""
        rows = self.place.scan(self.layout.name, files, self.layout.schema, **how)
        owner, keep = self.layout.owner, self.fresh.keep
        goes = pl.lit(value=True) if owner is None else pl.col(owner).is_in(list(self.fresh.customers))
        if keep is not None:
            key = list(self.layout.key)
            new = self.place.scan(self.layout.name, self.parts, self.layout.schema).select(key).unique()
            rows = rows.join(
                new.with_columns(_new=pl.lit(value=True)), on=key, how="left", nulls_equal=True, maintain_order="left"
            )
            goes &= ~keep.fill_null(value=False) | pl.col("_new").is_not_null()
        return rows.with_columns(_goes=goes.fill_null(value=False))
