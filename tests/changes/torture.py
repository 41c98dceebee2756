"""Random plans, faults, crashes and re-runs: `python -m tests.changes.torture 5000 [SEED]` runs that many sequences."""

from __future__ import annotations

import logging
import secrets
import sys
import time as clock
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import httpx
import stamina
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from metronome_analytics.api.endpoints import ENDPOINTS, Effect
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.records import Kind
from metronome_analytics.simulator import Fault, Simulator, running
from tests.changes.support import READ, Desk, Sender, Time, calls_of, folder, opened, renew, said, small, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import metronome_analytics as ma
    from metronome_analytics.changes.applying import Outcome
    from metronome_analytics.changes.records import Record

is_write = calls_of(*(endpoint for endpoint in ENDPOINTS.values() if endpoint.effect is Effect.WRITE))
"""Whether a request is one that changes something."""

# What may become of one POST. The first lines happen at the server, the last three on the way.
FAULTS: dict[str, Fault | None] = {
    "none": None,
    **{
        f"{status} before": Fault("status", is_write, status=status)
        for status in (400, 403, 404, 408, 409, 500, 503, 504)
    },
    **{
        f"{status} after": Fault("status_after_effect", is_write, status=status) for status in (408, 409, 500, 503, 504)
    },
    "lost after": Fault("lost_after_effect", is_write),
    "cut": Fault("cut_body", is_write),
    "429": Fault("rate_limit_seconds", is_write, seconds=0.01),
    "429 for long": Fault("rate_limit_bare", is_write, times=20),
    "refused": None,
    "lost before": None,
    "late": None,
}
# A shrunk sequence takes minutes to find; the one that failed is short enough to read.
PHASES = (Phase.explicit, Phase.generate)
_ON_THE_WAY = ("refused", "lost before", "late")
Point = Literal["before the intent", "before the send", "after the send", "before the outcome"]
POINTS: tuple[Point, ...] = Point.__args__  # type: ignore[attr-defined]  # the words of a Literal


class Crash(BaseException):  # as SystemExit, it is no error and nobody may catch it
    """The process ends here."""


@dataclass(frozen=True)
class Run:
    """One attempt to apply a plan: what happens to its POSTs in turn, where it crashes, whether it can read back."""

    faults: tuple[str, ...]
    late_by: int
    crash: tuple[Point, int] | None
    blind: bool
    then_wait: int


@dataclass(frozen=True)
class Sequence:
    """A plan and its runs, against a server that may know fewer keys."""

    amounts: tuple[int, ...]
    runs: tuple[Run, ...]
    uniqueness_key_honoured: bool
    idempotency_key_honoured: bool


def runs() -> st.SearchStrategy[Run]:
    """Whatever may go wrong in one attempt."""
    return st.builds(
        Run,
        faults=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=3).map(tuple),
        late_by=st.integers(0, 25),
        crash=st.none() | st.tuples(st.sampled_from(POINTS), st.integers(0, 1)),
        blind=st.sampled_from([False, False, False, True]),
        then_wait=st.sampled_from([0, 0, 5, 45]),
    )


def sequences() -> st.SearchStrategy[Sequence]:
    """Sequences of one to three runs over one or two entries."""
    return st.builds(
        Sequence,
        amounts=st.lists(st.integers(-5000, 5000).filter(bool), min_size=1, max_size=2).map(tuple),
        runs=st.lists(runs(), min_size=1, max_size=3).map(tuple),
        uniqueness_key_honoured=st.booleans(),
        idempotency_key_honoured=st.booleans(),
    )


class Wires(httpx.AsyncHTTPTransport):
    """The network between account and server: may refuse, lose or delay a POST."""

    def __init__(self, time: Time | None = None) -> None:
        # No certificates to load: the simulator is on this machine.
        super().__init__(verify=False)
        self.next: list[str] = []
        self.late_by = 0.0
        self._time = time or Time()
        self._late: list[tuple[datetime, httpx.Request]] = []
        self._time.passing = self.land

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, unless it is a POST that something else happens to."""
        if not is_write(request.method, request.url.path) or not self.next:
            return await super().handle_async_request(request)
        match self.next.pop(0):
            case "refused":
                raise httpx.ConnectError("connection refused", request=request)
            case "late":
                self._late.append((self._time.at + timedelta(seconds=self.late_by), request))
        raise httpx.ReadTimeout("timed out", request=request)

    def land(self) -> None:
        """Let what was late, and is due, arrive at the server."""
        due = [request for at, request in self._late if at <= self._time.at]
        self._late = [(at, request) for at, request in self._late if at > self._time.at]
        for request in due:
            # Nobody waits for its answer, whatever that is.
            with suppress(httpx.TransportError):
                httpx.post(
                    str(request.url),
                    content=request.content,
                    headers=request.headers,
                    verify=False,  # noqa: S501  # the simulator speaks plain HTTP
                )


@dataclass
class World:
    """A served simulator."""

    simulator: Simulator
    url: str
    places: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def crashing(sender: Sender, point: Point, entry: int) -> Iterator[None]:
    """Crash at a point of the entry-th one that gets there."""
    left = {"count": entry}

    def maybe(here: Point) -> None:
        if here == point:
            if not left["count"]:
                raise Crash
            left["count"] -= 1

    def before_the_send(*_: object) -> None:
        maybe("before the send")

    def after_the_send(*_: object) -> None:
        maybe("after the send")

    write = Journal.write

    def writing(self: Journal, record: Record) -> None:
        maybe("before the intent" if record.kind is Kind.INTENT else "before the outcome")
        write(self, record)

    Journal.write = writing  # type: ignore[method-assign]  # put back below
    sender.before.append(before_the_send)
    sender.after.append(after_the_send)
    try:
        yield
    finally:
        Journal.write = write  # type: ignore[method-assign]  # as above
        sender.before.remove(before_the_send)
        sender.after.remove(after_the_send)


def play(world: World, sequence: Sequence) -> str:
    """Run a sequence and check after every step that nothing is there twice or reported wrong; returns how it ended."""
    simulator = world.simulator
    renew(
        simulator,
        uniqueness_key_honoured=sequence.uniqueness_key_honoured,
        idempotency_key_honoured=sequence.idempotency_key_honoured,
    )
    time, sender = Time(), Sender()
    wires = Wires(time)
    with (
        folder() as where,
        opened(simulator, world.url, where / "journal.sqlite", time=time, transport=wires, sender=sender) as account,
    ):
        desk = Desk(account, simulator, world.url, where / "journal.sqlite", time, sender)
        # The same account every time: its ids are looked up once.
        places = world.places = world.places or targets(account)[:2]
        entries = [
            {**places[number % len(places)], "amount": amount, "reason": f"Entry number {number}"}
            for number, amount in enumerate(sequence.amounts)
        ]
        plan = account.plan_balance_entries(entries)
        for run in sequence.runs:
            _run(desk, wires, plan, run)
        return _end(desk, plan)


def _run(desk: Desk, wires: Wires, plan: ma.BalancePlan, run: Run) -> None:
    outcome = attempt(desk, wires, plan, run)
    if outcome is not None:
        _true(outcome.table, desk.in_ledger(plan), said(desk.journal, plan))
    assert max(desk.in_ledger(plan)) <= 1
    desk.time.sleep(run.then_wait)


def attempt(desk: Desk, wires: Wires, plan: ma.Plan, run: Run) -> Outcome | None:
    """Apply a plan with what a run has go wrong; None where it crashed."""
    account, faults = desk.account, desk.simulator.faults
    faults.clear()
    outcome = None
    with (
        suppress(Crash),
        _spoiled(desk, wires, run),
        _blind(desk) if run.blind else nullcontext(),
        crashing(desk.sender, *run.crash) if run.crash else nullcontext(),
    ):
        outcome = account.apply(plan, confirm=plan.confirmation)
    faults.clear()
    wires.next.clear()
    return outcome


@contextmanager
def _spoiled(desk: Desk, wires: Wires, run: Run) -> Iterator[None]:
    """Things go wrong from the first write on: what is tried before goes the same way, and is no write."""
    begun: list[str] = []

    def begin(*_: object) -> None:
        if begun:
            return
        begun.extend(run.faults)
        for name in run.faults:
            if (rule := FAULTS[name]) is not None:
                # A rule is used up, so each run has its own; they spoil the POSTs that reach the server, in turn.
                spoil = Fault(rule.kind, rule.match, times=rule.times, status=rule.status, seconds=rule.seconds)
                desk.simulator.faults.add(spoil)
        wires.next, wires.late_by = [name for name in run.faults if name in _ON_THE_WAY], run.late_by

    desk.sender.before.insert(0, begin)
    try:
        yield
    finally:
        desk.sender.before.remove(begin)


@contextmanager
def _blind(desk: Desk) -> Iterator[None]:
    """Reads fail from the first POST on."""

    def blinded(*_: object) -> None:
        desk.fault("status", READ, times=None, status=503)

    desk.sender.after.append(blinded)
    try:
        yield
    finally:
        desk.sender.after.remove(blinded)


def _true(table: Any, counts: list[int], journalled: list[str]) -> None:
    """What was reported is so."""
    for row, count, last in zip(table.iter_rows(named=True), counts, journalled, strict=True):
        match row["status"]:
            case "applied" | "already_applied":
                assert (count, row["verified"]) == (1, True)
                # Where the plan stopped before it, an entry's last record may be an older one.
                assert last in {"applied", "already_applied", "unknown", "intent"}
            case "refused" | "not_sent":
                assert (count, row["verified"]) == (0, False)
                assert last in {"planned", "refused", "not_sent"}
            case other:
                assert (other, row["verified"]) == ("unknown", False)
                assert last in {"unknown", "intent"}


def _end(desk: Desk, plan: ma.BalancePlan) -> str:
    """Settle, and everything is decided; apply once more, and everything is there, once."""
    desk.account.settle()
    journalled = said(desk.journal, plan)
    for count, last in zip(desk.in_ledger(plan), journalled, strict=True):
        assert last in {"applied", "already_applied", "planned", "not_sent", "refused"}
        assert count == (last in {"applied", "already_applied"})
    assert desk.apply(plan)
    desk.time.sleep(600)
    assert desk.in_ledger(plan) == [1] * len(plan.changes)
    assert set(said(desk.journal, plan)) <= {"applied", "already_applied"}
    assert desk.account.settle().height == 0
    count, _ = Journal(desk.journal).verify()
    assert count == desk.account.journal().height
    return " ".join(sorted(set(journalled)))


def torture(
    world: World,
    examples: int,
    seen: Counter[str] | None = None,
    *,
    drawn: st.SearchStrategy[Any] | None = None,
    played: Callable[[World, Any], str] | None = None,
    start: int | None = None,
    tell: Callable[[int], object] | None = None,
) -> None:
    """Play `examples` random sequences: of entries, unless others are given; with `start` the same at every run.

    `tell` is called with the number of those that are done.
    """

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES
    )
    @given(sequences() if drawn is None else drawn)
    def law(sequence: Any) -> None:
        ended = (played or play)(world, sequence)
        if seen is not None:
            seen[ended] += 1
            if tell is not None:
                tell(seen.total())

    if start is not None:
        law = seed(start)(law)
    # Reads that fail need not fail six times to be failing.
    with stamina.set_testing(True, attempts=2, cap=True):
        law()


def main(arguments: list[str]) -> int:
    """Play as many sequences as asked, and say how they stood before they were settled."""
    examples, began, seen = int(arguments[0]) if arguments else 5000, clock.perf_counter(), Counter[str]()
    start = int(arguments[1]) if len(arguments) > 1 else secrets.randbits(32)
    sys.stdout.write(f"{examples} sequences of seed {start}\n")
    logging.getLogger("stamina").setLevel(logging.ERROR)
    simulator = small()

    def tell(done: int) -> None:
        if done % 250 == 0:
            sys.stdout.write(f"{done} done after {clock.perf_counter() - began:.0f} s\n")
            sys.stdout.flush()

    with running(simulator) as url:
        torture(World(simulator, url), examples, seen, start=start, tell=tell)
    for ended, count in seen.most_common():
        sys.stdout.write(f"{count:6}  {ended}\n")
    sys.stdout.write(f"{seen.total()} sequences in {clock.perf_counter() - began:.0f} s: none twice, none wrong\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
