"""Named schedules: values of any JSON kind over time, for customers, contracts and rate cards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.days import instant, shift_month
from metronome_analytics.simulator.world.happenings import ScheduleSet
from metronome_analytics.simulator.world.ids import digest
from metronome_analytics.simulator.world.price_list import OPENED, RateCard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.happenings import Happening

ScheduleSegment = tuple[object, datetime, datetime | None]
"""A value, and between which instants it holds."""
_TURN = datetime(2026, 7, 1, tzinfo=UTC)

CONTRACT_SCHEDULES: tuple[tuple[str, dict[str, str]], ...] = (
    ("reserved-capacity", {"sku": "A100"}),
    ("reserved-capacity", {"sku": "H100"}),
    ("support-tier", {}),
)
"""Names and properties; the same name may stand there with other properties."""


def customer_schedule(index: int, name: str) -> list[ScheduleSegment]:
    """The segments of a customer's schedule; an unknown name has none."""
    if name != "account-manager":
        return []
    first = {"email": f"owner-{index % 7}@example.com", "regions": ["us", "eu"]}
    return [(first, OPENED, _TURN), ({"email": "pool@example.com", "regions": []}, _TURN, None)]


def with_changes(segments: list[ScheduleSegment], name: str, history: Iterable[Happening]) -> list[ScheduleSegment]:
    """The segments with what was written over them since; neighbours of one value are one."""
    for happening in history:
        if isinstance(happening, ScheduleSet) and happening.name == name:
            segments = _written_over(segments, happening.segment)
    return segments


def _written_over(segments: list[ScheduleSegment], new: ScheduleSegment) -> list[ScheduleSegment]:
    _, start, end = new
    kept: list[ScheduleSegment] = []
    for value, first, last in segments:
        if first < start:
            kept.append((value, first, start if last is None else min(last, start)))
        if end is not None and (last is None or last > end):
            kept.append((value, max(first, end), last))
    merged: list[ScheduleSegment] = []
    for segment in sorted([*kept, new], key=lambda each: each[1]):
        if merged and merged[-1][0] == segment[0] and merged[-1][2] == segment[1]:
            merged[-1] = (segment[0], merged[-1][1], segment[2])
        else:
            merged.append(segment)
    return merged


def rate_card_schedule(card: RateCard, name: str) -> list[ScheduleSegment]:
    """The segments of a rate card's schedule; an unknown name has none."""
    return [(f"{card.name}, list", OPENED, None)] if name == "price-book" else []


def contract_schedule(contract: Contract, name: str, properties: dict[str, str]) -> list[ScheduleSegment]:
    """The segments of a contract's schedule: reserved units that change once, or a word for good."""
    start = instant(contract.start)
    end = None if contract.end is None else instant(contract.end)
    if name == "support-tier":
        return [("premium" if digest(contract.id) % 2 else "standard", start, end)]
    reserved = digest(contract.id, properties["sku"]) % 50
    turn = instant(shift_month(contract.start, 6))
    if end is not None and turn >= end:
        return [(reserved, start, end)]
    return [(reserved, start, turn), (reserved * 2, turn, end)]
