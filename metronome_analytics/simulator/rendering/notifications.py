"""Writes notifications the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.products import AUTHOR
from metronome_analytics.simulator.rendering.scalars import Json, millis_text
from metronome_analytics.simulator.world.price_list import OPENED, RETIRED_AT

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.notifications import Notification


def notification(item: Notification) -> Json:
    """A notification of the account's own."""
    return {
        "id": item.id,
        "name": item.name,
        "type": "OFFSET_LIFECYCLE_EVENT",
        "policy": {"type": item.event, "offset": item.offset},
        "environment_type": "SANDBOX",
        "created_at": millis_text(OPENED),
        "created_by": AUTHOR,
        "archived_at": millis_text(RETIRED_AT) if item.archived else None,
    }


def system_notification(event: str, *, is_enabled: bool) -> Json:
    """A notification of the system's."""
    return {"type": "SYSTEM_LIFECYCLE_EVENT", "is_enabled": is_enabled, "policy": {"type": event}}
