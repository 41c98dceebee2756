"""When a credit or commit gives access: what its end and its extension have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.changes.fields import Change, Hour
from metronome_analytics.changes.holdings import Balance, digest
from metronome_analytics.changes.operation import (
    Call,
    OnceBy,
    Operation,
    PlannedChange,
    Proof,
    Review,
    Sighting,
    Weight,
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from metronome_analytics.changes.records import Facts

__all__ = ["EndCommit", "EndCredit", "ExtendCommit", "ExtendCredit"]

_LOOKS = frozenset({Look.CUSTOMERS, Look.BALANCES, Look.DRAFTS})
_PROOF_LOOKS = frozenset({Look.BALANCES})


class _Credit(Change):
    credit_id: str


class _Commit(Change):
    commit_id: str


class EndCredit(_Credit):
    """A credit's access ends at `access_ending_before`, earlier than now set; what is left expires then.

    >>> balance = account.credits().filter(pl.col("balance") > 0).row(0, named=True)
    >>> ids = {"customer_id": balance["customer_id"], "credit_id": balance["id"]}
    >>> end = ma.changes.EndCredit(**ids, access_ending_before="2026-12-01")
    >>> account.plan(end).table["after"].item()
    'ends 2026-12-01 00:00 UTC; of 100,000 USD (cents) = $1,000.00 what is left then expires'
    """

    operation: ClassVar[str] = "credits.end"

    access_ending_before: Hour


class EndCommit(_Commit):
    """A prepaid commit's access ends at `access_ending_before`, earlier than now set; what is left expires then.

    Its invoices stay as they are, unless `invoices_ending_before`: from then on nothing more is invoiced for it. Either
    may be given alone.

    >>> balance = account.commits().filter(pl.col("balance") > 0, type="PREPAID").row(0, named=True)
    >>> ids = {"customer_id": balance["customer_id"], "commit_id": balance["id"]}
    >>> account.plan(ma.changes.EndCommit(**ids, access_ending_before="2026-12-01")).confirmation
    "end commit 'Prepaid commitment' at 2026-12-01 00:00 UTC, for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "commits.end"

    access_ending_before: Hour | None = None
    invoices_ending_before: Hour | None = None


class ExtendCredit(_Credit):
    """A segment of a credit ends later; `segment_id` may be left out where there is one segment.

    >>> balance = account.credits().filter(pl.col("balance") > 0).row(0, named=True)
    >>> ids = {"customer_id": balance["customer_id"], "credit_id": balance["id"]}
    >>> longer = ma.changes.ExtendCredit(**ids, ending_before="2030-01-01")
    >>> account.plan(longer).table.select("before", "after").row(0)
    ('ends 2027-04-01 00:00 UTC', 'ends 2030-01-01 00:00 UTC')
    """

    operation: ClassVar[str] = "credits.extend"

    ending_before: Hour
    segment_id: str | None = None


class ExtendCommit(_Commit):
    """A segment of a prepaid commit ends later; `segment_id` may be left out where there is one segment.

    >>> balance = account.commits().filter(pl.col("balance") > 0, type="PREPAID").row(0, named=True)
    >>> ids = {"customer_id": balance["customer_id"], "commit_id": balance["id"]}
    >>> account.plan(ma.changes.ExtendCommit(**ids, ending_before="2030-01-01")).confirmation
    "extend commit 'Prepaid commitment' to 2030-01-01 00:00 UTC, for Osprey Biotech Inc. in demo"
    """

    operation: ClassVar[str] = "commits.extend"

    ending_before: Hour
    segment_id: str | None = None


End = EndCredit | EndCommit
Extend = ExtendCredit | ExtendCommit


def noun_of(change: Change) -> str:
    """`credit` or `commit`."""
    return change.operation.partition("s.")[0]


def id_field(change: Change) -> str:
    """What the API calls its id."""
    return f"{noun_of(change)}_id"


def id_of(change: Change) -> str:
    """Its id; empty where it is named otherwise."""
    return str(getattr(change, id_field(change)) or "")


def balance_of(change: Change, review: Review, id_: str) -> Balance | None:
    """The balance a change is about, if it is the customer's, and of the right type."""
    owner = review.customer(change.customer_id)
    if owner is None:
        return None
    name, noun = id_field(change), noun_of(change)
    balance = review.view.balances.get(id_)
    if balance is None or balance.customer_id != change.customer_id:
        review.wrong(name, f"{owner} has no {noun} {id_}: unknown, or another customer's")
        return None
    if (balance.type == BalanceType.CREDIT) != (noun == "credit"):
        review.wrong(name, f"{balance.title} is no {noun}")
    review.once_only(balance.id, "access")
    return balance


def running_prepaid(change: Change, review: Review) -> Balance | None:
    """The balance a change is about, if its access can be moved: not a postpaid one, not an archived one."""
    balance = balance_of(change, review, id_of(change))
    if balance is None:
        return None
    if balance.type == BalanceType.POSTPAID:
        review.wrong(id_field(change), f"{balance.title} is POSTPAID; its end is the contract's to change")
    if balance.archived:
        review.wrong(id_field(change), f"{balance.title} is archived")
    return balance


def is_fine(review: Review) -> bool:
    """Whether nothing is wrong with the row so far."""
    return not any(problem.row == review.row for problem in review.problems)


def until(at: datetime) -> str:
    """A time of access, as a plan says it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def planned_access(  # what a plan says of it
    change: Change,
    balance: Balance,
    review: Review,
    *,
    what: str,
    before: str,
    after: str,
    opposite: Change | None = None,
    no_undo: str = "",
    loss: str = "",
    warnings: tuple[str, ...] = (),
) -> PlannedChange:
    """A change of a balance, as a plan holds it."""
    return PlannedChange(
        change=change,
        customer_name=review.view.customers[change.customer_id].name,
        subject_id=balance.id,
        subject_name=balance.name,
        what=what,
        same=change.same(),
        before=before,
        after=after,
        opposite=opposite,
        no_undo=no_undo,
        loss=loss,
        warnings=warnings,
    )


def fingerprint(change: Change, view: View) -> str:
    """A digest of when the balance gives access, and of whether it is archived."""
    balance = view.balances.get(id_of(change))
    if balance is None:
        return ""
    spans = [(s.id, str(s.starting_at), str(s.ending_before), str(s.amount)) for s in balance.segments]
    return digest([balance.archived or not balance.readable, spans, [str(at) for at in balance.invoiced_at]])


def row(
    change: type[Change],
    parts: tuple[Callable[..., PlannedChange | None], Callable[..., Call], Callable[[Facts, View], Sighting]],
    *,
    undo: str,
) -> Operation:
    """The row of an operation on access: how it is prepared, sent and seen."""
    noun, _, verb = change.operation.partition("s.")
    return Operation(
        name=change.operation,
        endpoint=f"{'edit' if verb == 'extend' else verb}_{noun}",
        change=change,
        verb=verb,
        noun=(noun, f"{noun}s"),
        looks=_LOOKS,
        proof_looks=_PROOF_LOOKS,
        prepare=parts[0],
        fingerprint=fingerprint,
        call=parts[1],
        sighting=parts[2],
        once=OnceBy.ABSOLUTE,
        proof=Proof.VALUE,
        undo=undo,
        weight=Weight.BILLING,
    )
