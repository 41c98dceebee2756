"""Whether a mirror is whole: its files against the log of its tables, and its rows against what was noted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.errors import MirrorError
from metronome_analytics.mirror import digests
from metronome_analytics.mirror.mirrored import LOST, MIRRORED, facts_of
from metronome_analytics.mirror.storage import reaching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from metronome_analytics.mirror.snapshot import Snapshot
    from metronome_analytics.mirror.storage import File

PROBLEMS: dict[str, pl.DataType] = {
    "table": pl.String(),
    "bucket": pl.Int32(),
    "customer_id": pl.String(),
    "path": pl.String(),
    "problem": pl.String(),
}


def problems(snapshot: Snapshot, *, contents: bool) -> pl.DataFrame:
    """What is wrong with the files of `snapshot`, and with `contents` also with the rows in them: `PROBLEMS`.

    `problem` is "missing", "size differs", "unreadable", "rows differ" (from the digest noted when they were read; then
    `customer_id` says whose, and `path` is null) or "table unreadable".
    """
    found = [row for table in snapshot.pins for row in _of_table(snapshot, table, contents=contents)]
    return pl.DataFrame(found, schema=PROBLEMS, orient="row")


def _of_table(snapshot: Snapshot, table: str, *, contents: bool) -> Iterator[tuple[object, ...]]:
    try:
        by_bucket = snapshot.by_bucket(table)
        damaged = snapshot.damaged(table, snapshot.listed(table))
    except MirrorError:
        yield table, None, None, None, "table unreadable"
        return
    for bucket, files in sorted(by_bucket.items()):
        found = [(table, bucket, None, file.path, damaged[file.path]) for file in files if file.path in damaged]
        yield from found
        if contents and not found:
            yield from _of_rows(snapshot, table, bucket, files)


def _of_rows(snapshot: Snapshot, table: str, bucket: int, files: list[File]) -> Iterator[tuple[object, ...]]:
    """Customers whose rows are not those that were noted, and files that cannot be read."""
    frames = []
    for file in files:
        try:
            with reaching("Reading", f"{snapshot.uri}/{table}/{file.path}"):
                frames.append(snapshot.read(table, [file]).collect(engine="streaming"))
        except MirrorError:
            yield table, bucket, None, file.path, "unreadable"
            return
    mirrored = MIRRORED.get(table)
    if mirrored is None or table == "customers" or snapshot.at is None:
        return
    rows = pl.concat(frames).rechunk()
    there = {
        facts["customer_id"]: digests.digest(mirrored.columns, facts["rows"], facts["hash"])
        for facts in facts_of(mirrored, rows, snapshot.at).to_dicts()
    }
    none = digests.digest(mirrored.columns, 0, 0)
    noted = snapshot.progress("table", "customer_id", "bucket", "status", "digest").filter(
        pl.col("table") == table, pl.col("bucket") == bucket, pl.col("status") == "complete"
    )
    for customer_id, noted_digest in noted.select("customer_id", "digest").drop_nulls("digest").iter_rows():
        is_comparable = digests.is_comparable(noted_digest, mirrored.columns)
        if is_comparable and noted_digest != there.get(customer_id, none):
            yield table, bucket, customer_id, None, "rows differ"


def lost(snapshot: Snapshot, found: pl.DataFrame) -> tuple[dict[str, dict[int, set[str]]], pl.DataFrame]:
    """What is to be dropped from a mirror with the problems `found`, and the progress of those to be read again.

    By table and bucket the files that are gone or damaged (None for a whole table), and rows of the progress with the
    status of what is lost.
    """
    progress = snapshot.progress()
    files: dict[str, dict[int, set[str]]] = {}
    rows: list[pl.DataFrame] = []
    for (table,), problems_of in found.partition_by("table", as_dict=True).items():
        name = str(table)
        of_table = progress.filter(pl.col("table") == name, pl.col("status").is_in(["complete", LOST]))
        whole = problems_of["bucket"].null_count() > 0
        paths = problems_of.drop_nulls("path")
        by_bucket = paths.group_by("bucket").agg("path")
        if whole:
            files[name] = {}
        elif paths.height:
            files[name] = {bucket: set(gone) for bucket, gone in by_bucket.iter_rows()}
        if name == "customers":
            continue  # the list of customers is read every time
        in_buckets = pl.col("bucket").is_in(paths["bucket"].unique().to_list())
        differing = pl.col("customer_id").is_in(problems_of["customer_id"].drop_nulls().to_list())
        rows.append(of_table if whole else of_table.filter(in_buckets | differing))
    return files, _as_lost(pl.concat([progress.clear(), *rows]))


def _as_lost(progress: pl.DataFrame) -> pl.DataFrame:
    """Rows of the progress as those of what is no longer there."""
    keep: Collection[str] = ("table", "customer_id", "bucket", "read_at", "updated_at", "archived_at", "full_requests")
    return progress.select(keep).with_columns(status=pl.lit(LOST), sync_id=pl.lit(""))
