"""The guarded writes of one account: planned, applied, proved, settled and written down."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from metronome_analytics.changes.applying import Applier, Outcome, facts_and_sighting
from metronome_analytics.changes.balance_entry import MISSING, NAME, BalanceEntry
from metronome_analytics.changes.balance_plan import BalancePlan
from metronome_analytics.changes.evidence import Observer
from metronome_analytics.changes.fields import Asked, Change, Problem, read_changes
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.operation import PlannedChange, Proof, Review, Seen, Weight
from metronome_analytics.changes.operations import OPERATIONS, operation_of
from metronome_analytics.changes.plan import Plan
from metronome_analytics.changes.records import DONE, latest
from metronome_analytics.changes.sending import Send, SendOnce
from metronome_analytics.changes.view import View
from metronome_analytics.errors import PlanRejected, StalePlan, WritesDisabled
from metronome_analytics.tables.money import exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from metronome_analytics.changes.records import Record, Result
    from metronome_analytics.leeway import Leeway
    from metronome_analytics.loaders import AllLoaders

P = TypeVar("P", bound=Plan)

# A plan older than this was made for another account than the one there is now.
MAX_AGE = timedelta(minutes=15)
# Clocks of two machines may differ a little; a plan from the future is none of theirs.
_SKEW = timedelta(minutes=1)


class ChangeMachine:
    """Changes of one account. `send` is what sends one write; tests give one of their own."""

    def __init__(self, loaders: AllLoaders, send: Send | None = None) -> None:
        self._loaders = loaders
        self._session = loaders.session
        self._send = send or SendOnce(loaders.session)
        self._observer = Observer(
            lambda operation, facts: View.read(self._loaders, operation.proof_looks, [facts.given]),
            self._session.clock,
        )

    @exactly
    def plan(self, asked: Asked, operation: str | None, leeway: Leeway) -> Plan:
        """A plan of changes, as `Account.plan` says."""
        kind = None if operation is None else operation_of(operation).change
        return self._planned(Plan, *read_changes(asked, kind), leeway)

    @exactly
    def plan_balance_entries(self, asked: Asked, leeway: Leeway) -> BalancePlan:
        """A plan of manual balance entries, as `Account.plan_balance_entries` says."""
        return self._planned(BalancePlan, *read_changes(asked, BalanceEntry, missing=MISSING), leeway)

    @exactly
    def apply(self, plan: Plan, confirm: str, *, watch: Callable[[dict[str, object]], object]) -> Outcome:
        """Apply `plan`, as `Account.apply` says."""
        wanted = {each.change.operation for each in plan.changes}
        if missing := sorted(wanted - self._session.allow_writes):
            named = ", ".join(missing)
            only = "This account only reads" if not self._session.allow_writes else "This account was not opened for it"
            such = "True" if missing == [NAME] else f"{{{', '.join(map(repr, missing))}}}".replace("'", '"')
            raise WritesDisabled(
                f"{only}: {named} was not allowed, and nothing was sent.",
                advice=f"Open the account with connect(allow_writes={such}) to apply the plan.",
            )
        return self._applier().apply(plan, confirm, lambda result: _tell(watch, result))

    @exactly
    def settle(self) -> pl.DataFrame:
        """Decide what is still unknown, as `Account.settle` says."""
        return self._applier().settle()

    def journal(self) -> pl.DataFrame:
        """Every intent and outcome, oldest first."""
        return self._journal().frame()

    # --- planning ----------------------------------------------------------------------------------------------------

    def _planned(self, kind: type[P], changes: list[Change | None], problems: list[Problem], leeway: Leeway) -> P:
        if not changes:
            raise PlanRejected("There are no changes to plan.")
        if any(isinstance(each, BalanceEntry) is False for each in changes) and kind is BalancePlan:
            raise PlanRejected("A plan of balance entries holds nothing else.", advice="Use account.plan(changes).")
        view = self._view([each for each in changes if each is not None])
        review = Review(view, self._session.clock.now(), leeway, self._known(""), problems=problems)
        for row, each in enumerate(changes):
            planned = each and review.check(row, each, OPERATIONS[each.operation])
            for_ever = each is not None and OPERATIONS[each.operation].weight is Weight.FOR_EVER
            if len(changes) > 1 and (for_ever or (planned and planned.for_ever)):
                review.problems.append(Problem(row, "", "it cannot be undone, so it needs a plan of its own"))
        if review.problems:
            raise _rejected(review.problems, len(changes))
        return kind(
            changes=tuple(review.planned),
            base_url=self._session.base_url,
            environment=self._session.environment,
            created_at=self._session.clock.wall(),
            leeway=leeway,
        )

    def _view(self, changes: Sequence[Change]) -> View:
        looks = {look for each in changes for look in OPERATIONS[each.operation].looks}
        seated = {each.balance_id for each in changes if isinstance(each, BalanceEntry) and each.per_group_amounts}
        trials = [trial(each) for each in changes if (trial := OPERATIONS[each.operation].trial)]
        return View.read(self._loaders, looks, [dict(each) for each in changes], seats_of=seated, trials=trials)

    def _known(self, but: str, records: Iterable[Record] | None = None) -> Callable[[str], bool]:
        """Whether the journal says that a same change is applied, or may be, by any plan `but` one."""
        past = latest(self._journal().records() if records is None else list(records))
        # Whatever the label: the ids say whose change it is.
        found = {
            each.last.facts.same
            for (plan, _), each in past.items()
            if each.last is not None
            and plan != but
            and each.last.facts.base_url == self._session.base_url
            and (each.open or each.last.status in DONE)
        }
        return found.__contains__

    # --- applying ----------------------------------------------------------------------------------------------------

    def _journal(self) -> Journal:
        return Journal(self._session.journal_path(), self._session.clock.wall)

    def _applier(self) -> Applier:
        return Applier(
            still_true=self._still_true,
            observer=self._observer,
            send=self._send,
            journal=self._journal(),
            base_url=self._session.base_url,
            environment=self._session.environment,
        )

    def _still_true(self, plan: Plan, records: Sequence[Record]) -> View:
        """StalePlan or PlanRejected unless the account is the plan's, and all that planning checked still holds."""
        self._same_place_and_time(plan)
        view = self._view([each.change for each in plan.changes])
        there = {number for number in range(len(plan.changes)) if self._is_there(plan, number, view)}
        own = frozenset(plan.tokens())
        keys = frozenset(plan.uniqueness_key(number) for number in range(len(plan.changes)))
        seen = view.without(own | frozenset(plan.undoes), keys)
        for number, each in enumerate(plan.changes):
            operation = plan.operation(number)
            set_already = number in there and operation.proof is not Proof.MARK
            if not set_already and operation.fingerprint(each.change, seen) != each.fingerprint:
                raise StalePlan(
                    f"{each.subject_name or each.customer_name} ({each.subject_id}) is no longer what the plan saw.",
                    advice="Nothing was sent. Plan again and compare.",
                )
        tokens = {token for balance in view.balances.values() for token in balance.tokens()}
        if missing := set(plan.undoes) - tokens:
            raise StalePlan(
                f"{len(missing)} of the {len(plan.undoes)} entries to be reversed are not in the ledger.",
                advice="Nothing was sent. Reverse what was applied: plan its opposite entries.",
            )
        self._check_again(plan, view.without(own, keys), there, records)
        return view

    def _same_place_and_time(self, plan: Plan) -> None:
        here = (self._session.base_url, self._session.environment)
        if (plan.base_url, plan.environment) != here:
            raise StalePlan(
                f"The plan is for {plan.environment or plan.base_url}, this account is {here[1] or here[0]}.",
                advice="Nothing was sent. Plan on the account that is to change.",
            )
        age = self._session.clock.wall() - plan.created_at
        if not -_SKEW <= age <= MAX_AGE:
            raise StalePlan(
                f"The plan is {age.total_seconds() / 60:.0f} minutes old; it holds for {MAX_AGE.seconds // 60}.",
                advice="Nothing was sent. Plan again; what this plan has applied is not planned twice.",
            )

    @staticmethod
    def _is_there(plan: Plan, number: int, view: View) -> bool:
        return facts_and_sighting(plan, number, view)[1].seen is Seen.THERE

    def _check_again(self, plan: Plan, view: View, there: set[int], records: Sequence[Record]) -> None:
        """All the checks of planning, on the account as it is now without what the plan itself did to it."""
        known = self._known(plan.digest, records)
        review = Review(view, self._session.clock.now(), plan.leeway, known, explains=False)
        for row, each in enumerate(plan.changes):
            now = review.check(row, each.change, plan.operation(row))
            if row not in there and now is not None and _as_checked(now) != _as_checked(each):
                raise StalePlan(
                    f"Entry {row} is not what the account says of it: {now.what}, for {now.customer_name}.",
                    advice="Nothing was sent. Plan again and compare.",
                )
        # What is there already is not sent, so nothing need be said of it.
        problems = [problem for problem in review.problems if problem.row not in there]
        if problems:
            raise _rejected(problems, len(plan.changes))


def _as_checked(planned: PlannedChange) -> PlannedChange:
    """A planned change without what only says how things stood when it was planned."""
    return replace(
        planned,
        period="",
        nonce="",
        balance_before=None,
        balance_after=None,
        before=None,
        after=None,
        fingerprint="",
        opposite=None,
        warnings=(),
        seen=(),
    )


def _tell(watch: Callable[[dict[str, object]], object], result: Result) -> None:
    watch(result.row())


def _rejected(problems: Sequence[Problem], count: int) -> PlanRejected:
    found = sorted(problems)
    lines = "".join(f"\n  row {each.row}{f', {each.field}' if each.field else ''}: {each.problem}" for each in found)
    error = PlanRejected(
        f"{len({each.row for each in found})} of {count} changes cannot be planned; nothing was sent.{lines}"
    )
    error.problems = pl.DataFrame(
        [list(asdict(each).values()) for each in found],
        schema={"row": pl.Int64, "field": pl.String, "problem": pl.String},
        orient="row",
    )
    return error
