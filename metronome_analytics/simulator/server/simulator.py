"""The simulator: an account, its clock, its faults and its log, behind one ASGI application; and what may happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.server.app import Application
from metronome_analytics.simulator.server.faults import Faults
from metronome_analytics.simulator.server.request_log import RequestLog
from metronome_analytics.simulator.world.account import Account
from metronome_analytics.simulator.world.agreements import ManualEntry
from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.bookkeeping.voids import twin_of
from metronome_analytics.simulator.world.clock import Clock
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.happenings import Archived, Arrived, Regenerated, Updated, Voided
from metronome_analytics.simulator.world.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from metronome_analytics.simulator.world.books import Books

BACKDATED_AT_MOST = timedelta(days=34)
"""How long after it happened usage may still arrive."""
AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
"""The instant simulators live in unless told otherwise: in the middle of a period, so there are drafts."""


class Simulator:
    """A stateful account that speaks the Metronome HTTP API; the same arguments give the same bytes.

    customers: how many active customers; one archived customer is added for every twenty.
    as_of: where the clock starts, by default `AS_OF`.
    months: how many calendar months of history there are, the one of `as_of` included.
    token: the bearer token to accept, by default `simulator-token-<seed>`.
    latency: seconds that every request waits.

    The clock moves time: periods become final, segments start and expire. The methods let things happen at the clock's
    instant that time alone does not bring. They raise ValueError for what the API would refuse, and change nothing
    then; customers that are archived already refuse everything.
    """

    def __init__(
        self,
        customers: int = 40,
        seed: int = 7,
        *,
        as_of: datetime | None = None,
        months: int = 14,
        token: str | None = None,
        switches: Switches | None = None,
        latency: float = 0.0,
    ) -> None:
        if customers < 0 or months < 1:
            raise ValueError("customers must be at least 0 and months at least 1")
        self.token = token if token is not None else f"simulator-token-{seed}"
        self.clock = Clock(AS_OF if as_of is None else as_of)
        self.switches = switches or Switches()
        self.faults = Faults()
        self.requests = RequestLog()
        self.account = Account(customers=customers, seed=seed, months=months, clock=self.clock, switches=self.switches)
        self.app = Application(self.account, self.faults, self.requests, token=self.token, latency=latency)

    def __repr__(self) -> str:
        return f"Simulator(customers={len(self.account.active)}, seed={self.account.seed}, clock={self.clock!r})"

    def add_customer(self) -> str:
        """Let a new customer join, on contracts that start today; returns its id."""
        return self.account.join()

    def archive(self, customer_id: str) -> None:
        """Archive a customer: its contracts and balances go with it, its invoices are void, its usage ends."""
        self.account.happen(self._index(customer_id), Archived(self.clock.now))

    def touch(
        self, customer_id: str, *, name: str | None = None, custom_fields: Mapping[str, str] | None = None
    ) -> None:
        """Change a customer's name or custom fields, by default its name; invoices show custom fields as they are."""
        index = self._index(customer_id)
        fields = None if custom_fields is None else tuple(custom_fields.items())
        if name is None and fields is None:
            name = f"{self.account.customer(index).name} (renamed)"
        self.account.happen(index, Updated(self.clock.now, name, fields))

    def streams(self, customer_id: str, when: datetime) -> list[tuple[str, int]]:
        """What late usage may be of, used at an instant: contract ids and stream numbers."""
        books = self._books(customer_id)
        return [
            (contract.id, number)
            for contract in books.agreements.contracts
            if contract.covers(when) and contract.created_at <= books.now
            for number, stream in enumerate(contract.streams)
            if stream.product.metric is not None
        ]

    def late_usage(
        self, customer_id: str, *, when: datetime, quantity: int | Decimal = 100, stream: tuple[str, int] | None = None
    ) -> None:
        """Let usage arrive that happened up to 34 days ago, in an hour that is over.

        It is billed on the draft of its period; if the invoice is final it shows in usage and breakdowns only, until
        the invoice is regenerated. `stream` is one of `streams`, by default the first.
        """
        now = self.clock.now
        if not now - BACKDATED_AT_MOST <= when < now.replace(minute=0, second=0, microsecond=0):
            raise ValueError(f"late usage must be of an hour that is over, of the last 34 days: {when}")
        if scaled(quantity) <= 0:
            raise ValueError(f"late usage needs a quantity above zero: {quantity}")
        known = self.streams(customer_id, when)
        chosen = stream or next(iter(known), None)
        if chosen is None or chosen not in known:
            raise ValueError(f"no contract of {customer_id} meters such usage at {when}")
        arrived = Arrived(now, *chosen, when.toordinal(), when.hour, scaled(quantity))
        self.account.happen(self._index(customer_id), arrived)

    def voidable(self, customer_id: str) -> list[str]:
        """The invoices that may be voided: final usage invoices that no correction or true-up counts on."""
        return [item.id for item in self._books(customer_id).voidable() if item.type == "USAGE"]

    def void(self, customer_id: str, invoice_id: str) -> None:
        """Void a final usage invoice: what it drew is back on the balances until it is regenerated."""
        if invoice_id not in self.voidable(customer_id):
            raise ValueError(f"this is no invoice that can be voided: {invoice_id}")
        self.account.happen(self._index(customer_id), Voided(self.clock.now, invoice_id))

    def regenerable(self, customer_id: str) -> list[str]:
        """The voided usage invoices that have no successor yet."""
        return [item.id for item in self._books(customer_id).regenerable() if item.type == "USAGE"]

    def regenerate(self, customer_id: str, invoice_id: str) -> str:
        """Make a voided invoice again, with the usage that came late; returns the id of the new one."""
        if invoice_id not in self.regenerable(customer_id):
            raise ValueError(f"this is no invoice that can be regenerated: {invoice_id}")
        self.account.happen(self._index(customer_id), Regenerated(self.clock.now, invoice_id))
        return twin_of(invoice_id)

    def correctable(self, customer_id: str) -> list[str]:
        """The commits and credits that take a manual entry."""
        books = self._books(customer_id)
        return [book.balance.id for book in books.balances if not book.archived(books.now)]

    def manual_entry(
        self, customer_id: str, balance_id: str, *, amount: int | Decimal, reason: str = "Simulated correction"
    ) -> None:
        """Post a manual entry to the running segment of a balance, or to its first one, as the API does."""
        books = self._books(customer_id)
        if balance_id not in self.correctable(customer_id):
            raise ValueError(f"no such commit or credit: {balance_id}")
        book = next(book for book in books.balances if book.balance.id == balance_id)
        running = [item.segment for item in book.segments if item.active(books.now)]
        segment = (running or [item.segment for item in book.segments])[0]
        start = instant(segment.start)
        entry = ManualEntry(segment.id, scaled(amount), reason, start, posted_at=books.now)
        self.account.post(self._index(customer_id), balance_id, entry)

    def _index(self, customer_id: str) -> int:
        index = self.account.index(customer_id)
        if index is None:
            raise ValueError(f"no such customer: {customer_id}")
        if self.account.customer(index).archived_at is not None:
            raise ValueError(f"the customer is archived: {customer_id}")
        return index

    def _books(self, customer_id: str) -> Books:
        return self.account.books(self._index(customer_id))
