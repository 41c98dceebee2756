"""What only a write shows: one small entry in a sandbox, sent again in three ways, and taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.changes import BalanceEntry
from metronome_analytics.changes.machine import ChangeMachine
from metronome_analytics.changes.records import token_of
from metronome_analytics.changes.sending import SendOnce
from metronome_analytics.doctor.facts import Finding, judged, unknown
from metronome_analytics.doctor.unasked import IDEMPOTENCY, OFF_HOUR, UNIQUENESS
from metronome_analytics.errors import ConfigurationError, ConfirmationError, MetronomeError
from metronome_analytics.leeway import Leeway
from metronome_analytics.tables import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.changes.balance_plan import BalancePlan
    from metronome_analytics.changes.operation import Call
    from metronome_analytics.loaders import AllLoaders
    from metronome_analytics.session import Session

AMOUNT = Decimal(1)
"""What the entry adds, in the balance's own unit: a cent of dollars."""
_REASON = "Trial of the doctor of metronome_analytics, taken back at once"


class _Trial:
    """Sends an entry as it is planned, and then again: with the same keys, with a new one, and at half past."""

    def __init__(self, session: Session) -> None:
        self._send = SendOnce(session)
        self.statuses: dict[str, int] = {}

    def __call__(self, call: Call, *, idempotency_key: str) -> None:
        """Raises what the first of them raises; the others are observations."""
        self._send(call, idempotency_key=idempotency_key)
        body = dict(call.body)
        self._again(IDEMPOTENCY.name, call, idempotency_key)
        self._again(UNIQUENESS.name, call, f"{idempotency_key}-again")
        half_past = datetime.fromisoformat(str(body["timestamp"])) + timedelta(minutes=30)
        body |= {
            "timestamp": half_past.isoformat().replace("+00:00", "Z"),
            "uniqueness_key": f"{body['uniqueness_key']}-half-past",
        }
        self._again(OFF_HOUR.name, replace(call, body=body), f"{idempotency_key}-half-past")

    def _again(self, what: str, call: Call, key: str) -> None:
        try:
            self._send(call, idempotency_key=key)
            self.statuses[what] = 200
        except MetronomeError as error:
            self.statuses[what] = error.status or 0


def sandbox_writes(
    loaders: AllLoaders, customer_id: str, balance_id: str, *, typed: str, confirm: Callable[[BalancePlan], str]
) -> dict[str, Finding]:
    """What is found by an entry on `balance_id` and its opposite, by fact.

    `typed` is the environment's name as the user typed it; `confirm` is asked for the phrase of each of the two plans.
    Raises ConfigurationError unless `typed` is the account's environment, ConfirmationError for another phrase, and
    whatever planning and applying raise.
    """
    session = loaders.session
    if not session.environment or typed != session.environment:
        raise ConfigurationError(
            "Nothing was sent: the name typed is not the account's environment.",
            advice="Open the account with environment='sandbox' (--environment) and type that name.",
        )
    trial = _Trial(session)
    machine = ChangeMachine(loaders, trial)
    plan = machine.plan_balance_entries(_entry(customer_id, balance_id, AMOUNT), Leeway(allow_duplicate=True))
    outcome = machine.apply(plan, confirm(plan), watch=lambda _: None)
    there = _found(loaders, customer_id, balance_id, plan)
    if there:
        _take_back(loaders, customer_id, balance_id, AMOUNT * there, confirm)
    if not trial.statuses or not there:
        status = outcome.table["status"][0]
        return {fact.name: unknown(f"the entry itself was {status}") for fact in (IDEMPOTENCY, UNIQUENESS, OFF_HOUR)}
    return _findings(trial.statuses, there)


def _entry(customer_id: str, balance_id: str, amount: Decimal) -> BalanceEntry:
    return BalanceEntry(customer_id=customer_id, balance_id=balance_id, amount=amount, reason=_REASON)


def _found(loaders: AllLoaders, customer_id: str, balance_id: str, plan: BalancePlan) -> int:
    """How many entries of the trial the ledger has."""
    tokens = set(plan.tokens())
    # The list is asked for whole: whether `id` filters is one more thing to believe.
    entries = ledger(loaders.balances(customer_id).filter(pl.col("id") == balance_id))
    return sum(token_of(reason) in tokens for reason in entries["reason"])


def _take_back(
    loaders: AllLoaders, customer_id: str, balance_id: str, amount: Decimal, confirm: Callable[[BalancePlan], str]
) -> None:
    machine = ChangeMachine(loaders)
    leeway = Leeway(allow_duplicate=True, allow_overdraw=True)
    plan = machine.plan_balance_entries(_entry(customer_id, balance_id, -amount), leeway)
    try:
        machine.apply(plan, confirm(plan), watch=lambda _: None)
    except ConfirmationError as error:
        error.advice = f"The trial's {amount} is still in the ledger of {balance_id}: enter {-amount} to take it back."
        raise


def _findings(statuses: dict[str, int], there: int) -> dict[str, Finding]:
    """One entry was sent on purpose. Of the others each that answered 200 is in the ledger, or was only replayed."""
    replayed = statuses[IDEMPOTENCY.name] == 200 and there == 1 + sum(
        statuses[name] == 200 for name in (UNIQUENESS.name, OFF_HOUR.name)
    )
    told = {name: f"{status or 'no answer'}; {there} entries in the ledger" for name, status in statuses.items()}
    refused = statuses[UNIQUENESS.name]
    return {
        IDEMPOTENCY.name: judged(replayed, told[IDEMPOTENCY.name]),
        UNIQUENESS.name: judged({409: True, 200: False}.get(refused), told[UNIQUENESS.name]),
        OFF_HOUR.name: judged({400: True, 200: False}.get(statuses[OFF_HOUR.name]), told[OFF_HOUR.name]),
    }
