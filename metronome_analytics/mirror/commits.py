"""What was read of customers for a mirror, on its way into the store: written as files, then shown with one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.loaders.load import whole
from metronome_analytics.mirror.layout import PROGRESS
from metronome_analytics.mirror.mirrored import facts_of, row_facts
from metronome_analytics.mirror.readings import batches
from metronome_analytics.mirror.rules import NEWEST, WHOLE
from metronome_analytics.mirror.storage import reaching
from metronome_analytics.mirror.store import Replacement
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from metronome_analytics.mirror.readings import Batch, CustomerReading, TableReading
    from metronome_analytics.mirror.store import MirrorWriter, WaitingFile


class Committer:
    """Writes what a sync has read. `write` may be called from many threads, the others from one at a time."""

    def __init__(self, writer: MirrorWriter, *, sync_id: str, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._sync_id = sync_id
        self._now = now

    def write_all(self, waiting: Sequence[Batch]) -> None:
        """Bring `waiting` to disk."""
        for batch in waiting:
            self.write(batch)

    def write(self, batch: Batch) -> list[WaitingFile]:
        """Bring `batch` to disk as its table; not the rows of those whose are in the mirror as they are."""
        table = batch.readings[0][1].table
        shaped = [TABLES[table.name].shape(whole(batch.pages))] if batch.pages else []
        rows = pl.concat([*shaped, *(derived.select(list(table.layout.schema)) for derived in batch.derived)])
        of = {customer.customer_id: reading for customer, reading in batch.readings}
        self._renew_digests(batch.bucket, of)
        read_at = min(customer.read_at for customer, _ in batch.readings if customer.read_at)
        for facts in facts_of(table, rows, read_at).to_dicts():
            of[facts["customer_id"]].add(facts)
        if table.owner is not None:
            same = [id_ for id_, reading in of.items() if not reading.replaces]
            rows = rows.filter(~pl.col(table.owner).is_in(same)) if same else rows
        elif not batch.readings[0][1].replaces:
            rows = rows.clear()
        return [self._writer.write(table.name, batch.bucket, rows)] if rows.height else []

    def held(self, customer: CustomerReading, reading: TableReading) -> pl.DataFrame:
        """What the mirror holds of a table of a customer, as `mirrored.row_facts`."""
        rows = self._held(reading, customer.bucket, [customer.customer_id])
        return row_facts(reading.table, rows, customer.read_at or self._now())

    def discard(self, customer: CustomerReading) -> None:
        """Let go of what was read of a customer that was not read whole."""
        for reading in customer.tables:
            reading.release()
            while reading.files:
                self._writer.discard(reading.files.pop())

    def commit(self, waiting: Mapping[int, Sequence[CustomerReading]]) -> None:
        """Make whole customers visible, and note how all were read."""
        self.write_all(batches(waiting))
        for bucket, customers in waiting.items():
            # Those without a row came by no batch.
            for of in _by_table(customers).values():
                self._renew_digests(bucket, of)
        everyone = [each for customers in waiting.values() for each in customers if not each.given_up]
        rows = [self._progress_row(customer, reading) for customer in everyone for reading in customer.tables]
        changed: dict[str, dict[int, list[tuple[str, TableReading]]]] = {}
        for customer in everyone:
            for reading in customer.tables if customer.is_whole else ():
                if reading.replaces:
                    here = changed.setdefault(reading.table.name, {}).setdefault(customer.bucket, [])
                    here.append((customer.customer_id or "", reading))
        changes = {
            table: {bucket: _replacement(readings) for bucket, readings in buckets.items()}
            for table, buckets in changed.items()
        }
        self._writer.commit(changes, pl.DataFrame(rows, schema=PROGRESS))

    # --- against what is there -------------------------------------------------------------------------------------

    def _renew_digests(self, bucket: int, of: Mapping[str | None, TableReading]) -> None:
        """Digests that another version made are made again, of the rows that the mirror holds."""
        stale = {id_: reading for id_, reading in of.items() if reading.is_stale}
        if not stale:
            return
        one = next(iter(stale.values()))
        found = facts_of(one.table, self._held(one, bucket, stale), self._now())
        there = {facts["customer_id"]: facts for facts in found.to_dicts()}
        for id_, reading in stale.items():
            facts = there.get(id_, {"rows": 0, "hash": 0})
            reading.renew(facts["rows"], facts["hash"])

    def _held(self, reading: TableReading, bucket: int, customers: Iterable[str | None]) -> pl.DataFrame:
        """The rows that the mirror holds of `customers`."""
        table = reading.table
        rows = self._writer.rows(table.name, bucket)
        if table.owner is not None:
            rows = rows.filter(pl.col(table.owner).is_in(list(customers)))
        with reaching("Reading", f"{self._writer.uri}/{table.name}"):
            return rows.collect(engine="streaming").rechunk()

    # --- the progress ----------------------------------------------------------------------------------------------

    def _progress_row(self, customer: CustomerReading, reading: TableReading) -> dict[str, object]:
        """A row of the progress; of what failed that, and when it was read before."""
        row: dict[str, object] = {
            "table": reading.table.name,
            "customer_id": customer.customer_id,
            "bucket": customer.bucket,
            "sync_id": self._sync_id,
            "reason": reading.reason,
            "requests": reading.requests,
            **{name: reading.then.get(name) for name in ("full_at", "full_requests", "usage_anchor", "usage_digest")},
        }
        if customer.error is not None:
            return row | {
                "status": "failed",
                "error": str(customer.error),
                "failed_since": reading.then.get("failed_since") or customer.read_at,
                "read_at": reading.then.get("read_at"),
                "rows": reading.then.get("rows"),
                "digest": reading.known,
            }
        if reading.way == WHOLE:
            row |= {"full_at": customer.read_at, "full_requests": reading.requests}
        return row | {
            "status": "complete",
            "read_at": customer.read_at,
            "rows": reading.then.get("rows") if reading.stays else reading.rows,
            "digest": reading.digest,
            "changed": reading.changed,
            "next_date": reading.next_date,
            "open": reading.open,
            "open_since": reading.open_since,
            "follows": reading.follows,
            **customer.facts,
        }


def _by_table(customers: Iterable[CustomerReading]) -> dict[str, dict[str | None, TableReading]]:
    """What was read of these customers, table by table."""
    found: dict[str, dict[str | None, TableReading]] = {}
    for customer in customers:
        for reading in customer.tables if customer.is_whole else ():
            found.setdefault(reading.table.name, {})[customer.customer_id] = reading
    return found


def _replacement(readings: Sequence[tuple[str, TableReading]]) -> Replacement:
    """The new rows of these customers take the place of their old ones, or of those since a time or of the same key."""
    keep = None
    for id_, reading in readings:
        if reading.table.owner is None:
            continue
        stays = pl.col(reading.table.owner) == id_
        if reading.since is not None and reading.table.by_window is not None:
            stays &= pl.col(reading.table.by_window) < reading.since
        elif reading.way != NEWEST:
            continue
        keep = stays if keep is None else keep | stays
    return Replacement({id_ for id_, _ in readings}, keep)
