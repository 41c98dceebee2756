"""Random histories of a simulated account: moves that hypothesis draws, and a served account they are applied to.

A move is a small value that says what happens and points at its target by numbers, so that it can be printed, pickled,
shrunk and applied to any account. Which customer, invoice or balance it is depends on what there is: numbers count
round, and customers to whom the move cannot happen are passed over.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metronome_analytics.simulator import Fault, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metronome_analytics.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Advance:
    """Time passes: periods become final, segments start and expire."""

    days: int = 0
    hours: int = 0


@dataclass(frozen=True, slots=True)
class AddCustomer:
    """A new customer joins."""


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Usage arrives that is some hours old, less than 34 days."""

    customer: int
    stream: int = 0
    hours_ago: int = 1
    quantity: int = 100

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen if a contract was in force then."""
        when = simulator.clock.now - timedelta(hours=self.hours_ago)
        there = simulator.streams(customer_id, when)
        if there:
            stream = there[self.stream % len(there)]
            simulator.late_usage(customer_id, when=when, quantity=self.quantity, stream=stream)
        return bool(there)


@dataclass(frozen=True, slots=True)
class Void:
    """A final usage invoice is voided."""

    customer: int
    invoice: int = 0

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen if there is a final invoice; numbers count from the latest one."""
        there = simulator.voidable(customer_id)[::-1]
        if there:
            simulator.void(customer_id, there[self.invoice % len(there)])
        return bool(there)


@dataclass(frozen=True, slots=True)
class Regenerate:
    """A voided invoice is made again."""

    customer: int
    invoice: int = 0

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen if one is void."""
        there = simulator.regenerable(customer_id)
        if there:
            simulator.regenerate(customer_id, there[self.invoice % len(there)])
        return bool(there)


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """Somebody corrects a balance, by an amount in the API's unit."""

    customer: int
    balance: int = 0
    amount: int = -100

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen if there is a balance."""
        there = simulator.correctable(customer_id)
        if there:
            simulator.manual_entry(customer_id, there[self.balance % len(there)], amount=self.amount)
        return bool(there)


@dataclass(frozen=True, slots=True)
class Touch:
    """Somebody renames a customer, or changes its custom fields, which its invoices show."""

    customer: int
    custom_fields: bool = False

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen."""
        fields = {"tier": "growth", "touched_at": simulator.clock.now.isoformat()}
        simulator.touch(customer_id, custom_fields=fields if self.custom_fields else None)
        return True


@dataclass(frozen=True, slots=True)
class Archive:
    """Somebody archives a customer."""

    customer: int

    def happens_to(self, simulator: Simulator, customer_id: str) -> bool:
        """Let it happen."""
        simulator.archive(customer_id)
        return True


Move = Advance | AddCustomer | LateUsage | Void | Regenerate | ManualEntry | Touch | Archive

_NUMBER = st.integers(0, 50)
_HOURS_AGO = st.one_of(st.integers(1, 72), st.integers(1, 34 * 24 - 1))


def moves(*, min_size: int = 0, max_size: int = 12) -> st.SearchStrategy[list[Move]]:
    """A history: some moves in a row; those listed first are the simpler ones to shrink to."""
    one: st.SearchStrategy[Move] = st.one_of(
        st.builds(Advance, hours=st.integers(1, 30)),
        st.builds(Advance, days=st.integers(0, 40), hours=st.integers(0, 23)),
        st.builds(LateUsage, _NUMBER, _NUMBER, hours_ago=_HOURS_AGO, quantity=st.integers(1, 10_000)),
        st.builds(Void, _NUMBER, _NUMBER),
        st.builds(Regenerate, _NUMBER, _NUMBER),
        st.builds(ManualEntry, _NUMBER, _NUMBER, amount=st.integers(-500_000, 500_000)),
        st.builds(Touch, _NUMBER, custom_fields=st.booleans()),
        st.builds(AddCustomer),
        st.builds(Archive, _NUMBER),
    )
    return st.lists(one, min_size=min_size, max_size=max_size)


@dataclass(frozen=True, slots=True)
class NoRight:
    """The token may not read something during a sync."""

    match: str


@dataclass(frozen=True, slots=True)
class FailingCustomer:
    """The invoices of one customer cannot be read during a sync."""

    customer: int
    status: int = 403


@dataclass(frozen=True, slots=True)
class LostFile:
    """A file of the mirror is gone after a sync, or cut short."""

    file: int
    cut: bool = False


Trouble = NoRight | FailingCustomer | LostFile


def troubles() -> st.SearchStrategy[Trouble]:
    """What may go wrong with a sync, besides its end."""
    one: st.SearchStrategy[Trouble] = st.one_of(
        st.builds(NoRight, st.sampled_from(["/auditLogs", "/v1/usage"])),
        st.builds(FailingCustomer, _NUMBER, st.sampled_from([403, 404])),
        st.builds(LostFile, _NUMBER, st.booleans()),
    )
    return one


@contextmanager
def troubled(simulator: Simulator, mirror: Path, trouble: Trouble | None) -> Iterator[None]:
    """Let `trouble` befall the sync inside."""
    match trouble:
        case NoRight(match):
            simulator.faults.add(Fault("status", match=match, status=403, times=None))
        case FailingCustomer(customer, status):
            account = simulator.account
            ids = [account.customer(index).id for index in account.active]
            if ids:
                path = f"{ids[customer % len(ids)]}/invoices"
                simulator.faults.add(Fault("status", match=path, status=status, times=None))
    try:
        yield
    finally:
        simulator.faults.clear()
        if isinstance(trouble, LostFile):
            files = sorted(mirror.glob("[a-z]*/bucket=*/*.parquet"))
            if files:
                gone = files[trouble.file % len(files)]
                data = gone.read_bytes()
                gone.unlink()
                if trouble.cut:
                    gone.write_bytes(data[: len(data) // 2])


def apply(simulator: Simulator, move: Move) -> str | None:
    """Let a move happen, also while the simulator is served; returns the customer concerned, None when it is nobody."""
    with simulator.account.lock:
        if isinstance(move, Advance):
            simulator.clock.advance(timedelta(days=move.days, hours=move.hours))
            return None
        if isinstance(move, AddCustomer):
            return simulator.add_customer()
        account = simulator.account
        ids = [account.customer(index).id for index in account.active]
        turn = move.customer % len(ids) if ids else 0
        return next((each for each in (*ids[turn:], *ids[:turn]) if move.happens_to(simulator, each)), None)


@contextmanager
def served(simulator: Simulator) -> Iterator[str]:
    """Serve a simulator over loopback from a thread of this process and yield its base URL.

    Other processes may read it and be killed; it lives on, and `apply` may change it at any time between requests.
    """
    with running(simulator) as url:
        yield url
