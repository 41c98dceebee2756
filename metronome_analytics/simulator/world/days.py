"""Days as proleptic ordinals, months by their first day, instants in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def instant(ordinal: int) -> datetime:
    """Midnight UTC of a day given as its proleptic ordinal."""
    return datetime.combine(date.fromordinal(ordinal), datetime.min.time(), UTC)


def parse_instant(value: str) -> datetime:
    """An RFC 3339 timestamp as an instant; a naive one is read as UTC. Raises ValueError."""
    when = datetime.fromisoformat(value)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def first_of_month(ordinal: int) -> int:
    """The first day of the month that holds the day."""
    return date.fromordinal(ordinal).replace(day=1).toordinal()


@lru_cache(maxsize=1024)
def shift_month(ordinal: int, months: int) -> int:
    """The first day of the month that lies `months` after the day's own month."""
    day = date.fromordinal(ordinal)
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1).toordinal()
