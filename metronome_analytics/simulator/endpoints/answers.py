"""What endpoints return: replies, pages of lists, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import dump

if TYPE_CHECKING:
    from collections.abc import Sequence


class ApiError(Exception):
    """An answer other than 200, with the API's message and, where the endpoint has codes, its code."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON text, or nothing, or the text of another kind of document."""

    body: str = ""
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: JSON texts, and the position to go on from."""

    items: Sequence[str]
    next_position: tuple[int, ...] | None
    cursor_key: str | None = "next_page"
    """Where the answer has its cursor; None when it has none of its own."""
    seats_left: int | None = None
    """For seat balances, which count seats in an object around their cursor: how many are left."""


Answer = Reply | Page


def error(status: int, message: str, code: str | None = None) -> Reply:
    """The error answer the API documents."""
    payload = {"message": message} if code is None else {"code": code, "message": message}
    return Reply(dump(payload), status)


def data(value: object) -> Reply:
    """An answer that is one object, or a list that has no pages."""
    return Reply(dump({"data": value}))
