"""`contracts.edit`: what a contract is called, when it ends, when it is paid, and what comes to it or leaves it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from metronome_analytics.changes.archiving import total_worth
from metronome_analytics.changes.contract_changes import given_only, granted, paper_of, sent_terms
from metronome_analytics.changes.fields import Change, Hour, Name, Texts, rfc3339
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
    wrong_terms,
)
from metronome_analytics.changes.view import Look, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from metronome_analytics.changes.papers import Paper

__all__ = ["EditContract"]

FURTHER = frozenset(
    {
        *("add_billing_provider_configuration_update", "add_discounts", "add_overrides"),
        *("add_prepaid_balance_threshold_configuration", "add_recurring_commits", "add_recurring_credits"),
        *("add_reseller_royalties", "add_revenue_system_configuration_update"),
        *("add_spend_threshold_configuration", "add_subscriptions", "remove_overrides", "update_commits"),
        *("update_credits", "update_prepaid_balance_threshold_configuration", "update_recurring_commits"),
        *("update_recurring_credits", "update_scheduled_charges", "update_spend_threshold_configuration"),
        "update_subscriptions",
    }
)
"""The edits that the API takes and that have no field here."""
_VALUES = ("update_contract_name", "update_contract_end_date", "update_net_payment_terms_days")
_ADDS = ("add_commits", "add_credits", "add_scheduled_charges", "add_professional_services")
_ARCHIVES = ("archive_commits", "archive_credits", "archive_scheduled_charges")


class EditContract(Change):
    """A contract is edited, all at once: its name, its end ("open" for none), its payment terms, what is added.

    What is archived is gone for ever: by id, or what an earlier edit added, by the `uniqueness_key` of that edit in
    `archive_added_by`. `further` is what else the API takes (`add_overrides`, `update_commits` and so on), in its own
    words: it is sent as it is. Unless `allow_contract_ending_before_finalized_invoice`, the API refuses an end before
    an invoice that is final.

    >>> osprey = account.customers()["id"][0]
    >>> contract = account.contracts(osprey).row(0, named=True)
    >>> ids = {"customer_id": contract["customer_id"], "contract_id": contract["id"]}
    >>> account.plan(ma.changes.EditContract(**ids, update_net_payment_terms_days=45)).confirmation
    "edit contract 'Order form 00000-main': payment within days 45, for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "contracts.edit"

    contract_id: str
    update_contract_name: Name | None = None
    update_contract_end_date: Literal["open"] | Hour | None = None
    update_net_payment_terms_days: Days | None = None
    allow_contract_ending_before_finalized_invoice: bool = False
    add_commits: Several[ContractCommit] = ()
    add_credits: Several[ContractCredit] = ()
    add_scheduled_charges: Several[ScheduledCharge] = ()
    add_professional_services: Several[ProfessionalService] = ()
    archive_commits: Texts = ()
    archive_credits: Texts = ()
    archive_scheduled_charges: Texts = ()
    archive_added_by: str | None = None
    further: OwnWords = Field(default_factory=dict)


def prepare(change: EditContract, review: Review) -> PlannedChange | None:
    """What can be known to be wrong with an edit before it is sent; or the edit, with what it replaces."""
    paper = paper_of(change, change.contract_id, review)
    if paper is None:
        return None
    change = _resolved(change, review)
    for name, problem in (*_terms(change, review), *_wrong(change, paper, review.view)):
        review.wrong(name, problem)
    for aspect in _set(change):
        review.once_only(paper.id, aspect)
    same = sameness(change.operation, *(f"{name}={value}" for name, value in sorted(change.fields().items())))
    nonce = secrets.token_hex(8) if review.repeats(same, "edit", there=False) else ""
    if any(problem.row == review.row for problem in review.problems):
        return None
    grants = (*change.add_commits, *change.add_credits)
    unit, amount = granted(grants, review)
    planned = PlannedChange(
        change=change,
        customer_name=review.view.customers[change.customer_id].name,
        subject_id=paper.id,
        subject_name=paper.name,
        what=f"edit contract {paper.title!r}: {'; '.join(_said(change, review))}",
        same=same,
        nonce=nonce,
        credit_type_name=unit,
        amount=amount,
        before="; ".join(_values(_now(paper), change)) or None,
        after="; ".join(_values(change.fields(), change)) or None,
        loss=_loss(change, review.view, review.now),
        warnings=tuple(_warnings(change, paper, review)),
    )
    why = _no_undo(change, paper)
    back = None if why else _opposite(change, paper, planned.uniqueness_key)
    return replace(planned, opposite=back, no_undo=why)


def _resolved(change: EditContract, review: Review) -> EditContract:
    """The edit with the ids of what an earlier one added, where it archives those."""
    if change.archive_added_by is None:
        return change
    earlier = review.view.papers.edits.get(change.archive_added_by)
    if earlier is None or earlier.contract_id != change.contract_id:
        review.wrong("archive_added_by", "nothing was edited with this key, or it cannot be seen")
        return change
    ids = {
        name: tuple(dict.fromkeys((*getattr(change, name), *earlier.added.get(name.replace("archive", "add"), ()))))
        for name in _ARCHIVES
    }
    return change.model_copy(update={**ids, "archive_added_by": None})


def _terms(change: EditContract, review: Review) -> Iterator[tuple[str, str]]:
    grants = (*change.add_commits, *change.add_credits)
    yield from wrong_terms(grants, (*change.add_scheduled_charges, *change.add_professional_services), review)


def _set(change: EditContract) -> list[str]:
    """What it sets; an end is the same thing whichever operation sets it."""
    named = [name for name in _VALUES if getattr(change, name) is not None]
    return ["end" if name == "update_contract_end_date" else name for name in named]


def _wrong(change: EditContract, paper: Paper, view: View) -> Iterator[tuple[str, str]]:
    end = change.update_contract_end_date
    if end is not None and not isinstance(end, str) and end <= paper.starting_at:
        yield "update_contract_end_date", f"it starts at {paper.starting_at:%Y-%m-%d %H:%M} UTC"
    for name in sorted(change.further.keys() - FURTHER):
        yield "further", f"the API takes no {name} with an edit, or it has a field of its own"
    if not (_set(change) or any(getattr(change, name) for name in (*_ADDS, *_ARCHIVES)) or change.further):
        yield "", "it edits nothing"
    for name in ("archive_commits", "archive_credits"):
        for id_ in getattr(change, name):
            balance = view.balances.get(id_)
            wanted = name == "archive_credits"
            if balance is None or balance.contract_id != paper.id or (balance.type == "CREDIT") is not wanted:
                yield name, f"{id_} is none of the contract's"
            elif balance.archived or not balance.readable:
                yield name, f"{balance.title} is archived already"
    for id_ in change.archive_scheduled_charges:
        if id_ not in paper.charges:
            yield "archive_scheduled_charges", f"{id_} is none of the contract's, or archived already"


def _said(change: EditContract, review: Review) -> list[str]:
    grants = (*change.add_commits, *change.add_credits)
    parts = [*_values(change.fields(), change)]
    if brings := said(grants, change.add_scheduled_charges, review):
        parts.append(f"add {brings}")
    if services := len(change.add_professional_services):
        parts.append(f"add {services} service{'' if services == 1 else 's'}")
    if archived := sum(len(getattr(change, name)) for name in _ARCHIVES):
        parts.append(f"archive {archived} of its terms")
    return [*parts, *([f"and {', '.join(sorted(change.further))}"] if change.further else [])]


_WORDS = dict(zip(_VALUES, ("name", "end", "payment within days"), strict=True))


def _now(paper: Paper) -> Mapping[str, Any]:
    end = None if paper.ending_before is None else rfc3339(paper.ending_before)
    days = paper.net_payment_terms_days
    return dict(zip(_VALUES, (paper.name, end or "open", None if days is None else f"{days:g}"), strict=True))


def _values(given: Mapping[str, Any], change: EditContract) -> list[str]:
    """`name X; end Y`, of what the change sets."""
    return [f"{_WORDS[name]} {given[name]}" for name in _VALUES if getattr(change, name) is not None]


def _loss(change: EditContract, view: View, now: datetime) -> str:
    """What is archived, which no plan brings back."""
    ids = (*change.archive_commits, *change.archive_credits)
    sums = total_worth((view.balances[id_] for id_ in ids if id_ in view.balances), now)
    charges = len(change.archive_scheduled_charges)
    parts = [
        *([f"{len(ids)} balance{'' if len(ids) == 1 else 's'} worth {sums}"] if ids else []),
        *([f"{charges} scheduled charge{'' if charges == 1 else 's'}"] if charges else []),
    ]
    return f"which archives {', '.join(parts)}" if parts else ""


def _no_undo(change: EditContract, paper: Paper) -> str:
    """Why an edit has no opposite; empty where it has one."""
    if _loss_named(change):
        return "what is archived cannot be brought back"
    if change.further or change.add_professional_services:
        return "the API has no way to take back what was sent in its own words, or a service"
    if change.update_net_payment_terms_days is not None and paper.net_payment_terms_days is None:
        return "it had no payment terms of its own, and the API sets them to a number only"
    return ""


def _loss_named(change: EditContract) -> bool:
    return any(getattr(change, name) for name in _ARCHIVES)


def _opposite(change: EditContract, paper: Paper, key: str) -> EditContract:
    fields: dict[str, Any] = {"customer_id": change.customer_id, "contract_id": paper.id}
    if change.update_contract_name is not None:
        fields["update_contract_name"] = paper.name
    if change.update_contract_end_date is not None:
        fields["update_contract_end_date"] = paper.ending_before or "open"
    if change.update_net_payment_terms_days is not None:
        fields["update_net_payment_terms_days"] = int(paper.net_payment_terms_days or 0)
    if any(getattr(change, name) for name in _ADDS):
        fields["archive_added_by"] = key
    allowed = change.allow_contract_ending_before_finalized_invoice
    return EditContract(**fields, allow_contract_ending_before_finalized_invoice=allowed)


def _warnings(change: EditContract, paper: Paper, review: Review) -> Iterator[str]:
    end = change.update_contract_end_date
    if end is not None and not isinstance(end, str):
        own = [b for b in review.view.balances.values() if b.contract_id == paper.id]
        cut = [b.title for b in own if any(s.ending_before > end for s in b.segments)]
        yield from [f"truncates {', '.join(cut)}, which a later end does not bring back"] if cut else []
    yield from drafts_follow(review.view.drafts_of(paper.customer_id, paper.id))
    if any(each.timestamp <= review.now for grant in change.add_commits for each in grant.invoices):
        yield "a commit of it is invoiced in the past: that invoice is final at once"
    if change.further:
        yield f"sent as given, not checked: {', '.join(sorted(change.further))}"


# --- what is sent, and what shows it ---------------------------------------------------------------------------------


def call(change: EditContract, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # the key comes back: no mark
    """The edit as it is sent; an end is null for open."""
    body: dict[str, Json] = {
        **change.further,
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "uniqueness_key": uniqueness_key,
    }
    given: dict[str, Json] = {
        "update_contract_name": change.update_contract_name,
        "update_net_payment_terms_days": change.update_net_payment_terms_days,
        **sent_terms(change, "add_"),
    }
    for name in _ARCHIVES:
        given[name] = [{"id": id_} for id_ in getattr(change, name)]
    body |= given_only(given)
    end = change.update_contract_end_date
    if end is not None:
        body["update_contract_end_date"] = None if isinstance(end, str) else rfc3339(end)
        body["allow_contract_ending_before_finalized_invoice"] = change.allow_contract_ending_before_finalized_invoice
    return Call("edit_contract", change.customer_id, body)


def fingerprint(change: EditContract, view: View) -> str:
    """A digest of the contract and of what is archived with it."""
    paper = view.papers.contracts.get(change.contract_id)
    if paper is None:
        return ""
    ids = (*change.archive_commits, *change.archive_credits)
    balances = [view.balances[id_].fingerprint() for id_ in ids if id_ in view.balances]
    now = [*_now(paper).values(), paper.archived, str(paper.starting_at), sorted(paper.charges)]
    return digest([now, balances])


def sighting(facts: Facts, view: View) -> Sighting:
    """The edit by its key, in the history of the contract's edits."""
    return THERE if facts.uniqueness_key in view.papers.edits else ABSENT


EDIT_CONTRACT = Operation(
    name=EditContract.operation,
    endpoint="edit_contract",
    change=EditContract,
    verb="edit",
    noun=("contract", "contracts"),
    looks=frozenset(
        {*(Look.CUSTOMERS, Look.PAPERS, Look.EDITS, Look.PRODUCTS), Look.CREDIT_TYPES, Look.BALANCES, Look.DRAFTS}
    ),
    proof_looks=frozenset({Look.EDITS}),
    prepare=prepare,
    fingerprint=fingerprint,
    call=call,
    sighting=sighting,
    once=OnceBy.KEY,
    proof=Proof.KEY,
    undo="contracts.edit back, which archives what was added",
    weight=Weight.BILLING,
)
