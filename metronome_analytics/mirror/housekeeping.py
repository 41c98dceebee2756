"""Keeping a mirror small: files that nothing shows any more are removed, and small ones put together."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.errors import ArgumentError
from metronome_analytics.mirror.layout import PROGRESS, PROGRESS_TABLE
from metronome_analytics.mirror.merge import Replacement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.mirror.layout import Layout
    from metronome_analytics.mirror.store import Store

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "w": "weeks"}
_REMOVED: dict[str, pl.DataType] = {"table": pl.String(), "files": pl.Int64(), "bytes": pl.Int64()}


def vacuum(store: Store, keep: str | timedelta) -> pl.DataFrame:
    """Remove what no version of the last `keep` shows; see `Mirror.vacuum`."""
    since = datetime.now(UTC) - _window(keep)
    with store.writing() as writer:
        first = store.version_at(since)
        oldest = store.snapshot(first)
        # From here on the mirror begins there: who asks for more is told so before a file is looked for.
        writer.begin_at(first)
        pins = {**dict.fromkeys(store.snapshot().pins), **oldest.pins, PROGRESS_TABLE: first}
        removed = []
        for table, pin in pins.items():
            shown = writer.shown_since(table, pin)
            gone = {path: size for path, size in oldest.sizes(table).items() if path not in shown}
            for path in gone:
                writer.remove(table, path)
            removed.append((table, len(gone), sum(gone.values())))
    return pl.DataFrame(removed, schema=_REMOVED, orient="row")


def optimize(store: Store, layouts: Sequence[Layout]) -> None:
    """Put the small files of each bucket together; see `Mirror.optimize`."""
    with store.writing() as writer:
        snapshot = store.snapshot()
        for layout in layouts:
            by_bucket = snapshot.by_bucket(layout.name) if layout.name in snapshot.pins else {}
            many = [bucket for bucket, files in by_bucket.items() if len(files) > 1]
            if many:
                nobody = {bucket: Replacement((), keep=pl.lit(value=True), together=True) for bucket in many}
                writer.commit({layout.name: nobody}, pl.DataFrame(schema=PROGRESS))


def _window(keep: str | timedelta) -> timedelta:
    if isinstance(keep, str) and (found := re.fullmatch(r"(\d+)\s*([dhmw])", keep.strip())):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    if isinstance(keep, timedelta) and keep >= timedelta():
        return keep
    raise ArgumentError(f'keep must be like "90d", "12h" or a timedelta that is not negative, not {keep!r}.')
