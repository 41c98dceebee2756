"""`credits.archive` and `commits.archive`: for ever, so each has a plan of its own that says what is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.changes.access import (
    balance_of,
    fingerprint,
    id_field,
    id_of,
    is_fine,
    noun_of,
    planned_access,
)
from metronome_analytics.changes.fields import Change
from metronome_analytics.changes.holdings import Balance, digest
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
)
from metronome_analytics.changes.view import Look, View
from metronome_analytics.tables.money import display

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from metronome_analytics.changes.records import Facts, Json

__all__ = ["ArchiveCommit", "ArchiveCredit"]


class ArchiveCredit(Change):
    """A credit is archived, for ever: named by its id, or by the `uniqueness_key` it was made with.

    >>> balance = account.credits().filter(pl.col("balance") > 0).row(0, named=True)
    >>> archive = ma.changes.ArchiveCredit(customer_id=balance["customer_id"], credit_id=balance["id"])
    >>> account.plan(archive).table["after"].item()
    'archived: its ledger and balance are hidden, nothing draws on it'
    """

    operation: ClassVar[str] = "credits.archive"

    credit_id: str | None = None
    uniqueness_key: str | None = None


class ArchiveCommit(Change):
    """A commit is archived, for ever: named by its id, or by the `uniqueness_key` it was made with.

    The API wants finalised invoices of it voided first.

    >>> balance = account.commits().filter(pl.col("balance") > 0, type="PREPAID").row(0, named=True)
    >>> archive = ma.changes.ArchiveCommit(customer_id=balance["customer_id"], commit_id=balance["id"])
    >>> account.plan(archive).table["after"].item()
    'archived: its ledger and balance are hidden, nothing draws on it'
    """

    operation: ClassVar[str] = "commits.archive"

    commit_id: str | None = None
    uniqueness_key: str | None = None


Archive = ArchiveCredit | ArchiveCommit


def prepare_archive(change: Archive, review: Review) -> PlannedChange | None:
    """Finds what is to be archived, and says what is lost with it."""
    id_, key = id_of(change), change.uniqueness_key
    if (not id_) == (key is None):
        review.wrong(id_field(change), f"give {id_field(change)} or uniqueness_key")
        return None
    if key is not None:
        own = [b for b in review.view.balances.values() if b.uniqueness_key == key]
        if len(own) != 1:
            review.wrong("uniqueness_key", "nothing was made with this key, or it cannot be seen")
            return None
        id_ = own[0].id
    balance = balance_of(change, review, id_)
    if balance is None or not is_fine(review):
        return None
    amount = worth(balance, review.now)
    said = "an unknown amount" if amount is None else display(amount, balance.credit_type_name)
    return planned_access(
        change.model_copy(update={id_field(change): id_, "uniqueness_key": None}),
        balance,
        review,
        what=f"archive {noun_of(change)} {balance.title!r}",
        before="active",
        after="archived: its ledger and balance are hidden, nothing draws on it",
        no_undo="an archived balance cannot be brought back",
        loss=f"which takes 1 balance worth {said}",
    )


def worth(balance: Balance, now: datetime) -> Decimal | None:
    """What goes with a balance: what may be drawn now, and the segments to come; None where that is not known."""
    if balance.balance is None:
        return None
    return balance.balance + sum((s.amount for s in balance.segments if s.starting_at > now), start=Decimal(0))


def total_worth(balances: Iterable[Balance], now: datetime) -> str:
    """What goes with several, a sum for each unit: `$4,100.00 and 30 AI Credits`."""
    sums: dict[str | None, Decimal] = {}
    for balance in balances:
        sums[balance.credit_type_name] = sums.get(balance.credit_type_name, Decimal(0)) + (worth(balance, now) or 0)
    return " and ".join(display(amount, unit) for unit, amount in sums.items())


def call_archive(change: Archive, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # as above
    """The archiving as it is sent."""
    body: dict[str, Json] = {"customer_id": change.customer_id, id_field(change): id_of(change)}
    return Call(f"archive_{noun_of(change)}", change.customer_id, body)


def sighting_archive(facts: Facts, view: View) -> Sighting:
    """It is archived: v1 shows that of a credit by its ledger alone, which is gone."""
    balance = view.balances.get(facts.subject_id)
    if balance is None:
        return UNREADABLE
    return THERE if balance.archived or not balance.readable else ABSENT


def fingerprint_archive(change: Archive, view: View) -> str:
    """A digest of the balance and of its ledger: what is lost must be what the phrase counted."""
    balance = view.balances.get(id_of(change))
    return digest([fingerprint(change, view), "" if balance is None else balance.fingerprint()])


def _row(change: type[Archive]) -> Operation:
    noun = change.operation.partition("s.")[0]
    return Operation(
        name=change.operation,
        endpoint=f"archive_{noun}",
        change=change,
        verb="archive",
        noun=(noun, f"{noun}s"),
        looks=frozenset({Look.CUSTOMERS, Look.BALANCES}),
        proof_looks=frozenset({Look.BALANCES}),
        prepare=prepare_archive,
        fingerprint=fingerprint_archive,
        call=call_archive,
        sighting=sighting_archive,
        once=OnceBy.ABSOLUTE,
        proof=Proof.VALUE,
        undo="nothing: an archived balance cannot be brought back",
        weight=Weight.FOR_EVER,
    )


ARCHIVE_CREDIT, ARCHIVE_COMMIT = _row(ArchiveCredit), _row(ArchiveCommit)
