"""`named_schedules.update` and `contracts.set_usage_filter`: values and filters that hold from a time on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from metronome_analytics.api.endpoints import Status
from metronome_analytics.changes.fields import AnyJson, Change, Hour, Texts, rfc3339
from metronome_analytics.changes.holdings import Contract, digest
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
    keyless,
)
from metronome_analytics.changes.view import Look, View

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.surroundings import ScheduleSegment

__all__ = ["SetUsageFilter", "UpdateNamedSchedule"]

_EVER = datetime.max.replace(tzinfo=UTC)


class UpdateNamedSchedule(Change):
    """A named schedule of a customer has `value`, any JSON, from `starting_at` to `ending_before`; "open" is for good.

    Text that begins as a JSON object or list is read as one.

    >>> schedule = ma.changes.UpdateNamedSchedule(
    ...     customer_id=account.customers()["id"][0],
    ...     schedule_name="account-manager",
    ...     starting_at="2027-01-01",
    ...     ending_before="open",
    ...     value={"email": "a@example.com"},
    ... )
    >>> account.plan(schedule).table.select("before", "after").row(0)
    ('{"email": "pool@example.com", "regions": []} from 2026-07-01 00:00 UTC', '{"email": "a@example.com"}')
    """

    operation: ClassVar[str] = "named_schedules.update"

    schedule_name: Annotated[str, Field(min_length=1)]
    starting_at: Hour
    ending_before: Literal["open"] | Hour
    value: AnyJson


class SetUsageFilter(Change):
    """From `starting_at` on a contract bills only usage whose `group_key` has one of `group_values`.

    >>> osprey = account.customers()["id"][0]
    >>> contract = account.contracts(osprey).row(0, named=True)
    >>> regions = ma.changes.SetUsageFilter(
    ...     customer_id=contract["customer_id"],
    ...     contract_id=contract["id"],
    ...     group_key="region",
    ...     group_values=("eu-west",),
    ...     starting_at="2027-01-01",
    ... )
    >>> account.plan(regions).table.select("before", "after").row(0)
    ('all usage', 'region in eu-west')
    """

    operation: ClassVar[str] = "contracts.set_usage_filter"

    contract_id: str
    group_key: Annotated[str, Field(min_length=1)]
    group_values: Annotated[Texts, Field(min_length=1)]
    starting_at: Hour


# --- a named schedule ------------------------------------------------------------------------------------------------


def _segments(change: UpdateNamedSchedule, view: View) -> tuple[ScheduleSegment, ...]:
    return view.around.schedules.get((change.customer_id, change.schedule_name), ())


def _window(change: UpdateNamedSchedule) -> tuple[datetime, datetime]:
    return change.starting_at, _EVER if isinstance(change.ending_before, str) else change.ending_before


def _within(segments: Sequence[ScheduleSegment], start: datetime, end: datetime) -> list[ScheduleSegment]:
    """The segments that hold at some time of a window."""
    return [s for s in segments if s.starting_at < end and (s.ending_before or _EVER) > start]


def _holds(segments: Sequence[ScheduleSegment], start: datetime, end: datetime) -> list[Any] | None:
    """The values of a window in order of time; None where there is a gap."""
    reached = start
    own = _within(segments, start, end)
    for segment in own:
        if segment.starting_at > reached:
            return None
        reached = max(reached, segment.ending_before or _EVER)
    return [segment.value for segment in own] if own and reached >= end else None


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def prepare_schedule(change: UpdateNamedSchedule, review: Review) -> PlannedChange | None:
    """Shows what held in that time, and whether it can be written back."""
    owner = review.customer(change.customer_id)
    start, end = _window(change)
    if end <= start:
        review.wrong("ending_before", "it ends before it starts")
    review.once_only(f"{change.customer_id} {change.schedule_name}", "named schedule")
    if owner is None or not review.fine:
        return None
    segments = _segments(change, review.view)
    there, old = _holds(segments, start, end), _within(segments, start, end)
    one = there is not None and len(there) == 1
    until = "open" if isinstance(change.ending_before, str) else f"{change.ending_before:%Y-%m-%d %H:%M} UTC"
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=change.schedule_name,
        subject_name=change.schedule_name,
        what=f"set named schedule {change.schedule_name!r} of {owner!r} from {start:%Y-%m-%d %H:%M} UTC to {until}: "
        f"{_shown(change.value)}",
        same=change.same(),
        before="; ".join(f"{_shown(s.value)} from {s.starting_at:%Y-%m-%d %H:%M} UTC" for s in old) or "nothing",
        after=_shown(change.value),
        opposite=change.model_copy(update={"value": there[0]}) if there is not None and one else None,
        no_undo="" if one else "what held in that time was not one value: write each back, and a gap cannot be",
        warnings=() if segments else ("the customer has no segment of that name: it may be misspelt",),
    )


def call_schedule(change: UpdateNamedSchedule) -> Call:
    """The value as it is sent; without `ending_before` it holds for good."""
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "schedule_name": change.schedule_name,
        "starting_at": rfc3339(change.starting_at),
        "value": change.value,
    }
    if not isinstance(change.ending_before, str):
        body["ending_before"] = rfc3339(change.ending_before)
    return Call("update_named_schedule", change.customer_id, body)


def sighting_schedule(facts: Facts, view: View) -> Sighting:
    """The value holds throughout the window."""
    segments = view.around.schedules.get((facts.customer_id, facts.subject_id))
    if segments is None:
        return UNREADABLE
    start = datetime.fromisoformat(str(facts.body["starting_at"]))
    given = facts.body.get("ending_before")
    values = _holds(segments, start, _EVER if given is None else datetime.fromisoformat(str(given)))
    return THERE if values and all(value == facts.body["value"] for value in values) else ABSENT


def fingerprint_schedule(change: UpdateNamedSchedule, view: View) -> str:
    """All segments as they were."""
    return digest([[_shown(s.value), str(s.starting_at), str(s.ending_before)] for s in _segments(change, view)])


UPDATE_NAMED_SCHEDULE = Operation(
    name=UpdateNamedSchedule.operation,
    endpoint="update_named_schedule",
    change=UpdateNamedSchedule,
    verb="update",
    noun=("named schedule", "named schedules"),
    looks=frozenset({Look.CUSTOMERS, Look.SCHEDULES}),
    proof_looks=frozenset({Look.SCHEDULES}),
    prepare=prepare_schedule,
    fingerprint=fingerprint_schedule,
    call=keyless(call_schedule),
    sighting=sighting_schedule,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="named_schedules.update to the old value, where one held throughout",
    weight=Weight.BILLING,
    status=Status.CLIENT_GATED.value,
)


# --- a usage filter --------------------------------------------------------------------------------------------------

_Item = tuple[str, frozenset[str], datetime, datetime]


def _items(contract: Contract) -> list[_Item]:
    """The filters of a contract: key, values, from when and until when."""
    return [
        (
            str(item["group_key"]),
            frozenset(map(str, item["group_values"])),
            datetime.fromisoformat(item["starting_at"]),
            datetime.fromisoformat(item["ending_before"]) if item.get("ending_before") else _EVER,
        )
        for item in json.loads(contract.usage_filter or "[]")
    ]


def _filter_text(item: _Item | None) -> str:
    return "all usage" if item is None else f"{item[0]} in {', '.join(sorted(item[1]))}"


def prepare_filter(change: SetUsageFilter, review: Review) -> PlannedChange | None:
    """Checks the key, and that no other contract of the customer bills the same values."""
    owner = review.customer(change.customer_id)
    contract = review.view.contracts.get(change.contract_id)
    if owner is None:
        return None
    if contract is None or contract.customer_id != change.customer_id:
        review.wrong("contract_id", f"{owner} has no contract {change.contract_id}: unknown, archived, or another's")
        return None
    review.once_only(contract.id, "usage filter")
    _fits(change, contract, review)
    if not review.fine:
        return None
    at = change.starting_at
    old = next((item for item in _items(contract) if item[2] <= at < item[3]), None)
    new = (change.group_key, frozenset(change.group_values), at, _EVER)
    back = None
    if old is not None:
        update = {"group_key": old[0], "group_values": tuple(sorted(old[1]))}
        back = change.model_copy(update=update)
    return PlannedChange(
        change=change,
        customer_name=owner,
        subject_id=contract.id,
        subject_name=contract.name,
        what=f"filter usage of contract {contract.name or contract.id!r} from {at:%Y-%m-%d %H:%M} UTC: "
        f"{_filter_text(new)}",
        same=change.same(),
        before=_filter_text(old),
        after=_filter_text(new),
        opposite=back,
        no_undo="" if back else "there was no filter, and the API takes none off",
        warnings=("usage with other values is billed by another contract that bills it, or by none",),
    )


def _fits(change: SetUsageFilter, contract: Contract, review: Review) -> None:
    """Problems of the time, the key and the values."""
    at, values = change.starting_at, set(change.group_values)
    if at < contract.starting_at or (contract.ending_before is not None and at >= contract.ending_before):
        review.wrong("starting_at", "the contract does not run then")
    keys = review.view.around.group_keys.get(change.customer_id, frozenset())
    if change.group_key not in keys:
        known = ", ".join(sorted(keys)) or "none"
        review.wrong("group_key", f"{change.group_key} is no group key of the customer's metrics: {known}")
    for other in review.view.contracts.values():
        if other.id == contract.id or other.customer_id != change.customer_id:
            continue
        for key, taken, _, end in _items(other):
            if key == change.group_key and taken & values and end > at:
                both = ", ".join(sorted(taken & values))
                review.wrong("group_values", f"{other.name or other.id} bills {both} already")


def call_filter(change: SetUsageFilter) -> Call:
    """The filter as it is sent."""
    body: dict[str, Json] = {
        "customer_id": change.customer_id,
        "contract_id": change.contract_id,
        "group_key": change.group_key,
        "group_values": list(change.group_values),
        "starting_at": rfc3339(change.starting_at),
    }
    return Call("set_usage_filter", change.customer_id, body)


def sighting_filter(facts: Facts, view: View) -> Sighting:
    """The contract has that filter from that time on."""
    contract, values = view.contracts.get(facts.subject_id), facts.body["group_values"]
    if contract is None or not isinstance(values, list):
        return UNREADABLE
    wanted = (facts.body["group_key"], set(values), facts.body["starting_at"])
    return THERE if any((key, set(v), rfc3339(at)) == wanted for key, v, at, _ in _items(contract)) else ABSENT


def fingerprint_filter(change: SetUsageFilter, view: View) -> str:
    """The filters of the customer's contracts."""
    own = [c for c in view.contracts.values() if c.customer_id == change.customer_id]
    return digest(sorted([c.id, c.usage_filter or "", str(c.ending_before)] for c in own))


SET_USAGE_FILTER = Operation(
    name=SetUsageFilter.operation,
    endpoint="set_usage_filter",
    change=SetUsageFilter,
    verb="filter usage of",
    noun=("contract", "contracts"),
    looks=frozenset({Look.CUSTOMERS, Look.CONTRACTS, Look.GROUP_KEYS}),
    proof_looks=frozenset({Look.CONTRACTS}),
    prepare=prepare_filter,
    fingerprint=fingerprint_filter,
    call=keyless(call_filter),
    sighting=sighting_filter,
    once=OnceBy.ABSOLUTE,
    proof=Proof.VALUE,
    undo="contracts.set_usage_filter to the old filter, where there was one",
    weight=Weight.BILLING,
)
