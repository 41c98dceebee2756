"""Time in halves: where a list of windows takes the API too long for the whole of a time, a part of it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from metronome_analytics.api.decode import Undecodable
from metronome_analytics.errors import ServerError, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.api.request import Request

# Bounds are midnights, whatever the size of the windows.
_DAY = timedelta(days=1)


def ran_out_of_time(error: Exception) -> bool:
    """Whether an answer took too long: the vendor's gateway ends a request after 60.1 s; others before it may, too."""
    if isinstance(error, TransportError):
        return error.sent and error.status is None
    return isinstance(error, Undecodable) or (isinstance(error, ServerError) and error.status in {502, 504})


def length(request: Request) -> timedelta | None:
    """How long a time `request` asks for; None where its parts would not add up to the whole."""
    asked = _asked(request)
    if not request.endpoint.windows or str(asked.get("window_size", "")).upper() == "NONE":
        return None
    start, end = asked.get("starting_on"), asked.get("ending_before")
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    return _at(end) - _at(start)


def divisible(request: Request) -> bool:
    """Whether `request` can be asked for in two parts."""
    whole = length(request)
    return whole is not None and whole > _DAY


def halves(request: Request) -> list[Request]:
    """`request` as two, whose rows are together those of the whole, in the order it asks for."""
    asked = _asked(request)
    start, end = str(asked["starting_on"]), str(asked["ending_before"])
    middle = _at(start) + (_at(end) - _at(start)) / 2
    between = middle.replace(hour=0, minute=0, second=0, microsecond=0).isoformat().replace("+00:00", "Z")
    parts = [_within(request, ending_before=between), _within(request, starting_on=between)]
    return parts[::-1] if asked.get("sort") == "date_desc" else parts


def _asked(request: Request) -> Mapping[str, object]:
    return {**request.body, **request.query}


def _within(request: Request, **bounds: str) -> Request:
    if "starting_on" in request.query:
        return replace(request, query={**request.query, **bounds})
    return replace(request, body={**request.body, **bounds})


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
