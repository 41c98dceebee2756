"""What a mirror is compared with: the same account, loaded afresh and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.books.loading import every_net_balance
from metronome_analytics.mirror.mirrored import MIRRORED
from metronome_analytics.session import Clock, open_session

if TYPE_CHECKING:
    from metronome_analytics.mirror.mirror import Mirror
    from metronome_analytics.simulator import Simulator

TABLES = ("customers", "invoices", "balances", "net_balances", "contracts", "products", "rate_cards", "credit_types")


def fresh(account: ma.Account) -> dict[str, pl.DataFrame]:
    """Every table of `account`, archived customers and balances included."""
    customers = pl.concat([account.customers(), account.customers(only_archived=True)])
    ids = customers["id"]
    balances = account.balances(ids, include_archived=True)
    return {
        "customers": customers,
        "invoices": account.invoices(ids),
        "balances": balances,
        "net_balances": every_net_balance(account, ids, balances),
        "contracts": account.contracts(ids, include_archived=True),
        "products": account.products(archive_filter="ALL"),
        "rate_cards": account.rate_cards(),
        "credit_types": account.credit_types(),
    }


def assert_mirrors(mirror: Mirror, tables: dict[str, pl.DataFrame]) -> None:
    """Every table of the mirror holds the very rows of the fresh load."""
    for name, expected in tables.items():
        key = list(MIRRORED[name].layout.key)
        held = getattr(mirror, name)().collect()
        assert held.schema == expected.schema, name
        assert_frame_equal(held.sort(key), expected.sort(key), check_exact=True)


def account_of(simulator: Simulator, **how: Any) -> ma.Account:
    """An account on the simulator, in this process, that lives by its clock."""
    session = open_session(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=httpx.ASGITransport(simulator.app),
        progress=False,
        clock=Clock(now=lambda: simulator.clock.now),
        **{"max_requests_per_second": None, "environment": "test", **how},
    )
    return ma.Account(session)


def spent(mirror: Mirror) -> dict[str, int]:
    """The requests of the last sync by reason."""
    told = mirror.receipt.group_by("reason").agg(pl.col("requests").sum())
    return {reason: requests for reason, requests in told.iter_rows() if requests}
