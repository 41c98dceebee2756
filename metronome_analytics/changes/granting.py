"""`credits.create` and `commits.create`: a new credit or commit at customer level."""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from metronome_analytics.changes.archiving import ArchiveCommit, ArchiveCredit
from metronome_analytics.changes.fields import Change, Granted, Hour, Name, Reason, Texts, json_number, rfc3339
from metronome_analytics.changes.holdings import Balance, digest
from metronome_analytics.changes.operation import (
    ABSENT,
    THERE,
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
from metronome_analytics.changes.outlook import new_balance, outlook
from metronome_analytics.changes.records import Facts, Json, plain, sameness
from metronome_analytics.changes.terms import (
    FIXED,
    AccessItem,
    InvoiceItem,
    Several,
    access_schedule,
    invoice_schedule,
    total,
    wrong_invoices,
    wrong_postpaid,
    wrong_spans,
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import USD_ID, display
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

__all__ = ["CreateCommit", "CreateCredit"]

_LOOKS = frozenset({Look.CUSTOMERS, Look.BALANCES, Look.PRODUCTS, Look.CONTRACTS, Look.CREDIT_TYPES})


class _Grant(Change):
    """What a credit and a commit have in common."""

    product_id: str
    amount: Granted | None = None
    starting_at: Hour | None = None
    ending_before: Hour | None = None
    segments: Several[AccessItem] = ()
    priority: float
    name: Name
    reason: Reason
    credit_type_id: str = USD_ID
    rate_type: Literal["LIST_RATE", "COMMIT_RATE"] = "LIST_RATE"
    applicable_product_ids: Texts = ()
    applicable_product_tags: Texts = ()
    applicable_contract_ids: Texts = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        plain = (self.amount, self.starting_at, self.ending_before)
        if any(part is None for part in plain) if not self.segments else any(part is not None for part in plain):
            raise ValueError("give amount, starting_at and ending_before, or segments")
        return self

    @property
    def spans(self) -> tuple[AccessItem, ...]:
        """The segments of access, whichever way they were given."""
        if self.amount is None or self.starting_at is None or self.ending_before is None:
            return self.segments
        return (AccessItem(amount=self.amount, starting_at=self.starting_at, ending_before=self.ending_before),)


class CreateCredit(_Grant):
    """A new credit: `amount`, in the unit of its credit type (USD is in cents), from `starting_at` to `ending_before`.

    With several segments of access, `segments` stands for these three. `product_id` is a FIXED product, `reason` is
    kept as its description, a lower `priority` is drawn first. Without `applicable_*` it pays for all usage of the
    customer. Raises ArgumentError for a value of the wrong type, or a time off the hour.

    >>> osprey, fixed = account.customers()["id"][0], account.products().filter(type="FIXED")["id"][0]
    >>> access = {"amount": 10_000, "starting_at": "2026-11-18", "ending_before": "2027-03-01"}
    >>> terms = {"name": "SLA credit", "priority": 1, "reason": "Outage of 12 November"}
    >>> credit = ma.changes.CreateCredit(customer_id=osprey, product_id=fixed, **access, **terms)
    >>> account.plan(credit).confirmation
    'create 1 credit, 10,000 USD (cents) = $100.00, for Osprey Biotech Inc. in demo'
    """

    operation: ClassVar[str] = "credits.create"


class CreateCommit(_Grant):
    """A new commit at customer level: as a credit, and with it what is invoiced for it.

    A PREPAID one is not invoiced (a migrated commit, say) unless `invoice_amount` and `invoice_at`, or several
    `invoices`, are given with `invoice_contract_id`: then invoices of that contract bill it at those times, at once
    where that is past. A POSTPAID one has one segment and is invoiced once, for as much: for what is not used of it.

    >>> osprey, fixed = account.customers()["id"][0], account.products().filter(type="FIXED")["id"][0]
    >>> access = {"amount": 500_000, "starting_at": "2026-12-01", "ending_before": "2027-12-01"}
    >>> terms = {"name": "Annual commit", "priority": 1, "reason": "Migrated from the old system"}
    >>> commit = ma.changes.CreateCommit(customer_id=osprey, product_id=fixed, **access, **terms)
    >>> account.plan(commit).confirmation
    'create 1 commit, 500,000 USD (cents) = $5,000.00, for Osprey Biotech Inc. in demo'
    """

    operation: ClassVar[str] = "commits.create"

    type: Literal["PREPAID", "POSTPAID"] = "PREPAID"
    invoice_amount: Granted | None = None
    invoice_at: Hour | None = None
    invoices: Several[InvoiceItem] = ()
    invoice_contract_id: str | None = None
    invoice_credit_type_id: str = USD_ID

    @property
    def billed(self) -> tuple[InvoiceItem, ...]:
        """What is invoiced, whichever way it was given."""
        if self.invoice_amount is None or self.invoice_at is None:
            return self.invoices
        return (InvoiceItem(timestamp=self.invoice_at, amount=self.invoice_amount),)


def prepare(grant: _Grant, review: Review) -> PlannedChange | None:
    """What can be known to be wrong with a grant before it is sent; or the grant, with its place in the drain order."""
    owner = review.customer(grant.customer_id)
    unit = review.view.credit_types.get(grant.credit_type_id)
    for name, problem in (*_terms(grant, unit), *_references(grant, review.view), *_due(grant, review)):
        review.wrong(name, problem)
    amount = total(grant.spans)
    review.within_limits(amount, unit)
    noun = _noun(grant)
    same = sameness(
        *(grant.operation, grant.customer_id, grant.product_id, grant.credit_type_id),
        *(text for span in grant.spans for text in _identity(span)),
        grant.name,
    )
    twin = any(_is_same(grant, balance) for balance in review.view.balances.values())
    nonce = secrets.token_hex(8) if review.repeats(same, noun, there=twin) else ""
    if owner is None or any(problem.row == review.row for problem in review.problems):
        return None
    start, end = grant.spans[0].starting_at, grant.spans[-1].ending_before
    several = f" in {len(grant.spans)} segments" if len(grant.spans) > 1 else ""
    span = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC{several}"
    planned = PlannedChange(
        change=grant,
        customer_name=owner,
        subject_id=grant.customer_id,
        subject_name=grant.name,
        what=f"create {noun} {grant.name!r} of {display(amount, unit)} {span}{_billed(grant, review.view)}",
        same=same,
        nonce=nonce,
        credit_type_name=unit,
        amount=amount,
        before=_outlook(grant, unit, review),
        after=_outlook(grant, unit, review, made=True),
        warnings=tuple(_warnings(grant, review)),
    )
    undo = ArchiveCredit if isinstance(grant, CreateCredit) else ArchiveCommit
    return replace(planned, opposite=undo(customer_id=grant.customer_id, uniqueness_key=planned.uniqueness_key))


def _outlook(grant: _Grant, unit: str | None, review: Review, *, made: bool = False) -> str | None:
    """What the days ahead of the customer's balances look like, with the grant among them once it is `made`."""
    if not review.explains:
        return None
    start, new = grant.spans[0].starting_at, _as_balance(grant, unit) if made else None
    return outlook(review.view, grant.customer_id, unit, now=review.now, at=start, new=new)


def _identity(span: AccessItem) -> tuple[str, ...]:
    return plain(span.amount), span.starting_at.isoformat(), span.ending_before.isoformat()


def _noun(grant: _Grant) -> str:
    return "credit" if isinstance(grant, CreateCredit) else "commit"


def _terms(grant: _Grant, unit: str | None) -> Iterator[tuple[str, str]]:
    """What the grant says of itself."""
    for problem in wrong_spans(grant.spans):
        yield "segments" if grant.segments else "ending_before", problem
    if unit is None:
        yield "credit_type_id", f"unknown credit type {grant.credit_type_id}"
    if isinstance(grant, CreateCommit):
        yield from _billing(grant)


def _billing(grant: CreateCommit) -> Iterator[tuple[str, str]]:
    """What a commit says of its invoices."""
    given = [part for part in (grant.invoice_amount, grant.invoice_at) if part is not None]
    if len(given) == 1 or (given and grant.invoices) or bool(grant.billed) != (grant.invoice_contract_id is not None):
        yield "invoice_amount", "invoice_amount and invoice_at, or invoices, go together with invoice_contract_id"
    elif grant.type == "POSTPAID" and (problem := wrong_postpaid(grant.spans, grant.billed)):
        yield "type", problem


def _due(grant: _Grant, review: Review) -> Iterator[tuple[str, str]]:
    """What is wrong with what is invoiced for it."""
    if isinstance(grant, CreateCommit):
        yield from wrong_invoices(((grant.invoice_credit_type_id, each.amount) for each in grant.billed), review)


def _references(grant: _Grant, view: View) -> Iterator[tuple[str, str]]:
    """What the grant names must be there, and be the customer's."""
    product = view.products.get(grant.product_id)
    if product is None:
        yield "product_id", f"unknown product {grant.product_id}, or an archived one"
    elif product["type"] != FIXED:
        yield "product_id", f"{product['name']} is {product['type']}; a credit or commit needs a FIXED product"
    for id_ in grant.applicable_product_ids:
        if id_ not in view.products:
            yield "applicable_product_ids", f"unknown product {id_}, or an archived one"
    contracts = {"applicable_contract_ids": grant.applicable_contract_ids}
    if isinstance(grant, CreateCommit) and grant.invoice_contract_id is not None:
        contracts["invoice_contract_id"] = (grant.invoice_contract_id,)
    for name, ids in contracts.items():
        for id_ in ids:
            if id_ not in view.contracts or view.contracts[id_].customer_id != grant.customer_id:
                yield name, f"{id_} is no contract of the customer"


def _is_same(grant: _Grant, balance: Balance) -> bool:
    spans = [(s.amount, s.starting_at, s.ending_before) for s in balance.segments]
    wanted = [(s.amount, s.starting_at, s.ending_before) for s in grant.spans]
    return (
        balance.customer_id == grant.customer_id
        and balance.name == grant.name
        and not balance.archived
        and sorted(spans) == sorted(wanted)
    )


def _billed(grant: _Grant, view: View) -> str:
    if not isinstance(grant, CreateCommit):
        return ""
    if not grant.billed:
        return ", not invoiced"
    unit = view.credit_types.get(grant.invoice_credit_type_id)
    dates = [f"{display(each.amount, unit)} at {each.timestamp:%Y-%m-%d %H:%M} UTC" for each in grant.billed]
    return f", invoiced {' and '.join(dates)}"


def _as_balance(grant: _Grant, unit: str | None) -> pl.DataFrame:
    type_ = BalanceType(grant.type) if isinstance(grant, CreateCommit) else BalanceType.CREDIT
    lists = ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids")
    terms = {name: getattr(grant, name) for name in ("customer_id", "priority", "credit_type_id")}
    terms |= {name: list(getattr(grant, name)) for name in lists}
    return new_balance(type_, grant.spans, {**terms, "name": f"{grant.name} (new)", "credit_type_name": unit})


def _warnings(grant: _Grant, review: Review) -> Iterator[str]:
    if any(span.starting_at <= review.now for span in grant.spans):
        yield "it has started: open drafts draw on it at once, final invoices do not"
    if isinstance(grant, CreateCommit) and any(each.timestamp <= review.now for each in grant.billed):
        yield "it is invoiced in the past: that invoice is final at once"


# --- what is sent, and what shows it ---------------------------------------------------------------------------------


def fingerprint(grant: _Grant, view: View) -> str:
    """A digest of the customer's balances and of what the grant names."""
    ids = sorted(b.id for b in view.balances.values() if b.customer_id == grant.customer_id)
    return digest([ids, view.products.get(grant.product_id), view.credit_types.get(grant.credit_type_id)])


def call(grant: _Grant, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # the key comes back: no mark
    """The grant as it is sent; nothing that decides money is left to the API's default."""
    body: dict[str, Json] = {
        "customer_id": grant.customer_id,
        "product_id": grant.product_id,
        "name": grant.name,
        "description": grant.reason,
        "priority": json_number(Decimal(repr(grant.priority))),
        "rate_type": grant.rate_type,
        "access_schedule": access_schedule(grant.credit_type_id, grant.spans),
        "uniqueness_key": uniqueness_key,
    }
    for name in ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids"):
        if given := getattr(grant, name):
            body[name] = list(given)
    if isinstance(grant, CreateCredit):
        return Call("create_credit", grant.customer_id, body)
    if isinstance(grant, CreateCommit):
        body["type"] = grant.type
        if grant.billed:
            body["invoice_schedule"] = invoice_schedule(grant.invoice_credit_type_id, grant.billed)
            body["invoice_contract_id"] = grant.invoice_contract_id
    return Call("create_commit", grant.customer_id, body)


def sighting(facts: Facts, view: View) -> Sighting:
    """The balance by its key, which comes back; and whether it is what was sent."""
    own = [balance for balance in view.balances.values() if balance.uniqueness_key == facts.uniqueness_key]
    if not own:
        return ABSENT
    spans = sorted(own[0].segments, key=lambda segment: segment.starting_at)
    there = [(plain(s.amount), rfc3339(s.starting_at), rfc3339(s.ending_before)) for s in spans]
    schedule: Any = facts.body["access_schedule"]
    items = schedule["schedule_items"]
    sent = [(plain(Decimal(str(item["amount"]))), item["starting_at"], item["ending_before"]) for item in items]
    if len(own) == 1 and there == sorted(sent, key=lambda item: item[1]) and own[0].name == facts.body.get("name"):
        return THERE
    return Sighting(Seen.THERE, f"it is {own[0].title} of {', '.join(amount for amount, _, _ in there)}")


def _row(change: type[_Grant], noun: str, archive: str) -> Operation:
    return Operation(
        name=change.operation,
        endpoint=f"create_{noun}",
        change=change,
        verb="create",
        noun=(noun, f"{noun}s"),
        looks=_LOOKS,
        proof_looks=frozenset({Look.BALANCES}),
        prepare=prepare,
        fingerprint=fingerprint,
        call=call,
        sighting=sighting,
        once=OnceBy.KEY,
        proof=Proof.KEY,
        undo=archive,
        weight=Weight.BILLING,
    )


CREATE_CREDIT = _row(CreateCredit, "credit", "credits.archive")
CREATE_COMMIT = _row(CreateCommit, "commit", "commits.archive")
