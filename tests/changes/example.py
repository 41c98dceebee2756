"""What an example of an operation is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from metronome_analytics.changes.fields import Change

if TYPE_CHECKING:
    from metronome_analytics.changes.plan import Plan

Make = Callable[[ma.Account], Change]
AHEAD = datetime(2027, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Example:
    """A change, and how the official client sends its plan's first call."""

    make: Make
    sdk: Callable[[Any, Plan], object] | None
    undone: bool = True
    """Whether its undo brings every loader's frame back."""
    also: Callable[[ma.Account], pl.DataFrame] | None = None
    """What else must be as it was, beside what is read for all of them."""
    moved: Make | None = None
    """A change after which the plan is stale; where there is none, its customer is archived."""


def fixed_product(account: ma.Account) -> str:
    """A product that a commit, a credit or a charge may be of."""
    return str(account.products().filter(pl.col("type") == "FIXED")["id"][0])
