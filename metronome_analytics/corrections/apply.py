"""Apply a plan: one entry at a time, announced in the journal, sent once, read back from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from metronome_analytics.corrections.state import State, with_token
from metronome_analytics.errors import (
    AuthenticationError,
    ConfirmationError,
    JournalError,
    MetronomeError,
    OutcomeUnknown,
    RateLimitedError,
    RequestRejected,
    StalePlan,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from metronome_analytics.corrections.journal import Journal
    from metronome_analytics.corrections.plan import BalancePlan, PlannedEntry

# A plan older than this was made for another account than the one there is now.
MAX_AGE = timedelta(minutes=15)
# How long to wait before each further look at the ledger, in seconds, when it does not show what was sent.
LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0)
# After this, a request whose answer was lost will not take effect any more: gateways give up after a minute.
LANDED = timedelta(minutes=15)

OUTCOME_SCHEMA = pl.Schema(
    {
        "entry": pl.Int64,
        "status": pl.String,
        "http_status": pl.Int64,
        "verified": pl.Boolean,
        "message": pl.String,
    }
)


class Send(Protocol):
    """Sends one manual entry, once; raises one of our errors."""

    def __call__(self, body: dict[str, Any], *, idempotency_key: str) -> None:
        """Return when the API said 200."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan: `table` has a row per entry, `plan` is the plan's digest."""

    table: pl.DataFrame
    plan: str

    @property
    def ok(self) -> bool:
        """Whether every entry is in the ledger, seen there."""
        return bool(self.table["verified"].all())


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything applying needs: how to read, how to send, where to write it down, how to wait."""

    read: Callable[[list[str]], State]
    send: Send
    journal: Journal
    base_url: str
    environment: str | None
    sleep: Callable[[float], None]

    def apply(self, plan: BalancePlan, confirm: str) -> Outcome:
        """Apply what is provably not applied of `plan`."""
        if confirm != plan.confirmation:
            raise ConfirmationError("The phrase is not the plan's.", advice=f"Type it literally: {plan.confirmation}")
        with self.journal.claimed():
            history = [record for record in self.journal.records() if record["plan"] == plan.digest]
            self._still_true(plan)
            rows: list[dict[str, Any]] = []
            stopped = False
            for number, entry in enumerate(plan.entries):
                if stopped:
                    rows.append(_row(number, "not_sent", message="An entry before it is undecided; nothing was sent."))
                    continue
                row = self._one(plan, number, entry, [r for r in history if r["entry"] == number])
                rows.append(row)
                stopped = row["status"] in {"unknown", "not_sent"}
        return Outcome(pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row"), plan.digest)

    def settle(self) -> pl.DataFrame:
        """Decide what is open in the journal by reading the ledger; send nothing."""
        last: dict[tuple[str, int], dict[str, Any]] = {}
        intents: dict[tuple[str, int], dict[str, Any]] = {}
        for record in self.journal.records():
            if (record.get("base_url"), record.get("environment")) == (self.base_url, self.environment):
                key = (record["plan"], record["entry"])
                last[key] = record
                if record["kind"] == "intent":
                    intents[key] = record
        open_ = {key: intents[key] for key, record in last.items() if key in intents and _is_open(record)}
        rows = []
        for (plan, number), intent in open_.items():
            state = self.read([intent["customer_id"]])
            if state.entries_with(intent["balance_id"], intent["token"]):
                row = _row(number, "applied", verified=True, message="Found in the ledger.")
            elif datetime.now(UTC) - intent["at"] > LANDED:
                row = _row(number, "not_sent", message="The ledger does not have it, long after it was sent.")
            else:
                row = _row(number, "unknown", message="Not in the ledger yet; settle again later.")
            if row["status"] != "unknown":
                self._note("settled", plan, number, intent, row)
            rows.append({"plan": plan, **row})
        return pl.DataFrame(rows, schema={"plan": pl.String, **OUTCOME_SCHEMA}, orient="row")

    # --- before anything is sent --------------------------------------------------------------------------------------

    def _still_true(self, plan: BalancePlan) -> None:
        """StalePlan unless the account is the plan's, and as the plan saw it but for the plan's own entries."""
        if (plan.base_url, plan.environment) != (self.base_url, self.environment):
            raise StalePlan(f"The plan is for {plan.environment or plan.base_url}, this account is another.")
        age = datetime.now(UTC) - plan.created_at
        if age > MAX_AGE:
            raise StalePlan(f"The plan is {age.total_seconds() / 60:.0f} minutes old, over 15.", advice="Plan again.")
        state = self.read(list(dict.fromkeys(entry.customer_id for entry in plan.entries)))
        own = frozenset(plan.token(number) for number in range(len(plan.entries)))
        for id_, seen in plan.fingerprints.items():
            balance = state.balances.get(id_)
            if balance is None or balance.fingerprint(own | frozenset(plan.undoes)) != seen:
                raise StalePlan(f"Balance {id_} is no longer what the plan saw.", advice="Plan again.")
        there = {token for balance in state.balances.values() for token in balance.tokens()}
        if missing := set(plan.undoes) - there:
            raise StalePlan(f"{len(missing)} of the entries to be reversed are not in the ledger.")

    # --- one entry ---------------------------------------------------------------------------------------------------

    def _one(
        self, plan: BalancePlan, number: int, entry: PlannedEntry, history: list[dict[str, Any]]
    ) -> dict[str, Any]:
        if self._in_ledger(plan, number, entry, looks=LOOKS[:1]):
            row = _row(number, "already_applied", verified=True, message="Found in the ledger; nothing was sent.")
            self._note("outcome", plan.digest, number, self._facts(plan, number, entry), row)
            return row
        attempts = [record for record in history if record["kind"] == "intent"]
        if attempts and _is_open(history[-1]) and self._may_still_land(plan, number, entry, attempts[-1]):
            return _row(number, "unknown", message="Sent before, and the ledger does not show it yet: settle() later.")
        self._note("intent", plan.digest, number, self._facts(plan, number, entry), {"attempt": len(attempts) + 1})
        row = self._send(plan, number, entry, attempt=len(attempts) + 1)
        try:
            self._note("outcome", plan.digest, number, self._facts(plan, number, entry), row)
        except JournalError as error:
            raise OutcomeUnknown(
                f"Entry {number} was sent ({row['status']}: {row['message']}), and the journal cannot say so: {error}",
                advice="Mend the journal, then settle() decides by the ledger. Nothing after this entry was sent.",
            ) from error
        return row

    def _send(self, plan: BalancePlan, number: int, entry: PlannedEntry, *, attempt: int) -> dict[str, Any]:
        status: int | None = 200
        message = ""
        try:
            # The same uniqueness_key at every attempt; a new Idempotency-Key, for a stored 500 is replayed for a day.
            self.send(_body(plan, number, entry), idempotency_key=f"{plan.uniqueness_key(number)}-{attempt}")
        except (AuthenticationError, RateLimitedError) as error:
            return _row(number, "refused", http_status=error.status, message=str(error))
        except TransportError as error:
            if not error.sent:
                return _row(number, "not_sent", message=str(error))
            status, message = error.status, error.message
        except MetronomeError as error:
            # 409 on a key of our own, a cut connection, a timeout, a 5xx: it may have taken effect. Never sent again
            # blindly. Any other 4xx is the API's last word.
            if isinstance(error, RequestRejected) and error.status not in {408, 409}:
                return _row(number, "refused", http_status=error.status, message=str(error))
            status, message = error.status, error.message
        if self._in_ledger(plan, number, entry, looks=LOOKS):
            return _row(number, "applied", http_status=status, verified=True, message=message or "Read back.")
        unseen = "The ledger does not show it: settle() decides later."
        return _row(number, "unknown", http_status=status, message=f"{message} {unseen}".strip())

    def _may_still_land(self, plan: BalancePlan, number: int, entry: PlannedEntry, intent: dict[str, Any]) -> bool:
        """Whether an earlier attempt that the ledger did not show has shown up after all, or is just too recent."""
        if datetime.now(UTC) - intent["at"] > LANDED:
            return False
        return self._in_ledger(plan, number, entry, looks=LOOKS)

    def _in_ledger(self, plan: BalancePlan, number: int, entry: PlannedEntry, *, looks: tuple[float, ...]) -> bool:
        for wait in looks:
            self.sleep(wait)
            found = self.read([entry.customer_id]).entries_with(entry.balance_id, plan.token(number))
            if any(item["amount"] == entry.amount for item in found):
                return True
        return False

    # --- the journal -----------------------------------------------------------------------------------------------

    def _facts(self, plan: BalancePlan, number: int, entry: PlannedEntry) -> dict[str, Any]:
        return {
            "base_url": self.base_url,
            "environment": self.environment,
            "customer_id": entry.customer_id,
            "balance_id": entry.balance_id,
            "segment_id": entry.segment_id,
            "credit_type_name": entry.credit_type_name,
            "amount": f"{entry.amount.normalize():f}",
            "reason": entry.reason,
            "token": plan.token(number),
        }

    def _note(self, kind: str, plan: str, number: int, facts: dict[str, Any], row: dict[str, Any]) -> None:
        facts = {name: facts.get(name) for name in (*_FACTS, "token")}
        self.journal.write(kind, plan, number, {**facts, **{k: v for k, v in row.items() if k != "entry"}})


_FACTS = (
    "base_url",
    "environment",
    "customer_id",
    "balance_id",
    "segment_id",
    "credit_type_name",
    "amount",
    "reason",
)


def _row(
    number: int, status: str, *, http_status: int | None = None, verified: bool = False, message: str
) -> dict[str, Any]:
    return {
        "entry": number,
        "status": status,
        "http_status": http_status,
        "verified": verified,
        "message": message,
    }


def _is_open(record: dict[str, Any]) -> bool:
    """Whether a record leaves its entry undecided: announced and no more, or sent and not seen."""
    return record["kind"] == "intent" or record.get("status") == "unknown"


def _body(plan: BalancePlan, number: int, entry: PlannedEntry) -> dict[str, Any]:
    body: dict[str, Any] = {
        "customer_id": entry.customer_id,
        "id": entry.balance_id,
        "segment_id": entry.segment_id,
        "amount": _number(entry.amount),
        "reason": with_token(entry.reason, plan.token(number)),
        "timestamp": entry.timestamp.isoformat().replace("+00:00", "Z"),
        "uniqueness_key": plan.uniqueness_key(number),
    }
    if entry.contract_id is not None:
        body["contract_id"] = entry.contract_id
    if entry.per_group_amounts is not None:
        body["per_group_amounts"] = {group: _number(amount) for group, amount in entry.per_group_amounts.items()}
    return body


def _number(amount: Decimal) -> int | float:
    """The JSON number whose shortest text is `amount`: that is what comes back."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
