"""What is told of contracts, commits and invoices that the laws of all operations do not say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.changes import contract_amendments, contract_changes, contract_edits
from tests.changes.contract_examples import NEXT, new_contract, signed
from tests.changes.example import AHEAD, fixed_product
from tests.changes.examples import EXAMPLES
from tests.changes.support import calls_of, opened
from tests.fakes import account_of, answer
from tests.spec import request_validator, response_problems, spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.changes.support import Desk

DAYS = ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-03-01T00:00:00Z")


@pytest.fixture
def writer(desk: Desk, journal: Path) -> Iterator[ma.Account]:
    """An account that may write everything."""
    with opened(
        desk.simulator, desk.url, journal, time=desk.time, allow_writes="all", sender=desk.sender
    ) as everything:
        yield everything


def done(writer: ma.Account, *changes: Any) -> ma.Plan:
    """A plan of changes that were applied."""
    plan = writer.plan(list(changes))
    assert writer.apply(plan, plan.confirmation).ok
    return plan


def commit(account: ma.Account, **more: Any) -> ma.changes.CreateCommit:
    """A commit of two segments, invoiced twice."""
    contract = account.contracts().row(0, named=True)
    spans = [(5000, *DAYS[:2]), (7000, *DAYS[1:])]
    given: dict[str, Any] = {
        "customer_id": contract["customer_id"],
        "product_id": fixed_product(account),
        "segments": [{"amount": amount, "starting_at": at, "ending_before": end} for amount, at, end in spans],
        "invoices": [{"timestamp": at, "amount": 4000} for at in DAYS[:2]],
        "invoice_contract_id": contract["id"],
        "priority": 1,
        "name": "Commit in parts",
        "reason": "Renewal of November",
    }
    return ma.changes.CreateCommit(**given | more)


@pytest.mark.parametrize(
    ("room", "payload", "prefix"),
    [
        (contract_changes, "CreateContractPayload", ""),
        (contract_edits, "EditContractPayload", "add_"),
        (contract_amendments, "AmendContractPayload", ""),
    ],
    ids=["create", "edit", "amend"],
)
def test_what_may_be_sent_as_it_is_is_what_the_vendor_takes(room: Any, payload: str, prefix: str) -> None:
    """Every property of the vendor's schema is a field of the class or one of `further`, and no other is."""
    kinds: Any = {"": contract_changes.CreateContract, "add_": contract_edits.EditContract}
    kind: Any = contract_amendments.AmendContract if room is contract_amendments else kinds[prefix]
    taken = set(spec()["components"]["schemas"][payload]["properties"])
    own = set(kind.model_fields) - {"further", "archive_added_by"}
    assert taken - own - {"uniqueness_key"} == room.FURTHER
    assert own <= taken


def test_an_end_of_a_contract_is_asked_for(writer: ma.Account) -> None:
    """The API takes silence for open: here it is an error, as is a term that the API does not know."""
    given = new_contract(writer)
    del given["ending_before"]
    with pytest.raises(ma.ArgumentError, match="ending_before: Field required"):
        ma.changes.CreateContract(**given)
    with pytest.raises(ma.PlanRejected, match="further: the API takes no ovverrides"):
        writer.plan(ma.changes.CreateContract(**new_contract(writer, further={"ovverrides": []})))
    with pytest.raises(ma.PlanRejected, match="rate_card_id: give one of"):
        writer.plan(ma.changes.CreateContract(**new_contract(writer, package_id="p")))


def test_the_phrase_of_an_archived_contract_counts_what_is_lost(writer: ma.Account) -> None:
    """Contract, drafts, final invoices where they are voided, balances and what they are worth, to come too."""
    plan = writer.plan(EXAMPLES["contracts.archive"].make(writer))
    assert "for ever, which archives 1 contract, 2 drafts, 1 balance worth 5,000 USD (cents) = $50.00" in (
        plan.confirmation
    )
    assert writer.apply(plan, plan.confirmation).ok
    contract = plan.changes[0].subject_id
    assert contract not in writer.contracts()["id"]
    assert writer.invoices().filter(pl.col("contract_id") == contract)["status"].unique().to_list() == ["VOID"]
    assert contract not in writer.balances()["contract_id"]


def test_an_edit_is_taken_back_by_an_edit(writer: ma.Account) -> None:
    """Name, end and terms are as they were; what was added is archived, and the phrase counts it."""
    plan = writer.plan(EXAMPLES["contracts.edit"].make(writer))
    id_ = plan.changes[0].subject_id
    values = ("name", "ending_before", "net_payment_terms_days")

    def now() -> tuple[object, ...]:
        return writer.contracts().filter(id=id_).select(values).row(0)

    before = now()
    assert writer.apply(plan, plan.confirmation).ok
    assert now() == ("Order form, second version", AHEAD, 45)
    assert writer.balances().filter(contract_id=id_).height == 2
    back = writer.plan(plan.undo())
    assert "for ever, which archives 2 balances worth 10,000 USD (cents) = $100.00, 1 scheduled charge" in (
        back.confirmation
    )
    assert writer.apply(back, back.confirmation).ok
    assert now() == before
    assert writer.balances().filter(contract_id=id_).is_empty()


def test_what_an_edit_archives_goes_alone(writer: ma.Account) -> None:
    """A plan with something that is lost for ever holds nothing else."""
    added = done(writer, EXAMPLES["contracts.edit"].make(writer))
    with pytest.raises(ma.PlanRejected, match="a plan of its own"):
        writer.plan([*added.undo(), EXAMPLES["customers.set_name"].make(writer)])


def test_a_preview_that_moved_makes_the_plan_stale(writer: ma.Account, desk: Desk) -> None:
    """What the API previews is in the plan; where it says something else now, nothing is sent."""
    plan = writer.plan(EXAMPLES["contracts.create_historical_invoices"].make(writer))
    assert "the API's preview, in its unit: API calls 500" in plan.table["after"][0]
    assert plan.table["amount"].to_list() == [500]

    def dearer(payload: dict[str, Any]) -> None:
        payload["data"][0]["total"] = 501

    desk.fault("mutate", "createHistoricalInvoices", change=dearer)
    sent: list[object] = []
    desk.sender.before.append(lambda call, _: sent.append(call))
    with pytest.raises(ma.StalePlan):
        writer.apply(plan, plan.confirmation)
    assert sent == []


def test_what_the_api_would_refuse_is_a_problem_of_the_row(writer: ma.Account) -> None:
    """The preview's own words, by row; and a period that is invoiced is not tried again."""
    change = EXAMPLES["contracts.create_historical_invoices"].make(writer)
    euro = writer.credit_types().filter(name="EUR")["id"][0]
    with pytest.raises(ma.PlanRejected, match="credit_type_id must be what the contract is paid in"):
        writer.plan(change.model_copy(update={"credit_type_id": euro}))
    done(writer, change)
    with pytest.raises(ma.PlanRejected, match="of the contract is of this period"):
        writer.plan(change)


def test_a_preview_of_history_always_says_that_it_is_one() -> None:
    """No argument of the loader reaches `preview`."""
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return answer([])

    with account_of(handler) as account:
        assert account.preview_historical_invoices([{"customer_id": "c"}]).is_empty()
        with pytest.raises(ma.ArgumentError, match="preview"):
            account.preview_historical_invoices([{"preview": False}])
    assert [body["preview"] for body in seen] == [True]


def test_services_are_billed_up_to_their_most(writer: ma.Account) -> None:
    """What is billed counts, of this plan too; a line says its amount in one way."""
    change: Any = EXAMPLES["contracts.schedule_pro_services_invoice"].make(writer)
    id_ = change.line_items[0].professional_service_id
    done(writer, change)
    more = change.model_copy(update={"reason": "Migration in December"})
    over = {"professional_service_id": id_, "amount": 40_001}
    with pytest.raises(ma.PlanRejected, match="over its max_amount, 80000: 40000 is billed"):
        writer.plan({**more.fields(), "line_items": [over]}, operation=change.operation)
    with pytest.raises(ma.PlanRejected, match="give amount, or unit_price and quantity"):
        writer.plan({**more.fields(), "line_items": [{**over, "quantity": 1}]}, operation=change.operation)
    with pytest.raises(ma.PlanRejected, match="the account has this invoice already"):
        writer.plan(change)


def test_a_commit_may_come_in_parts(writer: ma.Account) -> None:
    """Segments and invoices are read back as they were asked for; a CSV writes them as JSON."""
    change = commit(writer)
    plan = done(writer, change)
    own = writer.balances().filter(pl.col("uniqueness_key") == plan.uniqueness_key(0))
    assert ma.segments(own)["amount"].to_list() == [5000, 7000]
    assert "in 2 segments, invoiced 4,000 USD (cents) = $40.00 at 2026-12-01 00:00 UTC and" in plan.table["what"][0]
    assert plan.table["amount"].to_list() == [12_000]
    row = {name: json.dumps(v) if isinstance(v, list) else str(v) for name, v in change.fields().items() if v}
    with pytest.raises(ma.PlanRejected, match="the account has this commit already"):
        writer.plan(pl.DataFrame([row]), operation="commits.create")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"invoices": []}, "go together with invoice_contract_id"),
        ({"type": "POSTPAID"}, "a POSTPAID commit has one segment and one invoice"),
        (
            {"segments": [{"amount": 5, "starting_at": DAYS[0], "ending_before": DAYS[at]} for at in (1, 2)]},
            "two segments overlap",
        ),
    ],
    ids=["no invoices", "postpaid", "overlap"],
)
def test_terms_that_contradict_each_other_are_told(writer: ma.Account, more: dict[str, Any], problem: str) -> None:
    """Before anything is sent, by row."""
    with pytest.raises(ma.PlanRejected, match=problem):
        writer.plan(commit(writer, **more))
    with pytest.raises(ma.ArgumentError, match="give amount, starting_at and ending_before, or segments"):
        commit(writer, amount=5)


def test_a_postpaid_commit_is_trued_up_once(writer: ma.Account) -> None:
    """One segment and one invoice of as much, at its end; it can be archived, which undoes it."""
    span = [{"amount": 5000, "starting_at": DAYS[0], "ending_before": DAYS[1]}]
    due = [{"amount": 5000, "timestamp": DAYS[1]}]
    plan = done(writer, commit(writer, type="POSTPAID", segments=span, invoices=due))
    own = writer.balances().filter(pl.col("uniqueness_key") == plan.uniqueness_key(0))
    assert own["type"].to_list() == ["POSTPAID"]
    done(writer, *plan.undo())


def test_a_commit_may_be_invoiced_no_more(writer: ma.Account) -> None:
    """`invoices_ending_before` alone leaves access as it is; nothing brings the invoices back."""
    made = done(writer, commit(writer))
    own = writer.balances().filter(pl.col("uniqueness_key") == made.uniqueness_key(0)).row(0, named=True)
    ids: dict[str, Any] = {"customer_id": own["customer_id"], "commit_id": own["id"]}
    with pytest.raises(ma.PlanRejected, match="or both"):
        writer.plan(ma.changes.EndCommit(**ids))
    with pytest.raises(ma.PlanRejected, match="nothing is invoiced for it then or later"):
        writer.plan(ma.changes.EndCommit(**ids, invoices_ending_before=AHEAD))
    plan = done(writer, ma.changes.EndCommit(**ids, invoices_ending_before=datetime(2027, 1, 1, tzinfo=UTC)))
    assert "no longer invoiced: 2027-01-01 00:00 UTC" in plan.table["after"][0]
    with pytest.raises(ma.PlanRejected, match="do not come back"):
        plan.undo()
    now = writer.balances().filter(id=own["id"])
    assert [item["timestamp"] for item in now["invoice_schedule"][0]["schedule_items"]] == [NEXT]
    assert ma.segments(now).height == 2


def test_an_earlier_end_says_what_goes_with_it(writer: ma.Account) -> None:
    """The segments that are cut and dropped, and the drafts that follow."""
    made = done(writer, commit(writer))
    own = writer.balances().filter(pl.col("uniqueness_key") == made.uniqueness_key(0)).row(0, named=True)
    change = ma.changes.EndCommit(
        customer_id=own["customer_id"], commit_id=own["id"], access_ending_before=datetime(2026, 12, 15, tzinfo=UTC)
    )
    said = " ".join(writer.plan(change).table["warnings"][0])
    assert "truncates the segment of 5,000 USD (cents) = $50.00 from 2026-12-01" in said
    assert "drops the segment of 7,000 USD (cents) = $70.00 from 2027-01-01" in said
    assert "draft invoices of the customer follow at once" in said


def test_a_new_credit_shows_the_forecast_before_and_after(writer: ma.Account) -> None:
    """By the account's own analysis: when the balances together run out, or what is left of them."""
    plan = writer.plan(EXAMPLES["credits.create"].make(writer))
    for said in (plan.table["before"][0], plan.table["after"][0]):
        assert said.partition("; ")[2]


def test_what_is_archived_is_worth_what_it_will_grant(writer: ma.Account) -> None:
    """A credit that has not started is not worth nothing."""
    credit: Any = EXAMPLES["credits.create"].make(writer)
    made = done(writer, credit.model_copy(update={"starting_at": NEXT}))
    plan = writer.plan(made.undo())
    assert "which takes 1 balance worth 10,000 USD (cents) = $100.00" in plan.confirmation


def test_a_customer_that_is_renamed_is_one_customer(writer: ma.Account) -> None:
    """The phrase counts customers by id, and says the name that it still has."""
    credit: Any = EXAMPLES["credits.create"].make(writer)
    name = ma.changes.SetCustomerName(customer_id=credit.customer_id, name="Renamed Ltd")
    old = writer.customers(customer_ids=[credit.customer_id])["name"][0]
    assert f", for {old} in test" in writer.plan([name, credit]).confirmation


def test_a_contract_that_is_archived_takes_no_change(writer: ma.Account) -> None:
    """It is told, by row."""
    own = signed(writer)
    done(writer, ma.changes.ArchiveContract(**own, void_invoices=False))
    with pytest.raises(ma.PlanRejected, match="is archived"):
        writer.plan(ma.changes.EditContract(**own, update_contract_name="Too late"))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith("contracts.")])
def test_what_the_simulator_says_afterwards_obeys_the_vendors_schemas(
    writer: ma.Account, desk: Desk, name: str
) -> None:
    """Its answer to the write, and every read in which what was done shows."""
    answers: list[tuple[str, str, Any]] = []
    plan = writer.plan(EXAMPLES[name].make(writer))
    endpoint = ENDPOINTS[plan.call(0).endpoint]
    customer = plan.changes[0].customer_id
    with httpx.Client(base_url=desk.url, headers={"Authorization": f"Bearer {desk.simulator.token}"}) as client:

        def ask(method: str, template: str, **body: Any) -> Any:
            path = template.format(customer_id=customer)
            response = client.request(method, path, json=body or None).raise_for_status()
            if not response.content:  # a write that the vendor says no body of
                return None
            answers.append((template, method, response.json()))
            return response.json()["data"]

        ask(endpoint.method, endpoint.path, **plan.call(0).body)
        ask("POST", "/v2/contracts/list", customer_id=customer, include_archived=True)
        for contract in ask("POST", "/v1/contracts/list", customer_id=customer, include_archived=True):
            ask("POST", "/v2/contracts/getEditHistory", customer_id=customer, contract_id=contract["id"])
        ask("POST", "/v1/contracts/customerBalances/list", customer_id=customer, include_ledgers=True)
        ask("GET", "/v1/customers/{customer_id}/invoices")
    for template, method, answered in answers:
        assert response_problems(template, method)(answered) == [], template


def test_bodies_of_the_rarer_ways_obey_the_vendors_schemas(writer: ma.Account) -> None:
    """Parts, a postpaid commit, an end of invoices, an open end, what an earlier edit added, a contract to an end."""
    made = done(writer, commit(writer))
    own = writer.balances().filter(pl.col("uniqueness_key") == made.uniqueness_key(0)).row(0, named=True)
    edited = done(writer, EXAMPLES["contracts.edit"].make(writer))
    span = [{"amount": 5000, "starting_at": DAYS[0], "ending_before": DAYS[1]}]
    due = [{"amount": 5000, "timestamp": DAYS[1]}]
    plans = [
        made,
        edited,
        writer.plan(edited.undo()),
        writer.plan(commit(writer, type="POSTPAID", segments=span, invoices=due, name="Postpaid")),
        writer.plan(
            ma.changes.EndCommit(customer_id=own["customer_id"], commit_id=own["id"], invoices_ending_before=NEXT)
        ),
        writer.plan(ma.changes.CreateContract(**new_contract(writer, ending_before=AHEAD, further={"overrides": []}))),
    ]
    for plan in plans:
        call = plan.call(0)
        endpoint = ENDPOINTS[call.endpoint]
        request_validator(endpoint.path, endpoint.method)({}, dict(call.body))
    assert plans[2].call(0).body["update_contract_end_date"] is None


def test_what_is_invoiced_is_held_to_the_limits(writer: ma.Account) -> None:
    """A small commit with a large invoice, a large charge, and many that are large together."""
    first, later = ({"timestamp": at, "amount": 900_000} for at in DAYS[:2])
    with pytest.raises(ma.PlanRejected, match=r"invoices: 1,800,000 USD .* is over max_entry, 10,000 USD"):
        writer.plan(commit(writer, invoices=[first, later]))
    charge = {"product_id": fixed_product(writer), "name": "Onboarding", "invoices": [first, later]}
    with pytest.raises(ma.PlanRejected, match=r"invoices: 1,800,000 USD .* is over max_entry, 10,000 USD"):
        writer.plan(ma.changes.CreateContract(**new_contract(writer, scheduled_charges=(charge,))))
    several = [commit(writer, name=f"Commit {number}", invoices=[first]) for number in range(6)]
    with pytest.raises(ma.PlanRejected, match="row 5, invoices: with it the plan moves 54,000"):
        writer.plan(several)
    assert "charge 'Onboarding' of 900,000 USD (cents) = $9,000.00" in (
        writer.plan(
            ma.changes.CreateContract(**new_contract(writer, scheduled_charges=({**charge, "invoices": [first]},)))
        ).confirmation
    )


def test_a_contracts_grants_are_held_to_the_limits_together(writer: ma.Account) -> None:
    """Two credits of one contract, each below the limit, are one change that is over it."""
    span = {"amount": 600_000, "starting_at": DAYS[0], "ending_before": DAYS[1]}
    own = {"product_id": fixed_product(writer), "priority": 1, "segments": [span]}
    credits_ = ({**own, "name": "First"}, {**own, "name": "Second"})
    with pytest.raises(ma.PlanRejected, match=r"1,200,000 USD .* is over max_entry, 10,000 USD"):
        writer.plan(ma.changes.CreateContract(**new_contract(writer, credits=credits_)))


def test_an_invoice_in_an_unknown_unit_is_refused(writer: ma.Account) -> None:
    """As access in one is."""
    with pytest.raises(ma.PlanRejected, match="invoices: unknown credit type nothing"):
        writer.plan(commit(writer, invoice_credit_type_id="nothing"))


def test_drafts_that_follow_an_end_are_the_customers_own(writer: ma.Account) -> None:
    """Whoever else the plan is about."""
    owners = writer.contracts()["customer_id"].unique(maintain_order=True)[:2].to_list()
    credits_ = [
        ma.changes.CreateCredit(
            customer_id=owner,
            product_id=fixed_product(writer),
            segments=tuple(ma.changes.AccessItem(amount=5, starting_at=a, ending_before=b) for a, b in [DAYS[:2]]),  # type: ignore[arg-type]  # text is read
            priority=1,
            name="Goodwill",
            reason="Outage of 12 November",
        )
        for owner in owners
    ]
    done(writer, *credits_)
    own = writer.balances().filter(name="Goodwill").select("customer_id", credit_id="id").rows(named=True)
    end = datetime(2026, 12, 15, tzinfo=UTC)
    plan = writer.plan([ma.changes.EndCredit(**each, access_ending_before=end) for each in own])
    for row in plan.table.iter_rows(named=True):
        number = writer.invoices(row["customer_id"], status="DRAFT").filter(pl.col("contract_id").is_not_null()).height
        follow = f"draft invoice{'s' * (number != 1)} of the customer follow{'s' * (number == 1)} at once"
        assert f"{number} {follow}" in row["warnings"]


def test_contracts_of_one_customer_are_made_on_where_the_plan_stopped(writer: ma.Account, desk: Desk) -> None:
    """The first, which the plan itself has made, does not make the plan stale for the second."""
    plan = writer.plan([ma.changes.CreateContract(**new_contract(writer, name=name)) for name in ("One", "Two")])
    sent: list[Any] = []
    desk.sender.after.append(lambda call, _: sent.append(call))
    desk.sender.after.append(
        lambda *_: desk.fault("status", calls_of(ENDPOINTS["create_contract"]), status=400) if len(sent) == 1 else None
    )
    assert writer.apply(plan, plan.confirmation).table["status"].to_list() == ["applied", "refused"]
    assert writer.apply(plan, plan.confirmation).table["status"].to_list() == ["already_applied", "applied"]
    assert writer.contracts().filter(pl.col("name").is_in(["One", "Two"])).height == 2
