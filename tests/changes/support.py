"""Accounts that correct a simulated one over real HTTP, without waiting, and what its books say afterwards."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl

import metronome_analytics as ma
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.operations import operations_allowed
from metronome_analytics.changes.sending import SendOnce
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Fault, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metronome_analytics.api.endpoints import Endpoint
    from metronome_analytics.changes.operation import Call
    from metronome_analytics.session import Session

POST = "addManualBalanceLedgerEntry"
READ = "customerBalances/list"
CUSTOMERS = 4
MONTHS = 3


class Time:
    """Real time to begin with; it passes only by sleeping, and then at once. `passing` is told."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.slept: list[float] = []
        self.passed = 0.0
        self.passing: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The time."""
        return self.at

    def monotonic(self) -> float:
        """How much time has passed: what is done to `at`, as to a clock on the wall, does not show."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.passed += seconds
        self.at += timedelta(seconds=seconds)
        self.passing()


def calls_of(*endpoints: Endpoint) -> Callable[[str, str], bool]:
    """Whether a method and a path are a call of one of them."""
    patterns = [(each.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path))) for each in endpoints]
    return lambda method, path: any(method == m and pattern.fullmatch(path) for m, pattern in patterns)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, in memory where the machine has such."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder made there is private
    with TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="metronome-journal-") as name:
        yield Path(name)


@contextmanager
def opened(
    simulator: Simulator,
    url: str,
    journal: Path,
    *,
    time: Time | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    allow_writes: bool | str | set[str] = True,
    timeout: float = 60.0,
    environment: str | None = "test",
    sender: Sender | None = None,
) -> Iterator[ma.Account]:
    """An account on a served simulator that lives in the simulator's time."""
    time = time or Time()
    session = open_session(
        simulator.token,
        base_url=url,
        max_requests_per_second=None,
        progress=False,
        allow_writes=operations_allowed(allow_writes),
        environment=environment,
        # No certificates to load: the simulator is on this machine.
        transport=transport or httpx.AsyncHTTPTransport(verify=False),
        timeout=timeout,
        clock=Clock(now=lambda: simulator.clock.now, wall=time.now, monotonic=time.monotonic, sleep=time.sleep),
        journal_path=lambda: journal,
    )
    sender = sender or Sender()
    sender.session = session
    with ma.Account(session, send=sender) as account:
        yield account


class Sender:
    """Sends as an account does; a test says what happens just before and just after."""

    session: Session

    def __init__(self) -> None:
        self.before: list[Callable[[Call, str], object]] = []
        self.after: list[Callable[[Call, str], object]] = []

    def __call__(self, call: Call, *, idempotency_key: str) -> None:
        """Send it."""
        for each in self.before:
            each(call, idempotency_key)
        try:
            SendOnce(self.session)(call, idempotency_key=idempotency_key)
        finally:
            for each in self.after:
                each(call, idempotency_key)


def small() -> Simulator:
    """A simulated account that is quick to read."""
    return Simulator(customers=CUSTOMERS, months=MONTHS)


def renew(simulator: Simulator, **switches: Any) -> None:
    """Forget all that was posted, every fault and every key: the account as it was made."""
    fresh = Simulator(customers=CUSTOMERS, months=MONTHS, switches=Switches(**switches))
    simulator.faults.clear()
    simulator.requests.clear()
    simulator.switches = simulator.app.account.switches = fresh.switches
    simulator.account = simulator.app.account = fresh.account
    simulator.clock = fresh.clock
    simulator.app.idempotency = fresh.app.idempotency


def targets(account: ma.Account) -> list[dict[str, str]]:
    """Where entries may go: the active segment of each balance that has something left."""
    balances = account.balances().filter(pl.col("balance") > 0)
    now = account.now
    active = ma.segments(balances).filter(pl.col("starting_at") <= now, pl.col("ending_before") > now)
    return active.select("customer_id", "balance_id", "segment_id").rows(named=True)


def times_in_ledger(simulator: Simulator, plan: ma.Plan) -> list[int]:
    """How often each entry of a plan was posted, from the simulator's own memory."""
    reasons = [entry.reason for entries in simulator.account.posted.values() for _, entry in entries]
    return [sum(f"[ma:{plan.token(number)}]" in reason for reason in reasons) for number in range(len(plan.changes))]


def said(path: Path, plan: ma.Plan) -> list[str]:
    """What the journal says last of each entry; its chain is looked at on the way."""
    last = ["planned"] * len(plan.changes)
    for record in Journal(path).records():
        if record.plan == plan.digest:
            last[record.entry] = str(record.status or record.kind)
    return last


@dataclass
class Desk:
    """An account that may write, the simulator it writes to, its journal and its time."""

    account: ma.Account
    simulator: Simulator
    url: str
    journal: Path
    time: Time
    sender: Sender

    def rows(self, *amounts: object, reason: str = "Credit for the outage") -> list[dict[str, Any]]:
        """Entries of these amounts, each with a reason of its own."""
        places = targets(self.account)
        return [
            {**places[number % len(places)], "amount": amount, "reason": f"{reason}, part {number}"}
            for number, amount in enumerate(amounts)
        ]

    def plan(self, *amounts: object, **options: Any) -> ma.BalancePlan:
        """A plan of entries of these amounts."""
        return self.account.plan_balance_entries(self.rows(*amounts), **options)

    def apply(self, plan: ma.BalancePlan) -> list[tuple[str, int | None]]:
        """Apply a plan with its phrase: the status and HTTP status of every entry."""
        outcome = self.account.apply(plan, confirm=plan.confirmation)
        counts = times_in_ledger(self.simulator, plan)
        for count, verified in zip(counts, outcome.table["verified"], strict=True):
            assert count >= verified
            assert count <= 1
        return outcome.table.select("status", "http_status").rows()

    def posts(self) -> int:
        """How many POSTs of an entry arrived."""
        return self.simulator.requests.count(POST)

    def in_ledger(self, plan: ma.BalancePlan) -> list[int]:
        """How often each entry is in the ledger."""
        return times_in_ledger(self.simulator, plan)

    def fault(self, kind: Any, match: str | Callable[[str, str], bool] = POST, **options: Any) -> Fault:
        """Order a fault."""
        return self.simulator.faults.add(Fault(kind, match, **options))
