"""The terms that changes of several kinds share: access, invoices, and what comes with a contract."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from metronome_analytics.changes.fields import Exact, Fields, Granted, Hour, Name, Texts, json_number, rfc3339
from metronome_analytics.tables.money import USD_ID, display

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from metronome_analytics.changes.operation import Review
    from metronome_analytics.changes.records import Json

__all__ = ["AccessItem", "ContractCommit", "ContractCredit", "InvoiceItem", "ProfessionalService", "ScheduledCharge"]

T = TypeVar("T", bound=Fields)

FIXED = "FIXED"
"""The type of a product that a commit, a credit or a charge may be of."""


def _list(value: object) -> object:
    """A CSV writes several things as a JSON list."""
    return json.loads(value, parse_float=Decimal) if isinstance(value, str) else value


def as_object(value: object) -> object:
    """A CSV writes an object as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


Several = Annotated[tuple[T, ...], BeforeValidator(_list)]
OwnWords = Annotated[dict[str, Any], BeforeValidator(as_object)]
"""Terms in the API's own words, which are sent as they are."""
Days = Annotated[int, Field(ge=0)]


class AccessItem(Fields):
    """One segment of access: `amount` from `starting_at` to `ending_before`.

    >>> ma.changes.AccessItem(amount=10_000, starting_at="2026-12-01", ending_before="2027-12-01").amount
    Decimal('10000')
    """

    amount: Granted
    starting_at: Hour
    ending_before: Hour


class InvoiceItem(Fields):
    """One date on which `amount` is invoiced.

    >>> ma.changes.InvoiceItem(timestamp="2026-12-01", amount=4_500).timestamp.isoformat()
    '2026-12-01T00:00:00+00:00'
    """

    timestamp: Hour
    amount: Granted


class ContractCredit(Fields):
    """A credit of a contract: its access in segments, in the unit of its credit type (USD is in cents).

    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> year = ma.changes.AccessItem(amount=5_000, starting_at="2026-12-01", ending_before="2027-12-01")
    >>> ma.changes.ContractCredit(product_id=fixed, name="Migration credit", priority=1, segments=(year,)).name
    'Migration credit'
    """

    product_id: str
    name: Name
    segments: Annotated[Several[AccessItem], Field(min_length=1)]
    priority: float
    description: str | None = None
    credit_type_id: str = USD_ID
    rate_type: Literal["LIST_RATE", "COMMIT_RATE"] = "LIST_RATE"
    applicable_product_ids: Texts = ()
    applicable_product_tags: Texts = ()


class ContractCommit(ContractCredit):
    """A commit of a contract: as a credit, and with it what is invoiced for it, if anything.

    A POSTPAID one has one segment and one invoice of the same amount: what is not used is billed then.

    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> year = ma.changes.AccessItem(amount=5_000, starting_at="2026-12-01", ending_before="2027-12-01")
    >>> bill = ma.changes.InvoiceItem(timestamp="2026-12-01", amount=4_500)
    >>> terms = {"product_id": fixed, "name": "Annual commit", "priority": 1}
    >>> ma.changes.ContractCommit(**terms, type="PREPAID", segments=(year,), invoices=(bill,)).type
    'PREPAID'
    """

    type: Literal["PREPAID", "POSTPAID"]
    invoices: Several[InvoiceItem] = ()
    invoice_credit_type_id: str = USD_ID


class ScheduledCharge(Fields):
    """A charge of a contract, billed on each of its dates.

    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> bill = ma.changes.InvoiceItem(timestamp="2026-12-01", amount=2_500)
    >>> ma.changes.ScheduledCharge(product_id=fixed, name="Onboarding", invoices=(bill,)).name
    'Onboarding'
    """

    product_id: str
    name: Name
    invoices: Annotated[Several[InvoiceItem], Field(min_length=1)]
    credit_type_id: str = USD_ID


class ProfessionalService(Fields):
    """A service that may be billed by invoices of its own, up to `max_amount` in all.

    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> service = ma.changes.ProfessionalService(product_id=fixed, unit_price=20_000, quantity=2, max_amount=80_000)
    >>> service.max_amount
    Decimal('80000')
    """

    product_id: str
    unit_price: Granted
    quantity: Annotated[Exact, Field(gt=0)]
    max_amount: Granted
    description: str | None = None


# --- what is wrong with them -----------------------------------------------------------------------------------------


def wrong_spans(spans: Iterable[AccessItem]) -> Iterator[str]:
    """What is wrong with segments of access: each ends after it starts, and none overlaps the next."""
    last = None
    for span in sorted(spans, key=lambda each: each.starting_at):
        if span.starting_at >= span.ending_before:
            yield "it ends before it starts"
        if last is not None and span.starting_at < last:
            yield "two segments overlap"
        last = span.ending_before


def wrong_postpaid(spans: tuple[AccessItem, ...], invoices: tuple[InvoiceItem, ...]) -> str | None:
    """What is wrong with a postpaid commit: the API wants one segment and one invoice, of equal amounts."""
    if len(spans) != 1 or len(invoices) != 1:
        return "a POSTPAID commit has one segment and one invoice"
    if spans[0].amount != invoices[0].amount:
        return "a POSTPAID commit is invoiced for what it grants"
    return None


def wrong_terms(
    grants: Collection[ContractCredit], others: Collection[ScheduledCharge | ProfessionalService], review: Review
) -> Iterator[tuple[str, str]]:
    """What is wrong with the terms of a contract, by what they are called; checks the limits on the way."""
    view = review.view
    for grant in grants:
        unit = view.credit_types.get(grant.credit_type_id)
        if unit is None:
            yield grant.name, f"unknown credit type {grant.credit_type_id}"
        yield from ((grant.name, problem) for problem in wrong_spans(grant.segments))
        if isinstance(grant, ContractCommit) and grant.type == "POSTPAID":
            problem = wrong_postpaid(grant.segments, grant.invoices)
            yield from [(grant.name, problem)] if problem else []
    for unit, amount in _by_unit((each.credit_type_id, total(each.segments)) for each in grants).items():
        review.within_limits(amount, view.credit_types.get(unit))
    yield from wrong_invoices(_invoiced(grants, others), review)
    for each in (*grants, *others):
        product = view.products.get(each.product_id)
        name = each.product_id if isinstance(each, ProfessionalService) else each.name
        if product is None:
            yield name, f"unknown product {each.product_id}, or an archived one"
        elif product["type"] != FIXED:
            yield name, f"{product['name']} is {product['type']}; it needs a FIXED product"


def wrong_invoices(due: Iterable[tuple[str, Decimal]], review: Review) -> Iterator[tuple[str, str]]:
    """What is wrong with what a change invoices, each by the id of its unit; checks the limits on the way."""
    for unit, amount in _by_unit(due).items():
        if unit not in review.view.credit_types:
            yield "invoices", f"unknown credit type {unit}"
        else:
            review.invoices_within_limits(amount, review.view.credit_types[unit])


def _invoiced(
    grants: Iterable[ContractCredit], others: Iterable[ScheduledCharge | ProfessionalService]
) -> Iterator[tuple[str, Decimal]]:
    """What terms invoice on dates of their own, each with the id of its unit."""
    for grant in grants:
        if isinstance(grant, ContractCommit):
            yield from ((grant.invoice_credit_type_id, each.amount) for each in grant.invoices)
    for other in others:
        if isinstance(other, ScheduledCharge):
            yield from ((other.credit_type_id, each.amount) for each in other.invoices)


def _by_unit(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for unit, amount in amounts:
        sums[unit] = sums.get(unit, Decimal(0)) + amount
    return sums


# --- as they are sent ------------------------------------------------------------------------------------------------


def total(spans: Iterable[AccessItem]) -> Decimal:
    """What several segments grant."""
    return sum((span.amount for span in spans), start=Decimal(0))


def access_schedule(credit_type_id: str, spans: Iterable[AccessItem]) -> Json:
    """Access as the API takes it."""
    items: list[Json] = [
        {
            "amount": json_number(span.amount),
            "starting_at": rfc3339(span.starting_at),
            "ending_before": rfc3339(span.ending_before),
        }
        for span in spans
    ]
    return {"credit_type_id": credit_type_id, "schedule_items": items}


def schedule_items(invoices: Iterable[InvoiceItem]) -> list[Json]:
    """Dates of invoices as the API takes them."""
    return [
        {"timestamp": rfc3339(each.timestamp), "unit_price": json_number(each.amount), "quantity": 1}
        for each in invoices
    ]


def invoice_schedule(credit_type_id: str, invoices: Iterable[InvoiceItem]) -> Json:
    """What is invoiced for a commit, as the API takes it."""
    return {"credit_type_id": credit_type_id, "schedule_items": schedule_items(invoices), "do_not_invoice": False}


def sent_grant(grant: ContractCredit) -> Json:
    """A commit or credit of a contract as it is sent; nothing that decides money is left to the API's default."""
    body: dict[str, Json] = {
        "product_id": grant.product_id,
        "name": grant.name,
        "priority": json_number(Decimal(repr(grant.priority))),
        "rate_type": grant.rate_type,
        "access_schedule": access_schedule(grant.credit_type_id, grant.segments),
    }
    given: Mapping[str, Json] = {
        "description": grant.description,
        "applicable_product_ids": list(grant.applicable_product_ids),
        "applicable_product_tags": list(grant.applicable_product_tags),
    }
    body |= {name: value for name, value in given.items() if value}
    if isinstance(grant, ContractCommit):
        body["type"] = grant.type
        if grant.invoices:
            body["invoice_schedule"] = invoice_schedule(grant.invoice_credit_type_id, grant.invoices)
    return body


def sent_charge(charge: ScheduledCharge) -> Json:
    """A scheduled charge as it is sent."""
    schedule: Json = {"credit_type_id": charge.credit_type_id, "schedule_items": schedule_items(charge.invoices)}
    return {"product_id": charge.product_id, "name": charge.name, "schedule": schedule}


def sent_service(service: ProfessionalService) -> Json:
    """A professional service as it is sent."""
    body: dict[str, Json] = {
        "product_id": service.product_id,
        "unit_price": json_number(service.unit_price),
        "quantity": json_number(service.quantity),
        "max_amount": json_number(service.max_amount),
    }
    return body if service.description is None else body | {"description": service.description}


def said(grants: Iterable[ContractCredit], charges: Iterable[ScheduledCharge], review: Review) -> str:
    """What comes with a contract, in words: `commit 'Annual' of $100.00, invoiced $90.00, charge ...`."""
    parts = []
    for grant in grants:
        noun = "commit" if isinstance(grant, ContractCommit) else "credit"
        amount = display(total(grant.segments), review.view.credit_types.get(grant.credit_type_id))
        parts.append(f"{noun} {grant.name!r} of {amount}")
        if due := _by_unit(_invoiced([grant], [])):
            parts.append(f"invoiced {_sums(due, review)}")
    billed = ((each.name, _sums(_by_unit(_invoiced([], [each])), review)) for each in charges)
    return ", ".join([*parts, *(f"charge {name!r} of {amount}" for name, amount in billed)])


def _sums(amounts: Mapping[str, Decimal], review: Review) -> str:
    return " and ".join(display(amount, review.view.credit_types.get(unit)) for unit, amount in amounts.items())
