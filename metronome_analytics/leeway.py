"""How far a plan of changes may go. It stands apart from `changes`, which nobody pays for before the first plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

MAX_ENTRY = Decimal(10_000)
MAX_TOTAL = Decimal(50_000)

# One limit for every currency, in its major unit, or a limit by currency.
Limit = Decimal | int | Mapping[str, Decimal | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leeway:
    """How far a plan may go; the plan keeps it, and its phrase names what was let through."""

    max_entry: Limit = MAX_ENTRY
    max_total: Limit = MAX_TOTAL
    allow_overdraw: bool = False
    allow_duplicate: bool = False


def limit_of(limit: Limit, code: str, default: Decimal) -> Decimal:
    """The limit for one currency; where a mapping does not name it, the default."""
    return Decimal(limit.get(code, default)) if isinstance(limit, Mapping) else Decimal(limit)
