"""One good change of each operation for a simulated account, and the same call of the vendor's own client."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from metronome_analytics.changes.fields import Change, rfc3339
from tests.changes.contract_examples import contract_examples
from tests.changes.customer_examples import customer_examples
from tests.changes.example import AHEAD, Example, fixed_product
from tests.changes.support import targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from metronome_analytics.changes.plan import Plan

WEEK = timedelta(days=7)


def _balance(account: ma.Account, kind: str) -> dict[str, Any]:
    """A running balance with one segment, made for the purpose: those that are there were invoiced, or recur."""
    make = ma.changes.CreateCredit if kind == "CREDIT" else ma.changes.CreateCommit
    name = f"For the purpose {account.balances().height}"
    plan = account.plan(make(**{**_grant(account), "name": name}))
    account.apply(plan, plan.confirmation)
    frame = account.balances().filter(pl.col("uniqueness_key") == plan.uniqueness_key(0))
    return ma.segments(frame).row(0, named=True)


def _of(account: ma.Account, kind: str) -> dict[str, Any]:
    row = _balance(account, kind)
    name = "credit_id" if kind == "CREDIT" else "commit_id"
    return {"customer_id": row["customer_id"], name: row["balance_id"]}


def _grant(account: ma.Account) -> dict[str, Any]:
    return {
        "customer_id": account.customers()["id"][0],
        "product_id": fixed_product(account),
        "amount": 10_000,
        "starting_at": account.now.replace(hour=0, minute=0),
        "ending_before": AHEAD,
        "priority": 1,
        "name": "SLA credit",
        "reason": "Outage of 12 November",
    }


def _entry(account: ma.Account) -> Change:
    return ma.BalanceEntry(**targets(account)[0], amount=-1000, reason="Credit for the outage")  # type: ignore[arg-type]  # a number will do


def _contract(account: ma.Account) -> dict[str, Any]:
    rows = account.contracts().filter(pl.col("ending_before").is_null())
    row = rows.row(0, named=True)
    return {"customer_id": row["customer_id"], "contract_id": row["id"]}


def _alert(account: ma.Account) -> dict[str, Any]:
    row = account.alerts(None).row(0, named=True)
    return {"customer_id": row["customer_id"], "alert_id": row["id"]}


def _schedule(change: Any) -> dict[str, Any]:
    item = {
        "amount": int(change.amount),
        "starting_at": change.starting_at,
        "ending_before": change.ending_before,
    }
    return {"credit_type_id": change.credit_type_id, "schedule_items": [item]}


def _create(resource: Callable[[Any], Any], **more: Any) -> Callable[[Any, Plan], object]:
    def send(sdk: Any, plan: Plan) -> object:
        change: Any = plan.changes[0].change
        return resource(sdk).create(
            customer_id=change.customer_id,
            product_id=change.product_id,
            name=change.name,
            description=change.reason,
            priority=int(change.priority),
            rate_type=change.rate_type,
            access_schedule=_schedule(change),
            uniqueness_key=plan.uniqueness_key(0),
            **more,
        )

    return send


def _fields(plan: Plan, *names: str) -> dict[str, Any]:
    return {name: getattr(plan.changes[0].change, name) for name in names}


def _update(plan: Plan, noun: str) -> dict[str, Any]:
    change: Any = plan.changes[0].change
    item = {"id": change.segment_id, "ending_before": change.ending_before}
    return {**_fields(plan, "customer_id", f"{noun}_id"), "access_schedule": {"update_schedule_items": [item]}}


EXAMPLES: dict[str, Example] = {
    "balances.enter": Example(
        _entry,
        lambda sdk, plan: sdk.v1.contracts.add_manual_balance_entry(
            **{name: value for name, value in plan.call(0).body.items() if name not in {"timestamp", "uniqueness_key"}},
            timestamp=plan.call(0).body["timestamp"],
            extra_body={"uniqueness_key": plan.uniqueness_key(0)},
        ),
        undone=False,  # the ledger keeps both
    ),
    "credits.create": Example(
        lambda account: ma.changes.CreateCredit(**_grant(account)),
        _create(lambda sdk: sdk.v1.customers.credits),
    ),
    "commits.create": Example(
        lambda account: ma.changes.CreateCommit(**_grant(account)),
        _create(lambda sdk: sdk.v1.customers.commits, type="PREPAID"),
    ),
    "credits.end": Example(
        lambda account: ma.changes.EndCredit(**_of(account, "CREDIT"), access_ending_before=AHEAD - WEEK),
        lambda sdk, plan: sdk.v1.customers.credits.update_end_date(
            **_fields(plan, "customer_id", "credit_id", "access_ending_before")
        ),
    ),
    "commits.end": Example(
        lambda account: ma.changes.EndCommit(**_of(account, "PREPAID"), access_ending_before=AHEAD - WEEK),
        lambda sdk, plan: sdk.v1.customers.commits.update_end_date(
            **_fields(plan, "customer_id", "commit_id", "access_ending_before")
        ),
    ),
    "credits.extend": Example(
        lambda account: ma.changes.ExtendCredit(**_of(account, "CREDIT"), ending_before=AHEAD + WEEK),
        lambda sdk, plan: sdk.v2.contracts.edit_credit(**_update(plan, "credit")),
    ),
    "commits.extend": Example(
        lambda account: ma.changes.ExtendCommit(**_of(account, "PREPAID"), ending_before=AHEAD + WEEK),
        lambda sdk, plan: sdk.v2.contracts.edit_commit(**_update(plan, "commit")),
    ),
    # The official client has no call of these two.
    "credits.archive": Example(lambda account: ma.changes.ArchiveCredit(**_of(account, "CREDIT")), None, undone=False),
    "commits.archive": Example(lambda account: ma.changes.ArchiveCommit(**_of(account, "PREPAID")), None, undone=False),
    "contracts.end": Example(
        lambda account: ma.changes.EndContract(**_contract(account), ending_before=AHEAD),
        lambda sdk, plan: sdk.v1.contracts.update_end_date(
            **_fields(plan, "customer_id", "contract_id", "ending_before", "allow_ending_before_finalized_invoice")
        ),
    ),
    "customers.set_name": Example(
        lambda account: ma.changes.SetCustomerName(customer_id=account.customers()["id"][-1], name="Renamed Ltd"),
        lambda sdk, plan: sdk.v1.customers.set_name(**_fields(plan, "customer_id", "name")),
    ),
    "alerts.reset": Example(
        lambda account: ma.changes.ResetAlert(**_alert(account)),
        lambda sdk, plan: sdk.v1.customers.alerts.reset(**_fields(plan, "customer_id", "alert_id")),
        undone=False,  # there is nothing to undo
    ),
    **contract_examples(),
    **customer_examples(),
}


def as_sent(value: Any) -> Any:
    """JSON with every instant written one way."""
    if isinstance(value, dict):
        return {name: as_sent(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_sent(each) for each in value]
    if isinstance(value, str) and len(value) > 18 and value[10:11] == "T":
        return rfc3339(datetime.fromisoformat(value))
    return value
