"""Pages of lists: which rows a request asks for, and where the next page goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from metronome_analytics.simulator.endpoints.answers import Page
from metronome_analytics.simulator.rendering.scalars import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metronome_analytics.simulator.endpoints.request import Request

Row = TypeVar("Row")


def page(
    request: Request, rows: Sequence[Row], limit: int, write: Callable[[Row], object], cursor_key: str = "next_page"
) -> Page:
    """The page of a list that a request asks for, each row written as JSON."""
    start = (request.position or (0,))[0]
    end = start + limit
    items = [dump(write(row)) for row in rows[start:end]]
    return Page(items, (end,) if end < len(rows) else None, cursor_key)
