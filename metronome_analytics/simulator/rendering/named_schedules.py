"""Writes named schedules the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, offset_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.named_schedules import ScheduleSegment


def schedule_segments(segments: Sequence[ScheduleSegment], covering: datetime | None) -> list[Json]:
    """The segments, or the one that covers an instant."""
    rows: list[Json] = []
    for value, start, end in segments:
        if covering is None or (start <= covering and (end is None or covering < end)):
            row: Json = {"value": value, "starting_at": offset_text(start)}
            rows.append(row if end is None else row | {"ending_before": offset_text(end)})
    return rows
