"""`credits.end` and `commits.end`: access ends earlier, and what is left expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.changes.access import (
    End,
    EndCommit,
    EndCredit,
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
from metronome_analytics.tables.money import display
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.holdings import Balance, Segment
    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.view import View


def prepare_end(change: End, review: Review) -> PlannedChange | None:
    """Checks an earlier end: it is earlier, and something of the balance is before it."""
    balance = running_prepaid(change, review)
    if balance is None:
        return None
    end, last = change.access_ending_before, _last_invoice(change)
    if end is None and last is None:
        review.wrong("access_ending_before", "give access_ending_before, invoices_ending_before, or both")
    gone = [at for at in balance.invoiced_at if last is not None and at >= last]
    if last is not None and not gone:
        review.wrong("invoices_ending_before", "nothing is invoiced for it then or later")
    if end is not None:
        _is_earlier(change, balance, end, review)
    if not is_fine(review):
        return None
    cut = [] if end is None else [segment for segment in balance.segments if segment.ending_before > end]
    opposite, no_undo = (None, "") if end is None else _back(change, cut, end)
    if gone:
        opposite, no_undo = None, "invoices that are taken off a schedule do not come back"
    return planned_access(
        change,
        balance,
        review,
        what=f"end {noun_of(change)} {balance.title!r}{_at(end, last)}",
        before=_ends(balance),
        after=_after(balance, end, gone),
        opposite=opposite,
        no_undo=no_undo,
        warnings=tuple(_warnings(balance, cut, end, review)),
    )


def _last_invoice(change: End) -> datetime | None:
    return change.invoices_ending_before if isinstance(change, EndCommit) else None


def _is_earlier(change: End, balance: Balance, end: datetime, review: Review) -> None:
    last = max((segment.ending_before for segment in balance.segments), default=end)
    if last < end:
        review.wrong("access_ending_before", f"it ends at {until(last)} already; {noun_of(change)}s.extend extends")
    elif all(segment.starting_at >= end for segment in balance.segments):
        review.wrong("access_ending_before", f"nothing of it would be left; {noun_of(change)}s.archive archives")


def _at(end: datetime | None, last: datetime | None) -> str:
    at = "" if end is None else f" at {until(end)}"
    return at if last is None else f"{at}, its invoices before {until(last)}"


def _ends(balance: Balance) -> str:
    invoiced = f", {len(balance.invoiced_at)} times invoiced" if balance.invoiced_at else ""
    last = max((segment.ending_before for segment in balance.segments), default=None)
    return f"{'no access' if last is None else f'ends {until(last)}'}{invoiced}"


def _after(balance: Balance, end: datetime | None, gone: list[datetime]) -> str:
    left = "" if balance.balance is None else f"; of {display(balance.balance, balance.credit_type_name)} what is left"
    return "; ".join(
        [
            *([] if end is None else [f"ends {until(end)}{left} then expires"]),
            *([f"no longer invoiced: {', '.join(until(at) for at in gone)}"] if gone else []),
        ]
    )


def _warnings(balance: Balance, cut: list[Segment], end: datetime | None, review: Review) -> Iterator[str]:
    """What goes with the end: segments, drafts that have drawn on it, the past."""
    if end is None:
        return
    for segment in cut:
        span = f"{until(segment.starting_at)} to {until(segment.ending_before)}"
        worth = display(segment.amount, balance.credit_type_name)
        kind = "drops" if segment.starting_at >= end else "truncates"
        yield f"{kind} the segment of {worth} from {span}"
    if drafts := review.view.drafts_of(balance.customer_id):
        yield f"the customer's {count(drafts, 'draft invoice')} follow at once"
    if end <= review.now:
        yield "that is past: what drafts have drawn after it comes back to be paid"


def _back(change: End, cut: list[Segment], end: datetime) -> tuple[Change | None, str]:
    """The extension that undoes an end; none where a segment would be gone, or several be cut."""
    if not cut:
        return None, "it ends then already: nothing is cut, and nothing is to be taken back"
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
    body: dict[str, Json] = {"customer_id": change.customer_id, id_field(change): id_of(change)}
    given = {"access_ending_before": change.access_ending_before, "invoices_ending_before": _last_invoice(change)}
    body |= {name: rfc3339(at) for name, at in given.items() if at is not None}
    return Call(f"end_{noun_of(change)}", change.customer_id, body)


def sighting_end(facts: Facts, view: View) -> Sighting:
    """No segment ends later than was asked, and nothing is invoiced later."""
    balance = view.balances.get(facts.subject_id)
    if balance is None:
        return UNREADABLE
    end, last = facts.body.get("access_ending_before"), facts.body.get("invoices_ending_before")
    ended = end is None or all(rfc3339(segment.ending_before) <= str(end) for segment in balance.segments)
    done = last is None or all(rfc3339(at) < str(last) for at in balance.invoiced_at)
    return THERE if ended and done else ABSENT


_PARTS = (prepare_end, call_end, sighting_end)

ENDS = (
    row(EndCredit, _PARTS, undo="credits.extend to the old end, where one segment was cut"),
    row(EndCommit, _PARTS, undo="commits.extend to the old end, where one segment was cut"),
)
