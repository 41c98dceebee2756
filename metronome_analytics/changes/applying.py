"""Apply a plan: one change at a time, announced in the journal, sent once, read back from the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.changes.operation import ABSENT, OnceBy, Proof, Seen
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.records import OUTCOME_SCHEMA, STOPPING, Kind, Past, Record, Result, Status, latest
from metronome_analytics.changes.sending import found, send_once
from metronome_analytics.errors import ConfirmationError, JournalError, OutcomeUnknown
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metronome_analytics.changes.evidence import Observer
    from metronome_analytics.changes.journal import Journal
    from metronome_analytics.changes.operation import Sighting
    from metronome_analytics.changes.plan import Plan
    from metronome_analytics.changes.records import Facts, Key
    from metronome_analytics.changes.sending import Send
    from metronome_analytics.changes.view import View


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What became of a plan: `table` has a row per change, `plan` is the plan's digest.

    `status` is applied (sent now, and seen in the account), already_applied (seen there, nothing sent), refused (the
    API said no), not_sent (it did not take effect), unknown (it may have: `account.settle()` decides by reading), sent
    (the API said yes, and no read can show it), or differs (what is there is not what was sent: look at it).
    """

    table: pl.DataFrame
    plan: str

    @property
    def ok(self) -> bool:
        """Whether every change is in the account, seen there; or sent, where none can be seen."""
        return bool((self.table["verified"] | (self.table["status"] == Status.SENT)).all())

    def __repr__(self) -> str:
        counts = self.table["status"].value_counts(sort=True).rows()
        rows = self.table.select("entry", "status", "message").iter_rows()
        lines = [f"  {entry}  {status}: {one_line(message)}" for entry, status, message in rows]
        return "\n".join([f"Outcome: {', '.join(f'{count} {status}' for status, count in counts)}", *lines])


@dataclass(frozen=True, slots=True)
class Applier:
    """Everything applying needs: what still holds, how to look, how to send, where to write it down."""

    still_true: Callable[[Plan, Sequence[Record]], View]
    """Reads the account again and raises unless the plan still holds."""
    observer: Observer
    send: Send
    journal: Journal
    base_url: str
    environment: str | None

    def apply(self, plan: Plan, confirm: str, watch: Callable[[Result], object]) -> Outcome:
        """Apply what is provably not applied of `plan`; `watch` is called with each change's result."""
        if confirm != plan.confirmation:
            raise ConfirmationError("The phrase is not the plan's.", advice=f"Type it literally: {plan.confirmation}")
        began = self.observer.clock.monotonic()
        results: list[Result] = []
        with self.journal.claimed():
            records = self.journal.records()
            past = latest([record for record in records if record.plan == plan.digest])
            view = self.still_true(plan, records)
            stopped: str | None = None
            for number in range(len(plan.changes)):
                own = past.get((plan.digest, number), Past())
                if stopped is None:
                    result = self._one(plan, number, own, view, results, began)
                    stopped = f"Entry {number} is {result.status}" if result.status in STOPPING else None
                else:
                    result = _passed_over(plan, number, own, view, f"{stopped}, so nothing after it was sent.")
                results.append(result)
                watch(result)
        return _outcome(plan, results)

    def settle(self) -> pl.DataFrame:
        """Decide what is open in the journal by reading the account; send nothing."""
        began = self.observer.clock.monotonic()
        rows = []
        with self.journal.claimed():
            for key, past in self._undecided().items():
                intent = past.intent
                if intent is None:
                    continue
                result = self._settled(key, intent.facts, past, began)
                if result.status is not Status.UNKNOWN:
                    self.journal.write(Record(Kind.SETTLED, *key, intent.facts, result=result))
                rows.append({"plan": key[0], **result.row()})
        return pl.DataFrame(rows, schema={"plan": pl.String, **OUTCOME_SCHEMA}, orient="row")

    # --- one change --------------------------------------------------------------------------------------------------

    def _one(  # noqa: PLR0917  # what is known of it
        self, plan: Plan, number: int, past: Past, view: View, before: list[Result], began: float
    ) -> Result:
        key = (plan.digest, number)
        facts, seen = facts_and_sighting(plan, number, view)
        if seen.seen is not Seen.THERE and past.open and not _repeatable(plan, number):
            seen = self.observer.settled(key, facts, past, began=began)
            if seen.seen is Seen.UNREADABLE or (seen.seen is Seen.ABSENT and past.answered_yes):
                return Result(number, Status.UNKNOWN, _OPEN)
        if past.last is not None and past.last.status is Status.SENT:
            return Result(number, Status.SENT, "Sent before, and no read can show it; nothing was sent again.")
        result: Result | None = None
        try:
            if seen.seen is Seen.THERE:
                result = found(number, Status.ALREADY_APPLIED, facts, seen, message=_there(plan, number, past))
                self.journal.write(Record(Kind.OUTCOME, *key, facts, result=result))
                return result
            attempt = past.attempts + 1
            # The same uniqueness_key at every attempt; a new Idempotency-Key, as a stored 500 is replayed for a day.
            idempotency_key = f"metronome-analytics-{plan.digest[:40]}-{number}-{attempt}"
            self.journal.write(Record(Kind.INTENT, *key, facts, attempt=attempt, idempotency_key=idempotency_key))
        except JournalError as error:
            if not before:
                raise
            return result or Result(number, Status.NOT_SENT, str(error))
        call = plan.call(number)
        result = send_once(self.send, self.observer, key, facts, call, idempotency_key=idempotency_key)
        try:
            self.journal.write(Record(Kind.OUTCOME, *key, facts, attempt=attempt, result=result))
        except JournalError as error:
            raise _unwritten(plan, [*before, result], error) from error
        return result

    # --- what was left open ------------------------------------------------------------------------------------------

    def _undecided(self) -> dict[Key, Past]:
        """What the journal has of each change of this account that it leaves undecided."""
        here = (self.base_url, self.environment)
        records = [r for r in self.journal.records() if (r.facts.base_url, r.facts.environment) == here]
        return {key: past for key, past in latest(records).items() if past.open}

    def _settled(self, key: Key, facts: Facts, past: Past, began: float) -> Result:
        entry = key[1]
        seen = self.observer.settled(key, facts, past, began=began)
        if seen.seen is Seen.THERE:
            where = OPERATIONS[facts.operation].place
            return found(entry, Status.APPLIED, facts, seen, message=f"Found in the {where}.")
        if seen.seen is Seen.UNREADABLE:
            return Result(entry, Status.UNKNOWN, "What would show it cannot be read; settle again later.")
        if past.answered_yes:
            return Result(entry, Status.UNKNOWN, _OPEN)
        return Result(entry, Status.NOT_SENT, "Sent, but it did not take effect: the account does not have it.")


def facts_and_sighting(plan: Plan, number: int, view: View) -> tuple[Facts, Sighting]:
    """What is known of a change before it is sent, the same ones of others counted; and what a view shows of it."""
    operation, facts = plan.operation(number), plan.facts(number)
    if operation.proved_by(facts) is Proof.NONE:
        return facts, ABSENT
    seen = operation.sighting(facts, view.without(frozenset(plan.tokens()) - {facts.token}))
    # What the plan itself repeats on purpose is not somebody else's.
    own = sum(each.same == facts.same for each in plan.changes) - 1
    return plan.facts(number, twins=seen.twins + own), seen


_OPEN = (
    "Sent before, and whether it took effect cannot be told from the account now; nothing was sent again. settle() "
    "decides once the account shows it; where it never does although the API said 200, ask Metronome."
)


def _repeatable(plan: Plan, number: int) -> bool:
    """Whether nothing can show it, and sending it twice does the same as once."""
    operation = plan.operation(number)
    return operation.proved_by(plan.facts(number)) is Proof.NONE and operation.once is OnceBy.ABSOLUTE


def _there(plan: Plan, number: int, past: Past) -> str:
    operation = plan.operation(number)
    if operation.proof is Proof.MARK or past.attempts:
        return f"In the {operation.place}; nothing was sent."
    return "It was so before, and not by this plan; nothing was sent."


def _passed_over(plan: Plan, number: int, past: Past, view: View, why: str) -> Result:
    """The result of a change after the one that stopped the plan: what is known of it from before."""
    facts, seen = facts_and_sighting(plan, number, view)
    if seen.seen is Seen.THERE:
        return found(number, Status.ALREADY_APPLIED, facts, seen, message=_there(plan, number, past))
    return Result(number, Status.UNKNOWN if past.open else Status.NOT_SENT, why)


def _unwritten(plan: Plan, results: list[Result], error: JournalError) -> OutcomeUnknown:
    last = results[-1]
    unknown = OutcomeUnknown(
        f"Entry {last.entry} was sent ({last.status}: {last.message}), and the journal cannot say so: {error.message}",
        advice="Mend the journal, then settle() decides by reading. Nothing after this entry was sent.",
    )
    left = range(len(results), len(plan.changes))
    rest = [Result(number, Status.NOT_SENT, "The journal failed before it.") for number in left]
    unknown.outcome = _outcome(plan, [*results, *rest])
    return unknown


def _outcome(plan: Plan, results: Sequence[Result]) -> Outcome:
    return Outcome(pl.DataFrame([r.row() for r in results], schema=OUTCOME_SCHEMA, orient="row"), plan.digest)
