"""A mirror as one of its versions shows it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.errors import MirrorError
from metronome_analytics.mirror.columns import check_types, delta_schema
from metronome_analytics.mirror.delta import LakeTable, open_table
from metronome_analytics.mirror.layout import PROGRESS, PROGRESS_TABLE
from metronome_analytics.mirror.storage import File, Place, reaching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from metronome_analytics.mirror.layout import Layout

_KEY = ("table", "customer_id")


class Snapshot:
    """What a reader sees: every table at the version that one version of the progress names, whatever comes later."""

    def __init__(self, place: Place, layouts: Mapping[str, Layout], progress: LakeTable) -> None:
        self._place = place
        self._layouts = layouts
        self.uri = place.uri
        self._progress = progress.files()
        self._columns: dict[str, set[str]] = {}
        self._listed: dict[str, dict[int, list[File]]] = {}
        self.version: int = progress.version
        self.at: datetime | None = at_of(progress)
        self.pins: dict[str, int] = {name: pin for name in layouts if (pin := progress.mark(name)) is not None}
        """The Delta version of each table that has rows; the others were not written yet."""

    def scan(self, table: str, buckets: Collection[int] | None = None) -> pl.LazyFrame:
        """The rows of `table`, of `buckets` only if given: columns of its loader, in no order.

        Raises MirrorError where one of its files is gone or damaged as far as can be seen without reading it: whoever
        collects it would be told by polars, and not what to do. Damage within a file is polars' own error there, or
        other rows without an error: `problems` tells either.
        """
        files = self.listed(table, buckets)
        self.check(table, files)
        return self.read(table, files)

    def check(self, table: str, files: Collection[File]) -> None:
        """Raise MirrorError where one of some `files` of `table` is `damaged`, with the way out."""
        damaged = self.damaged(table, files)
        if damaged:
            raise MirrorError(
                f"{len(damaged):,} of the files of {table} in the mirror at {self._place} are gone or damaged: "
                f"{next(iter(damaged))}.",
                advice="account.sync(uri, full=True) reads again what they held; mirror.verify() says what is lost. "
                "What vacuum() removed is not shown any more.",
            )

    def damaged(self, table: str, files: Collection[File]) -> dict[str, str]:
        """What is wrong with some `files` of `table`, by path, as far as can be seen without reading them."""
        return self._place.damaged(table, files)

    def read(self, table: str, files: Iterable[File]) -> pl.LazyFrame:
        """The rows of some `files` of `table`, to be collected under `reaching`: here nothing is looked at."""
        return self._place.scan(table, files, self._layout(table).schema)

    def collect(self, table: str, *columns: pl.Expr, of: pl.Expr | None = None) -> pl.DataFrame:
        """The rows of `table` `of` which that holds, all columns unless some are named; every error is ours."""
        rows = self.scan(table) if of is None else self.scan(table).filter(of)
        with reaching("Reading", f"{self.uri}/{table}"):
            return rows.select(columns or pl.all()).collect()

    def sizes(self, table: str) -> dict[str, int]:
        """The files that lie in the folder of `table`, of this version or not: their sizes by path."""
        return self._place.sizes(table)

    def files(self, table: str) -> list[str]:
        """The Parquet files that hold `table`, for engines that do not read Delta Lake."""
        return [f"{self._place}/{table}/{file.path}" for file in self.listed(table)]

    def rows(self, table: str) -> int:
        """How many rows `table` has, without reading one."""
        return sum(file.rows for file in self.listed(table))

    def progress(self, *columns: str) -> pl.DataFrame:
        """The newest row of each table and customer, in no order: columns of `PROGRESS`, all unless some are named."""
        return self._newest_rows(columns) if columns else self._newest

    def listed(self, table: str, buckets: Collection[int] | None = None) -> list[File]:
        """The files of `table`, of `buckets` only if given, in the order of their buckets."""
        by_bucket = self.by_bucket(table)
        return [
            file for bucket in sorted(by_bucket if buckets is None else buckets) for file in by_bucket.get(bucket, ())
        ]

    def by_bucket(self, table: str) -> Mapping[int, list[File]]:
        """The files of `table` in each bucket that has some."""
        if table not in self._listed:
            self._listed[table] = by_bucket(self._pinned(table))
        return self._listed[table]

    def columns(self, table: str) -> set[str]:
        """The columns that `table` had then; the others of its layout came later, and are null."""
        self.by_bucket(table)
        return self._columns.get(table, set())

    def _layout(self, table: str) -> Layout:
        try:
            return self._layouts[table]
        except KeyError:
            raise MirrorError(f"The mirror has no table {table!r}; it has {', '.join(self._layouts)}.") from None

    def _pinned(self, table: str) -> list[File]:
        layout = self._layout(table)
        if table not in self.pins:
            return []
        found = open_table(self._place, table, self.pins[table])
        if found is None:
            raise MirrorError(
                f"The mirror at {self._place} has lost its table {table}.",
                advice="Restore the folder, or sync into a new place.",
            )
        check_types(found.schema, delta_schema(layout.schema, bucketed=True), found.uri)
        self._columns[table] = {field.name for field in found.schema.fields}
        return found.files()

    @cached_property
    def _newest(self) -> pl.DataFrame:
        return self._newest_rows(tuple(PROGRESS))

    def _newest_rows(self, columns: tuple[str, ...]) -> pl.DataFrame:
        with reaching("Reading", f"{self._place}/{PROGRESS_TABLE}"):
            return newest(progress_rows(self._place, self._progress)).select(columns).collect()


def progress_rows(place: Place, files: Iterable[File]) -> pl.LazyFrame:
    """The rows of the progress; null in the columns that an older version did not keep."""
    return place.scan(PROGRESS_TABLE, files, PROGRESS)


def newest(progress: pl.LazyFrame) -> pl.LazyFrame:
    """The last row of each table and customer."""
    return progress.filter(pl.col("commit") == pl.col("commit").max().over(_KEY))


def by_bucket(files: Iterable[File]) -> dict[int, list[File]]:
    """`files` in their buckets."""
    found: dict[int, list[File]] = {}
    for file in files:
        found.setdefault(file.bucket or 0, []).append(file)
    return found


def at_of(progress: LakeTable) -> datetime | None:
    """When the version of `progress` was committed; None before the first."""
    micros = progress.mark("at")
    return None if micros is None else pl.Series([micros]).cast(pl.Datetime("us", "UTC")).item()
