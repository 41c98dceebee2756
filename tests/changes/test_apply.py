from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS, Effect
from metronome_analytics.changes.evidence import LANDED, LOOKS
from tests.changes.support import READ, Desk, opened, renew, said
from tests.changes.torture import Crash, Wires, crashing

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = {"uniqueness_key_honoured": False, "idempotency_key_honoured": False}
SERVERS = [{}, {"uniqueness_key_honoured": False}, {"idempotency_key_honoured": False}, OLD]


def test_entries_are_sent_once_and_read_back(desk: Desk) -> None:
    """Applied means seen in the ledger; the balance moved by the amount; a second time sends nothing."""
    plan = desk.plan(-1000, "2500.25")
    before = dict(desk.account.balances().select("id", "balance").rows())
    assert desk.apply(plan) == [("applied", 200)] * 2
    after = dict(desk.account.balances().select("id", "balance").rows())
    for row in plan.table.iter_rows(named=True):
        assert after[row["balance_id"]] == before[row["balance_id"]] + row["amount"] == row["balance_after"]
    assert desk.posts() == 2
    assert desk.apply(plan) == [("already_applied", None)] * 2
    assert desk.posts() == 2
    assert desk.in_ledger(plan) == [1, 1]


@pytest.mark.parametrize("switches", SERVERS, ids=str)
@pytest.mark.parametrize(
    ("kind", "options", "status"),
    [
        ("lost_after_effect", {}, None),
        ("cut_body", {}, None),
        ("status_after_effect", {"status": 500}, 500),
        ("status_after_effect", {"status": 502}, 502),
        ("status_after_effect", {"status": 503}, 503),
        ("status_after_effect", {"status": 504}, 504),
        ("status_after_effect", {"status": 408}, 408),
        ("status_after_effect", {"status": 409}, 409),
    ],
)
def test_an_effect_without_a_good_answer_is_found_in_the_ledger(
    desk: Desk, switches: dict[str, bool], kind: str, options: dict[str, Any], status: int | None
) -> None:
    """Whatever came instead of the 200, the entry is there once, is reported applied, and is never sent again."""
    renew(desk.simulator, **switches)
    plan = desk.plan(-1000, 5)
    fault = desk.fault(kind, **options)
    assert desk.apply(plan) == [("applied", status), ("applied", 200)]
    assert fault.fired == 1
    assert desk.posts() == 2
    assert desk.apply(plan) == [("already_applied", None)] * 2
    assert desk.in_ledger(plan) == [1, 1]


@pytest.mark.parametrize("switches", SERVERS, ids=str)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 409])
def test_a_failure_before_the_effect_stays_unknown_until_silence_is_proof(
    desk: Desk, switches: dict[str, bool], status: int
) -> None:
    """Nothing is resent blindly, nothing after it is sent; a second apply sends it, once the ledger proves it away."""
    renew(desk.simulator, **switches)
    plan = desk.plan(-1000, 5)
    desk.fault("status", status=status)
    assert desk.apply(plan) == [("unknown", status), ("not_sent", None)]
    assert desk.posts() == 1
    assert desk.time.slept == list(LOOKS[1:])
    assert desk.apply(plan) == [("applied", 200)] * 2
    if status in {502, 504, 408, 409}:
        assert sum(desk.time.slept) >= LANDED - 1
    assert desk.in_ledger(plan) == [1, 1]


def test_a_second_attempt_has_the_same_uniqueness_key_and_a_new_idempotency_key(desk: Desk) -> None:
    """The server replays a stored 500 for a day, and knows an entry by its uniqueness_key for ever."""
    sent: list[tuple[Any, str, str]] = []
    desk.sender.before.append(lambda call, key: sent.append((call.body["uniqueness_key"], key, json.dumps(call.body))))
    plan = desk.plan(-1000)
    desk.fault("status", status=500)
    desk.apply(plan)
    assert desk.apply(plan) == [("applied", 200)]
    first, second = sent
    assert first[0] == second[0] == plan.uniqueness_key(0)
    assert [first[1], second[1]] == [f"metronome-analytics-{plan.digest[:40]}-0-{attempt}" for attempt in (1, 2)]
    assert first[2] == second[2]
    assert max(len(first[0]), len(second[1])) <= 128


@pytest.mark.parametrize("kind", ["rate_limit_seconds", "rate_limit_date", "rate_limit_bare"])
def test_a_429_waits_and_sends_the_same_key_again(desk: Desk, kind: str) -> None:
    """Throttled twice and applied once, on one intent."""
    plan = desk.plan(-1000)
    fault = desk.fault(kind, times=2, seconds=0)
    assert desk.apply(plan) == [("applied", 200)]
    assert fault.fired == 2
    assert desk.posts() == 3
    assert desk.account.journal()["kind"].to_list() == ["intent", "outcome"]


def test_a_429_without_end_is_not_sent_and_stops(desk: Desk) -> None:
    """What is throttled past the budget did not happen; what follows is not tried."""
    plan = desk.plan(-1000, 5)
    desk.fault("rate_limit_bare", times=None)
    assert desk.apply(plan) == [("not_sent", 429), ("not_sent", None)]
    desk.simulator.faults.clear()
    assert desk.apply(plan) == [("applied", 200)] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_the_last_word_on_its_entry_only(desk: Desk, status: int) -> None:
    """400, 401, 403, 404 and other 4xx are refused with the API's message; the next entry is sent."""
    plan = desk.plan(-1000, 5)
    desk.fault("status", status=status, message="because of reasons")
    outcome = desk.account.apply(plan, confirm=plan.confirmation)
    assert outcome.table.select("status", "http_status").rows() == [("refused", status), ("applied", 200)]
    assert "because of reasons" in outcome.table["message"][0]
    assert not outcome.ok
    assert desk.in_ledger(plan) == [0, 1]
    assert desk.apply(plan) == [("applied", 200), ("already_applied", None)]


def test_connection_refused_is_not_sent(desk: Desk) -> None:
    """Where no connection was made nothing left; a second apply sends it."""
    wires = Wires()
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, transport=wires) as account:
        there = replace_account(desk, account)
        plan = there.plan(-1000, 5)
        wires.next = ["refused"]
        assert there.apply(plan) == [("not_sent", None), ("not_sent", None)]
        assert there.posts() == 0
        assert there.time.slept == []
        assert there.apply(plan) == [("applied", 200)] * 2


@pytest.mark.parametrize("switches", SERVERS, ids=str)
@pytest.mark.parametrize("late_by", [0.4, 6, 20])
def test_a_timed_out_entry_that_lands_late_is_not_sent_again(
    desk: Desk, switches: dict[str, bool], late_by: float
) -> None:
    """A request that takes effect after we gave up on it is waited for, even where the server knows no keys."""
    renew(desk.simulator, **switches)
    wires = Wires(desk.time)
    wires.late_by = late_by
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, transport=wires) as account:
        there = replace_account(desk, account)
        plan = there.plan(-1000)
        wires.next = ["late"]
        in_time = late_by < sum(LOOKS)
        assert there.apply(plan) == [("applied" if in_time else "unknown", None)]
        assert there.apply(plan) == [("already_applied", None)]
        assert there.in_ledger(plan) == [1]
        assert there.posts() == 1


def test_a_real_timeout_is_looked_up(desk: Desk) -> None:
    """A server that answers too late: the entry is found in the ledger."""
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time) as reader:
        plan = replace_account(desk, reader).plan(-1000)
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, timeout=0.5) as account:
        landed, post = Event(), desk.simulator.account.post

        def posting(*arguments: Any) -> None:
            post(*arguments)
            landed.set()

        desk.simulator.account.post = posting  # type: ignore[assignment,method-assign]  # goes with this account
        desk.fault("slow", seconds=0.8)
        desk.time.passing = lambda: _ignore(landed.wait(10))
        outcome = account.apply(plan, confirm=plan.confirmation)
    assert outcome.table["status"].to_list() == ["applied"]
    assert desk.in_ledger(plan) == [1]


@pytest.mark.parametrize("point", ["before the intent", "before the send", "after the send", "before the outcome"])
@pytest.mark.parametrize("switches", SERVERS, ids=str)
def test_a_crash_anywhere_is_made_good(desk: Desk, point: Any, switches: dict[str, bool]) -> None:
    """After a crash at any point a second apply ends with every entry there once, and the journal says so."""
    renew(desk.simulator, **switches)
    plan = desk.plan(-1000, 5)
    with pytest.raises(Crash), crashing(desk.sender, point, 1):
        desk.account.apply(plan, confirm=plan.confirmation)
    assert desk.apply(plan)[0] == ("already_applied", None)
    assert desk.in_ledger(plan) == [1, 1]
    assert set(said(desk.journal, plan)) <= {"applied", "already_applied"}


def test_a_200_that_the_ledger_does_not_show_is_never_sent_again(desk: Desk) -> None:
    """The API said yes and shows nothing: unknown, however long, until a person asks Metronome."""
    plan = desk.plan(-1000, 5)
    desk.fault("mutate", READ, times=None, after=0, change=without_manual)
    assert desk.apply(plan) == [("unknown", 200), ("not_sent", None)]
    desk.time.sleep(120)
    assert desk.apply(plan) == [("unknown", None), ("not_sent", None)]
    assert desk.account.settle()["status"].to_list() == ["unknown"]
    assert desk.posts() == 1
    desk.simulator.faults.clear()
    assert desk.account.settle()["status"].to_list() == ["applied"]
    assert desk.apply(plan) == [("already_applied", None), ("applied", 200)]


def test_a_ledger_that_cannot_be_read_proves_nothing(desk: Desk) -> None:
    """An outage of reads right after the send leaves the entry unknown; the table is still given."""
    plan = desk.plan(-1000, 5)
    blind_after_post(desk)
    assert desk.apply(plan) == [("unknown", 200), ("not_sent", None)]
    assert desk.account.settle()["status"].to_list() == ["unknown"]
    desk.simulator.faults.clear()
    desk.sender.after.clear()
    assert desk.account.settle().select("status", "verified").rows() == [("applied", True)]
    assert desk.account.settle().height == 0
    assert desk.apply(plan) == [("already_applied", None), ("applied", 200)]


def test_settle_decides_by_reading_and_sends_nothing(desk: Desk) -> None:
    """Found is applied; not found half a minute after the last sign of it is not sent; no right to write is needed."""
    plan = desk.plan(-1000)
    desk.fault("status", status=504)
    assert desk.apply(plan) == [("unknown", 504)]
    desk.time.slept.clear()
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, allow_writes=False) as reader:
        settled = reader.settle()
    assert settled.select("plan", "entry", "status", "verified").rows() == [(plan.digest, 0, "not_sent", False)]
    assert 20 < sum(desk.time.slept) <= LANDED
    assert desk.posts() == 1
    assert desk.account.journal()["kind"].to_list() == ["intent", "outcome", "settled"]


def test_settle_leaves_another_accounts_entries_alone(desk: Desk) -> None:
    """What this account cannot see is not decided by its silence."""
    plan = desk.plan(-1000)
    desk.fault("status", status=500)
    desk.apply(plan)
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, environment="other") as other:
        assert other.settle().height == 0
    desk.fault("status", READ, times=None, status=404)
    assert desk.account.settle()["status"].to_list() == ["unknown"]


def test_an_entry_that_came_out_different_is_there_and_not_verified(desk: Desk) -> None:
    """A ledger with another amount under our mark is told, and nothing is sent again."""

    def rounded(payload: Any) -> Any:
        for row in payload["data"]:
            for entry in row["ledger"]:
                if entry["type"].endswith("_MANUAL"):
                    entry["amount"] = -1
        return payload

    plan = desk.plan("-1.5")
    desk.fault("mutate", READ, times=None, change=rounded)
    for _ in range(2):
        outcome = desk.account.apply(plan, confirm=plan.confirmation)
        assert outcome.table.select("status", "verified").rows() == [("differs", False)]
        assert "has -1 where -1.5 was sent" in outcome.table["message"][0]
        assert not outcome.ok
    assert desk.posts() == 1


# --- what stops a plan before anything is sent ---------------------------------------------------------------------


def test_an_account_that_only_reads_plans_and_sends_nothing(desk: Desk) -> None:
    """Planning works, applying is WritesDisabled."""
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, allow_writes=False) as reader:
        plan = replace_account(desk, reader).plan(-1000)
        with pytest.raises(ma.WritesDisabled, match="allow_writes=True"):
            reader.apply(plan, confirm=plan.confirmation)
    assert desk.posts() == 0
    assert not desk.journal.exists()


@pytest.mark.parametrize("change", [str.upper, lambda t: t + " ", lambda t: t[:-1], lambda t: ""], ids=range(4))
def test_another_phrase_sends_nothing(desk: Desk, change: Callable[[str], str]) -> None:
    """The phrase is literal."""
    plan = desk.plan(-1000)
    with pytest.raises(ma.ConfirmationError, match="literally"):
        desk.account.apply(plan, confirm=change(plan.confirmation))
    assert desk.posts() == 0
    assert not desk.journal.exists()


@pytest.mark.parametrize("minutes", [16, -5])
def test_an_old_plan_is_stale(desk: Desk, minutes: int) -> None:
    """A plan holds for fifteen minutes, and none is from the future."""
    plan = desk.plan(-1000)
    desk.time.at += timedelta(minutes=minutes)
    with pytest.raises(ma.StalePlan, match="minutes old"):
        desk.apply(plan)
    assert desk.posts() == 0


def test_a_changed_ledger_makes_a_plan_stale(desk: Desk) -> None:
    """An entry of another plan on the same balance is a change; on another balance it is none."""
    first, second = desk.rows(-1000, -2000)
    plan, same, other = (
        desk.account.plan_balance_entries(row)
        for row in (first, {**first, "reason": "Somebody else's correction"}, second)
    )
    assert desk.apply(other) == [("applied", 200)]
    assert desk.apply(same) == [("applied", 200)]
    with pytest.raises(ma.StalePlan, match="no longer what the plan saw"):
        desk.apply(plan)
    assert desk.in_ledger(plan) == [0]


def test_a_plan_for_another_account_is_stale(desk: Desk) -> None:
    """Label and address are part of the plan."""
    plan = desk.plan(-1000)
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, environment="production") as other:
        with pytest.raises(ma.StalePlan, match="this account is production"):
            other.apply(plan, confirm=plan.confirmation)
    assert desk.posts() == 0


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS.values() if e.effect is Effect.WRITE], ids=lambda e: e.name)
def test_the_loaders_client_sends_no_write(desk: Desk, endpoint: Any) -> None:
    """Every WRITE row of the registry is refused before a byte leaves, even on an account that may write."""
    from metronome_analytics.api.request import Request, Tally  # noqa: PLC0415  # for this test only

    async def nothing(_: bytes) -> None:
        return None

    with pytest.raises(ma.WritesDisabled):
        desk.account.session.run(
            lambda: desk.account.session.client.fetch(Request(endpoint, body={}), nothing, tally=Tally())
        )
    assert desk.simulator.requests.total == 0


# --- the way back ----------------------------------------------------------------------------------------------------


def test_a_reversal_puts_every_balance_back(desk: Desk) -> None:
    """The opposite of an applied plan is a plan of its own; it can be applied once, in any number of tries."""
    plan = desk.plan(-1000, "0.5")
    before = desk.account.balances().select("id", "balance")
    assert desk.apply(plan) == [("applied", 200)] * 2
    back, again = plan.reversal(), replace(plan.reversal(), created_at=plan.created_at + timedelta(seconds=1))
    assert back.table["amount"].to_list() == [Decimal("-0.5"), Decimal(1000)]
    assert desk.apply(back) == [("applied", 200)] * 2
    assert desk.account.balances().select("id", "balance").equals(before)
    assert desk.apply(back) == [("already_applied", None)] * 2
    with pytest.raises(ma.StalePlan):
        desk.apply(again)


def test_what_was_not_applied_is_not_reversed(desk: Desk) -> None:
    """A reversal needs every entry it undoes."""
    plan = desk.plan(-1000, 5)
    with pytest.raises(ma.StalePlan, match="2 of the 2 entries"):
        desk.apply(plan.reversal())
    assert desk.posts() == 0
    assert desk.apply(desk.account.plan_balance_entries(plan.reversal_entries())) == [("applied", 200)] * 2


# --- helpers ---------------------------------------------------------------------------------------------------------


def replace_account(desk: Desk, account: ma.Account) -> Desk:
    """The same desk with another account."""
    return replace(desk, account=account)


def without_manual(payload: Any) -> Any:
    """An answer whose ledgers hide manual entries."""
    for row in payload["data"]:
        row["ledger"] = [entry for entry in row["ledger"] if not entry["type"].endswith("_MANUAL")]
    return payload


def blind_after_post(desk: Desk) -> None:
    """Reads fail from the first POST on."""

    def blinded(*_: object) -> None:
        desk.fault("status", READ, times=None, status=503)

    desk.sender.after.append(blinded)


def _ignore(_: object) -> None:
    """Nothing comes of it."""
