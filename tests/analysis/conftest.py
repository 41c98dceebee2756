"""The books of the simulated account, loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import pytest

import metronome_analytics as ma

if TYPE_CHECKING:
    import polars as pl

AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Books:
    """Frames of one account, all loaded at `as_of`."""

    as_of: datetime
    balances: pl.DataFrame
    invoices: pl.DataFrame
    breakdowns: pl.DataFrame
    net_balances: pl.DataFrame


@cache
def load() -> Books:
    """The demo account's books, loaded once for every folder of tests."""
    with ma.demo(as_of=AS_OF) as account:
        return Books(
            as_of=AS_OF,
            balances=account.balances(include_archived=True),
            invoices=account.invoices(),
            breakdowns=account.invoice_breakdowns(starting_on="2025-10-01", ending_before="2026-12-01"),
            net_balances=account.net_balances(),
        )


@pytest.fixture(scope="session")
def books() -> Books:
    """The demo account's books."""
    return load()
