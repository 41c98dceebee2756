"""The archive filter that lists of products and packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.parameters import Parameters

_ARCHIVE_FILTER = ("NOT_ARCHIVED", "ARCHIVED", "ALL")
_Kept = TypeVar("_Kept")


def through_archive_filter(
    asked: Parameters, current: tuple[_Kept, ...], archived: tuple[_Kept, ...]
) -> tuple[_Kept, ...]:
    """What an archive filter lets through."""
    wanted = asked.choice("archive_filter", _ARCHIVE_FILTER, "NOT_ARCHIVED")
    return {"NOT_ARCHIVED": current, "ARCHIVED": archived, "ALL": (*current, *archived)}[wanted]
