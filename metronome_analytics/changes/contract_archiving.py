"""`contracts.archive`: the end of a contract for ever, with a count of what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.changes.archiving import total_worth
from metronome_analytics.changes.fields import Change
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
    Seen,
    Sighting,
    Weight,
)
from metronome_analytics.changes.records import Facts, Json, sameness
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.vocabulary import InvoiceStatus
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.changes.papers import Paper

__all__ = ["ArchiveContract"]


class ArchiveContract(Change):
    """A contract is archived, for ever: named by its id, or by the `uniqueness_key` it was made with.

    Its balances go with it, its drafts and scheduled invoices become void; with `void_invoices` its final ones too.

    >>> osprey = account.customers()["id"][0]
    >>> contract = account.contracts(osprey).row(0, named=True)
    >>> ids = {"customer_id": contract["customer_id"], "contract_id": contract["id"]}
    >>> account.plan(ma.changes.ArchiveContract(**ids, void_invoices=False)).table["after"].item()
    'archived: it ends now, and nothing of it bills again'
    """

    operation: ClassVar[str] = "contracts.archive"

    void_invoices: bool
    contract_id: str | None = None
    uniqueness_key: str | None = None


def prepare_archive(change: ArchiveContract, review: Review) -> PlannedChange | None:
    """Finds the contract, and counts what is lost with it."""
    owner = review.customer(change.customer_id)
    if (change.contract_id is None) == (change.uniqueness_key is None):
        review.wrong("contract_id", "give contract_id or uniqueness_key")
        return None
    paper = _meant(change, review.view)
    if owner is None:
        return None
    if paper is None:
        named = change.contract_id or f"made with the key {change.uniqueness_key}"
        review.wrong("contract_id", f"{owner} has no contract {named}: unknown, or another's")
        return None
    review.once_only(paper.id, "archive")
    if any(problem.row == review.row for problem in review.problems):
        return None
    counted, final = _lost(change, paper, review.view, review.now)
    return PlannedChange(
        change=change.model_copy(update={"contract_id": paper.id, "uniqueness_key": None}),
        customer_name=owner,
        subject_id=paper.id,
        subject_name=paper.name,
        what=f"archive contract {paper.title!r}",
        same=sameness(change.operation, change.customer_id, paper.id, str(change.void_invoices)),
        before="archived" if paper.archived else "active",
        after="archived: it ends now, and nothing of it bills again",
        no_undo="an archived contract cannot be brought back",
        loss=f"which archives {counted}",
        warnings=("its final invoices stay as they are",) if not change.void_invoices and final else (),
    )


def _meant(change: ArchiveContract, view: View) -> Paper | None:
    for paper in view.papers.contracts.values():
        named = change.contract_id == paper.id or (change.uniqueness_key or "-") == paper.uniqueness_key
        if named and paper.customer_id == change.customer_id:
            return paper
    return None


def _lost(change: ArchiveContract, paper: Paper, view: View, now: datetime) -> tuple[str, int]:
    """What goes with the contract: `1 contract, 3 drafts, 2 balances worth $4,100.00`; and how many final invoices."""
    own = [each for each in view.around.invoices.values() if each.contract_id == paper.id]
    drafts = sum(each.status == InvoiceStatus.DRAFT for each in own)
    final = sum(each.status == InvoiceStatus.FINALIZED for each in own)
    balances = [b for b in view.balances.values() if b.contract_id == paper.id and not b.archived and b.readable]
    parts = [
        "1 contract",
        *([count(drafts, "draft")] if drafts else []),
        *([count(final, "final invoice")] if final and change.void_invoices else []),
        *([f"{count(len(balances), 'balance')} worth {total_worth(balances, now)}"] if balances else []),
    ]
    return ", ".join(parts), final


def call_archive(change: ArchiveContract, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # an absolute value
    """The archiving as it is sent."""
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "void_invoices": change.void_invoices,
    }
    return Call("archive_contract", change.customer_id, body)


def fingerprint_archive(change: ArchiveContract, view: View) -> str:
    """A digest of the contract, its invoices and its balances: what is lost must be what the phrase counted."""
    paper = _meant(change, view)
    if paper is None:
        return ""
    invoices = sorted(
        (i.id, i.status, str(i.total)) for i in view.around.invoices.values() if i.contract_id == paper.id
    )
    balances = sorted(b.fingerprint() for b in view.balances.values() if b.contract_id == paper.id)
    return digest([paper.archived, str(paper.ending_before), invoices, balances])


def sighting_archive(facts: Facts, view: View) -> Sighting:
    """It is archived, and where that was asked none of its invoices is final."""
    paper = view.papers.contracts.get(facts.subject_id)
    if paper is None:
        return UNREADABLE
    own = [each for each in view.around.invoices.values() if each.contract_id == paper.id]
    final = facts.body["void_invoices"] and any(each.status == InvoiceStatus.FINALIZED for each in own)
    if not paper.archived:
        return ABSENT
    return Sighting(Seen.THERE, "invoices of it are final still") if final else THERE


ARCHIVE_CONTRACT = Operation(
    name=ArchiveContract.operation,
    endpoint="archive_contract",
    change=ArchiveContract,
    verb="archive",
    noun=("contract", "contracts"),
    looks=frozenset({Look.CUSTOMERS, Look.PAPERS, Look.BALANCES, Look.INVOICES}),
    proof_looks=frozenset({Look.PAPERS, Look.INVOICES}),
    prepare=prepare_archive,
    fingerprint=fingerprint_archive,
    call=call_archive,
    sighting=sighting_archive,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="nothing: an archived contract cannot be brought back",
    weight=Weight.FOR_EVER,
)
