"""What is tried again, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from metronome_analytics.api.decode import Undecodable
from metronome_analytics.errors import RateLimitedError, RequestRejected, ServerError, TransportError

if TYPE_CHECKING:
    import httpx


def retry_delay(error: Exception) -> bool | float:
    """Whether to try again: False, True (back off), or the seconds the server asked for."""
    if isinstance(error, RateLimitedError | ServerError):
        return True if error.retry_after is None else error.retry_after
    # A redirect is a TransportError with a status: it will be the same next time.
    if isinstance(error, TransportError):
        return error.status is None
    return isinstance(error, Undecodable) or (isinstance(error, RequestRejected) and error.status == 408)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of a Retry-After header, given as seconds or as an HTTP date; None without a usable one."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
