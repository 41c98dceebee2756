"""The time the simulated account believes it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that stands still until it is moved; the books follow it in both directions."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def __repr__(self) -> str:
        return f"Clock({self.now.isoformat()})"

    @property
    def now(self) -> datetime:
        """The current instant, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Move to an instant; a naive one is read as UTC."""
        self._now = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move by a duration."""
        self._now += by
