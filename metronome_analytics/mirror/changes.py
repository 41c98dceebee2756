"""What changed between two versions of a mirror."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.mirror.storage import reaching
from metronome_analytics.tables.money import digits_of
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from metronome_analytics.mirror.layout import Layout
    from metronome_analytics.mirror.snapshot import Snapshot
    from metronome_analytics.mirror.storage import File

CHANGES: dict[str, pl.DataType] = {
    "table": pl.String(),
    "customer_id": pl.String(),
    "key": pl.String(),
    "change": pl.String(),
    "column": pl.String(),
    "before": pl.String(),
    "after": pl.String(),
}

# Compared at a time, on either side: rows, and bytes of their files. Customers have few of either, and a comparison has
# a price of its own.
_ROWS = 20_000
_BYTES = 16 * 1024 * 1024


def changes(before: Snapshot, after: Snapshot, layouts: Sequence[Layout]) -> pl.DataFrame:
    """What became of the rows of `before` in `after`, by key and column: columns of `CHANGES`.

    `change` is "added" or "removed" (one line for the row, without `column`, `before` and `after`), "changed" (a line
    for each column that differs), or "voided": the line of an invoice's `status` that became VOID. `key` is the text
    of the key; a JSON object where the key has several columns. `before` and `after` are exact: amounts without
    trailing zeros, instants in ISO 8601, nested values as JSON. A column
    that the table did not have yet says nothing. Only files that are not in both are read.
    """
    found = [frame for layout in layouts for frame in _of_table(before, after, layout)]
    order = pl.Enum([layout.name for layout in layouts])
    return (
        pl.concat([pl.DataFrame(schema=CHANGES), *found])
        .sort(pl.col("table").cast(order), "customer_id", "key", maintain_order=True)
        .select(list(CHANGES))
    )


def _of_table(before: Snapshot, after: Snapshot, layout: Layout) -> Iterator[pl.DataFrame]:
    later = set(layout.schema) - before.columns(layout.name)
    differing = list(_differing(before.by_bucket(layout.name), after.by_bucket(layout.name)))
    # All at once: in object storage each look is a listing.
    before.check(layout.name, [file for old, _ in differing for file in old])
    after.check(layout.name, [file for _, new in differing for file in new])
    for old, new in differing:
        parts = 1 + max(sum(file.rows for file in side) for side in (old, new)) // _ROWS
        for part in range(parts):
            yield _compared(
                layout, later, _rows(before, layout, old, part, parts), _rows(after, layout, new, part, parts)
            )


def _differing(
    then: Mapping[int, Sequence[File]], now: Mapping[int, Sequence[File]]
) -> Iterator[tuple[list[File], list[File]]]:
    """The files that are not in both, of as many buckets at a time as may be compared at once."""
    old: list[File] = []
    new: list[File] = []
    for bucket in sorted({*then, *now}):
        both = set(then.get(bucket, ())) & set(now.get(bucket, ()))
        gone, came = ([file for file in side.get(bucket, ()) if file not in both] for side in (then, now))
        if _is_much([*old, *gone]) or _is_much([*new, *came]):
            if old or new:
                yield old, new
            old, new = [], []
        old += gone
        new += came
    if old or new:
        yield old, new


def _is_much(files: Sequence[File]) -> bool:
    return sum(file.rows for file in files) > _ROWS or sum(file.size for file in files) > _BYTES


def _rows(snapshot: Snapshot, layout: Layout, files: Sequence[File], part: int, parts: int) -> pl.DataFrame:
    """One of `parts` parts of the rows of `files`, by their keys."""
    with reaching("Reading", f"{snapshot.uri}/{layout.name}"):
        rows = snapshot.read(layout.name, files)
        if parts > 1:
            rows = rows.filter(pl.struct(layout.key).hash() % parts == part)
        # In one chunk: polars 2.1 panics over nested maps that are gathered from several chunks where all are null.
        return rows.collect(engine="streaming").rechunk()


def _compared(layout: Layout, later: Collection[str], old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    key = list(layout.key)
    lines = [
        _lines(layout, new.join(old, on=key, how="anti", nulls_equal=True), "added"),
        _lines(layout, old.join(new, on=key, how="anti", nulls_equal=True), "removed"),
    ]
    old = old.rename({name: f"{name}:before" for name in layout.schema if name not in layout.key})
    both = new.join(old, on=key, nulls_equal=True)
    differs = both.select(
        pl.col(name).ne_missing(pl.col(f"{name}:before"))
        for name in layout.schema
        if name not in layout.key and name not in later
    )
    for name in differs.columns:
        if not differs[name].any():
            continue
        differing = both.filter(differs[name])
        texts = [
            pl.Series(side, [_text(value) for value in differing[column].to_list()], dtype=pl.String)
            for side, column in (("before", f"{name}:before"), ("after", name))
        ]
        found = _lines(layout, differing, "changed").with_columns(pl.lit(name).alias("column"), *texts)
        # A map has no order, which polars minds and JSON with sorted keys does not.
        lines.append(found.filter(pl.col("before").ne_missing(pl.col("after"))))
    return pl.concat(lines).with_columns(
        change=pl.when(table="invoices", column="status", after=InvoiceStatus.VOID)
        .then(pl.lit("voided"))
        .otherwise("change")
    )


def _lines(layout: Layout, rows: pl.DataFrame, change: str) -> pl.DataFrame:
    """A line for each of `rows`."""
    many = len(layout.key) > 1
    keys = [_text(row if many else row[layout.key[0]]) for row in rows.select(layout.key).iter_rows(named=True)]
    owner = pl.lit(None, pl.String) if layout.owner is None else pl.col(layout.owner)
    none = [pl.lit(None, pl.String).alias(name) for name in ("column", "before", "after")]
    return rows.select(
        table=pl.repeat(layout.name, pl.len()),
        customer_id=owner,
        key=pl.Series(keys, dtype=pl.String),
        change=pl.lit(change),
    ).with_columns(none)


def _text(value: Any) -> str | None:
    """`value` as text that says all of it."""
    if value is None or isinstance(value, str):
        return value
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return digits_of(value)
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | pl.Series():
            return [_plain(each) for each in value]
        case _:
            return value
