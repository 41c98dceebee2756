"""What the loads of an account cost, and what they met that no table holds. Both may be written from any thread."""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metronome_analytics.api.endpoints import Endpoint
    from metronome_analytics.api.request import Tally

logger = logging.getLogger("metronome_analytics")

# The receipts that are collected in this thread or task, see `ReceiptLog.collecting`.
_COLLECTING: ContextVar[list[Receipt] | None] = ContextVar("metronome_analytics_receipts", default=None)


@dataclass(slots=True)
class Receipt:
    """What one load came to: the columns of `tables.Receipts`, those of its tally nested."""

    endpoint: str
    tally: Tally
    filters: str
    started_at: datetime
    load_id: str = ""
    customers: int = 0
    unknown_fields: int = 0
    complete: bool = False
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """A row of `tables.Receipts`."""
        row = asdict(self)
        return {**row.pop("tally"), **row}


def _frame(receipts: list[Receipt]) -> pl.DataFrame:
    # Tables stand on dataframely and numpy, which are slow to import: not before there is one to fill.
    from metronome_analytics.tables import Receipts  # noqa: PLC0415  # as above

    return pl.DataFrame([receipt.row() for receipt in receipts], schema=Receipts.create_empty().schema, orient="row")


class Partial:
    """What a load that was interrupted had brought.

    `frame` has the rows that arrived whole, in the loader's own columns; `receipt` is the load's row of
    `account.receipts`.
    """

    def __init__(self, frame: pl.DataFrame, receipt: Receipt) -> None:
        self.frame = frame
        self.receipt = _frame([receipt])

    def __repr__(self) -> str:
        row = self.receipt.row(0, named=True)
        return f"Partial({row['endpoint']}: {self.frame.height:,} rows of {row['requests']:,} requests)"


class ReceiptLog:
    """One receipt per load, in the order in which they ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receipts: list[Receipt] = []

    @contextmanager
    def writing(self, endpoint: str, tally: Tally, filters: Mapping[str, object]) -> Iterator[Receipt]:
        """A receipt to fill in, written however the load ends; incomplete unless told otherwise."""
        given = {name: value for name, value in filters.items() if value is not None}
        receipt = Receipt(endpoint, tally, json.dumps(given, default=str), started_at=datetime.now(UTC))
        began = time.monotonic()
        try:
            yield receipt
        finally:
            receipt.seconds = time.monotonic() - began
            with self._lock:
                receipt.load_id = f"{len(self._receipts) + 1:04d}"
                self._receipts.append(receipt)
            own = _COLLECTING.get()
            if own is not None:
                own.append(receipt)

    @staticmethod
    @contextmanager
    def collecting() -> Iterator[list[Receipt]]:
        """The receipts of the loads that this thread makes meanwhile, whatever other threads load."""
        own: list[Receipt] = []
        token = _COLLECTING.set(own)
        try:
            yield own
        finally:
            _COLLECTING.reset(token)

    def all(self) -> list[Receipt]:
        """Every receipt so far."""
        with self._lock:
            return [*self._receipts]

    def in_words(self) -> str:
        """`3 loads, 1,200 requests, 4,000 rows so far`; nothing before the first load."""
        receipts = self.all()
        requests = sum(receipt.tally.requests for receipt in receipts)
        rows = sum(receipt.tally.rows for receipt in receipts)
        told = ", ".join((count(len(receipts), "load"), count(requests, "request"), count(rows, "row")))
        return f"{told} so far" if receipts else ""

    def frame(self) -> pl.DataFrame:
        """The columns of `tables.Receipts`."""
        return _frame(self.all())


class DriftLog:
    """Fields the API sent that no wire schema declares; each is reported once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], datetime] = {}

    def note(self, endpoint: Endpoint, fields: set[str]) -> None:
        """Remember `fields` of `endpoint`; log the new ones."""
        for name in sorted(fields):
            with self._lock:
                is_new = (endpoint.name, name) not in self._seen
                self._seen.setdefault((endpoint.name, name), datetime.now(UTC))
            if is_new:
                logger.warning("Metronome sends an undeclared field, which no table holds: %s %s", endpoint, name)

    def frame(self) -> pl.DataFrame:
        """The columns of `tables.Drift`."""
        from metronome_analytics.tables import Drift  # noqa: PLC0415  # as in `_frame`

        with self._lock:
            rows = [(endpoint, name, at) for (endpoint, name), at in self._seen.items()]
        return pl.DataFrame(rows, schema=Drift.create_empty().schema, orient="row")
