"""What an attack on the guard found: corrections made twice, off-hour times, forged plans, clocks, spoilt ledgers."""

from __future__ import annotations

import json
import sqlite3
import stat
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.changes.evidence import LANDED
from metronome_analytics.changes.journal import Journal
from metronome_analytics.simulator.server.faults import Fault
from tests.changes.support import READ, Desk, Sender, opened, renew
from tests.changes.torture import Wires

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.changes import BalancePlan


# --- two people ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_of_two_that_make_the_same_correction_the_second_is_told(desk: Desk, tmp_path: Path, *, late: bool) -> None:
    """Keys follow from what is paid: the entry is there once, and the second, late or at once, knows whose it is."""
    rows = desk.rows(-1000)
    mine = desk.account.plan_balance_entries(rows)
    second = Sender()
    with opened(
        desk.simulator, desk.url, tmp_path / "their.sqlite", time=desk.time, environment="production", sender=second
    ) as other:
        desk.time.sleep(7)
        theirs = other.plan_balance_entries(rows)
        assert mine.uniqueness_key(0) == theirs.uniqueness_key(0)
        assert mine.token(0) != theirs.token(0)
        if late:
            assert desk.apply(mine) == [("applied", 200)]
            with pytest.raises(ma.StalePlan):
                other.apply(theirs, theirs.confirmation)
            with pytest.raises(ma.PlanRejected, match="the ledger has this entry already"):
                other.plan_balance_entries(rows)
        else:
            # Between the other's last look and its POST.
            second.before.append(lambda *_: desk.apply(mine) if not desk.posts() else None)
            outcome = other.apply(theirs, theirs.confirmation)
            assert outcome.table.select("status", "http_status").rows() == [("already_applied", 409)]
            assert "somebody else made the same one" in outcome.table["message"][0]
            assert desk.in_ledger(theirs) == [0]
    assert desk.in_ledger(mine) == [1]


def test_where_the_server_knows_no_keys_a_twin_is_an_alarm(desk: Desk, tmp_path: Path) -> None:
    """An older server takes both; the second reads both in the ledger and never says plain applied."""
    renew(desk.simulator, uniqueness_key_honoured=False)
    rows = desk.rows(-1000)
    mine = desk.account.plan_balance_entries(rows)
    second = Sender()
    with opened(desk.simulator, desk.url, tmp_path / "their.sqlite", time=desk.time, sender=second) as other:
        desk.time.sleep(7)
        theirs = other.plan_balance_entries(rows)
        second.before.append(lambda *_: desk.apply(mine) if desk.posts() == 0 else None)
        outcome = other.apply(theirs, theirs.confirmation)
    assert outcome.table.select("status", "verified").rows() == [("differs", False)]
    assert "somebody else" in outcome.table["message"][0]


def test_what_is_asked_for_twice_on_purpose_has_a_key_of_its_own(desk: Desk) -> None:
    """`allow_duplicate` adds a nonce, where the entry is one, and the phrase says so."""
    rows = desk.rows(-1000)
    plan = desk.account.plan_balance_entries(rows * 2, allow_duplicate=True)
    assert plan.uniqueness_key(0) != plan.uniqueness_key(1)
    assert plan.uniqueness_key(0) == desk.account.plan_balance_entries(rows).uniqueness_key(0)
    assert "duplicates allowed" in plan.confirmation
    assert desk.apply(plan) == [("applied", 200)] * 2
    assert desk.in_ledger(plan) == [1, 1]


def test_the_day_that_a_user_names_is_part_of_the_key(desk: Desk) -> None:
    """The same correction of another day is another one; the hour at which it is planned is not."""
    (row,) = desk.rows(-1000)
    now = desk.account.now.replace(minute=0)
    keys = {
        at: desk.account.plan_balance_entries({**row, "timestamp": at}).uniqueness_key(0)
        for at in (None, now, now - timedelta(hours=1), now - timedelta(days=1))
    }
    assert len(set(keys.values())) == 3
    assert keys[now] == keys[now - timedelta(hours=1)]


# --- times on the hour -----------------------------------------------------------------------------------------------


def test_what_is_sent_is_on_the_hour(desk: Desk) -> None:
    """The server refuses other times; a reversal is on the hour too, and nothing is before the segment's start."""
    assert desk.account.now.minute
    plan = desk.plan(-1000)
    assert desk.apply(plan) == [("applied", 200)]
    assert desk.apply(plan.reversal()) == [("applied", 200)]
    again = desk.account.plan_balance_entries(plan.reversal_entries(), allow_duplicate=True)
    for each in (plan, plan.reversal(), again):
        for row in each.table.iter_rows(named=True):
            assert (row["timestamp"].minute, row["timestamp"].second, row["timestamp"].microsecond) == (0, 0, 0)
    assert desk.apply(again) == [("applied", 200)]


def test_a_time_off_the_hour_is_refused_by_us_and_by_the_server(desk: Desk) -> None:
    """Whoever gives one is told before anything is sent."""
    (row,) = desk.rows(-1000)
    with pytest.raises(ma.PlanRejected, match="not on the hour"):
        desk.account.plan_balance_entries({**row, "timestamp": desk.account.now})
    answer = httpx.post(
        f"{desk.url}/v1/contracts/addManualBalanceLedgerEntry",
        headers={"Authorization": f"Bearer {desk.simulator.token}"},
        json={
            "customer_id": row["customer_id"],
            "id": row["balance_id"],
            "segment_id": row["segment_id"],
            "amount": 1,
            "reason": "Off the hour",
            "timestamp": "2026-11-18T09:30:00Z",
        },
    )
    assert answer.status_code == 400
    assert "hour boundary" in answer.text


# --- checked again ---------------------------------------------------------------------------------------------------


def forged(plan: BalancePlan, **fields: Any) -> BalancePlan:
    """A plan whose first entry was changed by someone who knows how to work out a digest."""
    first = plan.changes[0]
    outer = {name: value for name, value in fields.items() if hasattr(first, name)}
    inner = {name: value for name, value in fields.items() if name in type(first.change).model_fields}
    changed = replace(first, **outer, change=first.change.model_copy(update=inner))
    return replace(plan, changes=(changed, *plan.changes[1:]))


FORGERIES: list[tuple[dict[str, Any], str]] = [
    ({"amount": Decimal(0)}, "changes nothing"),
    ({"amount": Decimal(10) ** 15}, "over max_entry"),
    ({"amount": Decimal("-0.00000000001")}, "more than 10 decimals"),
    ({"timestamp": "1990"}, "outside the segment"),
    ({"timestamp": "now"}, "not on the hour"),
    ({"segment_id": "00000000-0000-4000-8000-000000000000"}, "none of the balance's segments"),
    ({"customer_name": "Somebody Else"}, "not what the account says"),
    ({"subject_name": "Another balance"}, "not what the account says"),
    ({"credit_type_name": "EUR"}, "not what the account says"),
    ({"what": "nothing much"}, "not what the account says"),
    ({"reason": "short"}, "at least 8 characters"),
    ({"same": "0" * 64}, "not what the account says"),
]


@pytest.mark.parametrize(("change", "words"), FORGERIES, ids=str)
def test_a_forged_plan_passes_no_check(desk: Desk, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """Its digest and its phrase fit, as it was worked out anew; the account does not, so nothing is sent."""
    plan = desk.plan(-1000)
    now = desk.account.now
    times = {"1990": now.replace(year=1990, minute=0), "now": now}
    given = {name: times.get(value, value) if name == "timestamp" else value for name, value in change.items()}
    forged(plan, **given).save(tmp_path / "plan.json")
    loaded = ma.BalancePlan.load(tmp_path / "plan.json")
    with pytest.raises((ma.PlanRejected, ma.StalePlan), match=words):
        desk.account.apply(loaded, loaded.confirmation)
    assert desk.posts() == 0


def test_limits_that_a_plan_raises_stand_in_its_phrase(desk: Desk, tmp_path: Path) -> None:
    """Who types the phrase of a plan that may move more than usual sees it; a changed file has another phrase."""
    rows = desk.rows(1_500_000)
    plan = desk.account.plan_balance_entries(rows, max_entry=15_000)
    assert plan.confirmation.endswith(", with max_entry 15,000")
    plan.save(tmp_path / "plan.json")
    document = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    document["leeway"]["max_entry"] = "1000000000"
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ma.PlanRejected, match="changed after it was saved"):
        ma.BalancePlan.load(tmp_path / "plan.json")


def test_a_customer_archived_since_is_not_paid(desk: Desk) -> None:
    """Within the fifteen minutes: planned, archived, applied, and nothing is sent."""
    plan = desk.plan(-1000)
    desk.simulator.archive(plan.changes[0].customer_id)
    with pytest.raises((ma.PlanRejected, ma.StalePlan)):
        desk.account.apply(plan, plan.confirmation)
    assert desk.posts() == 0


def test_a_segment_that_ended_since_takes_no_entry(desk: Desk) -> None:
    """The account's clock passed its end while the plan was still fresh by the clock on the wall."""
    plan = desk.plan(-1000)
    segments = ma.segments(desk.account.balances()).filter(pl.col("segment_id") == plan.table["segment_id"][0])
    desk.simulator.clock.advance(segments["ending_before"][0] - desk.account.now)
    with pytest.raises((ma.PlanRejected, ma.StalePlan)):
        desk.account.apply(plan, plan.confirmation)
    assert desk.posts() == 0


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [timedelta(hours=3), timedelta(hours=-3), timedelta(0)], ids=str)
def test_a_clock_on_the_wall_that_jumps_changes_no_wait(desk: Desk, tmp_path: Path, skew: timedelta) -> None:
    """Silence is proof after 61 seconds of this process's own clock, neither sooner nor later."""
    plan = desk.plan(-1000)
    desk.fault("status", status=504)
    assert desk.apply(plan) == [("unknown", 504)]
    desk.time.at += skew
    desk.time.slept.clear()
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time) as another:
        assert another.settle()["status"].to_list() == ["not_sent"]
    assert pytest.approx(sum(desk.time.slept)) == LANDED
    assert LANDED > 60.1


def test_what_lands_after_a_minute_is_still_seen(desk: Desk) -> None:
    """A gateway may hold a request for 60.1 seconds: settling does not decide before."""
    wires = Wires(desk.time)
    wires.late_by = 60.1
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, transport=wires) as account:
        there = replace(desk, account=account)
        plan = there.plan(-1000)
        wires.next = ["late"]
        assert there.apply(plan) == [("unknown", None)]
        assert account.settle()["status"].to_list() == ["applied"]
    assert desk.in_ledger(plan) == [1]


# --- a ledger that differs -------------------------------------------------------------------------------------------


def doubled(payload: Any) -> Any:
    """An answer whose ledgers show each manual entry twice."""
    for row in payload["data"]:
        row["ledger"] += [entry for entry in row["ledger"] if entry["type"].endswith("_MANUAL")]
    return payload


def test_an_entry_that_is_there_twice_stops_the_plan_and_stays_an_alarm(desk: Desk) -> None:
    """Its own status in the outcome, in settle() and in the journal; what follows is not sent."""
    plan = desk.plan(-1000, 5)
    desk.simulator.faults.add(Fault("mutate", READ, times=None, after=2, change=doubled))
    outcome = desk.account.apply(plan, plan.confirmation)
    assert outcome.table["status"].to_list() == ["differs", "not_sent"]
    assert not outcome.ok
    assert desk.account.journal()["status"].to_list() == [None, "differs"]
    assert desk.account.settle().height == 0


# --- the journal -----------------------------------------------------------------------------------------------------


def test_the_journal_is_for_its_owner_alone(desk: Desk) -> None:
    """Mode 0600 from its first byte."""
    desk.apply(desk.plan(-1000))
    assert stat.S_IMODE(desk.journal.stat().st_mode) == 0o600


@pytest.mark.parametrize("replaced", [False, True])
def test_a_journal_that_goes_away_stops_the_plan(desk: Desk, *, replaced: bool) -> None:
    """Deleted or replaced in the middle of an apply: nothing more is sent."""
    plan = desk.plan(-1000, 5)

    def going(_: object) -> None:
        desk.journal.unlink(missing_ok=True)
        if replaced:
            Journal(desk.journal).verify()
            sqlite3.connect(desk.journal).close()
            desk.journal.touch()

    outcome = desk.account.apply(plan, plan.confirmation, watch=going)
    assert outcome.table["status"].to_list() == ["applied", "not_sent"]
    assert "deleted or replaced" in outcome.table["message"][1]
    assert desk.posts() == 1


def test_an_export_runs_no_formula(desk: Desk, tmp_path: Path) -> None:
    """A reason that a spreadsheet would run is text in the table; an amount stays a number."""
    desk.apply(desk.account.plan_balance_entries([{**desk.rows(-1000)[0], "reason": "=HYPERLINK(1) credit"}]))
    Journal(desk.journal).export(tmp_path / "out.csv")
    table = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert set(table["reason"]) == {"'=HYPERLINK(1) credit"}
    assert set(table["amount"]) == {"-1000"}


def test_a_head_kept_elsewhere_shows_a_journal_worked_out_anew(desk: Desk, tmp_path: Path) -> None:
    """A shorter journal, and another one whose chain holds, are not the one that the witness saw."""
    heads = tmp_path / "heads"
    desk.apply(desk.plan(-1000))
    assert Journal(desk.journal).witness(heads) == Journal(desk.journal).verify()
    desk.apply(desk.plan(5))
    Journal(desk.journal).witness(heads)
    assert len(heads.read_text(encoding="utf-8").splitlines()) == 2
    desk.journal.unlink()
    with pytest.raises(ma.JournalError, match="is not the one"):
        Journal(desk.journal).witness(heads)
    desk.apply(desk.plan(6, -7))
    assert Journal(desk.journal).verify()[0] == 4
    with pytest.raises(ma.JournalError, match="is not the one"):
        Journal(desk.journal).witness(heads)


# --- who may write what ----------------------------------------------------------------------------------------------


def test_an_operation_that_is_not_named_is_refused_by_name(desk: Desk) -> None:
    """Before a byte leaves; an operation that there is not is an error of the argument."""
    plan = desk.plan(-1000)
    desk.account.session.allow_writes = frozenset({"credits.create"})
    with pytest.raises(ma.WritesDisabled, match=r"This account was not opened for it: balances\.enter was not allowed"):
        desk.account.apply(plan, plan.confirmation)
    desk.account.session.allow_writes = frozenset()
    with pytest.raises(ma.WritesDisabled, match="This account only reads"):
        desk.account.apply(plan, plan.confirmation)
    assert desk.posts() == 0
    for wrong in ({"credits.invent"}, "everything", 5):
        with pytest.raises(ma.ArgumentError):
            ma.connect("token", allow_writes=wrong)  # type: ignore[arg-type]  # what is tested
    with ma.connect("token", allow_writes="all") as account:
        assert account.session.allow_writes == frozenset(ma.changes.catalogue()["operation"])
