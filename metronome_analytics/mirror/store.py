"""The mirror's storage: Delta tables by customer bucket, and one of them that says which versions belong together."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from metronome_analytics.errors import MirrorError, MirrorMismatch
from metronome_analytics.mirror.delta import create_table, open_table
from metronome_analytics.mirror.layout import PROGRESS, PROGRESS_TABLE, Layout, bucket_of
from metronome_analytics.mirror.lock import holding
from metronome_analytics.mirror.merge import Replacement
from metronome_analytics.mirror.snapshot import Snapshot, at_of
from metronome_analytics.mirror.storage import Place
from metronome_analytics.mirror.writer import BEGINS, MirrorWriter, WaitingFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from metronome_analytics.mirror.delta import LakeTable

__all__ = ["PROGRESS", "Layout", "MirrorWriter", "Replacement", "Snapshot", "Store", "WaitingFile"]

FORMAT = 1
"""Counts how mirrors are laid out; a mirror of a larger number is not opened."""


class Store:
    """A mirror on disk or in object storage. Made by `create`, `open` or `find`.

    What it holds becomes visible with one commit of the table `_progress`, which names the version of every other: a
    writer that dies before that commit has changed nothing that a reader of the mirror sees.
    """

    def __init__(self, place: Place, layouts: Sequence[Layout], progress: LakeTable) -> None:
        self._place = place
        self._layouts = {layout.name: layout for layout in layouts}
        self._progress = progress
        self._mutex = Lock()
        facts = _facts(progress)
        self.buckets: int = facts["buckets"]
        self.identity: Mapping[str, str] = facts["identity"]

    @classmethod
    def create(
        cls,
        uri: str | Path,
        layouts: Sequence[Layout],
        *,
        identity: Mapping[str, str],
        buckets: int,
        storage_options: Mapping[str, str] | None = None,
    ) -> Store:
        """A new mirror without a table, or the one that is there: then it keeps its own number of buckets.

        Raises MirrorMismatch where the one that is there has another identity.
        """
        place = Place(uri, storage_options)
        facts = json.dumps({"format": FORMAT, "buckets": buckets, "identity": dict(identity)}, sort_keys=True)
        store = cls(place, layouts, create_table(place, PROGRESS_TABLE, PROGRESS, facts, bucketed=False))
        store.check_identity(identity)
        return store

    @classmethod
    def find(
        cls, uri: str | Path, layouts: Sequence[Layout], *, storage_options: Mapping[str, str] | None = None
    ) -> Store | None:
        """The mirror at `uri`; None where there is none. Raises as `open`."""
        place = Place(uri, storage_options)
        progress = open_table(place, PROGRESS_TABLE)
        return None if progress is None else cls(place, layouts, progress)

    @classmethod
    def open(
        cls, uri: str | Path, layouts: Sequence[Layout], *, storage_options: Mapping[str, str] | None = None
    ) -> Store:
        """The mirror at `uri`. Raises MirrorError where there is none, or one of a newer format."""
        store = cls.find(uri, layouts, storage_options=storage_options)
        if store is None:
            raise MirrorError(f"There is no mirror at {Place(uri)}.", advice="Make one: account.sync(uri).")
        return store

    def check_identity(self, identity: Mapping[str, str]) -> None:
        """Raise MirrorMismatch unless the mirror is of this account: the same address and environment."""
        for what in sorted({*self.identity, *identity}):
            theirs, ours = self.identity.get(what, ""), identity.get(what, "")
            if theirs != ours:
                raise MirrorMismatch(
                    f"The mirror at {self._place} is of {what} {theirs!r}, this account's is {ours!r}.",
                    advice="Connect as the mirror was made, or sync to another place.",
                )

    @property
    def uri(self) -> str:
        """Where it is."""
        return self._place.uri

    @property
    def storage_options(self) -> Mapping[str, str] | None:
        """How it is reached; not for showing: there may be a secret in it."""
        return self._place.options

    def __repr__(self) -> str:
        return f"Store({self.uri!r})"

    def bucket_of(self, customer_ids: pl.Series) -> pl.Series:
        """The bucket of each customer (Int32): CRC-32 of its id in UTF-8, modulo `buckets`. Never changes."""
        return bucket_of(customer_ids, self.buckets)

    @contextmanager
    def writing(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[MirrorWriter]:
        """The right to write, for one at a time. Raises MirrorLocked, saying who has it.

        `now` is the clock of the commits, and in object storage of the lease.
        """
        with holding(self._place, now) as renew:
            progress = self._table()
            progress.extend(PROGRESS, bucketed=False)
            snapshot = Snapshot(self._place, self._layouts, progress)
            writer = MirrorWriter(
                self._place, self._layouts, snapshot, progress, buckets=self.buckets, now=now, renew=renew
            )
            try:
                yield writer
            finally:
                writer.close()

    def snapshot(self, when: int | datetime | None = None) -> Snapshot:
        """The mirror as it is now, at a version, or as it was at a time (UTC). Raises MirrorError for before it began.

        It stays as it is, whatever is written later.
        """
        with self._mutex:
            self._progress.refresh()
            newest = self._progress.version
            if when is None:
                return Snapshot(self._place, self._layouts, self._progress)
            begins = self._progress.mark(BEGINS) or 0
        version = when if isinstance(when, int) else self.version_at(when)
        if not isinstance(when, int) and version == 0:
            raise MirrorError(f"The mirror at {self._place} begins after {when:%Y-%m-%d %H:%M:%S} UTC.")
        if not 0 <= version <= newest:
            raise MirrorError(f"The mirror at {self._place} has no version {version}; the newest is {newest}.")
        if version < begins:
            raise MirrorError(
                f"The mirror at {self._place} begins at version {begins}: vacuum() removed what was before."
            )
        return Snapshot(self._place, self._layouts, self._table(version))

    def version_at(self, when: datetime) -> int:
        """The newest version that was there at `when`; 0 for before the first."""
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        low, high = 0, self._table().version
        while low < high:
            middle = (low + high + 1) // 2
            at = at_of(self._table(middle))
            low, high = (middle, high) if at is not None and at <= when else (low, middle - 1)
        return low

    def _table(self, version: int | None = None) -> LakeTable:
        """The progress, read anew."""
        table = open_table(self._place, PROGRESS_TABLE, version)
        if table is None:
            raise MirrorError(f"The mirror at {self._place} is gone.")
        return table


def _facts(progress: LakeTable) -> dict[str, Any]:
    """What the description of the progress says of the mirror."""
    try:
        facts = json.loads(progress.description)
        number = int(facts["format"])
    except (ValueError, KeyError, TypeError):
        raise MirrorError(f"{progress.uri} is no mirror's.", advice="Choose another place.") from None
    if number > FORMAT:
        raise MirrorError(
            f"The mirror at {progress.uri} was written by a newer version of metronome-analytics (format {number}; "
            f"this one reads {FORMAT}).",
            advice="Upgrade metronome-analytics.",
        )
    return {"buckets": int(facts["buckets"]), "identity": dict(facts["identity"])}
