"""Apply a plan: one entry at a time, announced in the journal, sent once, read back from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.corrections.evidence import Amounts, Eye, attempts, is_open, still_possible
from metronome_analytics.corrections.sending import Row, Send, body_of, facts_of, found_row, row_of, send_once
from metronome_analytics.errors import ConfirmationError, JournalError, OutcomeUnknown, StalePlan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from metronome_analytics.corrections.journal import Journal
    from metronome_analytics.corrections.plan import BalancePlan
    from metronome_analytics.corrections.state import State

# A plan older than this was made for another account than the one there is now.
MAX_AGE = timedelta(minutes=15)
# Clocks of two machines may differ a little; a plan from the future is none of theirs.
_SKEW = timedelta(minutes=1)

OUTCOME_SCHEMA = pl.Schema(
    {
        "entry": pl.Int64,
        "status": pl.String,
        "http_status": pl.Int64,
        "verified": pl.Boolean,
        "message": pl.String,
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What became of a plan: `table` has a row per entry, `plan` is the plan's digest.

    `status` is applied (sent now, and seen in the ledger), already_applied (seen there, nothing sent), refused (the API
    said no), not_sent (it did not take effect), or unknown (it may have: `account.settle()` decides by reading).
    """

    table: pl.DataFrame
    plan: str

    @property
    def ok(self) -> bool:
        """Whether every entry is in the ledger, seen there."""
        return bool(self.table["verified"].all())

    def __repr__(self) -> str:
        counts = self.table["status"].value_counts(sort=True).rows()
        lines = [f"  {row['entry']}  {row['status']}: {row['message']}" for row in self.table.iter_rows(named=True)]
        return "\n".join([f"Outcome: {', '.join(f'{count} {status}' for status, count in counts)}", *lines])


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything applying needs: how to read, how to send, where to write it down, what time it is."""

    read: Callable[[list[str]], State]
    eye: Eye
    send: Send
    journal: Journal
    base_url: str
    environment: str | None
    now: Callable[[], datetime]

    def apply(self, plan: BalancePlan, confirm: str, watch: Callable[[Row], object]) -> Outcome:
        """Apply what is provably not applied of `plan`; `watch` is called with each entry's row."""
        if confirm != plan.confirmation:
            raise ConfirmationError("The phrase is not the plan's.", advice=f"Type it literally: {plan.confirmation}")
        rows: list[Row] = []
        with self.journal.claimed():
            past = [record for record in self.journal.records() if record["plan"] == plan.digest]
            state = self._still_true(plan)
            stopped: str | None = None
            for number in range(len(plan.entries)):
                own = [record for record in past if record["entry"] == number]
                if stopped is None:
                    row = self._one(plan, number, own, state, rows)
                    stopped = f"Entry {number} is {row['status']}" if row["status"] in {"unknown", "not_sent"} else None
                else:
                    row = _passed_over(plan, number, own, state, f"{stopped}, so nothing after it was sent.")
                rows.append(row)
                watch(row)
        return _outcome(plan, rows)

    def settle(self) -> pl.DataFrame:
        """Decide what is open in the journal by reading the ledger; send nothing."""
        rows = []
        with self.journal.claimed():
            for (plan, number), (intent, last) in self._open_entries().items():
                row = self._settled(number, intent, last)
                if row["status"] != "unknown":
                    self.journal.write("settled", plan, number, _noted(intent, row))
                rows.append({"plan": plan, **row})
        return pl.DataFrame(rows, schema={"plan": pl.String, **OUTCOME_SCHEMA}, orient="row")

    # --- before anything is sent --------------------------------------------------------------------------------------

    def _still_true(self, plan: BalancePlan) -> State:
        """StalePlan unless the account is the plan's, and as the plan saw it but for the plan's own entries."""
        if (plan.base_url, plan.environment) != (self.base_url, self.environment):
            raise StalePlan(
                f"The plan is for {plan.environment or plan.base_url}, this account is "
                f"{self.environment or self.base_url}.",
                advice="Nothing was sent. Plan on the account that is to change.",
            )
        age = self.now() - plan.created_at
        if not -_SKEW <= age <= MAX_AGE:
            raise StalePlan(
                f"The plan is {age.total_seconds() / 60:.0f} minutes old; it holds for {MAX_AGE.seconds // 60}.",
                advice="Nothing was sent. Plan again; what this plan has applied is not planned twice.",
            )
        state = self.read(list(dict.fromkeys(entry.customer_id for entry in plan.entries)))
        own = frozenset(plan.token(number) for number in range(len(plan.entries))) | frozenset(plan.undoes)
        for id_, seen in plan.fingerprints.items():
            balance = state.balances.get(id_)
            if balance is None or balance.fingerprint(own) != seen:
                raise StalePlan(
                    f"Balance {(balance and balance.name) or id_} ({id_}) is no longer what the plan saw.",
                    advice="Nothing was sent. Plan again and compare.",
                )
        there = {token for balance in state.balances.values() for token in balance.tokens()}
        if missing := set(plan.undoes) - there:
            raise StalePlan(
                f"{len(missing)} of the {len(plan.undoes)} entries to be reversed are not in the ledger.",
                advice="Nothing was sent. Reverse what was applied: plan its opposite entries.",
            )
        return state

    # --- one entry ---------------------------------------------------------------------------------------------------

    def _one(self, plan: BalancePlan, number: int, past: list[dict[str, Any]], state: State, before: list[Row]) -> Row:
        facts = facts_of(plan, number)
        seen = _seen(plan, number, state)
        if not seen and past and is_open(past[-1]):
            found = self.eye.settled(facts, past[-1])
            if found is None or (not found and still_possible(past[-1])):
                return row_of(number, "unknown", message=_OPEN)
            seen = found
        try:
            if seen:
                row = found_row(number, "already_applied", facts, seen, message=_THERE)
                self.journal.write("outcome", plan.digest, number, _noted(facts, row))
                return row
            attempt = attempts(past) + 1
            # The same uniqueness_key at every attempt; a new Idempotency-Key, as a stored 500 is replayed for a day.
            key = f"{facts['uniqueness_key']}-{attempt}"
            self.journal.write("intent", plan.digest, number, {**facts, "attempt": attempt, "idempotency_key": key})
        except JournalError as error:
            if not before:
                raise
            return row if seen else row_of(number, "not_sent", message=str(error))
        row = send_once(self.send, self.eye, facts, number, body=body_of(plan, number), idempotency_key=key)
        try:
            self.journal.write("outcome", plan.digest, number, {**_noted(facts, row), "attempt": attempt})
        except JournalError as error:
            raise self._unwritten(plan, [*before, row], error) from error
        return row

    @staticmethod
    def _unwritten(plan: BalancePlan, rows: list[Row], error: JournalError) -> OutcomeUnknown:
        row = rows[-1]
        unknown = OutcomeUnknown(
            f"Entry {row['entry']} was sent ({row['status']}: {row['message']}), and the journal cannot say so: "
            f"{error.message}",
            advice="Mend the journal, then settle() decides by the ledger. Nothing after this entry was sent.",
        )
        left = range(len(rows), len(plan.entries))
        rows = [*rows, *(row_of(number, "not_sent", message="The journal failed before it.") for number in left)]
        unknown.outcome = _outcome(plan, rows)
        return unknown

    # --- what was left open ------------------------------------------------------------------------------------------

    def _open_entries(self) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]]:
        """The last intent and the last record of each entry of this account that the journal leaves undecided."""
        intents: dict[tuple[str, int], dict[str, Any]] = {}
        last: dict[tuple[str, int], dict[str, Any]] = {}
        for record in self.journal.records():
            if (record.get("base_url"), record.get("environment")) == (self.base_url, self.environment):
                key = (record["plan"], record["entry"])
                last[key] = record
                if record["kind"] == "intent":
                    intents[key] = record
        return {key: (intents[key], record) for key, record in last.items() if key in intents and is_open(record)}

    def _settled(self, number: int, intent: dict[str, Any], last: dict[str, Any]) -> Row:
        found = self.eye.settled(intent, last)
        if found:
            return found_row(number, "applied", intent, found, message="Found in the ledger.")
        if found is None:
            return row_of(number, "unknown", message="The balance or its ledger cannot be read; settle again later.")
        if still_possible(last):
            return row_of(number, "unknown", message=_OPEN)
        return row_of(number, "not_sent", message="Sent, but it did not take effect: the ledger does not have it.")


_THERE = "In the ledger; nothing was sent."
_OPEN = (
    "Sent before, and whether it took effect cannot be told from the ledger now; nothing was sent again. settle() "
    "decides once the ledger shows it; where it never does although the API said 200, ask Metronome."
)


def _seen(plan: BalancePlan, number: int, state: State) -> Amounts:
    """What the ledger had of an entry when the account was read."""
    return state.amounts_with(plan.entries[number].balance_id, plan.token(number))


def _passed_over(plan: BalancePlan, number: int, past: list[dict[str, Any]], state: State, why: str) -> Row:
    """The row of an entry after the one that stopped the plan: what is known of it from before."""
    if seen := _seen(plan, number, state):
        return found_row(number, "already_applied", facts_of(plan, number), seen, message=_THERE)
    return row_of(number, "unknown" if past and is_open(past[-1]) else "not_sent", message=why)


def _outcome(plan: BalancePlan, rows: list[Row]) -> Outcome:
    return Outcome(pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row"), plan.digest)


def _noted(facts: dict[str, Any], row: Row) -> dict[str, Any]:
    """What is written of an entry: the facts, without how an earlier record came about, and what became of it."""
    about = {name: value for name, value in facts.items() if name not in _OF_A_RECORD}
    return {**about, **{name: value for name, value in row.items() if name != "entry"}}


_OF_A_RECORD = {"seq", "at", "kind", "plan", "entry", "hash", "attempt", "idempotency_key"}
