"""`invoices.add_charge`: a one-time charge on a draft of the deprecated Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.api.endpoints import Status
from metronome_analytics.changes.fields import AnyTime, Granted, Reason, json_number, rfc3339
from metronome_analytics.changes.holdings import digest
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
)
from metronome_analytics.changes.plan_changes import OfPlan, plan_of
from metronome_analytics.changes.records import token_of, with_token, without_token
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import display
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.surroundings import Invoice

__all__ = ["AddCharge"]


class AddCharge(OfPlan):
    """A one-time charge on a draft invoice of a customer's plan: `price` in the invoice's unit, times `quantity`.

    The charge's product is not on the plan, and has fixed charges only. `description` is what the invoice says.

    >>> held = account.plans().row(0, named=True)
    >>> charge = ma.changes.AddCharge(
    ...     customer_id=held["customer_id"],
    ...     customer_plan_id=held["id"],
    ...     charge_id="91e24b8c-a084-559d-a298-a10e604c0fbb",
    ...     description="Onboarding by hand",
    ...     invoice_start_timestamp="2026-11-01",
    ...     price=12_500,
    ...     quantity=2,
    ... )
    >>> account.plan(charge).confirmation
    'add 1 charge, 25,000 USD (cents) = $250.00, for Nimbus Dynamics LLC in demo'
    """

    operation: ClassVar[str] = "invoices.add_charge"

    charge_id: str
    description: Reason
    invoice_start_timestamp: AnyTime
    price: Granted
    quantity: Granted


def prepare_charge(change: AddCharge, review: Review) -> PlannedChange | None:
    """Checks that a draft of the plan begins just then, and that it has no such line."""
    found = plan_of(change, review)
    if found is None:
        return None
    owner, plan = found
    draft = _draft(change, review.view)
    if draft is None:
        said = f"no draft of the customer's plans begins at {rfc3339(change.invoice_start_timestamp)}"
        review.wrong("invoice_start_timestamp", said)
        return None
    amount = change.price * change.quantity
    review.within_limits(amount, draft.credit_type_name)
    there = any(without_token(line) == change.description for line in draft.lines)
    review.repeats(change.same(), "charge", there=there, where="draft")
    if not review.fine:
        return None
    total = draft.total or amount * 0
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=draft.id,
        subject_name=plan.plan_name,
        what=f"add charge {change.description!r} of {display(amount, draft.credit_type_name)} to the draft of "
        f"{change.invoice_start_timestamp:%Y-%m-%d}",
        same=change.same(),
        credit_type_name=draft.credit_type_name,
        amount=amount,
        before=f"the draft is over {display(total, draft.credit_type_name)}",
        after=f"the draft is over {display(total + amount, draft.credit_type_name)}",
        no_undo="the API takes no charge off an invoice",
    )


def _draft(change: AddCharge, view: View) -> Invoice | None:
    """The draft of the customer's plans that begins at the given time."""
    return next(
        (
            invoice
            for invoice in view.around.invoices.values()
            if invoice.customer_id == change.customer_id
            and invoice.contract_id is None
            and invoice.status == InvoiceStatus.DRAFT
            and invoice.start_timestamp == change.invoice_start_timestamp
        ),
        None,
    )


def call_charge(change: AddCharge, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # it takes no key
    """The charge as it is sent; its description carries the mark."""
    body: dict[str, Json] = {
        "charge_id": change.charge_id,
        "customer_plan_id": change.customer_plan_id,
        "description": with_token(change.description, token),
        "invoice_start_timestamp": rfc3339(change.invoice_start_timestamp),
        "price": json_number(change.price),
        "quantity": json_number(change.quantity),
    }
    return Call("add_charge", change.customer_id, body, path={"customer_id": change.customer_id})


def sighting_charge(facts: Facts, view: View) -> Sighting:
    """A line of the invoice has the mark; whether the API shows descriptions on lines, it does not say."""
    invoice = view.around.invoices.get(facts.subject_id)
    if invoice is None:
        return UNREADABLE
    return THERE if any(token_of(line) == facts.token for line in invoice.lines) else ABSENT


def fingerprint_charge(change: AddCharge, view: View) -> str:
    """The plan, and the draft it is for; what the draft comes to moves by the hour."""
    plan, draft = view.around.plans.get(change.customer_plan_id), _draft(change, view)
    return "" if plan is None or draft is None else digest([plan.id, str(plan.ending_before), draft.id, draft.status])


ADD_CHARGE = Operation(
    name=AddCharge.operation,
    endpoint="add_charge",
    change=AddCharge,
    verb="add",
    noun=("charge", "charges"),
    looks=frozenset({Look.CUSTOMERS, Look.PLANS, Look.INVOICES}),
    proof_looks=frozenset({Look.INVOICES}),
    prepare=prepare_charge,
    fingerprint=fingerprint_charge,
    call=call_charge,
    sighting=sighting_charge,
    once=OnceBy.HEADER,
    proof=Proof.MARK,
    undo="nothing: the API takes no charge off an invoice",
    weight=Weight.BILLING,
    status=Status.PLANS_ONLY.value,
)
