"""`plans.add` and `plans.end`, of the deprecated Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from metronome_analytics.api.endpoints import Status
from metronome_analytics.changes.fields import Change, Midnight, Object, Objects, rfc3339
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
    keyless,
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.surroundings import CustomerPlan, Invoice

__all__ = ["AddPlan", "EndPlan"]

OPEN = "open"


class AddPlan(Change):
    """A customer gets a plan from `starting_on` to `ending_before`, both midnight UTC; "open" is without end.

    `price_adjustments`, `overage_rate_adjustments` and `trial_spec` are as the API takes them.

    >>> add = ma.changes.AddPlan(
    ...     customer_id=account.customers()["id"][1],
    ...     plan_id=account.plans()["plan_id"][0],
    ...     starting_on="2026-11-01",
    ...     ending_before="open",
    ... )
    >>> account.plan(add).table.select("customer_name", "after").row(0)
    ('Harbor Telecom LLC', 'billed by it from 2026-11-01')
    """

    operation: ClassVar[str] = "plans.add"

    plan_id: str
    starting_on: Midnight
    ending_before: Literal["open"] | Midnight
    net_payment_terms_days: int | None = None
    price_adjustments: Objects = ()
    overage_rate_adjustments: Objects = ()
    trial_spec: Object | None = None


class OfPlan(Change):
    """A change of a plan that a customer has."""

    customer_plan_id: str


class EndPlan(OfPlan):
    """A customer's plan ends at `ending_before`, midnight UTC, or is "open": the API takes silence for open.

    With `void_invoices` it may end before what is final: those invoices are void for ever, with `void_stripe_invoices`
    at Stripe too.

    >>> held = account.plans().row(0, named=True)
    >>> end = ma.changes.EndPlan(
    ...     customer_id=held["customer_id"], customer_plan_id=held["id"], ending_before="2027-03-01"
    ... )
    >>> account.plan(end).confirmation
    "end plan 'Legacy scale plan': 2027-03-01, for Nimbus Dynamics LLC in demo"
    """

    operation: ClassVar[str] = "plans.end"

    ending_before: Literal["open"] | Midnight
    void_invoices: bool = False
    void_stripe_invoices: bool = False

    @model_validator(mode="after")
    def _stripe_follows(self) -> Self:
        if self.void_stripe_invoices and not self.void_invoices:
            raise ValueError("void_stripe_invoices goes with void_invoices")
        return self


def _until(end: datetime | str | None) -> str:
    return OPEN if end is None or isinstance(end, str) else f"{end:%Y-%m-%d}"


def plan_of(change: OfPlan, review: Review) -> tuple[str, CustomerPlan] | None:
    """The customer's name and the plan; a problem where one of them is not there."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    plan = review.view.around.plans.get(change.customer_plan_id)
    if plan is None or plan.customer_id != change.customer_id:
        review.wrong("customer_plan_id", f"{owner} has no plan {change.customer_plan_id}: unknown, or another's")
        return None
    return owner, plan


# --- a plan begins ---------------------------------------------------------------------------------------------------


def prepare_add(change: AddPlan, review: Review) -> PlannedChange | None:
    """Checks that the customer has no other plan in that time."""
    owner = review.customer(change.customer_id)
    end = None if isinstance(change.ending_before, str) else change.ending_before
    if end is not None and end <= change.starting_on:
        review.wrong("ending_before", "it ends before it starts")
    own = [plan for plan in review.view.around.plans.values() if plan.customer_id == change.customer_id]
    for plan in own:
        before = end is not None and end <= plan.starting_on
        after = plan.ending_before is not None and plan.ending_before <= change.starting_on
        if not before and not after:
            said = f"{plan.title} runs from {plan.starting_on:%Y-%m-%d} to {_until(plan.ending_before)}"
            review.wrong("starting_on", f"{said}; plans.end ends it")
    review.once_only(change.customer_id, "plan")
    if owner is None or not review.fine:
        return None
    past = change.starting_on <= review.now
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.plan_id,
        subject_name=None,
        what=f"add plan {change.plan_id} to {owner!r} from {change.starting_on:%Y-%m-%d} to {_until(end)}",
        same=change.same(),
        before=", ".join(f"{plan.title} to {_until(plan.ending_before)}" for plan in own) or "no plan",
        after=f"billed by it from {change.starting_on:%Y-%m-%d}",
        no_undo="a plan is not taken back: plans.end ends it from a day on, by the id it was given",
        warnings=("it bills from a day that is past",) if past else (),
    )


def call_add(change: AddPlan) -> Call:
    """The plan as it is sent."""
    body: dict[str, Json] = {"plan_id": change.plan_id, "starting_on": rfc3339(change.starting_on)}
    if not isinstance(change.ending_before, str):
        body["ending_before"] = rfc3339(change.ending_before)
    if change.net_payment_terms_days is not None:
        body["net_payment_terms_days"] = change.net_payment_terms_days
    for name in ("price_adjustments", "overage_rate_adjustments"):
        if given := getattr(change, name):
            body[name] = [dict(each) for each in given]
    if change.trial_spec is not None:
        body["trial_spec"] = dict(change.trial_spec)
    return Call("add_plan", change.customer_id, body, path={"customer_id": change.customer_id})


def sighting_add(facts: Facts, view: View) -> Sighting:
    """The customer has that plan from that day to that end."""
    for plan in view.around.plans.values():
        end = None if plan.ending_before is None else rfc3339(plan.ending_before)
        there = (plan.customer_id, plan.plan_id, rfc3339(plan.starting_on), end)
        if there == (facts.customer_id, *map(facts.body.get, ("plan_id", "starting_on", "ending_before"))):
            return THERE
    return ABSENT


def fingerprint_add(change: AddPlan, view: View) -> str:
    """The customer's plans."""
    own = [p for p in view.around.plans.values() if p.customer_id == change.customer_id]
    return digest(sorted([p.id, str(p.starting_on), str(p.ending_before)] for p in own))


ADD_PLAN = Operation(
    name=AddPlan.operation,
    endpoint="add_plan",
    change=AddPlan,
    verb="add",
    noun=("plan", "plans"),
    looks=frozenset({Look.CUSTOMERS, Look.PLANS}),
    proof_looks=frozenset({Look.PLANS}),
    prepare=prepare_add,
    fingerprint=fingerprint_add,
    call=keyless(call_add),
    sighting=sighting_add,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing: plans.end ends it from a day on",
    weight=Weight.BILLING,
    status=Status.PLANS_ONLY.value,
)


# --- a plan ends -----------------------------------------------------------------------------------------------------


def prepare_end(change: EndPlan, review: Review) -> PlannedChange | None:
    """Checks the day, and counts the final invoices that an end before them makes void."""
    found = plan_of(change, review)
    if found is None:
        return None
    owner, plan = found
    review.once_only(plan.id, "end")
    end = None if isinstance(change.ending_before, str) else change.ending_before
    if end is not None and end <= plan.starting_on:
        review.wrong("ending_before", f"it starts at {plan.starting_on:%Y-%m-%d}")
    after = _final_after(plan, end, review.view)
    if after and not change.void_invoices:
        said = f"{count(len(after), 'final invoice')} bill what is after it"
        review.wrong("ending_before", f"{said}; void_invoices=True makes them void")
    if not review.fine:
        return None
    lost = f"with {count(len(after), 'final invoice')}" + (", at Stripe too" if change.void_stripe_invoices else "")
    back: Literal["open"] | datetime = "open" if plan.ending_before is None else plan.ending_before
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=plan.id,
        subject_name=plan.plan_name,
        what=f"end plan {plan.title!r}: {_until(end)}",
        same=change.same(),
        before=_until(plan.ending_before),
        after=_until(end),
        loss=lost if after else "",
        opposite=None
        if after
        else EndPlan(customer_id=change.customer_id, customer_plan_id=plan.id, ending_before=back),
        no_undo="void invoices stay void" if after else "",
        warnings=("drafts follow at once",) if end is not None else (),
    )


def _final_after(plan: CustomerPlan, end: datetime | None, view: View) -> list[Invoice]:
    """The final invoices of a plan whose period ends after `end`: an invoice does not say which plan it is of.

    What begins with the customer's next plan, or later, is the next one's.
    """
    if end is None:
        return []
    own = [each.starting_on for each in view.around.plans.values() if each.customer_id == plan.customer_id]
    following = min((start for start in own if start > plan.starting_on), default=None)
    return [
        invoice
        for invoice in view.around.invoices.values()
        if invoice.customer_id == plan.customer_id
        and invoice.contract_id is None
        and invoice.status == InvoiceStatus.FINALIZED
        and invoice.start_timestamp is not None
        and invoice.end_timestamp is not None
        and invoice.end_timestamp > end
        and (following is None or invoice.start_timestamp < following)
    ]


def call_end(change: EndPlan) -> Call:
    """The end as it is sent; without `ending_before` the API takes the plan for open."""
    body: dict[str, Json] = {
        "void_invoices": change.void_invoices,
        "void_stripe_invoices": change.void_stripe_invoices,
    }
    if not isinstance(change.ending_before, str):
        body["ending_before"] = rfc3339(change.ending_before)
    path = {"customer_id": change.customer_id, "customer_plan_id": change.customer_plan_id}
    return Call("end_plan", change.customer_id, body, path=path)


def sighting_end(facts: Facts, view: View) -> Sighting:
    """The plan ends when it was asked to, and what was to be void is."""
    plan = view.around.plans.get(facts.subject_id)
    if plan is None:
        return UNREADABLE
    there = None if plan.ending_before is None else rfc3339(plan.ending_before)
    voided = not facts.body["void_invoices"] or not _final_after(plan, plan.ending_before, view)
    return THERE if there == facts.body.get("ending_before") and voided else ABSENT


def fingerprint_end(change: EndPlan, view: View) -> str:
    """The plan's end as it was, and what is final after the new one."""
    plan = view.around.plans.get(change.customer_plan_id)
    if plan is None:
        return ""
    end = None if isinstance(change.ending_before, str) else change.ending_before
    after = sorted(invoice.id for invoice in _final_after(plan, end, view))
    return digest([str(plan.starting_on), str(plan.ending_before), after])


END_PLAN = Operation(
    name=EndPlan.operation,
    endpoint="end_plan",
    change=EndPlan,
    verb="end",
    noun=("plan", "plans"),
    looks=frozenset({Look.CUSTOMERS, Look.PLANS, Look.INVOICES}),
    proof_looks=frozenset({Look.PLANS, Look.INVOICES}),
    prepare=prepare_end,
    fingerprint=fingerprint_end,
    call=keyless(call_end),
    sighting=sighting_end,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="plans.end at the old end; void invoices stay void",
    weight=Weight.BILLING,
    status=Status.PLANS_ONLY.value,
)
