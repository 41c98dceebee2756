from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.simulator import Fault, Simulator, Switches
from tests.mirror.support import account_of, assert_mirrors, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def simulator() -> Simulator:
    """Eight customers and an archived one."""
    return Simulator(customers=8, months=2)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[ma.Account]:
    """Its account, by its clock."""
    with account_of(simulator) as opened:
        yield opened


@pytest.mark.parametrize("status", [403, 503])
def test_one_customer_that_fails_does_not_stop_the_others(
    simulator: Simulator, account: ma.Account, tmp_path: Path, status: int
) -> None:
    """All others are in the mirror after the first sync; it says who is missing, why and since when."""
    unlucky = account.customers()["id"][1]
    simulator.faults.add(
        Fault("status", match=f"{unlucky}/invoices", status=status, times=None, message="not this one")
    )
    since = simulator.clock.now
    for days in (0, 1):
        simulator.clock.advance(timedelta(days=days))
        with pytest.raises(ma.LoadError, match="not this one"):
            account.sync(tmp_path)
        mirror = ma.open_mirror(tmp_path)
        assert mirror.completeness.filter(table="invoices").select("complete", "failed").row(0) == (8, 1)
        [told] = mirror.quarantined.rows(named=True)
        assert (told["customer_id"], told["since"], told["read_at"]) == (unlucky, since, None)
        assert "not this one" in told["error"]
        assert mirror.freshness().row(0, named=True)["reason"] == "quarantined"
        assert not mirror.is_up_to_date
    simulator.faults.clear()
    mirror = account.sync(tmp_path)
    assert mirror.quarantined.is_empty()
    assert_mirrors(mirror, fresh(account))


def test_an_account_that_fails_is_no_customers_failure(tmp_path: Path) -> None:
    """After so many in a row the sync stops, and lists none of them."""
    many = Simulator(customers=40, months=1)
    many.faults.add(Fault("status", match="/invoices", status=403, times=None, after=2))
    with account_of(many) as account, pytest.raises(ma.AuthenticationError):
        account.sync(tmp_path, tables="invoices")
    mirror = ma.open_mirror(tmp_path)
    assert mirror.quarantined.is_empty()
    assert mirror.completeness.filter(table="invoices")["missing"].item() > 0


@pytest.mark.parametrize("most", [25, 40, 55])
def test_a_sync_sends_no_more_than_it_may(tmp_path: Path, most: int) -> None:
    """Of lists of many pages too, whose length is not known beforehand; and it comes to an end all the same."""
    simulator = Simulator(customers=8, months=6, switches=Switches(default_page_size=4))
    for _ in range(40):
        before = len(simulator.requests)
        with account_of(simulator) as account:
            mirror = account.sync(tmp_path, max_requests=most)
        assert len(simulator.requests) - before <= most
        if mirror.is_up_to_date:
            break
    assert mirror.is_complete


def test_net_balances_that_come_later_have_every_credit_type(account: ma.Account, tmp_path: Path) -> None:
    """Their credit types are those of the balances, which are read with them."""
    account.sync(tmp_path, tables=["balances"])
    mirror = account.sync(tmp_path, tables=["net_balances"])
    assert_mirrors(mirror, {"net_balances": fresh(account)["net_balances"]})


def test_a_folder_that_delta_lake_cannot_read_is_refused(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """It takes %20 for a space, and would write to one folder and read from another; any other sign will do."""
    with pytest.raises(ma.ArgumentError, match="percent sign"):
        account.sync(tmp_path / "a%20b")
    assert not [*tmp_path.iterdir()]
    assert not len(simulator.requests)
    account.sync(tmp_path / "100% ü#?", tables=["balances"])
    assert ma.open_mirror(tmp_path / "100% ü#?").balances().collect().height


def test_an_unknown_status_counts_as_open(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """DRAFT_INCOMPLETE, or any new one: it is read as long as it is there."""

    def renamed(answer: object) -> object:
        assert isinstance(answer, dict)
        for row in answer["data"]:
            row["status"] = "DRAFT_INCOMPLETE"
            row["end_timestamp"] = "2026-01-01T00:00:00Z"
        return answer

    simulator.faults.add(Fault("mutate", match="/invoices", times=None, change=renamed))
    mirror = account.sync(tmp_path, tables=["invoices"])
    progress = mirror._snapshot.progress("table", "open", "rows").filter(
        pl.col("table") == "invoices", pl.col("rows") > 0
    )
    assert progress["open"].all()
