"""What `reconcile` is told: a month, another system's file, and how its columns are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import polars as pl

from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

By = Literal["period", "issued"]
_SEPARATORS = (",", ";", "\t")


def month_start(text: str) -> datetime:
    """The first instant of a month written as 2026-10."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text.strip())
    if found is None or found[1] in {"0000", "9999"}:
        raise ArgumentError(f"month={text!r} is no month.", advice="Write it as 2026-10.")
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)


def month_end(start: datetime) -> datetime:
    """The first instant after the month that begins at `start`."""
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def of_month(invoices: pl.DataFrame, start: datetime, by: By) -> pl.DataFrame:
    """The invoices whose period starts in the month (without one: that are issued in it), or those issued in it."""
    at = pl.col("issued_at") if by == "issued" else pl.coalesce("start_timestamp", "issued_at")
    begin, end = (pl.lit(instant, pl.Datetime("us", "UTC")) for instant in (start, month_end(start)))
    return invoices.filter((at >= begin) & (at < end))


def read_external(path: Path) -> pl.DataFrame:
    """A CSV, all of it as text so that amounts stay exact, or a Parquet file."""
    kind = path.suffix.lower()
    if kind not in {".csv", ".tsv", ".txt", ".parquet"}:
        raise ArgumentError(f"external={str(path)!r} cannot be read.", advice="Save it as CSV or Parquet.")
    try:
        if kind == ".parquet":
            return pl.read_parquet(path)
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(_SEPARATORS, key=header.count)
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"external={str(path)!r} cannot be read: {error}.", advice="Save it as CSV in UTF-8, with a header."
        ) from error


def column_mapping(pairs: Sequence[str] | None) -> dict[str, str] | None:
    """`OURS=THEIRS` texts as a mapping; ArgumentError for one that is not."""
    mapping: dict[str, str] = {}
    for pair in pairs or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs) or ours in mapping:
            raise ArgumentError(
                f"map={pair!r} cannot be used.", advice="Write each column once, as --map amount='Amount due'."
            )
        mapping[ours.strip()] = theirs.strip()
    return mapping or None
