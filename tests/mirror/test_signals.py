from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from metronome_analytics.simulator import Fault, Simulator
from tests.mirror.support import account_of, assert_mirrors, fresh, spent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import metronome_analytics as ma


@pytest.fixture
def simulator() -> Simulator:
    """Six customers, three months old."""
    return Simulator(customers=6, months=3)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[ma.Account]:
    """Its account, by its clock."""
    with account_of(simulator) as opened:
        yield opened


def named(simulator: Simulator, resource_type: str, resource_id: str) -> None:
    """Let the audit log hold one more entry, of now."""
    entry = {
        "id": f"made-{resource_id}",
        "timestamp": simulator.clock.now.isoformat(),
        "request": {"id": "r"},
        "actor": {"id": "a", "name": "somebody"},
        "resource_type": resource_type,
        "resource_id": resource_id,
        "action": "create",
        "status": "success",
    }

    def with_entry(answer: Any) -> object:
        answer["data"] = [*answer["data"], entry]
        return answer

    simulator.faults.add(Fault("mutate", match="/auditLogs", times=1, change=with_entry))


def hidden(simulator: Simulator, match: str) -> Fault:
    """Let the lists of `match` show nothing, as before there was anything."""

    def emptied(answer: Any) -> object:
        answer["data"] = []
        return answer

    return simulator.faults.add(Fault("mutate", match=match, times=None, change=emptied))


def test_a_new_contract_of_a_customer_with_nothing_open_is_seen(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """The audit log names an id that nobody is known to own: its owner is looked for, whoever has nothing open too."""
    for match in ("/invoices", "customerBalances/list", "contracts/list"):
        hidden(simulator, match)
    assert account.sync(tmp_path, tables=["contracts"]).contracts().collect().is_empty()
    simulator.faults.clear()
    contract = account.contracts()["id"][0]
    named(simulator, "contract", contract)
    mirror = account.sync(tmp_path)
    assert contract in mirror.contracts().collect()["id"]
    assert spent(mirror)["unknown"] <= 7


@pytest.mark.parametrize("kind", ["alert", "user", "product", "rate_card", "api_token"])
def test_what_is_no_customers_reads_nothing_of_customers(
    simulator: Simulator, account: ma.Account, tmp_path: Path, kind: str
) -> None:
    """Its type says so."""
    account.sync(tmp_path)
    named(simulator, kind, "somebody-elses")
    assert set(spent(account.sync(tmp_path))) == {"list", "signal"}


@pytest.mark.parametrize(("match", "signal"), [("/auditLogs", "audit_logs"), ("/v1/usage", "usage")])
@pytest.mark.parametrize("status", [403, 500])
def test_a_signal_that_cannot_be_had_stops_nothing(
    simulator: Simulator, account: ma.Account, tmp_path: Path, match: str, signal: str, status: int
) -> None:
    """More is read instead, and the receipt and `freshness` say so first."""
    account.sync(tmp_path)
    simulator.clock.advance(timedelta(hours=2))
    simulator.faults.add(Fault("status", match=match, status=status, times=None, message="not for you"))
    mirror = account.sync(tmp_path)
    assert_mirrors(mirror, fresh(account))
    first = mirror.receipt.row(0, named=True)
    assert (first["table"], first["reason"]) == (signal, "signal")
    assert "not for you" in first["error"]
    told = mirror.freshness().row(0, named=True)
    assert (told["table"], told["reason"]) == (signal, "signal missing")
    assert "not for you" in told["why"]
    read = set(mirror.receipt.filter(reason="open")["table"])
    assert ("contracts" in read) == (signal == "audit_logs")


def test_what_happened_while_the_log_could_not_be_read_is_caught_up(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """The cursor waits until the log was heeded."""
    account.sync(tmp_path)
    customer, invoice = next((id_, found[0]) for id_ in account.customers()["id"] if (found := simulator.voidable(id_)))
    simulator.void(customer, invoice)
    simulator.clock.advance(timedelta(minutes=30))
    simulator.faults.add(Fault("status", match="/auditLogs", status=403, times=None))
    account.sync(tmp_path, tables=None)
    simulator.faults.clear()
    mirror = account.sync(tmp_path)
    assert "audit" in set(mirror.receipt["reason"]) or mirror.invoices().filter(id=invoice).collect()[
        "status"
    ].to_list() == ["VOID"]
    assert_mirrors(mirror, fresh(account))


def test_the_audit_log_is_read_from_where_it_was_read_to(
    simulator: Simulator, account: ma.Account, tmp_path: Path
) -> None:
    """Twelve months later a sync takes no more requests for it than the first one did."""
    taken = []
    for _ in range(4):
        mirror = account.sync(tmp_path)
        taken.append(mirror.receipt.filter(table="audit_logs")["requests"].sum())
        simulator.clock.advance(timedelta(days=30))
    asked = [request for request in simulator.requests if "/auditLogs" in str(request)]
    assert taken[0] == 0
    assert max(taken) <= 3
    assert asked


def test_an_entry_that_comes_late_is_heeded(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """One that is dated half an hour before the last sync, and was not there then."""
    account.sync(tmp_path)
    simulator.clock.advance(timedelta(minutes=1))
    account.sync(tmp_path)
    customer = account.customers()["id"][0]
    late = simulator.clock.now - timedelta(minutes=30)

    def with_entry(answer: Any) -> object:
        answer["data"] = [
            {"id": "late", "timestamp": late.isoformat(), "resource_type": "customer", "resource_id": customer}
            | {"action": "update", "status": "success", "request": {"id": "r"}, "actor": {"id": "a", "name": "x"}},
            *answer["data"],
        ]
        return answer

    simulator.faults.add(Fault("mutate", match="/auditLogs", times=1, change=with_entry))
    read = account.sync(tmp_path).receipt.filter(reason="audit")
    assert read.filter(table="contracts")["customers"].to_list() == [1]
    assert "audit" not in spent(account.sync(tmp_path))


def test_a_limited_sync_leaves_the_log_to_the_next(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """What was named and not read yet stays named."""
    account.sync(tmp_path)
    simulator.clock.advance(timedelta(hours=3))
    for id_ in account.customers()["id"]:
        simulator.touch(id_, custom_fields={"tier": "new"})
    for id_ in account.customers()["id"]:
        if found := simulator.voidable(id_):
            simulator.void(id_, found[0])
    account.sync(tmp_path, max_requests=12)
    mirror = account.sync(tmp_path)
    assert_mirrors(mirror, fresh(account))


def test_usage_is_left_out_where_it_would_not_pay(simulator: Simulator, account: ma.Account, tmp_path: Path) -> None:
    """A day later all that is open is due anyway; a dry run says so."""
    account.sync(tmp_path)
    simulator.clock.advance(timedelta(days=1, hours=1))
    told = account.sync(tmp_path, dry_run=True).table
    assert told.filter(table="usage")["reason"].to_list()[0].startswith("skipped")
    mirror = account.sync(tmp_path)
    assert mirror.receipt.filter(table="usage")["requests"].sum() == 0
    assert_mirrors(mirror, fresh(account))
    # An hour later it pays again.
    simulator.clock.advance(timedelta(hours=1))
    again = account.sync(tmp_path)
    assert again.receipt.filter(table="usage")["requests"].sum() > 0
    assert set(spent(account.sync(tmp_path))) <= {"list", "signal", "usage", "full"}
    assert pl.Series(list(spent(account.sync(tmp_path)))).is_in(["list", "signal", "full"]).all()
