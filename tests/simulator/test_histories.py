"""A simulated account may live any history: it keeps tying out, and every read tells honestly what happened."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.simulator import Simulator
from metronome_analytics.simulator.world.audit_trail import agreed_deeds
from metronome_analytics.simulator.world.roles import JOINING, ROLES
from tests.mirror.histories import (
    AddCustomer,
    Advance,
    Archive,
    LateUsage,
    ManualEntry,
    Move,
    Regenerate,
    Touch,
    Void,
    apply,
    moves,
    served,
)
from tests.mirror.support import account_of

from .reads import Read, judge
from .support import Api, Json, check_totals, deductions, draws, in_process

USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
ALL_TIME = {"starting_on": "2025-10-01T00:00:00Z", "ending_before": "2029-01-01T00:00:00Z"}
DEEDS: dict[type, tuple[str, str]] = {
    AddCustomer: ("create", "customer"),
    Touch: ("update", "customer"),
    Archive: ("archive", "customer"),
    Void: ("void", "invoice"),
    Regenerate: ("regenerate", "invoice"),
    ManualEntry: ("add_manual_balance_entry", "balance"),
}


@pytest.fixture
def few() -> Iterator[Api]:
    """Yield a client of a small account with little history."""
    with in_process(Simulator(4, months=3)) as client:
        yield client


def answers(api: Api) -> dict[str, list[Json]]:
    """Return every row of the lists a history can change, each page held against what declares it."""
    rows: dict[str, list[Json]] = {}

    def keep(name: str, read: Read) -> list[Json]:
        pages = list(read.pages(api))
        for page in pages:
            judge(read.template, read.method)(page)
        return rows.setdefault(name, [row for page in pages for row in page["data"]])

    for archived in ("false", "true"):
        query = {"only_archived": archived}
        keep(f"customers archived {archived}", Read("GET", "/v1/customers", query=query, cursor="query"))
    keep("usage", Read("POST", "/v1/usage", body={**ALL_TIME, "window_size": "NONE"}, cursor="query"))
    for customer in (*rows["customers archived false"], *rows["customers archived true"]):
        name, path, body = customer["id"], {"customer_id": customer["id"]}, {"customer_id": customer["id"]}
        everything = {**body, "include_archived": True, "include_balance": True, "include_ledgers": True}
        one = "/v1/customers/{customer_id}/invoices"
        keep(f"invoices of {name}", Read("GET", one, path, cursor="query"))
        keep(f"days of {name}", Read("GET", f"{one}/breakdowns", path, ALL_TIME, cursor="query"))
        keep(f"contracts of {name}", Read("POST", "/v2/contracts/list", body=everything, cursor="cursor"))
        listed = {**everything, "include_contract_balances": True}
        keep(f"balances of {name}", Read("POST", "/v1/contracts/customerBalances/list", body=listed, cursor="body"))
    return rows


def audit(api: Api, **asked: str) -> list[Json]:
    """Return the entries of the audit log, which has no last page."""
    page = api.get("/v1/auditLogs", limit="100", **asked)
    found: list[Json] = []
    while page["data"]:
        judge("/v1/auditLogs", "GET")(page)
        found += page["data"]
        page = api.get("/v1/auditLogs", limit="100", next_page=page["next_page"])
    return found


def used(api: Api, customer_id: str, size: str = "NONE") -> Decimal:
    """Return all that a customer used of everything, as a check sum."""
    now = api.sim.clock.now
    bounds = {
        "starting_on": f"{now.date() - timedelta(days=40)}T00:00:00Z",
        "ending_before": f"{now.date() + timedelta(days=1)}T00:00:00Z",
    }
    body = {**bounds, "customer_ids": [customer_id], "window_size": size}
    rows = Read("POST", "/v1/usage", body=body, cursor="query").rows(api)
    return sum((Decimal(str(row["value"] or 0)) for row in rows), Decimal(0))


def standing(api: Api, customer_id: str, period: str) -> Json:
    """Return the usage invoice of a month that counts."""
    rows = api.invoices(customer_id, type="USAGE")
    (found,) = (r for r in rows if r["start_timestamp"].startswith(period) and r["status"] != "VOID")
    return found


def days(api: Api, invoice: Json) -> Decimal:
    """Return what the days of an invoice come to."""
    bounds = {"starting_on": invoice["start_timestamp"], "ending_before": invoice["end_timestamp"]}
    rows = api.breakdowns(invoice["customer_id"], **bounds)
    return sum((row["total"] for row in rows if row["id"] == invoice["id"]), Decimal(0))


@settings(max_examples=8, deadline=None)
@given(customers=st.integers(1, 5), months=st.integers(1, 14), history=moves(max_size=16))
def test_any_history_ties_out(customers: int, months: int, history: list[Move]) -> None:
    """After any moves the account reconciles, is valid, reads the same twice, and the same again when lived again."""
    first, again = (Simulator(customers, months=months) for _ in range(2))
    for move in history:
        assert apply(first, move) == apply(again, move)
    with in_process(first) as api, in_process(again) as other:
        rows = answers(api)
        assert rows == answers(api) == answers(other)
        for customer_id in api.customer_ids():
            invoices = api.invoices(customer_id)
            check_totals(invoices)
            assert draws(invoices) == deductions(api.balances(customer_id))
    with account_of(first) as account:
        balances = account.balances(include_archived=True)
        units = balances["credit_type_id"].unique().to_list()
        nets = [account.net_balances(credit_type_id=unit) for unit in {USD, *units}]
        for net in nets:
            found = ma.reconcile(account.invoices(), balances, net, as_of=first.clock.now)
            assert found.ok, found.exceptions


@settings(max_examples=12, deadline=None)
@given(months=st.integers(1, 14), history=moves(min_size=4, max_size=16))
def test_the_audit_log_tells_each_move(months: int, history: list[Move]) -> None:
    """Every move that somebody made is in the log at its time, under its own id; time and usage are not."""
    sim = Simulator(4, months=months)
    start = sim.clock.now
    expected: Counter[tuple[str, str, datetime]] = Counter()
    for move in history:
        if apply(sim, move) is not None and type(move) in DEEDS:
            expected[*DEEDS[type(move)], sim.clock.now] += 1
    with in_process(sim) as api:
        entries = audit(api, starting_on=start.isoformat())
        told = Counter((e["action"], e["resource_type"], datetime.fromisoformat(e["timestamp"])) for e in entries)
        assert {key: told[key] for key in expected} == dict(expected)
        assert len({entry["id"] for entry in entries}) == len(entries)
        assert entries == [entry for entry in audit(api) if entry["timestamp"] >= start.isoformat()]


@settings(max_examples=10, deadline=None)
@given(customers=st.integers(1, 4), history=moves(max_size=6), hours_ago=st.integers(1, 34 * 24 - 1))
def test_usage_moves_with_late_usage(customers: int, history: list[Move], hours_ago: int) -> None:
    """What arrives late is in the usage of its customer, to the unit and at every window size."""
    sim = Simulator(customers)
    for move in history:
        apply(sim, move)
    with in_process(sim) as api:
        before = {each: used(api, each) for each in api.customer_ids()}
        late = LateUsage(3, 2, hours_ago=hours_ago, quantity=1234)
        customer_id = apply(sim, late)
        after = {each: used(api, each) for each in api.customer_ids()}
        changed = {each: after[each] - before[each] for each in after if after[each] != before[each]}
        assert changed == ({} if customer_id is None else {customer_id: 1234})
        if customer_id is not None:
            assert used(api, customer_id, "DAY") == used(api, customer_id, "HOUR") == after[customer_id]


def test_the_clock_undoes_a_history(few: Api) -> None:
    """Set back, the account shows what it showed then; set forward again, all that happened."""
    sim, now = few.sim, few.sim.clock.now
    before = answers(few)
    history = (
        Advance(1),
        LateUsage(0),
        Void(1),
        ManualEntry(2),
        Touch(3, custom_fields=True),
        AddCustomer(),
        Archive(4),
    )
    for move in history:
        apply(sim, move)
    sim.clock.advance(timedelta(days=3))
    after = answers(few)
    then = sim.clock.now
    sim.clock.set(now)
    assert answers(few) == before
    sim.clock.set(then)
    assert answers(few) == after != before


def test_late_usage_of_an_open_period_is_billed(fresh: Api) -> None:
    """The draft, its days, the hour and the ledger gain what arrived; the customer object stays as it was."""
    customer_id = fresh.customer_ids()[0]
    before, row = standing(fresh, customer_id, "2026-11"), fresh.get(f"/v1/customers/{customer_id}")
    ledger = deductions(fresh.balances(customer_id))
    apply(fresh.sim, LateUsage(0, hours_ago=50, quantity=100))
    after = standing(fresh, customer_id, "2026-11")
    assert after["line_items"] != before["line_items"]
    assert days(fresh, after) == after["total"]
    drawn = -sum(deductions(fresh.balances(customer_id)).values()) + sum(ledger.values())
    assert drawn + after["total"] - before["total"] > 0
    bounds = {"starting_on": "2026-11-16T07:00:00Z", "ending_before": "2026-11-16T08:00:00Z"}
    (hour,) = fresh.breakdowns(customer_id, window_size="HOUR", **bounds)
    apply(fresh.sim, LateUsage(0, hours_ago=50, quantity=1))
    (later,) = fresh.breakdowns(customer_id, window_size="HOUR", **bounds)
    quantities = [sum(line.get("quantity", 0) for line in each["line_items"]) for each in (hour, later)]
    assert quantities[1] - quantities[0] == 1
    assert fresh.get(f"/v1/customers/{customer_id}") == row


def test_late_usage_of_a_final_period_waits_for_regeneration(fresh: Api) -> None:
    """The final invoice and the ledger stay; the breakdowns show more; the regenerated invoice bills it."""
    customer_id = fresh.customer_ids()[0]
    before, balances = standing(fresh, customer_id, "2026-10"), fresh.balances(customer_id)
    apply(fresh.sim, LateUsage(0, hours_ago=24 * 30, quantity=5_000))
    assert standing(fresh, customer_id, "2026-10") == before
    assert fresh.balances(customer_id) == balances
    seen = days(fresh, before)
    assert seen > before["total"]
    fresh.sim.void(customer_id, before["id"])
    twin_id = fresh.sim.regenerate(customer_id, before["id"])
    after = standing(fresh, customer_id, "2026-10")
    assert after["id"] == twin_id
    assert after["issued_at"] == fresh.sim.clock.now.isoformat()
    more = [sum(line.get("quantity", 0) for line in each["line_items"]) for each in (before, after)]
    assert more[1] - more[0] == 5_000
    assert days(fresh, after) == after["total"]


def test_a_void_gives_back_and_a_regeneration_takes_again(fresh: Api) -> None:
    """While an invoice is void its draws are back on the balance; the twin draws the same again."""
    customer_id = fresh.customer_ids()[1]
    invoice, balances = standing(fresh, customer_id, "2026-10"), fresh.balances(customer_id)
    fresh.sim.void(customer_id, invoice["id"])
    there = {row["id"]: row for row in fresh.invoices(customer_id)}
    assert there[invoice["id"]]["line_items"] == invoice["line_items"]
    assert there[invoice["id"]]["status"] == "VOID"
    given = {key: value for key, value in deductions(balances).items() if key[0] == invoice["id"]}
    assert given
    assert deductions(balances).keys() - deductions(fresh.balances(customer_id)).keys() == given.keys()
    twin_id = fresh.sim.regenerate(customer_id, invoice["id"])
    taken = {key: value for key, value in deductions(fresh.balances(customer_id)).items() if key[0] == twin_id}
    assert {key[1:]: value for key, value in taken.items()} == {key[1:]: value for key, value in given.items()}
    assert standing(fresh, customer_id, "2026-10")["line_items"] == invoice["line_items"]
    with pytest.raises(ValueError, match="no invoice that can be regenerated"):
        fresh.sim.regenerate(customer_id, invoice["id"])


def test_what_a_void_gives_back_may_be_used_up(fresh: Api) -> None:
    """Usage between void and regeneration may draw what came back; the twin then bills what nothing covers."""
    customer_id = fresh.customer_ids()[0]
    invoice = standing(fresh, customer_id, "2026-10")
    fresh.sim.void(customer_id, invoice["id"])
    (balance,) = fresh.balances(customer_id, covering_date=fresh.sim.clock.now.isoformat())
    fresh.sim.manual_entry(customer_id, balance["id"], amount=-int(balance["balance"]))
    fresh.sim.regenerate(customer_id, invoice["id"])
    twin = standing(fresh, customer_id, "2026-10")
    check_totals([twin])
    assert twin["total"] > invoice["total"]
    assert draws(fresh.invoices(customer_id)) == deductions(fresh.balances(customer_id))


def test_a_corrected_invoice_is_not_voided(fresh: Api) -> None:
    """A correction counts on the invoice it corrects, and so does a final true-up."""
    customer_id = fresh.customer_ids()[15]
    (corrected,) = [row["correction_record"] for row in fresh.invoices(customer_id) if "correction_record" in row]
    with pytest.raises(ValueError, match="no invoice that can be voided"):
        fresh.sim.void(customer_id, corrected["corrected_invoice_id"])
    trued_up = fresh.customer_ids()[7]
    early = fresh.invoices(trued_up, type="USAGE")[0]
    assert {line.get("commit_type") for line in early["line_items"]} & {"PostpaidCommit"}
    with pytest.raises(ValueError, match="no invoice that can be voided"):
        fresh.sim.void(trued_up, early["id"])


def test_a_new_customer_starts_now(fresh: Api) -> None:
    """It is last in the list, created and updated now, with contracts from today and a draft that fills."""
    now = fresh.sim.clock.now
    ids = [fresh.sim.add_customer() for _ in JOINING]
    assert fresh.customer_ids()[-len(ids) :] == ids
    fresh.sim.clock.advance(timedelta(days=1))
    for customer_id in ids:
        row = fresh.get(f"/v1/customers/{customer_id}")["data"]
        assert row["created_at"] == row["updated_at"] == now.isoformat()
        contracts = fresh.post("/v2/contracts/list", {"customer_id": customer_id})["data"]
        assert {c["created_at"] for c in contracts} == {now.isoformat()}
        assert {c["starting_at"][:10] for c in contracts} == {"2026-11-18"}
        assert fresh.invoices(customer_id, status="DRAFT")


def test_archiving_ends_everything(few: Api) -> None:
    """The customer moves to the other list, its invoices are void, its balances gone, and time changes nothing more."""
    sim = few.sim
    customer_id = few.customer_ids()[3]
    sim.archive(customer_id)
    now = sim.clock.now.isoformat()
    assert customer_id not in few.customer_ids()
    (row,) = few.get("/v1/customers", only_archived="true", customer_ids=customer_id)["data"]
    assert row["archived_at"] == row["updated_at"] == now
    before = answers(few)
    assert {invoice["status"] for invoice in few.invoices(customer_id)} == {"VOID"}
    assert {balance["balance"] for balance in few.balances(customer_id)} == {0}
    assert few.balances(customer_id, include_archived=False) == []
    listed = few.post("/v2/contracts/list", {"customer_id": customer_id, "include_archived": True})["data"]
    assert {contract["archived_at"] for contract in listed} == {now}
    sim.clock.advance(timedelta(days=100))
    mine = [key for key in before if key.endswith(customer_id)]
    assert [answers(few)[key] for key in mine] == [before[key] for key in mine]
    with pytest.raises(ValueError, match="is archived"):
        sim.touch(customer_id)


def test_updated_at_moves_with_the_customer_object_only(fresh: Api) -> None:
    """Usage, invoices, entries by hand and time leave it; a new name or custom field moves it to now."""

    def stamps() -> dict[str, str]:
        return {row["id"]: row["updated_at"] for row in fresh.rows("/v1/customers", limit=100)}

    before = stamps()
    for move in (Advance(20), LateUsage(0), Void(0), Regenerate(0), ManualEntry(0)):
        apply(fresh.sim, move)
    assert stamps() == before
    for place, custom_fields in ((0, False), (1, True)):
        customer_id = apply(fresh.sim, Touch(place, custom_fields=custom_fields))
        assert {key for key, value in stamps().items() if before[key] != value} == {customer_id}
        before = stamps()
    invoice = fresh.invoices(fresh.customer_ids()[1])[0]
    assert invoice["customer_custom_fields"]["touched_at"] == fresh.sim.clock.now.isoformat()


def test_a_list_in_the_middle_of_moves_skips_nobody(fresh: Api) -> None:
    """A cursor names the next customer: those archived or added between pages move nobody else."""
    ids = fresh.customer_ids()
    page = fresh.get("/v1/customers", limit=10)
    fresh.sim.archive(ids[2])
    fresh.sim.archive(ids[10])
    new = fresh.sim.add_customer()
    rows = page["data"]
    while page["next_page"] is not None:
        page = fresh.get("/v1/customers", limit=10, next_page=page["next_page"])
        rows += page["data"]
    assert [row["id"] for row in rows] == [*ids[:10], *ids[11:], new]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"when": timedelta(minutes=10)}, "hour that is over"),
        ({"when": timedelta(days=35)}, "of the last 34 days"),
        ({"when": timedelta(hours=2), "quantity": 0}, "quantity above zero"),
        ({"when": timedelta(hours=2), "stream": ("x", 0)}, "meters such usage"),
    ],
)
def test_what_cannot_happen_is_refused(fresh: Api, asked: Json, problem: str) -> None:
    """A move the API would refuse raises and leaves no trace."""
    customer_id = fresh.customer_ids()[0]
    when = fresh.sim.clock.now - asked.pop("when")
    with pytest.raises(ValueError, match=problem):
        fresh.sim.late_usage(customer_id, when=when, **asked)
    for wrong in (fresh.sim.void, fresh.sim.regenerate):
        with pytest.raises(ValueError, match="no invoice"):
            wrong(customer_id, "x")
    with pytest.raises(ValueError, match="no such customer"):
        fresh.sim.archive("x")
    with pytest.raises(ValueError, match="no such commit"):
        fresh.sim.manual_entry(customer_id, "x", amount=1)
    assert fresh.sim.account.happened == []


def test_customers_of_a_role_do_the_same_at_the_same_time() -> None:
    """The audit log relies on it: one script per role tells when its customers' deeds are done."""
    for months in (1, 2, 14):
        account = Simulator(3 * len(ROLES), months=months).account
        for role in range(len(ROLES)):
            mates = account.first_active[role :: len(ROLES)]
            told = [[deed[:3] for deed in agreed_deeds(account.agreements(index))] for index in mates]
            assert all(each == told[0] for each in told)


def test_the_audit_log_is_complete_however_large_the_account() -> None:
    """Every customer and contract was created by somebody, and the log says when."""
    with in_process(Simulator(400)) as api:
        entries = audit(api)
        created = Counter(
            e["resource_id"] for e in entries if (e["action"], e["resource_type"]) == ("create", "customer")
        )
        everyone = api.customer_ids() + [
            row["id"] for row in api.rows("/v1/customers", only_archived="true", limit=100)
        ]
        assert created == Counter(everyone)
        contracts = {e["resource_id"] for e in entries if e["resource_type"] == "contract" and e["action"] == "create"}
        asked = [{"customer_id": each, "include_archived": True} for each in everyone[::7]]
        assert {row["id"] for body in asked for row in api.post("/v2/contracts/list", body)["data"]} <= contracts
        assert [entry["timestamp"] for entry in entries] == sorted(entry["timestamp"] for entry in entries)


def test_what_is_served_may_be_changed(fresh: Api) -> None:
    """A move that this process makes is what another reader of the served account sees next."""
    with served(fresh.sim) as url, ma.connect(fresh.sim.token, base_url=url, progress=False) as account:
        before = account.customers()
        added = apply(fresh.sim, AddCustomer())
        assert set(account.customers()["id"]) - set(before["id"]) == {added}
