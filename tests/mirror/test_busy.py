from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

from metronome_analytics import Account
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Simulator
from tests.mirror.support import account_of, assert_mirrors, fresh, spent

if TYPE_CHECKING:
    from pathlib import Path

    import metronome_analytics as ma


class SmallPages(httpx.ASGITransport):
    """Asks for three rows a page, whatever is asked of it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer `request`."""
        if request.url.path.endswith("/invoices"):
            request.url = request.url.copy_merge_params({"limit": "3"})
        return await super().handle_async_request(request)


def account_in_small_pages(simulator: Simulator) -> Account:
    """An account on the simulator, whose lists of invoices have many pages."""
    session = open_session(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=SmallPages(simulator.app),
        progress=False,
        environment="test",
        max_requests_per_second=None,
        clock=Clock(now=lambda: simulator.clock.now),
    )
    return Account(session)


def use(simulator: Simulator, account: ma.Account) -> int:
    """Let usage come in for every customer that can have some; how many those are."""
    when = simulator.clock.now - timedelta(hours=3)
    metered = [id_ for id_ in account.customers()["id"] if simulator.streams(id_, when)]
    for id_ in metered:
        simulator.late_usage(id_, when=when)
    return len(metered)


def test_a_day_later_a_busy_account_costs_about_two_requests_a_customer(tmp_path: Path) -> None:
    """Its invoices and its balances; a seventh are read in full; and it is what a full load gives."""
    simulator = Simulator(customers=60, months=2)
    with account_of(simulator) as account:
        account.sync(tmp_path)
        taken = []
        for _ in range(2):
            simulator.clock.advance(timedelta(days=1))
            assert use(simulator, account) > 50
            mirror = account.sync(tmp_path)
            lists = mirror.receipt.filter(
                pl.col("table").is_in(["products", "rate_cards", "credit_types", "customers"])
            )
            taken.append(sum(spent(mirror).values()) - lists["requests"].sum())
        assert max(taken) / 63 <= 2.2
        assert_mirrors(mirror, fresh(account))


@pytest.mark.parametrize("days", [0, 1, 3])
def test_of_many_invoices_the_newest_are_read_until_the_known_is_met(tmp_path: Path, days: int) -> None:
    """Not to the last page; what is open is met, and the mirror is whole."""
    simulator = Simulator(customers=5, months=12)
    with account_in_small_pages(simulator) as account:
        first = account.sync(tmp_path, tables=["invoices"])
        simulator.clock.advance(timedelta(days=days))
        use(simulator, account)
        mirror = account.sync(tmp_path, tables=["invoices"])
        moved = mirror.receipt.filter(pl.col("reason").is_in(["usage", "date", "open"]), table="invoices")
        of_all = first.receipt.filter(table="invoices", reason="new").select("requests", "customers").row(0)
        assert moved["customers"].sum() > 0
        assert moved["requests"].sum() / moved["customers"].sum() < 0.7 * of_all[0] / of_all[1]
        assert_mirrors(mirror, {"invoices": fresh(account)["invoices"]})
        assert mirror.verify().is_empty()


def test_the_newest_invoices_are_read_through_whole_histories(tmp_path: Path) -> None:
    """Voided, made again, finalised: month by month the mirror is what a full load gives."""
    simulator = Simulator(customers=3, months=10)
    with account_in_small_pages(simulator) as account:
        account.sync(tmp_path, tables=["invoices", "net_balances"])
        for step in range(6):
            simulator.clock.advance(timedelta(days=9, hours=step))
            use(simulator, account)
            _mend(simulator, account, step)
            mirror = account.sync(tmp_path)
            whole: dict[str, Any] = fresh(account)
            assert_mirrors(mirror, {name: whole[name] for name in ("invoices", "balances", "net_balances")})
            assert mirror.verify().is_empty()


def _mend(simulator: Simulator, account: ma.Account, step: int) -> None:
    ids = account.customers()["id"]
    id_ = ids[step % len(ids)]
    if step % 2 and (found := simulator.regenerable(id_)):
        simulator.regenerate(id_, found[0])
    elif found := simulator.voidable(id_):
        simulator.void(id_, found[-1])
