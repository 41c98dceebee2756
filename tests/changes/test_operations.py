"""Every row of the table of operations, held to the same laws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
from metronome import Metronome

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS, Effect
from metronome_analytics.api.endpoints import Status as Standing
from metronome_analytics.changes.operation import Proof, Weight
from metronome_analytics.changes.operations import OPERATIONS
from tests.changes.examples import EXAMPLES, as_sent
from tests.changes.support import Desk, calls_of, opened
from tests.spec import operations, request_validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from metronome_analytics.changes.plan import Plan
    from metronome_analytics.simulator import Fault

every_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))
provable = pytest.mark.parametrize("name", sorted(n for n, o in OPERATIONS.items() if o.proof is not Proof.NONE))
FRAMES = ("customers", "invoices", "balances", "net_balances", "contracts")


@pytest.fixture
def writer(desk: Desk, journal: Path) -> Iterator[ma.Account]:
    """An account that may write everything."""
    with opened(
        desk.simulator, desk.url, journal, time=desk.time, allow_writes="all", sender=desk.sender
    ) as everything:
        yield everything


def planned(writer: ma.Account, name: str) -> Plan:
    """A plan of the operation's example."""
    return writer.plan(EXAMPLES[name].make(writer))


def frames(writer: ma.Account, also: Callable[[ma.Account], pl.DataFrame] | None = None) -> dict[str, pl.DataFrame]:
    """What the loaders give, without the times at which things were last touched; `also` one more."""
    read = {name: getattr(writer, name)() for name in FRAMES} | ({} if also is None else {"also": also(writer)})
    return {
        name: frame.drop("updated_at", "ledger", strict=False).sort(frame.columns[:2]) for name, frame in read.items()
    }


def statuses(writer: ma.Account, plan: Plan) -> list[str]:
    """What became of a plan."""
    return writer.apply(plan, plan.confirmation).table["status"].to_list()


def spoil(desk: Desk, kind: str, path: Callable[[str, str], bool], **options: Any) -> list[Fault]:
    """A fault that is there when the first write is sent: a preview goes the same way, and is no write."""
    faults: list[Fault] = []

    def order(*_: object) -> None:
        if not faults:
            faults.append(desk.fault(kind, path, **options))

    desk.sender.before.append(order)
    return faults


def test_every_row_of_the_table_has_an_example_and_a_class_of_its_own() -> None:
    """Its endpoint is a WRITE, its class is exported, and the catalogue shows it."""
    assert set(EXAMPLES) == set(OPERATIONS)
    catalogue = ma.changes.catalogue()
    assert catalogue["operation"].to_list() == list(OPERATIONS)
    for name, operation in OPERATIONS.items():
        assert operation.change.operation == name
        assert ENDPOINTS[operation.endpoint].effect is Effect.WRITE
        assert getattr(ma.changes, operation.change.__name__) is operation.change
    writes = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.effect is Effect.WRITE}
    assert writes == {operation.endpoint for operation in OPERATIONS.values()}


@every_operation
def test_its_body_obeys_the_vendors_schema(writer: ma.Account, name: str) -> None:
    """To the letter; the manual entry's uniqueness_key is the official client's alone."""
    call = planned(writer, name).call(0)
    endpoint = ENDPOINTS[call.endpoint]
    body = dict(call.body)
    if name == "balances.enter":
        del body["uniqueness_key"]
    if str(endpoint) not in operations():
        # Of the deprecated Plans the vendor's file says nothing: the official client is the judge of what is sent.
        assert (endpoint.status, EXAMPLES[name].sdk is not None) == (Standing.PLANS_ONLY, True)
        return
    request_validator(endpoint.path, endpoint.method)({}, body)


@every_operation
def test_the_official_client_sends_the_same(writer: ma.Account, name: str) -> None:
    """The same method, path and JSON for the same arguments: an outside check of what is sent."""
    send = EXAMPLES[name].sdk
    if send is None:
        pytest.skip("the official client has no such call")
    plan = planned(writer, name)
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {"id": "x"}})

    client = Metronome(bearer_token="t", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    send(client, plan)
    call = plan.call(0)
    endpoint = ENDPOINTS[call.endpoint]
    assert (seen[0].method, seen[0].url.path) == (endpoint.method, endpoint.path.format_map(call.path))
    assert as_sent(json.loads(seen[0].content or b"{}")) == as_sent(dict(call.body))


@every_operation
def test_it_is_sent_once_and_proved(writer: ma.Account, desk: Desk, name: str) -> None:
    """Applied where a read shows it, sent where none can; a second time sends nothing."""
    plan = planned(writer, name)
    sent: list[str] = []
    desk.sender.before.append(lambda call, _: sent.append(call.endpoint))
    none = OPERATIONS[name].proof is Proof.NONE
    assert statuses(writer, plan) == ["sent" if none else "applied"]
    assert statuses(writer, plan) == ["sent" if none else "already_applied"]
    assert sent == [OPERATIONS[name].endpoint]
    assert writer.settle().height == 0
    assert writer.journal()["operation"].unique().to_list()[-1:] != []


@provable
@pytest.mark.parametrize(
    ("kind", "options"),
    [("lost_after_effect", {}), ("status_after_effect", {"status": 500}), ("status_after_effect", {"status": 409})],
    ids=str,
)
def test_an_effect_without_a_good_answer_is_found(
    writer: ma.Account, desk: Desk, name: str, kind: str, options: dict[str, Any]
) -> None:
    """It is read back, and never sent again."""
    plan = planned(writer, name)
    fired = spoil(desk, kind, calls_of(ENDPOINTS[OPERATIONS[name].endpoint]), **options)
    assert statuses(writer, plan) == ["applied"]
    assert [fault.fired for fault in fired] == [1]
    assert statuses(writer, plan) == ["already_applied"]


@every_operation
def test_a_failure_before_the_effect_is_unknown_until_silence_is_proof(
    writer: ma.Account, desk: Desk, name: str
) -> None:
    """A 504 and no effect: unknown; a second apply sends it once more, and settle() decides where a read can."""
    plan = planned(writer, name)
    spoil(desk, "status", calls_of(ENDPOINTS[OPERATIONS[name].endpoint]), status=504)
    assert statuses(writer, plan) == ["unknown"]
    none = OPERATIONS[name].proof is Proof.NONE
    assert writer.settle()["status"].to_list() == ["unknown" if none else "not_sent"]
    assert statuses(writer, plan) == ["sent" if none else "applied"]


@every_operation
def test_its_undo_brings_everything_back_or_says_why_not(writer: ma.Account, name: str) -> None:
    """What the loaders give is as it was; archives and resets have no opposite, and say so."""
    plan, also = planned(writer, name), EXAMPLES[name].also
    before = frames(writer, also)
    statuses(writer, plan)
    if plan.changes[0].opposite is None:
        with pytest.raises(ma.PlanRejected, match="cannot be undone"):
            plan.undo()
        return
    back = writer.plan(plan.undo())
    assert statuses(writer, back) == ["applied"]
    if EXAMPLES[name].undone and OPERATIONS[name].proof is Proof.VALUE:
        for loader, frame in frames(writer, also).items():
            assert frame.equals(before[loader]), loader


@every_operation
def test_what_moved_since_it_was_planned_is_stale(writer: ma.Account, desk: Desk, name: str) -> None:
    """The customer it is about is archived in between, or what it counts on is gone: nothing is sent."""
    plan, moved = planned(writer, name), EXAMPLES[name].moved
    if moved is None:
        desk.simulator.archive(plan.changes[0].customer_id)
    else:
        assert statuses(writer, writer.plan(moved(writer))) == ["applied"]
    sent: list[object] = []
    desk.sender.before.append(lambda call, _: sent.append(call))
    with pytest.raises((ma.StalePlan, ma.PlanRejected)):
        statuses(writer, plan)
    assert sent == []


@every_operation
def test_it_is_refused_by_name_where_it_was_not_allowed(writer: ma.Account, desk: Desk, name: str) -> None:
    """Every other operation is allowed; this one leaves no byte."""
    plan = planned(writer, name)
    sent: list[object] = []
    desk.sender.before.append(lambda call, _: sent.append(call))
    writer.session.allow_writes = frozenset(OPERATIONS) - {name}
    with pytest.raises(ma.WritesDisabled, match=name.replace(".", r"\.")):
        writer.apply(plan, plan.confirmation)
    assert sent == []


@every_operation
def test_a_saved_plan_is_the_same_elsewhere(writer: ma.Account, tmp_path: Path, name: str) -> None:
    """JSON that a person reads; what it says of itself survives, and its phrase is one line."""
    plan = planned(writer, name)
    plan.save(tmp_path / "plan.json")
    loaded = ma.Plan.load(tmp_path / "plan.json")
    assert (loaded, loaded.digest, loaded.confirmation) == (plan, plan.digest, plan.confirmation)
    assert "\n" not in plan.confirmation
    assert plan.table.height == 1
    assert plan.confirmation in repr(plan)
    assert plan.table["what"][0]


def test_what_is_for_ever_has_a_plan_and_a_phrase_of_its_own(writer: ma.Account) -> None:
    """The phrase says what is lost; two in one plan are refused."""
    change = EXAMPLES["credits.archive"].make(writer)
    plan = writer.plan(change)
    assert OPERATIONS["credits.archive"].weight is Weight.FOR_EVER
    assert "for ever, which takes 1 balance worth" in plan.confirmation
    with pytest.raises(ma.PlanRejected, match="a plan of its own"):
        writer.plan([change, EXAMPLES["customers.set_name"].make(writer)])


def test_changes_of_several_kinds_make_one_plan(writer: ma.Account) -> None:
    """Counted by kind in the phrase, applied in order."""
    plan = writer.plan([EXAMPLES[name].make(writer) for name in ("credits.create", "customers.set_name")])
    assert "make 2 changes: create 1 credit and rename 1 customer, 10,000 USD (cents) = $100.00" in plan.confirmation
    assert statuses(writer, plan) == ["applied", "applied"]


def test_a_frame_and_a_csv_make_the_same_plan(writer: ma.Account) -> None:
    """The fields of the class are the columns; rows that are wrong are told by row and field."""
    change = EXAMPLES["credits.create"].make(writer)
    given = {name: value for name, value in change.fields().items() if not isinstance(value, list)}
    rows = pl.DataFrame([{name: str(value) for name, value in given.items()}])
    by_frame = writer.plan(rows, operation="credits.create")
    assert by_frame.table.equals(writer.plan(change).table)
    with pytest.raises(ma.PlanRejected, match=r"row 0, amount: .*below zero"):
        writer.plan({**given, "amount": "-5"}, operation="credits.create")
    with pytest.raises(ma.PlanRejected, match="not on the hour"):
        writer.plan({**given, "starting_at": "2026-11-18T09:30:00Z"}, operation="credits.create")
    with pytest.raises(ma.ArgumentError, match="no operation"):
        writer.plan(rows, operation="credits.invent")


def test_a_new_credit_shows_the_drain_order_before_and_after(writer: ma.Account) -> None:
    """A lower priority is drawn first."""
    plan = planned(writer, "credits.create")
    before, after = plan.table["before"][0], plan.table["after"][0]
    assert "SLA credit (new)" not in before
    assert after.startswith("drawn in this order: ")
    assert "SLA credit (new)" in after


def test_a_value_that_is_there_already_is_not_sent(writer: ma.Account, desk: Desk) -> None:
    """`already_applied`, and no byte leaves."""
    customer = writer.customers().row(0, named=True)
    sent: list[object] = []
    desk.sender.before.append(lambda call, _: sent.append(call))
    plan = writer.plan(ma.changes.SetCustomerName(customer_id=customer["id"], name=customer["name"]))
    assert statuses(writer, plan) == ["already_applied"]
    assert sent == []
