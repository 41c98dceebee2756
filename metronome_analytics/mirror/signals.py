"""What an account says of itself at the start of a sync, in a few requests: its customers, its audit log, its usage.

A signal saves reading. Where it cannot be had (no right, an error, no request left) more is read instead, and the
mirror says why: a saving device is no reason to stop.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.arguments import midnight, rfc3339
from metronome_analytics.errors import (
    AuthenticationError,
    MalformedResponse,
    PaginationError,
    RateLimitedError,
    RequestRejected,
    ServerError,
    TransportError,
)
from metronome_analytics.loaders.base import bounds, request_for
from metronome_analytics.loaders.load import Load, whole
from metronome_analytics.mirror import rules
from metronome_analytics.mirror.layout import PROGRESS
from metronome_analytics.mirror.state import note
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from metronome_analytics.api.request import Request
    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.loaders.load import Chunk
    from metronome_analytics.mirror.store import Snapshot

AUDIT_LOG, USAGE = "audit_logs", "usage"

_UNREADABLE = (
    *(AuthenticationError, RequestRejected, RateLimitedError, ServerError, TransportError, MalformedResponse),
    PaginationError,
)

# Entries may come late and clocks differ: the log is read again from so long before the time it was read to.
_OVERLAP = timedelta(hours=1)

# The tables that may hold what the log names, by a word in its type. What has no such word (an alert, a user, a
# product) is no customer's.
_MAY_HOLD = (
    ("contract", ("contracts",)),
    ("commit", ("balances",)),
    ("balance", ("balances",)),
    ("invoice", ("invoices",)),
    ("credit", ("balances",)),
    ("plan", ("invoices", "costs")),
)
# Rows of usage in a page, where none was seen.
_PAGE = 50
_METRICS = 3


class _TooDearError(Exception):
    """The requests allowed for a signal are spent."""


@dataclass
class SignalReader:
    """Reads the signals for one sync, and counts what they cost.

    `spent`: requests by signal. `notes`: what the progress is to keep of each, for the next sync.
    """

    loaders: AllLoaders
    now: Callable[[], datetime]
    max_requests: int | None
    spent: dict[str, int] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    _events: pl.DataFrame = field(default_factory=pl.DataFrame)

    def listing(self) -> pl.DataFrame:
        """Every customer, archived ones too."""
        with self.loaders.session.receipts.collecting() as receipts:
            try:
                both = [self.loaders.customers(only_archived=archived) for archived in (False, True)]
            finally:
                self.spent["customers"] = sum(receipt.tally.requests for receipt in receipts)
        return pl.concat(both).unique("id", keep="first", maintain_order=True)

    def left(self) -> int | None:
        """The requests that may still be sent; None for any number."""
        return None if self.max_requests is None else max(self.max_requests - sum(self.spent.values()), 0)

    def read(self, listing: pl.DataFrame, snapshot: Snapshot | None, *, open_every: timedelta) -> rules.Signals:
        """What changed since the last sync, as far as a few requests can tell."""
        progress = pl.DataFrame(schema=PROGRESS) if snapshot is None else snapshot.progress()
        before = {name: _note(progress, name) for name in (AUDIT_LOG, USAGE)}
        signals = self._usage(rules.Signals(listing), progress, before[USAGE], open_every)
        return self._audit_log(signals, progress, before[AUDIT_LOG], snapshot)

    # --- the audit log ---------------------------------------------------------------------------------------------

    def _audit_log(
        self, signals: rules.Signals, progress: pl.DataFrame, before: Mapping[str, Any], snapshot: Snapshot | None
    ) -> rules.Signals:
        start = self.now()
        self.notes[AUDIT_LOG] = {"read_to": start.isoformat(), "seen": []}
        of_customers = pl.col("customer_id").is_not_null() & (pl.col("table") != "customers")
        first_read = progress.filter(of_customers)["read_at"].min()
        if snapshot is None or not isinstance(first_read, datetime):
            return signals
        read_to = datetime.fromisoformat(before["read_to"]) if "read_to" in before else first_read
        request = request_for(AUDIT_LOG, query={"starting_on": rfc3339(read_to - _OVERLAP), "sort": "date_asc"})
        try:
            events = self._ask(AUDIT_LOG, request)
        except (*_UNREADABLE, _TooDearError) as error:
            return self._without(signals, AUDIT_LOG, error, before)
        late = (start - _OVERLAP) if before else start
        self.notes[AUDIT_LOG]["seen"] = events.filter(pl.col("timestamp") >= late)["id"].to_list()
        # What comes late happened after the log was read, as far as this mirror is concerned.
        self._events = events.filter(~pl.col("id").is_in(before.get("seen", []))).with_columns(
            pl.max_horizontal("timestamp", pl.lit(read_to, PROGRESS["read_at"]))
        )
        return self.attributed(signals, snapshot)

    def attributed(self, signals: rules.Signals, snapshot: Snapshot) -> rules.Signals:
        """`signals` with the customers whose own the audit log names, and where the rest may be found."""
        if self._events.is_empty():
            return signals
        events = self._events.select("timestamp", "resource_id", "resource_type")
        owners = [signals.listing.select(resource_id="id", customer_id="id")]
        rest = events.filter(~pl.col("resource_id").is_in(signals.listing["id"].implode()))
        if rest.height:
            ids = rest["resource_id"].drop_nulls().unique().implode()
            for table in ("contracts", "invoices", "balances"):
                owner = pl.col("id").alias("resource_id"), pl.col("customer_id")
                held = snapshot.collect(table, *owner, of=pl.col("id").is_in(ids))
                owners.append(held)
        of = pl.concat(owners).unique()
        named = events.join(of, on="resource_id").group_by("customer_id").agg(named_at=pl.col("timestamp").max())
        unknown: dict[str, datetime] = {}
        for kind, at in events.join(of, on="resource_id", how="anti").select("resource_type", "timestamp").iter_rows():
            for table in _may_hold(kind):
                unknown[table] = max(at, unknown.get(table, at))
        return replace(
            signals,
            named=named.select(pl.col(name).cast(kind) for name, kind in rules.NAMED.items()),
            unknown=unknown,
        )

    # --- the usage -------------------------------------------------------------------------------------------------

    def _usage(
        self, signals: rules.Signals, progress: pl.DataFrame, before: Mapping[str, Any], open_every: timedelta
    ) -> rules.Signals:
        anchors = self._anchors(progress)
        cost = before.get("requests_a_window")
        expected = len(anchors) * (cost if cost is not None else signals.listing.height * _METRICS // _PAGE + 1)
        self.notes[USAGE] = dict(before)
        # Before most customers were read once, what is read now is worth to be compared the next time.
        known = progress.filter(pl.col("table").is_in(["invoices", "balances"]))["customer_id"].n_unique()
        is_kept_up = known * 10 > signals.listing.height * 9
        if cost is not None and is_kept_up and expected > rules.saved_by_usage(progress, self.now(), open_every):
            self.notes[USAGE]["skipped"] = f"{expected:,} requests are more than it can save"
            return replace(signals, anchors=anchors)
        left = self.left()
        try:
            _allow(expected, left)
            digests = pl.concat([self._usage_since(anchor) for anchor in anchors])
        except (*_UNREADABLE, _TooDearError) as error:
            return replace(self._without(signals, USAGE, error, before), anchors=anchors)
        self.notes[USAGE] = {"requests_a_window": -(-self.spent[USAGE] // len(anchors))}
        return replace(signals, anchors=anchors, usage=digests)

    def _anchors(self, progress: pl.DataFrame) -> tuple[datetime, ...]:
        """The windows over which usage is compared: the one from now on, and those of the latest readings."""
        here = rules.anchor_of(self.now())
        kept = progress["usage_anchor"].drop_nulls().unique().sort(descending=True).to_list()
        return tuple(dict.fromkeys([here, *kept[: rules.ANCHORS_KEPT]]))

    def _usage_since(self, anchor: datetime) -> pl.DataFrame:
        tomorrow = midnight(self.now()) + timedelta(days=1)
        request = request_for(USAGE, body={"window_size": "NONE", **bounds(anchor, tomorrow)})
        return rules.usage_digests(self._ask(USAGE, request), anchor)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _ask(self, name: str, request: Request) -> pl.DataFrame:
        """All rows of `request` as the table `name`. Raises _TooDearError where it would take the last requests."""
        session = self.loaders.session
        load = Load(session, collect=False, concurrency=1)
        left = self.left()
        pages: list[Chunk] = []

        async def work() -> None:
            async with aclosing(load.chunks(request)) as chunks:
                async for page in chunks:
                    if page.rows.height:
                        pages.append(page)
                    if page.has_next:
                        _allow(load.tally.requests + 1, left)

        _allow(1, left)
        with session.receipts.writing(name, load.tally, {"environment": session.environment}) as receipt:
            try:
                session.run(work)
                receipt.complete = True
            finally:
                self.spent[name] = self.spent.get(name, 0) + load.tally.requests
        table = TABLES[name]
        return table.shape(whole(pages)) if pages else table.schema.create_empty()

    def _without(self, signals: rules.Signals, name: str, error: Exception, before: Mapping[str, Any]) -> rules.Signals:
        """`signals` as they are where `name` could not be had, for the reason that `error` gives."""
        why = "It would have taken most of max_requests." if isinstance(error, _TooDearError) else str(error)
        self.notes[name] = {**before, "missing": why}
        signals = replace(signals, missing={**signals.missing, name: why})
        return replace(signals, named=None) if name == AUDIT_LOG else replace(signals, usage=None)


def _allow(requests: int, left: int | None) -> None:
    """A signal may take half of the requests that are left."""
    if left is not None and requests * 2 > left:
        raise _TooDearError


def _note(progress: pl.DataFrame, name: str) -> dict[str, Any]:
    """What the last sync noted of a signal, but for why it was not there."""
    return {key: value for key, value in note(progress, name).items() if key not in {"missing", "skipped"}}


def _may_hold(kind: str | None) -> tuple[str, ...]:
    """The tables in which what the log calls `kind` may be found."""
    if kind is None:
        return ("contracts", "balances", "invoices")
    return next((tables for word, tables in _MAY_HOLD if word in kind.lower()), ())
