"""Entries for single seats: at a time at which the seat is in use, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.changes.seats import SeatPeriod, not_in_use
from metronome_analytics.simulator import Simulator, running
from metronome_analytics.simulator.server.faults import Fault
from tests.changes.support import POST, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The last of the roles has seats, handed out over its first four months.
CUSTOMERS = 19
EARLY, LATE = "seat-0001", "seat-0250"
HISTORY = "getSubscriptionSeatsHistory"


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """An account with a customer that has seats."""
    return Simulator(customers=CUSTOMERS, months=12)


@pytest.fixture(scope="module")
def url(simulator: Simulator) -> Iterator[str]:
    """Its address."""
    with running(simulator) as address:
        yield address


@pytest.fixture
def account(simulator: Simulator, url: str, tmp_path: Path) -> Iterator[ma.Account]:
    """An account that may write."""
    simulator.requests.clear()
    with opened(simulator, url, tmp_path / "journal.sqlite") as account:
        yield account
    simulator.faults.clear()


@pytest.fixture
def entry(account: ma.Account, request: pytest.FixtureRequest) -> dict[str, Any]:
    """An entry for two seats, on the balance that is theirs; no other test makes the same."""
    customer_id = account.customers()["id"][CUSTOMERS - 1]
    balances = account.balances(customer_id).filter(pl.col("subscription_config").is_not_null())
    (segment,) = ma.segments(balances).rows(named=True)
    return {
        "customer_id": customer_id,
        "balance_id": segment["balance_id"],
        "segment_id": segment["segment_id"],
        "amount": -100,
        "reason": f"One left, one was wrong: {request.node.name}",
        "per_group_amounts": {EARLY: -60, LATE: -40},
    }


def start_of(account: ma.Account, entry: dict[str, Any]) -> datetime:
    """Where the segment begins; there only the first seats are handed out."""
    segments = ma.segments(account.balances(entry["customer_id"]))
    start: datetime = segments.filter(pl.col("segment_id") == entry["segment_id"])["starting_at"][0]
    return start


def test_an_entry_for_seats_in_use_is_applied(account: ma.Account, entry: dict[str, Any]) -> None:
    """Now both are; what each seat gets is what its balance loses."""
    plan = account.plan_balance_entries(entry)
    assert account.apply(plan, plan.confirmation).ok
    contract_id = plan.changes[0].change.fields()["contract_id"]
    seats = account.seat_balances(
        entry["customer_id"], contract_id, include_credits_and_commits=True, include_ledgers=True
    )
    posted = {
        seat: [Decimal(each["amount"]) for each in credits_[0]["ledger_entries"] if each["type"] == "CREDIT_MANUAL"]
        for seat, credits_ in seats.select("seat_id", "credits").iter_rows()
    }
    assert (posted[EARLY], posted[LATE], posted["seat-0002"]) == ([Decimal(-60)], [Decimal(-40)], [])


def test_a_time_before_the_seat_is_refused(account: ma.Account, entry: dict[str, Any]) -> None:
    """Each seat that is not in use then is named, with the times at which it is; nothing is sent."""
    start = start_of(account, entry)
    with pytest.raises(ma.PlanRejected, match=f"seat {LATE} is not in use at {start:%Y-%m-%d}.*it is from") as raised:
        account.plan_balance_entries({**entry, "timestamp": start})
    assert raised.value.problems is not None
    assert raised.value.problems["field"].to_list() == ["timestamp"]
    # The seats of the first month are in use then.
    account.plan_balance_entries({**entry, "per_group_amounts": {EARLY: -100}, "timestamp": start})


def test_a_seat_that_there_never_was_is_refused(account: ma.Account, entry: dict[str, Any]) -> None:
    """So is one of another balance's: nobody guesses what the API would do."""
    with pytest.raises(ma.PlanRejected, match=r"seat nobody is not in use.*it never was"):
        account.plan_balance_entries({**entry, "per_group_amounts": {EARLY: -60, "nobody": -40}})


def test_a_balance_without_seats_takes_no_amounts_of_seats(account: ma.Account, entry: dict[str, Any]) -> None:
    """Whoever gives them is told before anything is sent, and no seats are read for it."""
    others = ma.segments(account.balances(entry["customer_id"])).filter(pl.col("balance_id") != entry["balance_id"])
    other = others.filter(pl.col("ending_before") > account.now, pl.col("starting_at") <= account.now)
    row = other.select("balance_id", "segment_id").row(0, named=True)
    with pytest.raises(ma.PlanRejected, match="gives no seat a part of its own"):
        account.plan_balance_entries({**entry, **row})


def test_no_seats_are_read_for_an_entry_without_them(
    account: ma.Account, simulator: Simulator, entry: dict[str, Any]
) -> None:
    """Planning the ordinary entry asks no more than before."""
    account.plan_balance_entries({**entry, "per_group_amounts": None})
    assert simulator.requests.count(HISTORY) == 0


def nobody(payload: Any) -> Any:
    """A history in which the last seats have been taken away."""
    for period in payload["data"]:
        period["assigned_seat_ids"] = [seat for seat in period["assigned_seat_ids"] if seat != LATE]
    return payload


def test_a_seat_taken_away_since_stops_the_plan(
    account: ma.Account, simulator: Simulator, entry: dict[str, Any]
) -> None:
    """Seats are read again when the plan is applied; nothing is sent."""
    plan = account.plan_balance_entries(entry)
    simulator.faults.add(Fault("mutate", HISTORY, times=None, change=nobody))
    with pytest.raises(ma.PlanRejected, match=f"seat {LATE} is not in use"):
        account.apply(plan, plan.confirmation)
    assert simulator.requests.count(POST) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "seat seat-0250 is not active"),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "within the segment"),
        ({"per_group_amounts": {"nobody": -100}}, "seat nobody is not active"),
    ],
)
def test_the_server_refuses_them_too(
    account: ma.Account, simulator: Simulator, url: str, entry: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    """Without a time an entry is at the segment's start, where the last seat is not in use."""
    plan = account.plan_balance_entries(entry)
    body = {**plan.call(0).body, "timestamp": None, **change}
    answer = httpx.post(
        f"{url}/v1/contracts/addManualBalanceLedgerEntry",
        headers={"Authorization": f"Bearer {simulator.token}"},
        json={name: value for name, value in body.items() if value is not None},
    )
    assert (answer.status_code, said in answer.text) == (400, True)


def test_periods_that_follow_each_other_are_told_as_one() -> None:
    """A history changes whenever anybody's seat does."""
    first = datetime.fromisoformat("2026-01-01T00:00:00Z")
    days = [first + timedelta(days=number) for number in range(5)]
    both, one = frozenset({"a", "b"}), frozenset({"b"})
    periods = [
        SeatPeriod(days[0], days[1], both),
        SeatPeriod(days[1], days[2], frozenset("a")),
        SeatPeriod(days[2], days[3], one),
        SeatPeriod(days[3], None, both),
    ]
    assert list(not_in_use(periods, ["a", "b"], days[3])) == []
    spans = "2026-01-01 00:00 to 2026-01-03 00:00, 2026-01-04 00:00 to no end"
    assert list(not_in_use(periods, ["a"], days[2])) == [
        f"seat a is not in use at 2026-01-03 00:00 UTC: it is from {spans}"
    ]
    assert list(not_in_use(periods, ["c"], days[0])) == ["seat c is not in use at 2026-01-01 00:00 UTC: it never was"]
