"""`contracts.amend`: the way in which terms came to a contract before there were edits. Deprecated by the vendor."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from metronome_analytics.changes.contract_changes import given_only, granted, paper_of, sent_terms
from metronome_analytics.changes.fields import Change, Hour, rfc3339
from metronome_analytics.changes.holdings import digest
from metronome_analytics.changes.operation import (
    ABSENT,
    THERE,
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
from metronome_analytics.changes.papers import terms_of
from metronome_analytics.changes.records import Facts, Json, sameness
from metronome_analytics.changes.terms import (
    ContractCommit,
    ContractCredit,
    OwnWords,
    ProfessionalService,
    ScheduledCharge,
    Several,
    said,
    wrong_terms,
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.changes.papers import Paper

__all__ = ["AmendContract"]

FURTHER = frozenset(
    {
        *("custom_fields", "discounts", "netsuite_sales_order_id", "overrides", "reseller_royalties"),
        *("salesforce_opportunity_id", "total_contract_value"),
    }
)
"""The terms that the API takes with an amendment and that have no field here."""
_GONE = "deprecated: answers only where contract editing is off; contracts.edit does the same with a key of its own"


class AmendContract(Change):
    """Terms come to a contract at `starting_at`. Deprecated: where contract editing is on the API has no such call.

    Nothing undoes it. An amendment is known by its start and its terms, so it brings at least one of its own;
    `further` is what else the API takes, in its own words: it is sent as it is.

    >>> osprey = account.customers()["id"][0]
    >>> contract = account.contracts(osprey).row(0, named=True)
    >>> ids = {"customer_id": contract["customer_id"], "contract_id": contract["id"]}
    >>> item = {"timestamp": "2026-12-01", "amount": 2_500}
    >>> fixed = account.products().filter(type="FIXED")["id"][0]
    >>> charge = {"product_id": fixed, "name": "Onboarding", "invoices": (item,)}
    >>> amend = ma.changes.AmendContract(**ids, starting_at="2026-12-01", scheduled_charges=(charge,))
    >>> account.plan(amend).table["amount_display"].item()
    """

    operation: ClassVar[str] = "contracts.amend"

    contract_id: str
    starting_at: Hour
    commits: Several[ContractCommit] = ()
    credits: Several[ContractCredit] = ()
    scheduled_charges: Several[ScheduledCharge] = ()
    professional_services: Several[ProfessionalService] = ()
    further: OwnWords = Field(default_factory=dict)


def prepare(change: AmendContract, review: Review) -> PlannedChange | None:
    """What can be known to be wrong with an amendment before it is sent; or the amendment."""
    paper = paper_of(change, change.contract_id, review)
    if paper is None:
        return None
    grants = (*change.commits, *change.credits)
    services = len(change.professional_services)
    terms = wrong_terms(grants, (*change.scheduled_charges, *change.professional_services), review)
    for name, problem in (*terms, *_wrong(change, paper)):
        review.wrong(name, problem)
    # The same one a second time cannot be told from the first.
    review.once_only(paper.id, f"amendment {rfc3339(change.starting_at)} {terms_of(sent_terms(change, ''))}")
    if any(problem.row == review.row for problem in review.problems):
        return None
    unit, amount = granted(grants, review)
    there = sum(each.contract_id == paper.id for each in review.view.papers.amendments)
    brings = said(grants, change.scheduled_charges, review) or count(services, "service")
    drafts = review.view.drafts_of(paper.customer_id, paper.id)
    return PlannedChange(
        change=change,
        customer_name=review.view.customers[change.customer_id].name,
        subject_id=paper.id,
        subject_name=paper.name,
        what=f"amend contract {paper.title!r} from {change.starting_at:%Y-%m-%d %H:%M} UTC: {brings}",
        same=sameness(change.operation, *(f"{name}={value}" for name, value in sorted(change.fields().items()))),
        credit_type_name=unit,
        amount=amount,
        before=count(there, "amendment"),
        after=count(there + 1, "amendment"),
        no_undo="an amendment stays; contracts.edit archives what it brought",
        warnings=(
            _GONE,
            *drafts_follow(drafts),
            *([f"sent as given, not checked: {', '.join(sorted(change.further))}"] if change.further else []),
        ),
    )


def _wrong(change: AmendContract, paper: Paper) -> Iterator[tuple[str, str]]:
    if change.starting_at < paper.starting_at:
        yield "starting_at", f"the contract starts at {paper.starting_at:%Y-%m-%d %H:%M} UTC"
    elif paper.ending_before is not None and change.starting_at >= paper.ending_before:
        yield "starting_at", f"the contract ends at {paper.ending_before:%Y-%m-%d %H:%M} UTC"
    if not terms_of(sent_terms(change, "")):
        yield "commits", "it brings nothing by which it could be found again; contracts.edit takes the rest"
    for name in sorted(change.further.keys() - FURTHER):
        yield "further", f"the API takes no {name} with an amendment, or it has a field of its own"


def call(change: AmendContract, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # the API takes neither
    """The amendment as it is sent."""
    body: dict[str, Json] = {
        **change.further,
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "starting_at": rfc3339(change.starting_at),
    }
    return Call("amend_contract", change.customer_id, body | given_only(sent_terms(change, "")))


def fingerprint(change: AmendContract, view: View) -> str:
    """A digest of the contract and of its amendments so far."""
    paper = view.papers.contracts.get(change.contract_id)
    if paper is None:
        return ""
    ids = sorted(each.id for each in view.papers.amendments if each.contract_id == paper.id)
    return digest([paper.archived, str(paper.ending_before), ids])


def sighting(facts: Facts, view: View) -> Sighting:
    """An amendment of the contract that starts then and brings the same."""
    start, terms = datetime.fromisoformat(str(facts.body["starting_at"])), terms_of(facts.body)
    own = (each for each in view.papers.amendments if each.contract_id == facts.subject_id)
    there = any(datetime.fromisoformat(each.starting_at) == start and each.terms == terms for each in own)
    return THERE if there else ABSENT


AMEND_CONTRACT = Operation(
    name=AmendContract.operation,
    endpoint="amend_contract",
    change=AmendContract,
    verb="amend",
    noun=("contract", "contracts"),
    looks=frozenset({*(Look.CUSTOMERS, Look.PAPERS, Look.AMENDMENTS, Look.PRODUCTS), Look.CREDIT_TYPES, Look.DRAFTS}),
    proof_looks=frozenset({Look.AMENDMENTS}),
    prepare=prepare,
    fingerprint=fingerprint,
    call=call,
    sighting=sighting,
    once=OnceBy.HEADER,
    proof=Proof.VALUE,
    undo="nothing: contracts.edit archives what it brought",
    weight=Weight.BILLING,
    status="deprecated",
)
