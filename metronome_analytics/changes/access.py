"""When a credit or commit gives access: `credits.end`, `credits.extend`, and the same of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from metronome_analytics.changes.fields import Change, Hour, rfc3339
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
from metronome_analytics.changes.view import Balance, Look, Segment, View, digest
from metronome_analytics.tables.money import display
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from metronome_analytics.changes.records import Facts, Json

__all__ = ["EndCommit", "EndCredit", "ExtendCommit", "ExtendCredit"]

_LOOKS = frozenset({Look.CUSTOMERS, Look.BALANCES})
_PROOF_LOOKS = frozenset({Look.BALANCES})


class _Credit(Change):
    credit_id: str


class _Commit(Change):
    commit_id: str


class EndCredit(_Credit):
    """A credit's access ends at `access_ending_before`, earlier than now set; what is left expires then."""

    operation: ClassVar[str] = "credits.end"

    access_ending_before: Hour


class EndCommit(_Commit):
    """A prepaid commit's access ends at `access_ending_before`, earlier than now set; what is left expires then.

    Its invoices stay as they are.
    """

    operation: ClassVar[str] = "commits.end"

    access_ending_before: Hour


class ExtendCredit(_Credit):
    """A segment of a credit ends later; `segment_id` may be left out where there is one segment."""

    operation: ClassVar[str] = "credits.extend"

    ending_before: Hour
    segment_id: str | None = None


class ExtendCommit(_Commit):
    """A segment of a prepaid commit ends later; `segment_id` may be left out where there is one segment."""

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
    """The balance a change is about, if it is the customer's, of the right type, and not archived."""
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
    elif balance.type == BalanceType.POSTPAID:
        review.wrong(name, f"{balance.title} is POSTPAID; its end is the contract's to change")
    review.once_only(balance.id, "access")
    return balance


def is_fine(review: Review) -> bool:
    """Whether nothing is wrong with the row so far."""
    return not any(problem.row == review.row for problem in review.problems)


def _until(at: datetime) -> str:
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


# --- end -------------------------------------------------------------------------------------------------------------


def prepare_end(change: End, review: Review) -> PlannedChange | None:
    """Checks an earlier end: it is earlier, and something of the balance is before it."""
    balance = balance_of(change, review, id_of(change))
    if balance is None:
        return None
    end = change.access_ending_before
    if balance.archived:
        review.wrong(id_field(change), f"{balance.title} is archived")
    last = max((segment.ending_before for segment in balance.segments), default=end)
    if last < end:
        review.wrong("access_ending_before", f"it ends at {_until(last)} already; {noun_of(change)}s.extend extends")
    elif all(segment.starting_at >= end for segment in balance.segments):
        review.wrong("access_ending_before", f"nothing of it would be left; {noun_of(change)}s.archive archives")
    if not is_fine(review):
        return None
    cut = [segment for segment in balance.segments if segment.ending_before > end]
    left = "" if balance.balance is None else f"; of {display(balance.balance, balance.credit_type_name)} what is left"
    opposite, no_undo = _back(change, cut, end)
    return planned_access(
        change,
        balance,
        review,
        what=f"end {noun_of(change)} {balance.title!r} at {_until(end)}",
        before=f"ends {_until(last)}",
        after=f"ends {_until(end)}{left} then expires",
        opposite=opposite,
        no_undo=no_undo,
        warnings=() if end > review.now else ("that is past: what drafts have drawn after it comes back to be paid",),
    )


def _back(change: End, cut: list[Segment], end: datetime) -> tuple[Change | None, str]:
    """The extension that undoes an end; none where a segment would be gone, or several be cut."""
    if len(cut) != 1 or cut[0].starting_at >= end:
        return None, "several segments are cut or dropped, and an extension brings back one"
    old, segment = cut[0].ending_before, cut[0].id
    if isinstance(change, EndCredit):
        back: Change = ExtendCredit(
            customer_id=change.customer_id, credit_id=change.credit_id, segment_id=segment, ending_before=old
        )
    else:
        back = ExtendCommit(
            customer_id=change.customer_id, commit_id=change.commit_id, segment_id=segment, ending_before=old
        )
    return back, ""


def call_end(change: End, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # an absolute value needs neither
    """The end as it is sent."""
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        id_field(change): id_of(change),
        "access_ending_before": rfc3339(change.access_ending_before),
    }
    return Call(f"end_{noun_of(change)}", change.customer_id, body)


def sighting_end(facts: Facts, view: View) -> Sighting:
    """No segment ends later than was asked."""
    balance = view.balances.get(facts.subject_id)
    if balance is None:
        return UNREADABLE
    wanted = str(facts.body["access_ending_before"])
    return THERE if all(rfc3339(segment.ending_before) <= wanted for segment in balance.segments) else ABSENT


# --- extend ----------------------------------------------------------------------------------------------------------


def prepare_extend(change: Extend, review: Review) -> PlannedChange | None:
    """Checks a later end of one segment."""
    balance = balance_of(change, review, id_of(change))
    if balance is None:
        return None
    if balance.archived:
        review.wrong(id_field(change), f"{balance.title} is archived")
    segment = _segment(change, balance, review)
    if segment is None:
        return None
    old, end = segment.ending_before, change.ending_before
    if end < old:
        review.wrong("ending_before", f"it ends at {_until(old)}, which is later; {noun_of(change)}s.end shortens")
    following = [s for s in balance.segments if s.id != segment.id and segment.starting_at < s.starting_at < end]
    if following:
        review.wrong("ending_before", f"the segment that starts {_until(following[0].starting_at)} is in the way")
    if not is_fine(review):
        return None
    last = all(each.ending_before <= old for each in balance.segments)
    return planned_access(
        change.model_copy(update={"segment_id": segment.id}),
        balance,
        review,
        what=f"extend {noun_of(change)} {balance.title!r} to {_until(end)}",
        before=f"ends {_until(old)}",
        after=f"ends {_until(end)}",
        opposite=_shortened(change, old) if last else None,
        no_undo="" if last else "later segments would be cut with it",
        warnings=("it had expired: what was left is there again",) if old <= review.now else (),
    )


def _shortened(change: Extend, old: datetime) -> Change:
    if isinstance(change, ExtendCredit):
        return EndCredit(customer_id=change.customer_id, credit_id=change.credit_id, access_ending_before=old)
    return EndCommit(customer_id=change.customer_id, commit_id=change.commit_id, access_ending_before=old)


def _segment(change: Extend, balance: Balance, review: Review) -> Segment | None:
    named = [s for s in balance.segments if change.segment_id in {None, s.id}]
    if len(named) != 1:
        listed = ", ".join(f"{s.id} (to {_until(s.ending_before)})" for s in balance.segments)
        review.wrong("segment_id", f"name one of its {len(balance.segments)} segments: {listed}")
        return None
    return named[0]


def call_extend(change: Extend, uniqueness_key: str, token: str) -> Call:  # noqa: ARG001  # as above
    """The extension as it is sent."""
    item: Json = {"id": change.segment_id, "ending_before": rfc3339(change.ending_before)}
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        id_field(change): id_of(change),
        "access_schedule": {"update_schedule_items": [item]},
    }
    return Call(f"edit_{noun_of(change)}", change.customer_id, body)


def sighting_extend(facts: Facts, view: View) -> Sighting:
    """The segment ends when it was asked to."""
    balance = view.balances.get(facts.subject_id)
    wanted = str(facts.timestamp)
    segment = balance and next((s for s in balance.segments if s.id == facts.segment_id), None)
    if not segment:
        return UNREADABLE
    return THERE if rfc3339(segment.ending_before) == wanted else ABSENT


# --- the rows --------------------------------------------------------------------------------------------------------


def fingerprint(change: Change, view: View) -> str:
    """A digest of when the balance gives access, and of whether it is archived."""
    balance = view.balances.get(id_of(change))
    if balance is None:
        return ""
    spans = [(s.id, str(s.starting_at), str(s.ending_before), str(s.amount)) for s in balance.segments]
    return digest([balance.archived or not balance.readable, spans])


def _row(
    change: type[Change],
    parts: tuple[Callable[..., PlannedChange | None], Callable[..., Call], Callable[[Facts, View], Sighting]],
    *,
    undo: str,
) -> Operation:
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


_END = (prepare_end, call_end, sighting_end)
_EXTEND = (prepare_extend, call_extend, sighting_extend)

ACCESS = (
    _row(EndCredit, _END, undo="credits.extend to the old end, where one segment was cut"),
    _row(EndCommit, _END, undo="commits.extend to the old end, where one segment was cut"),
    _row(ExtendCredit, _EXTEND, undo="credits.end at the old end, of the last segment"),
    _row(ExtendCommit, _EXTEND, undo="commits.end at the old end, of the last segment"),
)
