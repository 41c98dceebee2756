"""What time it is where the account is, by the Date of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

# A Date has no fractions, and is older by the way to here: what is nearer than this is the same time.
_COARSE = timedelta(seconds=10)
# Nothing can be added to a time at the end of the calendar.
_LAST_YEAR = 9000


def http_date(text: str) -> datetime | None:
    """The instant of a header such as Date or Retry-After, in UTC; None for another text."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at.replace(tzinfo=at.tzinfo or UTC)
    return at if at.year < _LAST_YEAR else None


def answered_at(response: httpx.Response) -> datetime:
    """When `response` was sent, by its server's clock; by this machine's where the server does not say."""
    return http_date(response.headers.get("Date", "")) or datetime.now(UTC)


class ServerTime:
    """The server's clock as its last answer showed it: this machine's, put right by the difference."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def see(self, response: httpx.Response) -> None:
        """Learn the time from an answer."""
        ahead = answered_at(response) - datetime.now(UTC)
        self._ahead = ahead if abs(ahead) > _COARSE else timedelta()

    def now(self) -> datetime:
        """The time there, in UTC."""
        return datetime.now(UTC) + self._ahead
