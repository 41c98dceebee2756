"""A small account's books, reconciled once, and the same with something wrong in every place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma

if TYPE_CHECKING:
    from metronome_analytics.analysis import Reconciliation

AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Account:
    """What a report is given."""

    customers: pl.DataFrame
    invoices: pl.DataFrame
    balances: pl.DataFrame
    net_balances: pl.DataFrame
    receipts: pl.DataFrame
    found: Reconciliation

    @property
    def given(self) -> dict[str, Any]:
        """The keyword arguments of a report."""
        return {
            "invoices": self.invoices,
            "balances": self.balances,
            "customers": self.customers,
            "reconciliation": self.found,
            "receipts": self.receipts,
            "as_of": AS_OF,
            "filters": {"Account": "demo"},
        }


@pytest.fixture(scope="session")
def account() -> Account:
    """Nine customers of the simulator, in dollars, euros and a custom unit."""
    with ma.demo(customers=24, as_of=AS_OF) as loaded:
        customers = loaded.customers()
        held = loaded.balances(customers, include_archived=True)
        units = held.filter(pl.col("credit_type_name") != "USD (cents)")["customer_id"].unique(maintain_order=True)
        few = customers.filter(pl.col("id").is_in(units.implode()) | (pl.int_range(pl.len()) < 5))
        balances = held.filter(pl.col("customer_id").is_in(few["id"].implode()))
        invoices = loaded.invoices(few)
        nets = pl.concat(
            loaded.net_balances(some, credit_type_id=str(kind))
            for (kind,), some in balances.group_by("credit_type_id", maintain_order=True)
        )
        found = ma.reconcile(invoices, balances, nets, as_of=AS_OF)
        return Account(few, invoices, balances, nets, loaded.receipts, found)
