"""`credits.create` and `commits.create`: a new credit or commit at customer level, with one access segment."""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal

import polars as pl

from metronome_analytics.changes.archiving import ArchiveCommit, ArchiveCredit
from metronome_analytics.changes.fields import Change, Granted, Hour, Name, Reason, Texts, json_number, rfc3339
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
from metronome_analytics.changes.records import Facts, Json, plain, sameness
from metronome_analytics.changes.view import Balance, Look, View, digest
from metronome_analytics.tables import Balances
from metronome_analytics.tables.money import USD_ID, display
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CreateCommit", "CreateCredit"]

_LOOKS = frozenset({Look.CUSTOMERS, Look.BALANCES, Look.PRODUCTS, Look.CONTRACTS, Look.CREDIT_TYPES})
_FIXED = "FIXED"


class _Grant(Change):
    """What a credit and a commit have in common."""

    product_id: str
    amount: Granted
    starting_at: Hour
    ending_before: Hour
    priority: float
    name: Name
    reason: Reason
    credit_type_id: str = USD_ID
    rate_type: Literal["LIST_RATE", "COMMIT_RATE"] = "LIST_RATE"
    applicable_product_ids: Texts = ()
    applicable_product_tags: Texts = ()
    applicable_contract_ids: Texts = ()


class CreateCredit(_Grant):
    """A new credit: `amount`, in the unit of its credit type (USD is in cents), from `starting_at` to `ending_before`.

    `product_id` is a FIXED product, `reason` is kept as its description, a lower `priority` is drawn first. Without
    `applicable_*` it pays for all usage of the customer. Raises ArgumentError for a value of the wrong type, or a time
    off the hour.
    """

    operation: ClassVar[str] = "credits.create"


class CreateCommit(_Grant):
    """A new PREPAID commit at customer level: as a credit, and with it what is invoiced for it.

    Nothing is invoiced (a migrated commit, say) unless `invoice_amount`, `invoice_at` and `invoice_contract_id` are
    given: then one invoice of that contract bills it at that time, at once where that is past.
    """

    operation: ClassVar[str] = "commits.create"

    invoice_amount: Granted | None = None
    invoice_at: Hour | None = None
    invoice_contract_id: str | None = None
    invoice_credit_type_id: str = USD_ID


def prepare(grant: _Grant, review: Review) -> PlannedChange | None:
    """What can be known to be wrong with a grant before it is sent; or the grant, with its place in the drain order."""
    owner = review.customer(grant.customer_id)
    unit = review.view.credit_types.get(grant.credit_type_id)
    for name, problem in (*_terms(grant, unit), *_references(grant, review.view)):
        review.wrong(name, problem)
    review.within_limits(grant.amount, unit)
    noun = _noun(grant)
    start, end = grant.starting_at.isoformat(), grant.ending_before.isoformat()
    same = sameness(
        grant.operation, grant.customer_id, grant.product_id, grant.credit_type_id, plain(grant.amount), start, end,
        grant.name,
    )  # fmt: skip
    twin = any(_is_same(grant, balance) for balance in review.view.balances.values())
    nonce = secrets.token_hex(8) if review.repeats(same, noun, there=twin) else ""
    if owner is None or any(problem.row == review.row for problem in review.problems):
        return None
    span = f"from {grant.starting_at:%Y-%m-%d %H:%M} to {grant.ending_before:%Y-%m-%d %H:%M} UTC"
    planned = PlannedChange(
        change=grant,
        customer_name=owner,
        subject_id=grant.customer_id,
        subject_name=grant.name,
        what=f"create {noun} {grant.name!r} of {display(grant.amount, unit)} {span}{_billed(grant, review.view)}",
        same=same,
        nonce=nonce,
        credit_type_name=unit,
        amount=grant.amount,
        before=_drained(review, grant, unit, new=False),
        after=_drained(review, grant, unit, new=True),
        warnings=tuple(_warnings(grant, review)),
    )
    undo = ArchiveCredit if isinstance(grant, CreateCredit) else ArchiveCommit
    return replace(planned, opposite=undo(customer_id=grant.customer_id, uniqueness_key=planned.uniqueness_key))


def _noun(grant: _Grant) -> str:
    return "credit" if isinstance(grant, CreateCredit) else "commit"


def _terms(grant: _Grant, unit: str | None) -> Iterator[tuple[str, str]]:
    """What the grant says of itself."""
    if grant.starting_at >= grant.ending_before:
        yield "ending_before", "it ends before it starts"
    if unit is None:
        yield "credit_type_id", f"unknown credit type {grant.credit_type_id}"
    if isinstance(grant, CreateCommit):
        invoice = (grant.invoice_amount, grant.invoice_at, grant.invoice_contract_id)
        if any(part is None for part in invoice) and any(part is not None for part in invoice):
            yield "invoice_amount", "invoice_amount, invoice_at and invoice_contract_id go together"


def _references(grant: _Grant, view: View) -> Iterator[tuple[str, str]]:
    """What the grant names must be there, and be the customer's."""
    product = view.products.get(grant.product_id)
    if product is None:
        yield "product_id", f"unknown product {grant.product_id}, or an archived one"
    elif product["type"] != _FIXED:
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
    return (
        balance.customer_id == grant.customer_id
        and balance.name == grant.name
        and not balance.archived
        and spans == [(grant.amount, grant.starting_at, grant.ending_before)]
    )


def _billed(grant: _Grant, view: View) -> str:
    if not isinstance(grant, CreateCommit):
        return ""
    if grant.invoice_amount is None or grant.invoice_at is None:
        return ", not invoiced"
    unit = view.credit_types.get(grant.invoice_credit_type_id)
    return f", invoiced {display(grant.invoice_amount, unit)} at {grant.invoice_at:%Y-%m-%d %H:%M} UTC"


def _drained(review: Review, grant: _Grant, unit: str | None, *, new: bool) -> str:
    """The customer's balances of the unit in the order in which usage at the grant's start will draw on them."""
    # Analyses are imported when a plan needs one: opening an account stays quick, and starts none of polars' threads.
    from metronome_analytics.analysis.drain_order import drain_order  # noqa: PLC0415  # as said

    frame = review.view.frame
    if frame is None:
        return ""
    at = max(review.now, grant.starting_at)
    own = frame.filter(
        pl.col("customer_id") == grant.customer_id, pl.col("credit_type_name") == unit, pl.col("ledger").is_not_null()
    )
    if new:
        own = pl.concat([own, _as_balance(grant, unit)], how="diagonal_relaxed")
    names = drain_order(own, as_of=at)["balance_name"].to_list()
    return f"drawn in this order: {', '.join(str(name) for name in names) or 'nothing'}"


def _as_balance(grant: _Grant, unit: str | None) -> pl.DataFrame:
    """The grant as the row of the balances that it will be."""
    type_ = BalanceType.CREDIT if isinstance(grant, CreateCredit) else BalanceType.PREPAID
    item = {
        "id": "new",
        "amount": grant.amount,
        "starting_at": grant.starting_at,
        "ending_before": grant.ending_before,
    }
    entry = {
        "type": f"{'CREDIT' if type_ is BalanceType.CREDIT else 'PREPAID_COMMIT'}_SEGMENT_START",
        "timestamp": grant.starting_at,
        "amount": grant.amount,
        "segment_id": "new",
    }
    empty = Balances.create_empty()
    row = {
        "id": "new",
        "customer_id": grant.customer_id,
        "type": str(type_),
        "name": f"{grant.name} (new)",
        "priority": grant.priority,
        "credit_type_id": grant.credit_type_id,
        "credit_type_name": unit,
        "applicable_product_ids": list(grant.applicable_product_ids),
        "applicable_product_tags": list(grant.applicable_product_tags),
        "applicable_contract_ids": list(grant.applicable_contract_ids),
        "access_schedule": {"schedule_items": [item]},
        "ledger": [entry],
        "balance": grant.amount,
    }
    return pl.DataFrame([row], schema={name: empty.schema[name] for name in row})


def _warnings(grant: _Grant, review: Review) -> Iterator[str]:
    if grant.starting_at <= review.now:
        yield "it has started: open drafts draw on it at once, final invoices do not"
    if isinstance(grant, CreateCommit) and grant.invoice_at is not None and grant.invoice_at <= review.now:
        yield "it is invoiced in the past: that invoice is final at once"


# --- what is sent, and what shows it ---------------------------------------------------------------------------------


def fingerprint(grant: _Grant, view: View) -> str:
    """A digest of the customer's balances and of what the grant names."""
    ids = sorted(b.id for b in view.balances.values() if b.customer_id == grant.customer_id)
    return digest([ids, view.products.get(grant.product_id), view.credit_types.get(grant.credit_type_id)])


def call(grant: _Grant, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # the key comes back: no mark
    """The grant as it is sent; nothing that decides money is left to the API's default."""
    item: dict[str, Json] = {
        "amount": json_number(grant.amount),
        "starting_at": rfc3339(grant.starting_at),
        "ending_before": rfc3339(grant.ending_before),
    }
    body: dict[str, Json] = {
        "customer_id": grant.customer_id,
        "product_id": grant.product_id,
        "name": grant.name,
        "description": grant.reason,
        "priority": json_number(Decimal(repr(grant.priority))),
        "rate_type": grant.rate_type,
        "access_schedule": {"credit_type_id": grant.credit_type_id, "schedule_items": [item]},
        "uniqueness_key": uniqueness_key,
    }
    for name in ("applicable_product_ids", "applicable_product_tags", "applicable_contract_ids"):
        if given := getattr(grant, name):
            body[name] = list(given)
    if isinstance(grant, CreateCredit):
        return Call("create_credit", grant.customer_id, body)
    body["type"] = "PREPAID"
    if isinstance(grant, CreateCommit):
        body |= _invoice(grant)
    return Call("create_commit", grant.customer_id, body)


def _invoice(grant: CreateCommit) -> dict[str, Json]:
    if grant.invoice_amount is None or grant.invoice_at is None:
        return {}
    item: dict[str, Json] = {
        "timestamp": rfc3339(grant.invoice_at),
        "unit_price": json_number(grant.invoice_amount),
        "quantity": 1,
    }
    schedule: Json = {
        "credit_type_id": grant.invoice_credit_type_id,
        "schedule_items": [item],
        "do_not_invoice": False,
    }
    return {"invoice_schedule": schedule, "invoice_contract_id": grant.invoice_contract_id}


def sighting(facts: Facts, view: View) -> Sighting:
    """The balance by its key, which comes back; and whether it is what was sent."""
    own = [balance for balance in view.balances.values() if balance.uniqueness_key == facts.uniqueness_key]
    if not own:
        return ABSENT
    spans = [s for balance in own for s in balance.segments]
    there = ", ".join(plain(segment.amount) for segment in spans)
    same = [segment.amount for segment in spans] == [facts.amount] and own[0].name == facts.body.get("name")
    return Sighting(Seen.THERE, "" if same else f"it is {own[0].title} of {there}")


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
