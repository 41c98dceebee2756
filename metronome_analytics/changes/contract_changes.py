"""`contracts.create`: a new contract with its terms."""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from metronome_analytics.changes.contract_archiving import ArchiveContract
from metronome_analytics.changes.fields import Change, Hour, Name, rfc3339
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
from metronome_analytics.changes.records import Facts, Json, sameness
from metronome_analytics.changes.terms import (
    ContractCommit,
    ContractCredit,
    Days,
    OwnWords,
    ProfessionalService,
    ScheduledCharge,
    Several,
    said,
    sent_charge,
    sent_grant,
    sent_service,
    total,
    wrong_terms,
)
from metronome_analytics.changes.view import Look, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metronome_analytics.changes.papers import Paper

__all__ = ["CreateContract"]

OPEN: Literal["open"] = "open"
_CARDS = ("rate_card_id", "rate_card_alias", "package_id", "package_alias")
FURTHER = frozenset(
    {
        *("billing_provider_configuration", "custom_fields", "discounts", "hierarchy_configuration"),
        *("multiplier_override_prioritization", "netsuite_sales_order_id", "overrides"),
        *("prepaid_balance_threshold_configuration", "recurring_commits", "recurring_credits", "reseller_royalties"),
        *("revenue_system_configuration", "salesforce_opportunity_id", "scheduled_charges_on_usage_invoices"),
        *("spend_threshold_configuration", "subscriptions", "total_contract_value", "transition", "usage_filter"),
        "usage_statement_schedule",
    }
)
"""The terms that the API takes with a new contract and that have no field here."""


class CreateContract(Change):
    """A new contract on a rate card or a package, to `ending_before`, or "open": the API takes silence for open.

    Its `commits`, `credits`, `scheduled_charges` and `professional_services` are checked as those of other changes
    are. `further` is what else the API takes (`overrides`, `subscriptions`, `usage_filter` and so on), in its own
    words: it is sent as it is.

    >>> contract = ma.changes.CreateContract(
    ...     customer_id=account.customers()["id"][1],
    ...     name="Order form 4711",
    ...     starting_at="2026-12-01",
    ...     ending_before="open",
    ...     rate_card_id=account.rate_cards()["id"][0],
    ... )
    >>> account.plan(contract).confirmation
    "create contract 'Order form 4711' from 2026-12-01 00:00 UTC, open, for Harbor Telecom LLC in demo"
    """

    operation: ClassVar[str] = "contracts.create"

    name: Name
    starting_at: Hour
    ending_before: Literal["open"] | Hour
    rate_card_id: str | None = None
    rate_card_alias: str | None = None
    package_id: str | None = None
    package_alias: str | None = None
    net_payment_terms_days: Days | None = None
    commits: Several[ContractCommit] = ()
    credits: Several[ContractCredit] = ()
    scheduled_charges: Several[ScheduledCharge] = ()
    professional_services: Several[ProfessionalService] = ()
    further: OwnWords = Field(default_factory=dict)


def prepare_create(change: CreateContract, review: Review) -> PlannedChange | None:
    """What can be known to be wrong with a contract before it is sent; or the contract, with what it brings."""
    owner = review.customer(change.customer_id)
    grants = (*change.commits, *change.credits)
    for name, problem in wrong_terms(grants, (*change.scheduled_charges, *change.professional_services), review):
        review.wrong(name, problem)
    for name, problem in _wrong(change, review.view):
        review.wrong(name, problem)
    fields = change.fields()
    same = sameness(change.operation, *(f"{name}={value}" for name, value in sorted(fields.items())))
    own = [paper for paper in review.view.papers.contracts.values() if not paper.archived]
    twin = any(
        (each.name, each.starting_at, each.ending_before) == (change.name, change.starting_at, _end(change))
        for each in own
        if each.customer_id == change.customer_id
    )
    nonce = secrets.token_hex(8) if review.repeats(same, "contract", there=twin) else ""
    if owner is None or any(problem.row == review.row for problem in review.problems):
        return None
    end = "open" if _end(change) is None else f"to {_end(change):%Y-%m-%d %H:%M} UTC"
    brings = said(grants, change.scheduled_charges, review)
    unit, amount = granted(grants, review)
    planned = PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.customer_id,
        subject_name=change.name,
        what=f"create contract {change.name!r} from {change.starting_at:%Y-%m-%d %H:%M} UTC, {end}"
        f"{f', with {brings}' if brings else ''}",
        same=same,
        nonce=nonce,
        credit_type_name=unit,
        amount=amount,
        before=_running(change, own),
        after=_running(change, own, change.name),
        warnings=tuple(_warnings(change, review)),
    )
    return replace(planned, opposite=_archived(change, planned.uniqueness_key))


def _archived(change: CreateContract, key: str) -> ArchiveContract:
    return ArchiveContract(customer_id=change.customer_id, uniqueness_key=key, void_invoices=True)


def _end(change: CreateContract) -> object:
    return None if change.ending_before == OPEN else change.ending_before


def _wrong(change: CreateContract, view: View) -> Iterator[tuple[str, str]]:
    end = change.ending_before
    if not isinstance(end, str) and end <= change.starting_at:
        yield "ending_before", "it ends before it starts"
    named = [name for name in _CARDS if getattr(change, name)]
    if len(named) != 1:
        yield "rate_card_id", f"give one of {', '.join(_CARDS)}"
    elif (card := getattr(change, named[0])) not in view.papers.rate_cards:
        yield named[0], f"unknown {named[0].partition('_id')[0].partition('_alias')[0].replace('_', ' ')} {card}"
    for name in sorted(change.further.keys() - FURTHER):
        yield "further", f"the API takes no {name} with a contract, or it has a field of its own"


def granted(grants: tuple[ContractCredit, ...], review: Review) -> tuple[str | None, Decimal | None]:
    """The unit and the sum of what is granted; none where there are several units."""
    units = {review.view.credit_types.get(grant.credit_type_id) for grant in grants}
    if len(units) != 1:
        return None, None
    return units.pop(), sum((total(grant.segments) for grant in grants), start=Decimal(0))


def _running(change: CreateContract, own: list[Paper], new: str | None = None) -> str:
    """The customer's contracts in force during the new one's time."""
    end = change.ending_before
    names = [each.title for each in own if each.runs(change.starting_at, None if isinstance(end, str) else end)]
    return f"in force then: {', '.join([*names, *([f'{new} (new)'] if new else [])]) or 'nothing'}"


def _warnings(change: CreateContract, review: Review) -> Iterator[str]:
    end = change.ending_before
    own = review.view.papers.contracts.values()
    beside = [p.title for p in own if p.runs(change.starting_at, None if isinstance(end, str) else end)]
    if beside and "usage_filter" not in change.further:
        yield f"it runs beside {', '.join(beside)} without a usage filter: both bill the same usage"
    if change.starting_at <= review.now:
        yield "it has started: what it bills for past dates is final at once"
    if change.further:
        yield f"sent as given, not checked: {', '.join(sorted(change.further))}"
    if any(each.timestamp <= review.now for grant in change.commits for each in grant.invoices):
        yield "a commit of it is invoiced in the past: that invoice is final at once"


def call_create(change: CreateContract, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # the key comes back
    """The contract as it is sent."""
    body: dict[str, Json] = {
        **change.further,
        "customer_id": change.customer_id,
        "name": change.name,
        "starting_at": rfc3339(change.starting_at),
        "uniqueness_key": uniqueness_key,
    }
    if not isinstance(change.ending_before, str):
        body["ending_before"] = rfc3339(change.ending_before)
    plain: dict[str, Json] = {name: getattr(change, name) for name in (*_CARDS, "net_payment_terms_days")}
    return Call("create_contract", change.customer_id, body | given_only(plain | sent_terms(change, "")))


def sent_terms(change: Change, prefix: str) -> dict[str, Json]:
    """The terms of a contract, an edit or an amendment as they are sent."""
    return {
        f"{prefix}commits": [sent_grant(each) for each in getattr(change, f"{prefix}commits")],
        f"{prefix}credits": [sent_grant(each) for each in getattr(change, f"{prefix}credits")],
        f"{prefix}scheduled_charges": [sent_charge(each) for each in getattr(change, f"{prefix}scheduled_charges")],
        f"{prefix}professional_services": [
            sent_service(each) for each in getattr(change, f"{prefix}professional_services")
        ],
    }


def given_only(fields: Mapping[str, Json]) -> dict[str, Json]:
    """What was given of `fields`: neither null nor an empty list."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def paper_of(change: Change, contract_id: str, review: Review) -> Paper | None:
    """The contract that a change is about, if it is the customer's and in force; a problem where it is not."""
    owner = review.customer(change.customer_id)
    paper = review.view.papers.contracts.get(contract_id)
    if owner is None:
        return None
    if paper is None or paper.customer_id != change.customer_id:
        review.wrong("contract_id", f"{owner} has no contract {contract_id}: unknown, or another's")
        return None
    if paper.archived:
        review.wrong("contract_id", f"{paper.title} is archived")
    return paper


def fingerprint_create(change: CreateContract, view: View) -> str:
    """A digest of the customer's contracts."""
    own = [paper for paper in view.papers.contracts.values() if paper.customer_id == change.customer_id]
    return digest([change.customer_id in view.customers, sorted((paper.id, paper.archived) for paper in own)])


def sighting_create(facts: Facts, view: View) -> Sighting:
    """The contract by its key, which comes back; and whether it is what was sent."""
    own = [each for each in view.papers.contracts.values() if each.uniqueness_key == facts.uniqueness_key]
    if not own:
        return ABSENT
    there, body = own[0], facts.body
    end = None if there.ending_before is None else rfc3339(there.ending_before)
    same = (there.name, rfc3339(there.starting_at), end) == (
        body["name"],
        body["starting_at"],
        body.get("ending_before"),
    )
    return Sighting(Seen.THERE, "" if same else f"it is {there.title}, {there.starting_at} to {end or 'open'}")


CREATE_CONTRACT = Operation(
    name=CreateContract.operation,
    endpoint="create_contract",
    change=CreateContract,
    verb="create",
    noun=("contract", "contracts"),
    looks=frozenset({Look.CUSTOMERS, Look.PAPERS, Look.PRODUCTS, Look.CREDIT_TYPES, Look.RATE_CARDS}),
    proof_looks=frozenset({Look.PAPERS}),
    prepare=prepare_create,
    fingerprint=fingerprint_create,
    call=call_create,
    sighting=sighting_create,
    once=OnceBy.KEY,
    proof=Proof.KEY,
    undo="contracts.archive",
    weight=Weight.BILLING,
)
