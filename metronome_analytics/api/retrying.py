"""What is tried again, and when."""

from __future__ import annotations

from metronome_analytics.api.decode import Undecodable
from metronome_analytics.errors import RateLimitedError, RequestRejected, ServerError, TransportError


def retry_delay(error: Exception) -> bool | float:
    """Whether to try again: False, True (back off), or the seconds the server asked for."""
    if isinstance(error, RateLimitedError | ServerError):
        return True if error.retry_after is None else error.retry_after
    # A redirect is a TransportError with a status: it will be the same next time.
    if isinstance(error, TransportError):
        return error.status is None
    return isinstance(error, Undecodable) or (isinstance(error, RequestRejected) and error.status == 408)
