"""Exact numbers, ids and timestamps: the small change of the simulator.

Money and quantities are integers that count 10^-10 of a unit, so sums, splits and drawdown are exact and fast.
They become JSON numbers only when a response is written, as the shortest decimal text.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

SCALE = 10**10
"""How many internal units make one cent, one euro, one credit or one unit of quantity."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def scaled(value: str | int | Decimal) -> int:
    """Return a decimal number as internal units; digits past the tenth decimal are rounded half to even."""
    return int((Decimal(value) * SCALE).to_integral_value())


def number(value: int) -> int | float:
    """Return internal units as the number to put into JSON.

    The true division of two integers is correctly rounded, and `json` writes the shortest text of a float:
    with at most 15 significant digits that text is the exact amount.
    """
    whole, rest = divmod(value, SCALE)
    return whole if rest == 0 else value / SCALE


def text(value: int) -> str:
    """Return internal units as plain decimal text, for the few fields that carry numbers as strings."""
    whole, rest = divmod(abs(value), SCALE)
    fraction = f".{rest:010d}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{whole}{fraction}"


def digest(*parts: object) -> int:
    """Return a 64-bit number that depends on nothing but the parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def uuid_text(raw: bytes) -> str:
    """Write 16 bytes as the text of a version 5 UUID."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{'89ab'[raw[8] & 3]}{h[17:20]}-{h[20:]}"


def make_id(*parts: object) -> str:
    """Return the UUID that belongs to the parts, always the same one."""
    return uuid_text(hashlib.blake2b(repr(parts).encode(), digest_size=16).digest())


def instant(ordinal: int) -> datetime:
    """Return midnight UTC of a day given as its proleptic ordinal."""
    return datetime.combine(date.fromordinal(ordinal), datetime.min.time(), UTC)


@lru_cache(maxsize=8192)
def offset_text(when: datetime) -> str:
    """Write an instant the way invoices do: `2026-01-01T00:00:00+00:00`."""
    return when.isoformat()


@lru_cache(maxsize=8192)
def millis_text(when: datetime) -> str:
    """Write an instant the way balances do: `2026-01-01T00:00:00.000Z`."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(value: str) -> datetime:
    """Read an RFC 3339 timestamp; a naive one is read as UTC. Raises ValueError."""
    when = datetime.fromisoformat(value)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def first_of_month(ordinal: int) -> int:
    """Return the first day of the month that holds the day."""
    return date.fromordinal(ordinal).replace(day=1).toordinal()


@lru_cache(maxsize=1024)
def shift_month(ordinal: int, months: int) -> int:
    """Return the first day of the month that lies `months` after the day's own month."""
    day = date.fromordinal(ordinal)
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1).toordinal()
