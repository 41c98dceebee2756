"""`contracts.schedule_pro_services_invoice`: an invoice for professional services that a contract has."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from metronome_analytics.changes.contract_changes import paper_of
from metronome_analytics.changes.fields import Change, Exact, Fields, Granted, Hour, Reason, json_number, rfc3339
from metronome_analytics.changes.holdings import digest
from metronome_analytics.changes.operation import (
    ABSENT,
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Seen,
    Sighting,
    Weight,
)
from metronome_analytics.changes.records import Facts, Json, plain, sameness, token_of, with_token, without_token
from metronome_analytics.changes.terms import Several
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import display
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.changes.papers import Paper
    from metronome_analytics.changes.surroundings import Invoice

__all__ = ["ScheduleProServicesInvoice", "ServiceLine"]


class ServiceLine(Fields):
    """One line: `amount` of a service, or its `unit_price` times `quantity`.

    >>> service = "7f1b3c2e-0d6e-4f0f-999d-be47e2d18036"
    >>> ma.changes.ServiceLine(professional_service_id=service, unit_price=20_000, quantity=2).quantity
    Decimal('2')
    """

    professional_service_id: str
    amount: Granted | None = None
    unit_price: Granted | None = None
    quantity: Annotated[Exact, Field(gt=0)] | None = None

    @property
    def total(self) -> Decimal | None:
        """What it bills; None where it does not say."""
        if self.amount is not None:
            return self.amount if self.unit_price is None and self.quantity is None else None
        return None if self.unit_price is None or self.quantity is None else self.unit_price * self.quantity


class ScheduleProServicesInvoice(Change):
    """An invoice for professional services of a contract, issued at `issued_at`, in the currency of its rate card.

    `reason` is kept on each line. Client-gated: an account may not have professional services.

    >>> import json
    >>> account = ma.demo(customers=2, allow_writes="contracts.create")
    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> contract = ma.changes.CreateContract(
    ...     customer_id=account.customers()["id"][1],
    ...     name="Migration",
    ...     starting_at="2026-12-01",
    ...     ending_before="open",
    ...     rate_card_id=account.rate_cards()["id"][0],
    ...     professional_services=({"product_id": fixed, "unit_price": 20_000, "quantity": 2, "max_amount": 80_000},),
    ... )
    >>> plan = account.plan(contract)
    >>> signed = account.apply(plan, plan.confirmation).ok
    >>> new = account.contracts().filter(name="Migration").row(0, named=True)
    >>> service = json.loads(new["professional_services"])[0]["id"]
    >>> invoice = ma.changes.ScheduleProServicesInvoice(
    ...     customer_id=new["customer_id"],
    ...     contract_id=new["id"],
    ...     issued_at="2026-12-01",
    ...     line_items=({"professional_service_id": service, "unit_price": 20_000, "quantity": 2},),
    ...     reason="Migration in November",
    ... )
    >>> account.plan(invoice).confirmation
    'schedule 1 professional services invoice, 40,000 USD (cents) = $400.00, for Harbor Telecom LLC in demo'
    """

    operation: ClassVar[str] = "contracts.schedule_pro_services_invoice"

    contract_id: str
    issued_at: Hour
    line_items: Annotated[Several[ServiceLine], Field(min_length=1)]
    reason: Reason


def prepare(change: ScheduleProServicesInvoice, review: Review) -> PlannedChange | None:
    """The services are the contract's, and none is billed beyond its most."""
    paper = paper_of(change, change.contract_id, review)
    if paper is None:
        return None
    for name, problem in _wrong(change, paper, review):
        review.wrong(name, problem)
    unit = review.view.papers.rate_cards.get(paper.rate_card_id or "")
    amount = sum((line.total or Decimal(0) for line in change.line_items), start=Decimal(0))
    review.within_limits(amount, unit)
    same = sameness(change.operation, *(f"{name}={value}" for name, value in sorted(change.fields().items())))
    twin = _twins(change.reason, amount, paper.id, review.view) > 0
    nonce = secrets.token_hex(8) if review.repeats(same, "invoice", there=twin) else ""
    if any(problem.row == review.row for problem in review.problems):
        return None
    return PlannedChange(
        change=change,
        customer_name=review.view.customers[change.customer_id].name,
        subject_id=paper.id,
        subject_name=paper.name,
        what=f"invoice {display(amount, unit)} of professional services on {paper.title!r}"
        f" at {change.issued_at:%Y-%m-%d %H:%M} UTC",
        same=same,
        nonce=nonce,
        credit_type_name=unit,
        amount=amount,
        no_undo="invoices.void voids the invoice, by the id that it then has",
        warnings=("that is past: the invoice is final at once",) if change.issued_at <= review.now else (),
    )


def _wrong(change: ScheduleProServicesInvoice, paper: Paper, review: Review) -> Iterator[tuple[str, str]]:
    services = {service.id: service for service in paper.services}
    due: dict[str, Decimal] = {}
    for line in change.line_items:
        id_ = line.professional_service_id
        if line.total is None:
            yield "line_items", f"{id_}: give amount, or unit_price and quantity"
        if id_ not in services:
            yield "line_items", f"{paper.title} has no professional service {id_}"
        due[id_] = due.get(id_, Decimal(0)) + (line.total or Decimal(0))
    for id_, amount in due.items():
        if id_ not in services:
            continue
        billed = _billed(id_, review)
        review.taken[paper.id, id_] = review.taken.get((paper.id, id_), Decimal(0)) + amount
        if billed + review.taken[paper.id, id_] > services[id_].max_amount:
            most = plain(services[id_].max_amount)
            yield "line_items", f"{plain(amount)} of {id_} is over its max_amount, {most}: {plain(billed)} is billed"


def _billed(service_id: str, review: Review) -> Decimal:
    return sum(
        (
            amount
            for invoice in review.view.around.invoices.values()
            if invoice.status != InvoiceStatus.VOID
            for id_, amount in invoice.services
            if id_ == service_id
        ),
        start=Decimal(0),
    )


def _twins(reason: str, amount: Decimal, contract_id: str, view: View) -> int:
    """How many standing invoices of the contract bill the same for the same reason."""
    return sum(
        (each.total, each.contract_id) == (amount, contract_id)
        and any(without_token(note) == reason for note in each.notes)
        for each in _standing(view)
    )


def _standing(view: View) -> list[Invoice]:
    return [each for each in view.around.invoices.values() if each.status != InvoiceStatus.VOID]


def call(change: ScheduleProServicesInvoice, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # a mark instead
    """The invoice as it is sent, with a mark on each line: `metadata` comes back."""
    lines: list[Json] = []
    for line in change.line_items:
        sent: dict[str, Json] = {"professional_service_id": line.professional_service_id}
        numbers = {"amount": line.amount, "unit_price": line.unit_price, "quantity": line.quantity}
        sent |= {name: json_number(number) for name, number in numbers.items() if number is not None}
        lines.append(sent | {"metadata": with_token(change.reason, token)})
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "issued_at": rfc3339(change.issued_at),
        "line_items": lines,
    }
    return Call("schedule_pro_services_invoice", change.customer_id, body)


def fingerprint(change: ScheduleProServicesInvoice, view: View) -> str:
    """A digest of the contract and of its services."""
    paper = view.papers.contracts.get(change.contract_id)
    return "" if paper is None else digest([paper.archived, str(paper.ending_before), [str(s) for s in paper.services]])


def sighting(facts: Facts, view: View) -> Sighting:
    """The invoice by the mark on its lines, void or not; and whether it bills what was sent."""
    own = [each for each in view.around.invoices.values() if facts.token in map(token_of, each.notes)]
    if not own:
        return ABSENT
    total = sum((each.total or Decimal(0) for each in own), start=Decimal(0))
    return Sighting(Seen.THERE, "" if total == facts.amount else f"it bills {plain(total)}")


SCHEDULE_SERVICES = Operation(
    name=ScheduleProServicesInvoice.operation,
    endpoint="schedule_pro_services_invoice",
    change=ScheduleProServicesInvoice,
    verb="schedule",
    noun=("professional services invoice", "professional services invoices"),
    looks=frozenset({Look.CUSTOMERS, Look.PAPERS, Look.INVOICES, Look.RATE_CARDS}),
    proof_looks=frozenset({Look.INVOICES}),
    prepare=prepare,
    fingerprint=fingerprint,
    call=call,
    sighting=sighting,
    once=OnceBy.HEADER,
    proof=Proof.MARK,
    undo="invoices.void, by the id of the invoice",
    weight=Weight.BILLING,
    status="client-gated",
)
