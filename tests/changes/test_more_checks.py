"""What is checked of balances, contracts and customers before they are ended, by themselves: nothing is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import metronome_analytics as ma
from metronome_analytics.changes.holdings import Contract, Customer, Segment
from metronome_analytics.changes.operation import Seen
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.papers import Papers
from metronome_analytics.changes.records import Facts
from metronome_analytics.changes.surroundings import CustomerPlan, Surroundings
from tests.changes.made_up import MAIN, checked, day, held, invoice, review_of

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change

CREDIT = {"b": held(type="CREDIT", balance=Decimal(20), uniqueness_key="key", contract_id="k")}
COMMIT = {"b": held(type="PREPAID", invoiced_at=(day(3), day(6)))}
HOUR = timedelta(hours=1)


def wrong(change: Change, **read: Any) -> list[str]:
    """What is wrong with it, in words."""
    review = review_of(**read)
    assert (review.check(0, change, OPERATIONS[change.operation]) is None) == bool(review.problems)
    return [problem.problem for problem in review.problems]


# --- access ----------------------------------------------------------------------------------------------------------


def end(at: Any, customer: str = "c") -> Change:
    """The end of the credit."""
    return ma.changes.EndCredit(customer_id=customer, credit_id="b", access_ending_before=at)


def test_an_end_is_within_the_access() -> None:
    """After its first moment, and not after its last; an end where it ends already is one."""
    assert "nothing of it would be left" in wrong(end(day(1)), balances=CREDIT)[0]
    assert "extends" in wrong(end(day(20) + HOUR), balances=CREDIT)[0]
    for at in (day(1) + HOUR, day(20)):
        assert wrong(end(at), balances=CREDIT) == []


def test_an_end_of_a_commit_is_of_its_access_its_invoices_or_both() -> None:
    """Of invoices there must be one then or later; what is taken off does not come back."""

    def ended(**given: Any) -> Change:
        return ma.changes.EndCommit(customer_id="c", commit_id="b", **given)

    assert "give access_ending_before" in wrong(ended(), balances=COMMIT)[0]
    assert wrong(ended(invoices_ending_before=day(6) + HOUR), balances=COMMIT) == [
        "nothing is invoiced for it then or later"
    ]
    cut = checked(ended(invoices_ending_before=day(6)), review_of(balances=COMMIT))
    assert (cut.opposite, cut.no_undo) == (None, "invoices that are taken off a schedule do not come back")
    moved = checked(ended(access_ending_before=day(15)), review_of(balances=COMMIT))
    assert moved.opposite is not None


def test_an_extension_ends_later_and_before_what_follows() -> None:
    """Of one segment, which is named where there are several; what had expired is there again."""

    def extended(to: Any, segment: str | None) -> Change:
        return ma.changes.ExtendCredit(customer_id="c", credit_id="b", segment_id=segment, ending_before=to)

    assert "name one of its 2 segments" in wrong(extended(day(21), None), balances=CREDIT)[0]
    assert "ends at 2027-01-20" in wrong(extended(day(20) - HOUR, "s2"), balances=CREDIT)[0]
    assert "is in the way" in wrong(extended(day(10) + HOUR, "s1"), balances=CREDIT)[0]
    last = checked(extended(day(21), "s2"), review_of(balances=CREDIT))
    first = checked(extended(day(10), "s1"), review_of(balances=CREDIT))
    assert [last.warnings, first.warnings] == [(), ("it had expired: what was left is there again",)]
    assert last.opposite == end(day(20))
    assert (first.opposite, first.no_undo) == (None, "later segments would be cut with it")


def test_access_is_moved_of_the_customers_own_running_balance() -> None:
    """Of the right kind, neither postpaid nor archived."""
    assert "has no credit b" in wrong(end(day(15)), balances={})[0]
    assert "has no credit b" in wrong(end(day(15)), balances={"b": replace(CREDIT["b"], customer_id="other")})[0]
    assert wrong(end(day(15)), balances=COMMIT) == ["b is no credit"]
    assert wrong(end(day(15)), balances={"b": replace(CREDIT["b"], archived=True)}) == ["b is archived"]
    assert wrong(end(day(15)), balances=CREDIT, customers={}) != []
    postpaid = ma.changes.EndCommit(customer_id="c", commit_id="b", access_ending_before=day(15))
    assert "is POSTPAID" in wrong(postpaid, balances={"b": held(type="POSTPAID")})[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"credit_id": "b"}, None),
        ({"uniqueness_key": "key"}, None),
        ({"uniqueness_key": "other"}, "nothing was made with this key"),
        ({"credit_id": "b", "uniqueness_key": "key"}, "give credit_id or uniqueness_key"),
        ({}, "give credit_id or uniqueness_key"),
    ],
)
def test_what_is_archived_is_named_in_one_way(given: dict[str, Any], words: str | None) -> None:
    """By its id, or by the key it was made with; either way its worth is said."""
    change = ma.changes.ArchiveCredit(customer_id="c", **given)
    if words is not None:
        assert words in wrong(change, balances=CREDIT)[0]
        return
    planned = checked(change, review_of(balances=CREDIT))
    assert (planned.subject_id, planned.loss) == ("b", "which takes 1 balance worth 20 USD (cents) = $0.20")


# --- contracts -------------------------------------------------------------------------------------------------------

BILLS = {
    each.id: each
    for each in (
        invoice(id="d", contract_id="k", status="DRAFT"),
        invoice(id="f", contract_id="k", status="FINALIZED"),
        invoice(id="v", contract_id="k", status="VOID"),
        invoice(id="o", contract_id="other", status="DRAFT"),
    )
}


@pytest.mark.parametrize("void", [False, True])
def test_an_archived_contract_says_what_goes_with_it(void: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Its own drafts and balances; its final invoices only where they are made void, and else they are warned of."""
    change = ma.changes.ArchiveContract(customer_id="c", contract_id="k", void_invoices=void)
    planned = checked(change, review_of(balances=CREDIT, around=Surroundings(invoices=BILLS)))
    final = "1 final invoice, " if void else ""
    worth = "1 balance worth 20 USD (cents) = $0.20"
    assert planned.loss == f"which archives 1 contract, 1 draft, {final}{worth}"
    assert planned.warnings == (() if void else ("its final invoices stay as they are",))


@pytest.mark.parametrize("given", [{}, {"contract_id": "k", "uniqueness_key": "key"}])
def test_an_archived_contract_is_named_in_one_way(given: dict[str, Any]) -> None:
    """By its id or by its key."""
    change = ma.changes.ArchiveContract(customer_id="c", void_invoices=False, **given)
    assert wrong(change) == ["give contract_id or uniqueness_key"]
    assert wrong(ma.changes.ArchiveContract(customer_id="c", void_invoices=False, contract_id="k")) == []
    unknown = ma.changes.ArchiveContract(customer_id="c", void_invoices=False, contract_id="x")
    assert wrong(unknown) == ["Acme has no contract x: unknown, or another's"]


def filtered(key: str, *values: str, until: int | None = None) -> str:
    """A contract's filter, from the first on."""
    last = {} if until is None else {"ending_before": day(until).isoformat()}
    return json.dumps([{"group_key": key, "group_values": values, "starting_at": day(1).isoformat(), **last}])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (filtered("region", "eu", "us"), ["Second bills eu already"]),
        (filtered("region", "us"), []),
        (filtered("zone", "eu"), []),
        (filtered("region", "eu", until=15), []),
        (filtered("region", "eu", until=16), ["Second bills eu already"]),
        (None, []),
    ],
)
def test_no_two_contracts_bill_the_same_values(other: str | None, words: list[str]) -> None:
    """Of one key, from the filter's start on; another customer's contract is nothing to it."""
    contracts = {
        "k": Contract("k", "c", "Main", day(1), day(20)),
        "k2": Contract("k2", "c", "Second", day(1), None, usage_filter=other),
        "k3": Contract("k3", "other", "Third", day(1), None, usage_filter=filtered("region", "eu")),
    }
    around = Surroundings(group_keys={"c": frozenset({"region"})})
    given: dict[str, Any] = {"customer_id": "c", "contract_id": "k", "group_key": "region", "group_values": ("eu",)}

    def found(at: Any, **more: Any) -> list[str]:
        change = ma.changes.SetUsageFilter(**{**given, "starting_at": at, **more})
        return wrong(change, contracts=contracts, around=around)

    assert found(day(15)) == words
    assert "the contract does not run then" in found(day(20))
    assert found(day(15), group_key="zone")[0] == "zone is no group key of the customer's metrics: region"


# --- customers -------------------------------------------------------------------------------------------------------


def test_a_name_that_another_customer_of_the_plan_has_is_pointed_out() -> None:
    """Names are not unique; the customer's own old name is none of another."""
    customers = {"c": Customer("c", "Acme", (), None), "d": Customer("d", "Other", (), None)}
    for name, warnings in (("Other", ("customer d of this plan has the name already",)), ("Acme", ()), ("New", ())):
        change = ma.changes.SetCustomerName(customer_id="c", name=name)
        assert checked(change, review_of(customers=customers)).warnings == warnings


def test_an_archived_customer_says_what_goes_with_it() -> None:
    """Each of its contracts, drafts, final invoices and balances, whatever they are worth."""
    change = ma.changes.ArchiveCustomer(customer_id="c")
    contracts = {"k": Contract("k", "c", None, day(1), None), "x": Contract("x", "other", None, day(1), None)}
    whole = review_of(balances=CREDIT, contracts=contracts, around=Surroundings(invoices=BILLS))
    worth = "20 USD (cents) = $0.20"
    assert checked(change, whole).loss == f"with 1 contract, 2 drafts, 1 final invoice, 1 balance worth {worth}"
    assert checked(change, review_of()).loss == "with 0 contracts, 0 drafts, 0 final invoices, 0 balances"


@pytest.mark.parametrize(("total", "before", "after"), [(None, "$0.00", "$2.00"), (Decimal(50), "$0.50", "$2.50")])
def test_a_charge_says_what_the_draft_comes_to(total: Decimal | None, before: str, after: str) -> None:
    """With it and without; a draft that says no total has none yet."""
    plan = CustomerPlan("own", "c", "p", "Gold", day(1), None)
    draft = invoice(status="DRAFT", start_timestamp=day(1), credit_type_name="USD (cents)", total=total)
    around = Surroundings(plans={"own": plan}, invoices={"i": draft})
    charge = ma.changes.AddCharge(
        customer_id="c",
        customer_plan_id="own",
        charge_id="x",
        description="By hand, once",
        invoice_start_timestamp=day(1),
        price=Decimal(100),
        quantity=Decimal(2),
    )
    planned = checked(charge, review_of(around=around))
    assert str(planned.before).endswith(before)
    assert str(planned.after).endswith(after)
    assert "no draft of the customer's plans begins at" in wrong(charge, around=Surroundings(plans={"own": plan}))[0]


def test_a_segment_that_begins_now_is_worth_what_is_left_of_it() -> None:
    """And one that is to come what it grants."""
    segments = (Segment("s", day(10), day(20), Decimal(70)), Segment("t", day(10) + HOUR, day(20), Decimal(5)))
    balance = held(type="CREDIT", balance=Decimal(60), segments=segments)
    loss = checked(ma.changes.ArchiveCredit(customer_id="c", credit_id="b"), review_of(balances={"b": balance})).loss
    assert loss == "which takes 1 balance worth 65 USD (cents) = $0.65"


# --- what moved since ------------------------------------------------------------------------------------------------

PLAN = CustomerPlan("own", "c", "p", "Gold", day(1), None)
DRAFT = invoice(status="DRAFT", start_timestamp=day(1))
CHARGE: dict[str, Any] = {"charge_id": "x", "description": "By hand, once", "price": Decimal(1), "quantity": Decimal(1)}
MOVED: list[tuple[Change, dict[str, Any], dict[str, Any]]] = [
    (
        ma.changes.VoidInvoice(customer_id="c", invoice_id="i"),
        {"around": Surroundings(invoices={"i": invoice(status="FINALIZED")})},
        {"around": Surroundings(invoices={"i": invoice(status="VOID")})},
    ),
    (
        ma.changes.UpdateCustomerConfig(customer_id="c", salesforce_account_id="new"),
        {"customers": {"c": Customer("c", "Acme", (), None)}},
        {"customers": {"c": Customer("c", "Acme", (), "other")}},
    ),
    (
        ma.changes.SetCustomerName(customer_id="c", name="New"),
        {"customers": {"c": Customer("c", "Acme", (), None)}},
        {"customers": {"c": Customer("c", "Other", (), None)}},
    ),
    (
        ma.changes.AddCharge(customer_id="c", customer_plan_id="own", invoice_start_timestamp=day(1), **CHARGE),
        {"around": Surroundings(plans={"own": PLAN}, invoices={"i": DRAFT})},
        {"around": Surroundings(plans={"own": replace(PLAN, ending_before=day(9))}, invoices={"i": DRAFT})},
    ),
    (end(day(15)), {"balances": CREDIT}, {"balances": {"b": replace(CREDIT["b"], archived=True)}}),
    (
        ma.changes.ArchiveContract(customer_id="c", contract_id="k", void_invoices=False),
        {},
        {"papers": Papers({"k": replace(MAIN, archived=True)})},
    ),
]


@pytest.mark.parametrize(("change", "planned", "moved"), MOVED, ids=[each[0].operation for each in MOVED])
def test_what_a_change_was_checked_against_has_a_print(
    change: Change, planned: dict[str, Any], moved: dict[str, Any]
) -> None:
    """The same for the same, another once it moved, and none where it is gone: the plan is stale then."""
    of = OPERATIONS[change.operation].fingerprint
    empty = {name: type(value)() for name, value in {"papers": Papers(), **planned}.items()}
    first, same, other, gone = (of(change, review_of(**read).view) for read in (planned, planned, moved, empty))
    assert first == same != other
    assert first != gone


# --- periods ---------------------------------------------------------------------------------------------------------

STANDING = invoice(id="there", contract_id="k", status="FINALIZED", start_timestamp=day(5), end_timestamp=day(6))
READ: dict[str, Any] = {
    "papers": Papers({"k": replace(MAIN, starting_at=day(2), ending_before=day(9))}),
    "around": Surroundings(invoices={"there": STANDING, "void": replace(STANDING, id="void", status="VOID")}),
}


def history(begin: Any, over: Any, **line: Any) -> Change:
    """An invoice of a period, and of one line of usage."""
    return ma.changes.CreateHistoricalInvoices(
        customer_id="c",
        contract_id="k",
        inclusive_start_date=begin,
        exclusive_end_date=over,
        issue_date=day(11),
        usage_line_items=[{"product_id": "p", "quantity": 1, **line}],  # type: ignore[arg-type]  # as a CSV has it
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (history(day(2), day(5)), "it was not tried"),
        (history(day(6), day(10)), "it was not tried"),
        (history(day(3), day(3)), "it ends before it starts"),
        (history(day(6), day(10) + HOUR), "the period is not over"),
        (history(day(9), day(10)), "Main is not in force then"),
        (history(day(1), day(2)), "Main is not in force then"),
        (history(day(5), day(6)), "invoice there of the contract is of this period"),
        (history(day(2), day(4), inclusive_start_date=day(2) - HOUR), "p is used outside the invoice's period"),
        (history(day(2), day(4), exclusive_end_date=day(4) + HOUR), "p is used outside the invoice's period"),
        (history(day(2), day(4), inclusive_start_date=day(2), exclusive_end_date=day(4)), "it was not tried"),
    ],
)
def test_a_time_before_metering_is_over_free_and_of_the_contract(change: Change, words: str) -> None:
    """Only then it matters what the API says of the invoice; a void one is none of the period."""
    assert wrong(change, **READ) == [words]


@pytest.mark.parametrize(
    ("void", "status", "seen"),
    [
        (True, "VOID", Seen.THERE),
        (True, "FINALIZED", Seen.ABSENT),
        (False, "FINALIZED", Seen.THERE),
    ],
)
def test_a_plan_has_ended_once_what_was_to_be_void_is(void: bool, status: str, seen: Seen) -> None:  # noqa: FBT001  # a parameter of the test
    """The end alone is no proof where final invoices were to go with it."""
    after = invoice(status=status, start_timestamp=day(5), end_timestamp=day(12))
    ended = ma.changes.EndPlan(customer_id="c", customer_plan_id="own", ending_before=day(9), void_invoices=void)
    call = OPERATIONS["plans.end"].call(ended, "", "")
    facts = Facts("https://api", None, "plans.end", "c", "own", "end", "same", "", "", call.body)
    around = Surroundings(plans={"own": replace(PLAN, ending_before=day(9))}, invoices={"i": after})
    assert OPERATIONS["plans.end"].sighting(facts, review_of(around=around).view).seen is seen
