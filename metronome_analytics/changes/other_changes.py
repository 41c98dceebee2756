"""`customers.set_name`, `contracts.end` and `alerts.reset`: a name, an end date, a second look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from metronome_analytics.changes.fields import Change, Hour, rfc3339
from metronome_analytics.changes.holdings import Contract, digest
from metronome_analytics.changes.operation import (
    ABSENT,
    THERE,
    UNREADABLE,
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Sighting,
    Weight,
    drafts_follow,
)
from metronome_analytics.changes.view import Look, View

if TYPE_CHECKING:
    from metronome_analytics.changes.records import Facts, Json

__all__ = ["EndContract", "ResetAlert", "SetCustomerName"]

LONGEST_NAME = 160
"""The API cuts a longer name of a customer without a word."""
OPEN = "open"


class SetCustomerName(Change):
    """A customer's name, on its invoices at once; 160 characters at most, as the API cuts the rest.

    >>> osprey = account.customers()["id"][0]
    >>> account.plan(ma.changes.SetCustomerName(customer_id=osprey, name="Osprey AG")).table["after"].item()
    'Osprey AG'
    """

    operation: ClassVar[str] = "customers.set_name"

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class EndContract(Change):
    """A contract ends at `ending_before`, or is "open": it must be said, because the API takes silence for open.

    Unless `allow_ending_before_finalized_invoice`, the API refuses an end before an invoice that is final.

    >>> osprey = account.customers()["id"][0]
    >>> contract = account.contracts(osprey).row(0, named=True)
    >>> ids = {"customer_id": contract["customer_id"], "contract_id": contract["id"]}
    >>> account.plan(ma.changes.EndContract(**ids, ending_before="2027-03-01")).confirmation
    "end contract 'Order form 00000-main': 2027-03-01 00:00 UTC, for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "contracts.end"

    contract_id: str
    ending_before: Literal["open"] | Hour
    allow_ending_before_finalized_invoice: bool = False


class ResetAlert(Change):
    """An alert is evaluated again for a customer, after a correction say; its webhook may fire again.

    >>> alert = account.alerts().row(0, named=True)
    >>> reset = ma.changes.ResetAlert(customer_id=alert["customer_id"], alert_id=alert["id"])
    >>> account.plan(reset).confirmation
    "reset alert 'Balance below 1,000 dollars', for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "alerts.reset"

    alert_id: str


# --- the name of a customer ------------------------------------------------------------------------------------------


def prepare_name(change: SetCustomerName, review: Review) -> PlannedChange | None:
    """Checks that the customer is there."""
    old = review.customer(change.customer_id)
    review.once_only(change.customer_id, "name")
    if old is None or any(problem.row == review.row for problem in review.problems):
        return None
    others = [c.id for c in review.view.customers.values() if c.name == change.name and c.id != change.customer_id]
    return PlannedChange(
        change=change,
        # The name is what changes: who is meant is said by the id.
        customer_name=change.customer_id,
        subject_id=change.customer_id,
        subject_name=None,
        what=f"rename customer {change.customer_id} to {change.name!r}",
        same=change.same(),
        before=old,
        after=change.name,
        opposite=SetCustomerName(customer_id=change.customer_id, name=old) if len(old) <= LONGEST_NAME else None,
        no_undo="the old name is longer than the API takes",
        warnings=(f"customer {others[0]} of this plan has the name already",) if others else (),
    )


def call_name(change: SetCustomerName, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # an absolute value
    """The name as it is sent."""
    return Call("set_name", change.customer_id, {"name": change.name}, path={"customer_id": change.customer_id})


def sighting_name(facts: Facts, view: View) -> Sighting:
    """The customer has the name."""
    customer = view.customers.get(facts.customer_id)
    if customer is None:
        return UNREADABLE
    return THERE if customer.name == facts.body["name"] else ABSENT


def fingerprint_name(change: SetCustomerName, view: View) -> str:
    """The name as it was."""
    customer = view.customers.get(change.customer_id)
    return "" if customer is None else digest(customer.name)


SET_NAME = Operation(
    name=SetCustomerName.operation,
    endpoint="set_name",
    change=SetCustomerName,
    verb="rename",
    noun=("customer", "customers"),
    looks=frozenset({Look.CUSTOMERS}),
    proof_looks=frozenset({Look.CUSTOMERS}),
    prepare=prepare_name,
    fingerprint=fingerprint_name,
    call=call_name,
    sighting=sighting_name,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="customers.set_name to the old name",
    weight=Weight.LIGHT,
)


# --- the end of a contract -------------------------------------------------------------------------------------------


def _end_text(contract: Contract) -> str:
    return OPEN if contract.ending_before is None else f"{contract.ending_before:%Y-%m-%d %H:%M} UTC"


def prepare_contract(change: EndContract, review: Review) -> PlannedChange | None:
    """Checks the contract, and says what an earlier end truncates."""
    owner = review.customer(change.customer_id)
    contract = review.view.contracts.get(change.contract_id)
    if owner is None:
        return None
    if contract is None or contract.customer_id != change.customer_id:
        review.wrong("contract_id", f"{owner} has no contract {change.contract_id}: unknown, archived, or another's")
        return None
    review.once_only(contract.id, "end")
    end = None if change.ending_before == OPEN else change.ending_before
    if end is not None and not isinstance(end, str) and end <= contract.starting_at:
        review.wrong("ending_before", f"it starts at {contract.starting_at:%Y-%m-%d %H:%M} UTC")
    if any(problem.row == review.row for problem in review.problems):
        return None
    after = OPEN if end is None or isinstance(end, str) else f"{end:%Y-%m-%d %H:%M} UTC"
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=contract.id,
        subject_name=contract.name,
        what=f"end contract {contract.name or contract.id!r}: {after}",
        same=change.same(),
        before=_end_text(contract),
        after=after,
        opposite=EndContract(
            customer_id=change.customer_id,
            contract_id=contract.id,
            ending_before="open" if contract.ending_before is None else contract.ending_before,
            allow_ending_before_finalized_invoice=change.allow_ending_before_finalized_invoice,
        ),
        warnings=_truncated(change, review),
    )


def _truncated(change: EndContract, review: Review) -> tuple[str, ...]:
    """What is cut with the contract: its own balances that last longer, and its drafts."""
    end = change.ending_before
    if isinstance(end, str):
        return ()
    cut = [
        balance.title
        for balance in review.view.balances.values()
        if balance.contract_id == change.contract_id and any(s.ending_before > end for s in balance.segments)
    ]
    drafts = review.view.drafts_of(change.customer_id, change.contract_id)
    return (
        *([f"truncates {', '.join(cut)}, which a later end does not bring back"] if cut else []),
        *drafts_follow(drafts),
    )


def call_contract(change: EndContract, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # an absolute value
    """The end as it is sent; without `ending_before` the API takes the contract for open."""
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "allow_ending_before_finalized_invoice": change.allow_ending_before_finalized_invoice,
    }
    if not isinstance(change.ending_before, str):
        body["ending_before"] = rfc3339(change.ending_before)
    return Call("end_contract", change.customer_id, body)


def sighting_contract(facts: Facts, view: View) -> Sighting:
    """The contract ends when it was asked to, or is open."""
    contract = view.contracts.get(facts.subject_id)
    if contract is None:
        return UNREADABLE
    there = None if contract.ending_before is None else rfc3339(contract.ending_before)
    return THERE if there == facts.body.get("ending_before") else ABSENT


def fingerprint_contract(change: EndContract, view: View) -> str:
    """The contract's end as it was."""
    contract = view.contracts.get(change.contract_id)
    return "" if contract is None else digest([str(contract.starting_at), str(contract.ending_before)])


END_CONTRACT = Operation(
    name=EndContract.operation,
    endpoint="end_contract",
    change=EndContract,
    verb="end",
    noun=("contract", "contracts"),
    looks=frozenset({Look.CUSTOMERS, Look.CONTRACTS, Look.BALANCES, Look.DRAFTS}),
    proof_looks=frozenset({Look.CONTRACTS}),
    prepare=prepare_contract,
    fingerprint=fingerprint_contract,
    call=call_contract,
    sighting=sighting_contract,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="contracts.end at the old end; truncated terms do not come back",
    weight=Weight.BILLING,
)


# --- an alert --------------------------------------------------------------------------------------------------------


def prepare_alert(change: ResetAlert, review: Review) -> PlannedChange | None:
    """Checks that the alert is there for the customer, and enabled."""
    owner = review.customer(change.customer_id)
    alert = review.view.alerts.get((change.customer_id, change.alert_id))
    if owner is None:
        return None
    if alert is None or not alert.enabled:
        review.wrong("alert_id", f"{owner} has no enabled alert {change.alert_id}")
        return None
    review.once_only(f"{change.customer_id} {alert.id}", "alert")
    if any(problem.row == review.row for problem in review.problems):
        return None
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=alert.id,
        subject_name=alert.name,
        what=f"reset alert {alert.name or alert.id!r}",
        same=change.same(),
        before=alert.customer_status,
        after="evaluated again",
        no_undo="it only evaluates again",
        warnings=("its webhook may fire again",),
    )


def call_alert(change: ResetAlert, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # it may be repeated
    """The reset as it is sent."""
    body: dict[str, Json] = {"customer_id": change.customer_id, "alert_id": change.alert_id}
    return Call("reset_alert", change.customer_id, body)


def fingerprint_alert(change: ResetAlert, view: View) -> str:
    """Whether it is enabled; how it stands is what may change at any time."""
    alert = view.alerts.get((change.customer_id, change.alert_id))
    return digest(alert is not None and alert.enabled)


def sighting_alert(facts: Facts, view: View) -> Sighting:  # noqa: ARG001  # nothing shows it
    """No read shows it."""
    return UNREADABLE


RESET_ALERT = Operation(
    name=ResetAlert.operation,
    endpoint="reset_alert",
    change=ResetAlert,
    verb="reset",
    noun=("alert", "alerts"),
    looks=frozenset({Look.CUSTOMERS, Look.ALERTS}),
    proof_looks=frozenset(),
    prepare=prepare_alert,
    fingerprint=fingerprint_alert,
    call=call_alert,
    sighting=sighting_alert,
    once=OnceBy.ABSOLUTE,
    proof=Proof.NONE,
    undo="nothing: it only evaluates again",
    weight=Weight.LIGHT,
)
