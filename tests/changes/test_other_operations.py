"""What is particular to single operations: what they refuse, what they say is lost, what the simulator then does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.changes.operations import OPERATIONS
from tests.changes.example import AHEAD
from tests.changes.examples import EXAMPLES, WEEK
from tests.changes.support import Desk, calls_of, opened
from tests.spec import operations, response_validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metronome_analytics.changes.fields import Change

ON_A_PLAN = 9
"""The place of the customer on the deprecated Plans."""
GATED = {
    "billing_config.create": "plans only",
    "billing_config.delete": "plans only",
    "plans.add": "plans only",
    "plans.end": "plans only",
    "invoices.add_charge": "plans only",
    "named_schedules.update": "client-gated",
}


@pytest.fixture
def writer(desk: Desk, journal: Path) -> Iterator[ma.Account]:
    """An account that may write everything."""
    with opened(
        desk.simulator, desk.url, journal, time=desk.time, allow_writes="all", sender=desk.sender
    ) as everything:
        yield everything


def apply(writer: ma.Account, *changes: Change) -> list[str]:
    """Plan and apply; what became of each."""
    plan = writer.plan(changes)
    return writer.apply(plan, plan.confirmation).table["status"].to_list()


def first(writer: ma.Account) -> dict[str, Any]:
    """The first customer."""
    return writer.customers().row(0, named=True)


@pytest.mark.parametrize(("name", "standing"), GATED.items())
def test_what_not_every_account_has_is_said(writer: ma.Account, desk: Desk, name: str, standing: str) -> None:
    """In the catalogue, in the plan, and where the API refuses it."""
    catalogue = ma.changes.catalogue()
    assert catalogue.filter(operation=name)["status"].to_list() == [standing]
    plan = writer.plan(EXAMPLES[name].make(writer))
    said = f"{name} is {standing}: not every account has it"
    assert said in plan.table["warnings"][0].to_list()
    desk.fault("status", calls_of(ENDPOINTS[OPERATIONS[name].endpoint]), status=404)
    row = writer.apply(plan, plan.confirmation).table.row(0, named=True)
    assert row["status"] == "refused"
    assert said in row["message"]


def test_nothing_else_is_said_to_be_missing_somewhere() -> None:
    """Whatever is for everybody is current, and its endpoint too."""
    catalogue = ma.changes.catalogue()
    others = catalogue.filter(pl.col("status") != "current")
    assert set(GATED) <= set(others["operation"])
    for operation in OPERATIONS.values():
        if operation.status == "current":
            assert ENDPOINTS[operation.endpoint].status.value == "current"


@pytest.mark.parametrize("name", sorted(n for n in EXAMPLES if str(ENDPOINTS[OPERATIONS[n].endpoint]) in operations()))
def test_the_simulator_answers_as_the_vendor_declares(writer: ma.Account, desk: Desk, name: str) -> None:
    """The answer to each write, by the vendor's schema."""
    plan = writer.plan(EXAMPLES[name].make(writer))
    call, endpoint = plan.call(0), ENDPOINTS[OPERATIONS[name].endpoint]
    answer = httpx.request(
        endpoint.method,
        desk.url + endpoint.path.format_map(call.path),
        json=dict(call.body),
        headers={"Authorization": f"Bearer {desk.simulator.token}"},
    )
    assert answer.status_code == 200
    response_validator(endpoint.path, endpoint.method, strict=True)(answer.json() if answer.content else None)


# --- customers -------------------------------------------------------------------------------------------------------


def test_an_alias_that_is_somebody_elses_is_refused_even_of_an_archived_customer(
    writer: ma.Account, desk: Desk
) -> None:
    """It says whose it is."""
    customers = writer.customers(include_archived=True)
    owner = customers.filter(pl.col("ingest_aliases").list.len() > 0).row(0, named=True)
    other = customers.filter(pl.col("id") != owner["id"], pl.col("archived_at").is_null()).row(0, named=True)
    alias = owner["ingest_aliases"][0]
    changes: list[Change] = [
        ma.changes.CreateCustomer(name="Newcomer Ltd", ingest_aliases=(alias,)),
        ma.changes.SetIngestAliases(customer_id=other["id"], ingest_aliases=(alias,)),
    ]
    for change in changes:
        with pytest.raises(ma.PlanRejected, match=f"{alias}' is an alias of .*{owner['id']}"):
            writer.plan(change)
    desk.simulator.archive(owner["id"])
    with pytest.raises(ma.PlanRejected, match=f"is an alias of .*{owner['id']}, archived"):
        writer.plan(changes[1])


def test_a_move_of_aliases_shows_the_usage_that_may_be_at_stake(writer: ma.Account) -> None:
    """What was metered in 34 days, what is added, what is taken off."""
    customer = first(writer)
    plan = writer.plan(ma.changes.SetIngestAliases(customer_id=customer["id"], ingest_aliases=("fresh",)))
    usage = writer.usage(customer["id"], starting_on=writer.now - timedelta(days=34), ending_before=writer.now)
    assert usage["value"].sum() > 0
    assert "usage of the last 34 days: " in plan.table["before"][0]
    assert "usage of the last 34 days: none" not in plan.table["before"][0]
    assert "add fresh, take off" in plan.table["what"][0]
    assert apply(writer, ma.changes.SetIngestAliases(customer_id=customer["id"], ingest_aliases=())) == ["applied"]


def test_a_flag_that_no_read_shows_is_sent_and_never_called_applied(writer: ma.Account, desk: Desk) -> None:
    """The Salesforce id of the same call is proved; the two are two changes."""
    customer_id = first(writer)["id"]
    flag = ma.changes.UpdateCustomerConfig(customer_id=customer_id, leave_stripe_invoices_in_draft=False)
    number = ma.changes.UpdateCustomerConfig(customer_id=customer_id, salesforce_account_id="clear")
    assert apply(writer, flag, number)[0] == "sent"
    assert writer.customer(customer_id)["salesforce_account_id"].to_list() == [None]
    assert desk.simulator.requests.count("updateConfig") == len(writer.journal().filter(kind="intent"))
    with pytest.raises(ma.ArgumentError, match="not both"):
        ma.changes.UpdateCustomerConfig(
            customer_id=customer_id, salesforce_account_id="x", leave_stripe_invoices_in_draft=True
        )
    with pytest.raises(ma.PlanRejected, match="cannot be undone"):
        writer.plan(flag).undo()


def test_an_archived_customers_phrase_counts_what_is_lost(writer: ma.Account) -> None:
    """Contracts, drafts, final invoices and balances with their worth, as the loaders count them."""
    customer = first(writer)
    invoices = writer.invoices(customer["id"])
    drafts, final = (invoices.filter(status=status).height for status in ("DRAFT", "FINALIZED"))
    plan = writer.plan(ma.changes.ArchiveCustomer(customer_id=customer["id"]))
    counted = f"{drafts} draft{'s' * (drafts != 1)}, {final} final invoice{'s' * (final != 1)}, "
    assert f"archive customer {customer['name']!r} for ever, with 1 contract, {counted}" in plan.confirmation
    assert "worth" in plan.confirmation
    assert writer.apply(plan, plan.confirmation).ok
    assert set(writer.invoices(customer["id"])["status"]) == {"VOID"}


def test_an_archived_customers_phrase_counts_what_is_still_to_come(writer: ma.Account) -> None:
    """A credit whose access has not begun has no balance yet, and goes all the same."""
    customer, at = first(writer), writer.now.replace(hour=0, minute=0)
    archive = ma.changes.ArchiveCustomer(customer_id=customer["id"])
    before = writer.plan(archive).confirmation
    credit = ma.changes.CreateCredit(
        customer_id=customer["id"],
        product_id=writer.products().filter(type="FIXED")["id"][0],
        segments=tuple(
            ma.changes.AccessItem(amount=Decimal(30_000), starting_at=at + n * WEEK, ending_before=at + (n + 1) * WEEK)
            for n in (1, 2)
        ),
        priority=1,
        name="To come",
        reason="Outage of 12 November",
    )
    assert apply(writer, credit) == ["applied"]
    after = writer.plan(archive).confirmation
    worth = [Decimal(phrase.split(" worth ")[1].split(" ")[0].replace(",", "")) for phrase in (before, after)]
    assert worth[1] - worth[0] == 60_000


def test_a_new_customer_can_be_given_what_every_other_has(writer: ma.Account) -> None:
    """It is found by its alias, and archived again by its id."""
    change = ma.changes.CreateCustomer(name="Newcomer Ltd", ingest_aliases='["newcomer"]')  # type: ignore[arg-type]  # as a CSV has it
    assert apply(writer, change) == ["applied"]
    (customer_id,) = writer.customers(ingest_alias="newcomer")["id"]
    assert apply(writer, ma.changes.SetCustomerName(customer_id=customer_id, name="Newcomer Inc.")) == ["applied"]
    assert apply(writer, ma.changes.ArchiveCustomer(customer_id=customer_id)) == ["applied"]
    with pytest.raises(ma.PlanRejected, match="archived"):
        writer.plan(change)


# --- where invoices go -----------------------------------------------------------------------------------------------


def test_an_archived_configuration_says_which_contracts_it_delivered(writer: ma.Account, desk: Desk) -> None:
    """What is issued from then on is not sent."""
    row = writer.contracts().filter(pl.col("customer_billing_provider_configuration").is_not_null()).row(0, named=True)
    own = writer.billing_configurations(row["customer_id"])
    plan = writer.plan(
        ma.changes.ArchiveBillingConfigurations(
            customer_id=row["customer_id"], customer_billing_provider_configuration_ids=tuple(own["id"])
        )
    )
    drafts = writer.invoices(row["customer_id"], status="DRAFT").height
    assert f"which stops the delivery of 1 contract with {drafts} draft" in plan.confirmation
    assert writer.apply(plan, plan.confirmation).ok
    desk.simulator.clock.advance(timedelta(days=20))
    sent = writer.invoices(row["customer_id"]).filter(status="FINALIZED", type="USAGE").sort("issued_at")
    assert sent["billing_provider_type"].is_null().to_list()[-2:] == [False, True]


def test_a_configuration_needs_a_way_of_delivery_that_the_account_has(writer: ma.Account) -> None:
    """By its id or by its kind, one of them."""
    given = {
        "customer_id": first(writer)["id"],
        "billing_provider": "workday",
        "configuration": '{"workday_customer_id": "1"}',
    }
    with pytest.raises(ma.PlanRejected, match="does not deliver to workday"):
        writer.plan({**given, "delivery_method": "tackle"}, operation="billing_configurations.set")
    with pytest.raises(ma.PlanRejected, match="not both"):
        writer.plan(given, operation="billing_configurations.set")


# --- invoices --------------------------------------------------------------------------------------------------------


def test_an_invoice_without_a_period_is_not_made_again_twice(writer: ma.Account) -> None:
    """Nothing of the account says that it was: the journal refuses it, and without that journal the plan warns."""
    final = writer.invoices(status="FINALIZED").filter(pl.col("start_timestamp").is_null()).row(0, named=True)
    own = {"customer_id": final["customer_id"], "invoice_id": final["id"]}
    assert apply(writer, ma.changes.VoidInvoice(**own)) == ["applied"]
    again = ma.changes.RegenerateInvoice(**own)
    assert apply(writer, again) == ["applied"]
    with pytest.raises(ma.PlanRejected, match="the journal has this regenerated invoice already"):
        writer.plan(again)
    meant = writer.plan(again, allow_duplicate=True)
    assert "it may have been made again already" in " ".join(meant.table["warnings"][0])
    assert "duplicates allowed" in meant.confirmation


def test_a_draft_is_not_voided_and_a_final_one_not_made_again(writer: ma.Account) -> None:
    """Each says how it stands; a void one is made again once."""
    draft = writer.invoices(status="DRAFT").row(0, named=True)
    ids = {"customer_id": draft["customer_id"], "invoice_id": draft["id"]}
    with pytest.raises(ma.PlanRejected, match="it is a DRAFT"):
        writer.plan(ma.changes.VoidInvoice(**ids))
    with pytest.raises(ma.PlanRejected, match="only a void invoice"):
        writer.plan(ma.changes.RegenerateInvoice(**ids))
    again = EXAMPLES["invoices.regenerate"].make(writer)
    assert apply(writer, again) == ["applied"]
    with pytest.raises(ma.PlanRejected, match="made again already"):
        writer.plan(again)


def test_a_commit_is_archived_once_its_invoice_is_void(writer: ma.Account) -> None:
    """The invoice of a purchase is voided like any other, and made again."""
    contract = writer.contracts().filter(pl.col("ending_before").is_null()).row(0, named=True)
    product = writer.products().filter(type="FIXED")["id"][0]
    month = writer.now.replace(day=1, hour=0, minute=0)
    commit = ma.changes.CreateCommit(
        customer_id=contract["customer_id"],
        product_id=product,
        amount=Decimal(10_000),
        starting_at=month,
        ending_before=AHEAD,
        priority=1,
        name="Bought",
        reason="Bought by mistake",
        invoice_amount=Decimal(10_000),
        invoice_at=month,
        invoice_contract_id=contract["id"],
    )
    assert apply(writer, commit) == ["applied"]
    bought = writer.commits(contract["customer_id"]).filter(name="Bought").row(0, named=True)
    its = (pl.col("commit_id") == bought["id"]) & (pl.col("type") == "commit_purchase")
    line = ma.line_items(writer.invoices(contract["customer_id"])).filter(its).row(0, named=True)
    ids = {"customer_id": contract["customer_id"], "invoice_id": line["invoice_id"]}
    archive = ma.changes.ArchiveCommit(customer_id=contract["customer_id"], commit_id=bought["id"])
    assert apply(writer, archive) == ["refused"]
    assert apply(writer, ma.changes.VoidInvoice(**ids)) == ["applied"]
    assert apply(writer, ma.changes.RegenerateInvoice(**ids)) == ["applied"]
    lines = ma.line_items(writer.invoices(contract["customer_id"])).filter(its)
    assert sorted(lines["invoice_status"]) == ["FINALIZED", "VOID"]


# --- plans, schedules, filters ---------------------------------------------------------------------------------------


def test_an_end_before_final_invoices_of_a_plan_says_that_they_are_void_for_ever() -> None:
    """Without void_invoices it is refused; with it, it has a plan and a phrase of its own."""
    account = ma.demo(customers=ON_A_PLAN + 1, seed=7)
    customer_id = account.customers()["id"][ON_A_PLAN]
    plan = account.plans(customer_id).row(0, named=True)
    final = account.invoices(customer_id, status="FINALIZED").sort("start_timestamp")
    end = final["start_timestamp"][-2]
    given = {"customer_id": customer_id, "customer_plan_id": plan["id"], "ending_before": end}
    with pytest.raises(ma.PlanRejected, match="2 final invoices bill what is after it"):
        account.plan(ma.changes.EndPlan(**given))
    ended = ma.changes.EndPlan(**given, void_invoices=True, void_stripe_invoices=True)
    assert "for ever, with 2 final invoices, at Stripe too" in account.plan(ended).confirmation
    with pytest.raises(ma.PlanRejected, match="a plan of its own"):
        account.plan([ended, ma.changes.SetCustomerName(customer_id=customer_id, name="Other")])
    with pytest.raises(ma.ArgumentError, match="goes with void_invoices"):
        ma.changes.EndPlan(**given, void_stripe_invoices=True)


def test_invoices_of_the_next_plan_do_not_hold_an_end_up(writer: ma.Account, desk: Desk) -> None:
    """They are the next plan's, though they are after the end."""
    change = EXAMPLES["plans.add"].make(writer)
    assert isinstance(change, ma.changes.AddPlan)
    turn = writer.now.replace(month=12, day=1, hour=0, minute=0)
    assert apply(writer, change.model_copy(update={"ending_before": turn})) == ["applied"]
    assert apply(writer, change.model_copy(update={"starting_on": turn})) == ["applied"]
    desk.simulator.clock.set(turn + 6 * WEEK)
    first_plan = writer.plans(change.customer_id).filter(ending_before=turn).row(0, named=True)
    final = writer.invoices(change.customer_id, status="FINALIZED").filter(pl.col("contract_id").is_null())
    assert final["start_timestamp"].max() == turn
    ended = ma.changes.EndPlan(customer_id=change.customer_id, customer_plan_id=first_plan["id"], ending_before=turn)
    assert apply(writer, ended) == ["already_applied"]


def test_a_plan_begins_where_no_other_runs_and_at_midnight(writer: ma.Account) -> None:
    """The other one is named."""
    change = EXAMPLES["plans.add"].make(writer)
    assert apply(writer, change) == ["applied"]
    with pytest.raises(ma.PlanRejected, match=r"Legacy scale plan runs from .*plans\.end ends it"):
        writer.plan(change.model_copy(update={"starting_on": AHEAD - WEEK}))
    with pytest.raises(ma.PlanRejected, match="not midnight UTC"):
        writer.plan({**change.fields(), "starting_on": "2026-12-01T05:00:00Z"}, operation="plans.add")


def test_a_charge_is_on_the_draft_and_in_the_phrase(writer: ma.Account) -> None:
    """What it comes to, before and after; the same once more is refused."""
    change = EXAMPLES["invoices.add_charge"].make(writer)
    plan = writer.plan(change)
    assert "25,000 USD (cents) = $250.00" in plan.confirmation
    draft = writer.invoices(change.customer_id).filter(id=plan.changes[0].subject_id)
    assert writer.apply(plan, plan.confirmation).ok
    charged = writer.invoices(change.customer_id).filter(id=plan.changes[0].subject_id)
    assert charged["total"][0] == draft["total"][0] + 25_000
    with pytest.raises(ma.PlanRejected, match="the draft has this charge already"):
        writer.plan(change)


def test_a_schedule_that_had_several_values_is_not_written_back_by_one(writer: ma.Account) -> None:
    """A value for good over two old ones; a name that is nobody's is pointed out."""
    customer_id = first(writer)["id"]
    given = {"customer_id": customer_id, "starting_at": "2026-01-01", "ending_before": "open", "value": 3}
    plan = writer.plan(ma.changes.UpdateNamedSchedule(**given, schedule_name="account-manager"))
    assert apply(writer, plan.changes[0].change) == ["applied"]
    values = writer.named_schedule("account-manager", customer=customer_id)["value"].to_list()
    assert values[-1] == "3"
    with pytest.raises(ma.PlanRejected, match="not one value"):
        plan.undo()
    unknown = writer.plan(ma.changes.UpdateNamedSchedule(**given, schedule_name="acount-manager"))
    assert "it may be misspelt" in str(unknown.table["warnings"][0].to_list())


def test_a_filtered_contract_bills_nothing_else_and_no_two_bill_the_same(writer: ma.Account, desk: Desk) -> None:
    """From its start on; a second filter is undone by the first, and another contract does not get its values."""
    change = EXAMPLES["contracts.set_usage_filter"].make(writer)
    assert isinstance(change, ma.changes.SetUsageFilter)
    assert apply(writer, change) == ["applied"]
    later = change.model_copy(update={"group_values": ("us-east",), "starting_at": AHEAD + WEEK})
    plan = writer.plan(later)
    assert plan.table["before"].to_list() == ["region in eu-west"]
    assert plan.undo() == [later.model_copy(update={"group_values": ("eu-west",)})]
    with pytest.raises(ma.PlanRejected, match="no group key of the customer's metrics"):
        writer.plan(change.model_copy(update={"group_key": "colour"}))
    desk.simulator.clock.set(AHEAD + 4 * WEEK)
    usage = ma.line_items(writer.invoices(change.customer_id, status="DRAFT")).filter(
        pl.col("contract_id") == change.contract_id, pl.col("type") == "usage", pl.col("quantity") > 0
    )
    assert set(usage["pricing_group_values"].map_elements(lambda group: dict(group).get("region"), pl.String)) <= {
        "eu-west"
    }
