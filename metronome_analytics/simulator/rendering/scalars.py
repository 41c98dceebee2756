"""How single values are written: numbers, amounts as text, both kinds of timestamp, JSON itself."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.amounts import SCALE

if TYPE_CHECKING:
    from datetime import datetime

Json = dict[str, object]
"""A JSON object."""


def dump(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number(value: int) -> int | float:
    """Internal units as the number to put into JSON.

    The true division of two integers is correctly rounded, and `json` writes the shortest text of a float:
    with at most 15 significant digits that text is the exact amount.
    """
    whole, rest = divmod(value, SCALE)
    return whole if rest == 0 else value / SCALE


def text(value: int) -> str:
    """Internal units as plain decimal text, for the few fields that carry numbers as strings."""
    whole, rest = divmod(abs(value), SCALE)
    fraction = f".{rest:010d}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{whole}{fraction}"


@lru_cache(maxsize=8192)
def offset_text(when: datetime) -> str:
    """An instant as invoices write it: `2026-01-01T00:00:00+00:00`."""
    return when.isoformat()


@lru_cache(maxsize=8192)
def millis_text(when: datetime) -> str:
    """An instant as balances write it: `2026-01-01T00:00:00.000Z`."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
