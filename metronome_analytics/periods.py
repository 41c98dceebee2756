"""Months, quarters and pairs: the ways to name a half-open window in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from metronome_analytics.errors import ArgumentError

# The year 9999 has a month whose end no datetime holds.
_MONTH = re.compile(r"(?!0000|9999)(\d{4})-(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"(?!0000|9999)(\d{4})-[Qq]([1-4])")


def is_month(name: str) -> bool:
    """Whether `name` is a month as periods and statements write it: `2026-10`."""
    return _MONTH.fullmatch(name) is not None


def named(argument: str, name: str) -> tuple[datetime, datetime]:
    """Both ends of a month ("2026-10") or a quarter ("2026-Q4") in UTC."""
    text = name.strip() if isinstance(name, str) else ""
    if (found := _QUARTER.fullmatch(text)) is not None:
        first, length = int(found[1]) * 12 + 3 * int(found[2]) - 3, 3
    elif (found := _MONTH.fullmatch(text)) is not None:
        first, length = int(found[1]) * 12 + int(found[2]) - 1, 1
    else:
        raise ArgumentError(f"{argument}={name!r} is no period.", advice='Write "2026-10", or "2026-Q4" for a quarter.')
    start, end = (datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC) for at in (first, first + length))
    return start, end


def ends(period: object) -> tuple[Any, Any]:
    """Both ends of a pair, or of what a PeriodPicker holds, as they were given."""
    # marimo wraps a picker, and its own value is the state of the widget.
    picker = getattr(period, "widget", period)
    chosen = picker if isinstance(picker, tuple | list) else getattr(picker, "value", picker)
    if chosen is None:
        raise ArgumentError("period: nothing is chosen in the picker yet.")
    if not isinstance(chosen, tuple | list) or len(chosen) != 2 or None in chosen:
        raise ArgumentError(
            f"period cannot be {chosen!r}.", advice='Pass a PeriodPicker or both ends: ("2026-10-01", "2026-10-15").'
        )
    start, end = chosen
    return start, end
