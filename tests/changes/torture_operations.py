"""Random plans of several operations, faults, crashes and re-runs: `python -m tests.changes.torture_operations 500`."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.changes import granting
from metronome_analytics.changes.operation import OnceBy, Proof, Weight
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.simulator import running
from metronome_analytics.simulator.world.happenings import (
    Archived,
    BalanceArchived,
    Billed,
    BillingArchived,
    Charged,
    ContractEnded,
    Filtered,
    Granted,
    Joined,
    PlanAdded,
    PlansBilled,
    Regenerated,
    Retimed,
    ScheduleSet,
    Updated,
    Voided,
)
from tests.changes.contract_effects import CONTRACT_EFFECTS
from tests.changes.examples import EXAMPLES
from tests.changes.support import Desk, Sender, Time, folder, opened, renew, said, small, times_in_ledger
from tests.changes.torture import Run, Wires, World, attempt, runs, torture

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.operation import PlannedChange

Effect = Callable[[object, "PlannedChange"], bool]

# What is for ever goes one to a plan; what nothing proves has its own end.
ALONE = tuple(sorted(n for n, o in OPERATIONS.items() if o.weight is Weight.FOR_EVER or o.proof is Proof.NONE))
MIXED = sorted(set(EXAMPLES) - set(ALONE))


@dataclass(frozen=True)
class Plot:
    """The operations of a plan, and what happens each time it is applied."""

    operations: tuple[str, ...]
    runs: tuple[Run, ...]
    idempotency_key_honoured: bool


def plots() -> st.SearchStrategy[Plot]:
    """Plans of one or two operations."""
    mixed = st.lists(st.sampled_from(MIXED), min_size=1, max_size=2, unique=True).map(tuple)
    return st.builds(
        Plot,
        operations=mixed | st.sampled_from(ALONE).map(lambda name: (name,)),
        runs=st.lists(runs(), min_size=1, max_size=3).map(tuple),
        idempotency_key_honoured=st.booleans(),
    )


def play(world: World, plot: Plot) -> str:
    """Run a plot and check after every step that nothing is done twice or reported wrong; how it ended."""
    renew(world.simulator, idempotency_key_honoured=plot.idempotency_key_honoured)
    time, sender = Time(), Sender()
    wires = Wires(time)
    with (
        # What a grant says of the days ahead costs half of the time, and is for whoever reads a plan: nobody does.
        mock.patch.object(granting, "_outlook", return_value=None),
        folder() as where,
        opened(
            world.simulator,
            world.url,
            where / "journal.sqlite",
            time=time,
            transport=wires,
            sender=sender,
            allow_writes="all",
        ) as account,
    ):
        desk = Desk(account, world.simulator, world.url, where / "journal.sqlite", time, sender)
        plan = _planned(account, [EXAMPLES[name].make(account) for name in plot.operations])
        begun = len(world.simulator.account.happened)
        for run in plot.runs:
            before = [_done(desk, plan, number, begun) for number in range(len(plan.changes))]
            try:
                outcome = attempt(desk, wires, plan, run)
            except ma.StalePlan:
                _took_effect(before)
                outcome = None
            done = [_done(desk, plan, number, begun) for number in range(len(plan.changes))]
            for number, count in enumerate(done):
                if OPERATIONS[plan.changes[number].change.operation].once is not OnceBy.ABSOLUTE:
                    assert count <= 1
            if outcome is not None:
                _true(outcome.table["status"].to_list(), done)
            time.sleep(run.then_wait)
        return _end(desk, plan, begun)


def _planned(account: ma.Account, changes: list[Change]) -> ma.Plan:
    """A plan of all of them; where they exclude each other (what is made and taken away), of the first that can be."""
    for some in (changes, *([each] for each in changes)):
        try:
            return account.plan(some)
        except ma.PlanRejected as error:
            rejected = error
    raise rejected


def _true(statuses: list[str], done: list[int]) -> None:
    for status, count in zip(statuses, done, strict=True):
        match status:
            case "applied" | "already_applied":
                assert count
            case "refused" | "not_sent":
                assert not count
            case other:
                assert other in {"unknown", "sent"}


def _end(desk: Desk, plan: ma.Plan, begun: int) -> str:
    """Settle, and what a read can decide is decided; apply once more, and everything is done."""
    desk.account.settle()
    provable = [OPERATIONS[each.change.operation].proof is not Proof.NONE for each in plan.changes]
    journalled = said(desk.journal, plan)
    for number, last in enumerate(journalled):
        if provable[number]:
            assert last in {"applied", "already_applied", "planned", "not_sent", "refused"}
            assert bool(_done(desk, plan, number, begun)) == (last in {"applied", "already_applied"})
    before = [_done(desk, plan, number, begun) for number in range(len(plan.changes))]
    try:
        statuses = desk.account.apply(plan, plan.confirmation).table["status"].to_list()
    except ma.StalePlan:
        _took_effect(before)
        desk.time.sleep(600)
        assert [_done(desk, plan, number, begun) for number in range(len(plan.changes))] == before
        return "stale"
    desk.time.sleep(600)
    for number, status in enumerate(statuses):
        assert status in ({"applied", "already_applied"} if provable[number] else {"sent"})
        if provable[number]:
            assert _done(desk, plan, number, begun)
    return " ".join(sorted(set(journalled)))


def _took_effect(done: list[int]) -> None:
    """The one reason for which a plan that nobody else touches is stale.

    A change of a plan may move what another looks at (a new credit takes over what an old balance covered): a plan of
    which something was done may be stale then, nothing more of it is sent, and what is missing is planned anew.
    """
    assert any(done)


def _done(desk: Desk, plan: ma.Plan, number: int, begun: int) -> int:
    """How often a change took effect, from the simulator's own memory."""
    each = plan.changes[number]
    if each.change.operation == "balances.enter":
        return times_in_ledger(desk.simulator, plan)[number]
    is_it = EFFECTS[each.change.operation]
    return sum(is_it(happening, each) for _, happening in desk.simulator.account.happened[begun:])


def _retimed(happening: object, each: PlannedChange) -> bool:
    return isinstance(happening, Retimed) and happening.balance_id == each.subject_id


def _granted(happening: object, each: PlannedChange) -> bool:
    return isinstance(happening, Granted) and happening.balance.uniqueness_key == each.uniqueness_key


def _ended(happening: object, each: PlannedChange) -> bool:
    return isinstance(happening, ContractEnded) and happening.contract_id == each.subject_id


def _is(kind: type[Any], **fields: bool) -> Effect:
    """Any such happening, of which each of the fields says something, or nothing."""
    return lambda happening, _: (
        isinstance(happening, kind)
        and all((getattr(happening, name) not in (None, ())) == says for name, says in fields.items())
    )


EFFECTS: dict[str, Effect] = {
    **dict.fromkeys(("credits.create", "commits.create"), _granted),
    **dict.fromkeys(("credits.end", "commits.end", "credits.extend", "commits.extend"), _retimed),
    **dict.fromkeys(("credits.archive", "commits.archive"), _is(BalanceArchived)),
    "contracts.end": _ended,
    "alerts.reset": lambda _, __: False,
    "customers.create": _is(Joined),
    "customers.archive": _is(Archived),
    "customers.set_name": _is(Updated, name=True),
    "customers.set_ingest_aliases": _is(Updated, aliases=True),
    "customers.update_config": _is(Updated, config=True),
    "billing_configurations.set": _is(Billed),
    "billing_configurations.archive": _is(BillingArchived),
    "billing_config.create": _is(PlansBilled, said=True),
    "billing_config.delete": _is(PlansBilled, said=False),
    "invoices.void": _is(Voided),
    "invoices.regenerate": _is(Regenerated),
    "plans.add": _is(PlanAdded),
    "plans.end": _ended,
    "invoices.add_charge": _is(Charged),
    "named_schedules.update": _is(ScheduleSet),
    "contracts.set_usage_filter": _is(Filtered),
    **CONTRACT_EFFECTS,
}
"""What in the simulator's memory is the effect of each operation; `balances.enter` is in its ledgers."""


def main(arguments: list[str]) -> int:
    """Play as many plots as asked, and say how they stood before they were settled."""
    examples, seen = int(arguments[0]) if arguments else 500, Counter[str]()
    logging.getLogger("stamina").setLevel(logging.ERROR)
    simulator = small()
    with running(simulator) as url:
        torture(World(simulator, url), examples, seen, drawn=plots(), played=play)
    for ended, count in seen.most_common():
        sys.stdout.write(f"{count:6}  {ended}\n")
    sys.stdout.write(f"{seen.total()} plots: none twice, none wrong\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
