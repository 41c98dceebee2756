"""`credits.extend` and `commits.extend`: a segment of access ends later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.changes.access import (
    EndCommit,
    EndCredit,
    Extend,
    ExtendCommit,
    ExtendCredit,
    id_field,
    id_of,
    is_fine,
    noun_of,
    planned_access,
    row,
    running_prepaid,
    until,
)
from metronome_analytics.changes.fields import rfc3339
from metronome_analytics.changes.operation import ABSENT, THERE, UNREADABLE, Call, PlannedChange, Review, Sighting

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.holdings import Balance, Segment
    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.view import View


def prepare_extend(change: Extend, review: Review) -> PlannedChange | None:
    """Checks a later end of one segment."""
    balance = running_prepaid(change, review)
    if balance is None:
        return None
    segment = _segment(change, balance, review)
    if segment is None:
        return None
    old, end = segment.ending_before, change.ending_before
    if end < old:
        review.wrong("ending_before", f"it ends at {until(old)}, which is later; {noun_of(change)}s.end shortens")
    following = [s for s in balance.segments if s.id != segment.id and segment.starting_at < s.starting_at < end]
    if following:
        review.wrong("ending_before", f"the segment that starts {until(following[0].starting_at)} is in the way")
    if not is_fine(review):
        return None
    last = all(each.ending_before <= old for each in balance.segments)
    return planned_access(
        change.model_copy(update={"segment_id": segment.id}),
        balance,
        review,
        what=f"extend {noun_of(change)} {balance.title!r} to {until(end)}",
        before=f"ends {until(old)}",
        after=f"ends {until(end)}",
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
        listed = ", ".join(f"{s.id} (to {until(s.ending_before)})" for s in balance.segments)
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


_PARTS = (prepare_extend, call_extend, sighting_extend)

EXTENSIONS = (
    row(ExtendCredit, _PARTS, undo="credits.end at the old end, of the last segment"),
    row(ExtendCommit, _PARTS, undo="commits.end at the old end, of the last segment"),
)
