"""Where a month begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime


def month_start(name: str) -> datetime:
    """The first instant of a month written as 2026-10, in UTC."""
    return datetime(int(name[:4]), int(name[5:]), 1, tzinfo=UTC)


def month_end(start: datetime) -> datetime:
    """The first instant after the month that begins at `start`."""
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
