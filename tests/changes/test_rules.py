"""Rules of changes by themselves, without an account: what each takes, and where its limits are, from both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from pydantic import TypeAdapter

import metronome_analytics as ma
from metronome_analytics.changes import terms
from metronome_analytics.changes.archiving import total_worth, worth
from metronome_analytics.changes.fields import AnyTime, on_the_hour, wrong_amount
from metronome_analytics.changes.historical_invoices import _overlaps
from metronome_analytics.changes.holdings import Customer, LedgerEntry, Segment
from metronome_analytics.changes.invoice_changes import title_of
from metronome_analytics.changes.operation import Review
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.outlook import new_balance
from metronome_analytics.changes.schedules_and_filters import _within
from metronome_analytics.changes.seats import SeatPeriod, not_in_use
from metronome_analytics.changes.service_invoices import ServiceLine
from metronome_analytics.changes.surroundings import CustomerPlan, ScheduleSegment
from metronome_analytics.changes.view import View
from metronome_analytics.leeway import Leeway
from metronome_analytics.tables import Balances
from metronome_analytics.tables.money import USD_ID, USD_NAME
from metronome_analytics.tables.vocabulary import BalanceType
from tests.changes.made_up import GRANT, MAIN, SPAN, day, held, invoice

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        date(2027, 1, 2),
        "2027-01-02",
        datetime(2027, 1, 2),  # noqa: DTZ001  # what is tested
        datetime(2027, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=str,
)
def test_a_time_is_in_utc(given: Any) -> None:
    """A day is its midnight, what has no zone is in UTC, what has another is converted."""
    at = TypeAdapter(AnyTime).validate_python(given)
    assert (at, at.utcoffset()) == (day(2), timedelta(0))


def test_an_hour_begins_on_the_hour() -> None:
    """Minutes, seconds and less are cut off."""
    assert on_the_hour(day(2) + timedelta(minutes=59, seconds=59, microseconds=999_999)) == day(2)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "changes nothing"),
        ("0.0000000001", None),
        ("0.00000000001", "more than 10 decimals"),
        ("1", None),
        ("-1", None),
        ("1E+27", None),
        ("1E+28", "more digits"),
    ],
)
def test_what_is_an_amount(amount: str, words: str | None) -> None:
    """Of at most ten decimals, below 10^28, and not zero."""
    found = wrong_amount(Decimal(amount))
    assert found is None if words is None else words in str(found)


def test_a_reason_has_eight_characters() -> None:
    """Of a grant; seven are refused."""
    assert ma.changes.CreateCredit(**{**GRANT, **SPAN, "reason": "12345678"})
    with pytest.raises(ma.ArgumentError, match="reason"):
        ma.changes.CreateCredit(**{**GRANT, **SPAN, "reason": "1234567"})


def test_aliases_have_the_apis_limits() -> None:
    """Between 1 and 128 characters, and 2,000 at most; the same one twice is once."""
    made = ma.changes.SetIngestAliases(customer_id="c", ingest_aliases=("a" * 128, "b", "b"))
    assert made.ingest_aliases == ("a" * 128, "b")
    many = tuple(map(str, range(2_001)))
    assert len(ma.changes.SetIngestAliases(customer_id="c", ingest_aliases=many[1:]).ingest_aliases) == 2_000
    for wrong in (("",), ("a" * 129,), many):
        with pytest.raises(ma.ArgumentError, match="ingest_aliases"):
            ma.changes.SetIngestAliases(customer_id="c", ingest_aliases=wrong)


# --- grants ----------------------------------------------------------------------------------------------------------


def test_a_grant_has_one_span_or_segments() -> None:
    """All three of a span and no segments, or segments and none of the three."""
    span = terms.AccessItem(**SPAN)
    assert ma.changes.CreateCredit(**GRANT, **SPAN).spans == (span,)
    assert ma.changes.CreateCredit(**GRANT, segments=(span, span)).spans == (span, span)
    wrong: list[dict[str, Any]] = [{}, {"segments": ()}]
    for name, value in SPAN.items():
        wrong += [{"segments": (span,), name: value}, {each: SPAN[each] for each in SPAN if each != name}]
    for given in wrong:
        with pytest.raises(ma.ArgumentError, match="or segments"):
            ma.changes.CreateCredit(**GRANT, **given)


def test_terms_of_a_contract_have_a_segment_and_the_list_rate() -> None:
    """A credit without a segment of access gives nothing; what is not said is as the API has it."""
    given: dict[str, Any] = {"product_id": "p", "name": "n", "priority": 1, "type": "PREPAID"}
    commit = terms.ContractCommit(**given, segments=(terms.AccessItem(**SPAN),))
    assert (commit.rate_type, commit.type) == ("LIST_RATE", "PREPAID")
    with pytest.raises(ValueError, match="segments"):
        terms.ContractCommit(**given, segments=())


WAYS: list[tuple[type[Change], dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        ma.changes.SetBillingConfigurations,
        {"billing_provider": "stripe", "configuration": {"stripe_customer_id": "cus_1"}},
        [{"delivery_method": "aws_sqs"}, {"delivery_method_id": "d", "tax_provider": "anrok"}],
        [
            {},
            {"delivery_method": "aws_sqs", "delivery_method_id": "d"},
            {"delivery_method_id": "d", "billing_provider": "netsuite", "tax_provider": "anrok"},
        ],
    ),
    (
        ma.changes.ArchiveBillingConfigurations,
        {},
        [
            {"customer_billing_provider_configuration_ids": ("i",)},
            {"billing_provider": "netsuite", "configuration": {"netsuite_customer_id": "1"}},
        ],
        [
            {},
            {"billing_provider": "netsuite"},
            {"configuration": {"netsuite_customer_id": "1"}},
            {"customer_billing_provider_configuration_ids": ("i",), "billing_provider": "netsuite"},
            {"customer_billing_provider_configuration_ids": ("i",), "configuration": {"netsuite_customer_id": "1"}},
        ],
    ),
    (
        ma.changes.CreateBillingConfig,
        {"billing_provider_customer_id": "x"},
        [
            {"billing_provider_type": "stripe", "stripe_collection_method": "send_invoice"},
            {"billing_provider_type": "netsuite"},
        ],
        [
            {"billing_provider_type": "stripe"},
            {"billing_provider_type": "netsuite", "stripe_collection_method": "send_invoice"},
        ],
    ),
    (
        ma.changes.UpdateCustomerConfig,
        {},
        [{"salesforce_account_id": "s"}, {"leave_stripe_invoices_in_draft": False}],
        [{}, {"salesforce_account_id": "s", "leave_stripe_invoices_in_draft": False}],
    ),
]


@pytest.mark.parametrize(("kind", "given", "right", "wrong"), WAYS, ids=[way[0].__name__ for way in WAYS])
def test_what_may_be_given_in_one_of_two_ways_is_given_in_one(
    kind: type[Change], given: dict[str, Any], right: list[dict[str, Any]], wrong: list[dict[str, Any]]
) -> None:
    """Neither way, both, and half of one are refused: none of it is left out without a word."""
    for way in right:
        assert kind(**{"customer_id": "c", **given, **way})
    for way in wrong:
        with pytest.raises(ma.ArgumentError):
            kind(**{"customer_id": "c", **given, **way})


def test_segments_may_touch_and_not_overlap() -> None:
    """Whatever order they are given in; each has a length."""

    def wrong(*spans: tuple[int, int]) -> list[str]:
        items = [terms.AccessItem(amount=1, starting_at=day(a), ending_before=day(b)) for a, b in spans]  # type: ignore[arg-type]  # a number will do
        return list(terms.wrong_spans(items))

    assert wrong((2, 3), (1, 2)) == []
    assert wrong((2, 4), (1, 3)) == ["two segments overlap"]
    assert wrong((1, 1)) == ["it ends before it starts"]


def test_a_postpaid_commit_is_one_of_each() -> None:
    """One segment, one invoice, one amount."""
    span, bill = terms.AccessItem(**SPAN), terms.InvoiceItem(timestamp=day(2), amount=Decimal(100))
    assert terms.wrong_postpaid((span,), (bill,)) is None
    for spans, bills in (((), (bill,)), ((span,), ()), ((span, span), (bill,)), ((span,), (bill, bill))):
        assert "one segment and one invoice" in str(terms.wrong_postpaid(spans, bills))
    less = terms.InvoiceItem(timestamp=day(2), amount=Decimal(99))
    assert "invoiced for what it grants" in str(terms.wrong_postpaid((span,), (less,)))


@pytest.mark.parametrize(
    ("given", "total"),
    [
        ({"amount": 5}, 5),
        ({"unit_price": 2, "quantity": 3}, 6),
        ({"unit_price": 2}, None),
        ({"quantity": 3}, None),
        ({"amount": 5, "unit_price": 2}, None),
        ({"amount": 5, "quantity": 3}, None),
        ({"amount": 6, "unit_price": 2, "quantity": 3}, None),
        ({}, None),
    ],
)
def test_a_service_line_says_its_total_once(given: dict[str, Any], total: int | None) -> None:
    """An amount, or a price and a quantity; of anything else nobody can say what it bills."""
    assert ServiceLine(professional_service_id="s", **given).total == total


def test_a_postpaid_commit_of_a_contract_is_held_to_its_one_invoice() -> None:
    """A prepaid one may be invoiced in parts; a credit type that the account has not is named."""
    bills = tuple(terms.InvoiceItem(timestamp=day(number), amount=Decimal(50)) for number in (1, 2))
    span = terms.AccessItem(**SPAN)
    given: dict[str, Any] = {"product_id": "p", "name": "n", "priority": 1, "segments": (span,), "invoices": bills}
    review = Review(
        View(credit_types={USD_ID: USD_NAME}, products={"p": {"name": "P", "type": "FIXED"}}),
        day(1),
        Leeway(),
        known=lambda _: False,
    )

    def wrong(**more: Any) -> list[tuple[str, str]]:
        return list(terms.wrong_terms([terms.ContractCommit(**{**given, **more})], [], review))

    assert wrong(type="PREPAID") == []
    assert wrong(type="POSTPAID") == [("n", "a POSTPAID commit has one segment and one invoice")]
    assert ("n", "unknown credit type other") in wrong(type="PREPAID", credit_type_id="other")


def test_an_entry_is_kept_in_the_unit_of_its_balance_alone() -> None:
    """The amount in major units is the user's way of saying it, and no field of what is planned and hashed."""
    given: dict[str, Any] = {"customer_id": "c", "balance_id": "b", "amount_major": 1, "reason": "because of it"}
    entry = ma.BalanceEntry(**given)
    assert "amount_major" not in entry.fields()


# --- what is there ---------------------------------------------------------------------------------------------------


def test_a_segment_covers_from_its_start_to_before_its_end() -> None:
    """So does the period of a seat; one without an end covers whatever comes."""
    for span in (Segment("s", day(2), day(4), Decimal(1)), SeatPeriod(day(2), day(4), frozenset("a"))):
        assert [number for number in range(1, 6) if span.covers(day(number))] == [2, 3]
    assert SeatPeriod(day(2), None, frozenset()).covers(day(31))
    assert not SeatPeriod(day(2), None, frozenset()).covers(day(1))


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (day(1) - timedelta(microseconds=1), "is not active before 2027-01-01 00:00 UTC"),
        (day(1), None),
        (day(10) - timedelta(microseconds=1), None),
        (day(10), "expired at 2027-01-10 00:00 UTC"),
    ],
)
def test_an_entry_goes_to_a_segment_while_it_gives_access(now: datetime, words: str | None) -> None:
    """From the very instant at which it starts to the last before its end."""
    view = View(customers={"c": Customer("c", "Acme", (), None)}, balances={"b": held()})
    review = Review(view, now, Leeway(), known=lambda _: False)
    entry = ma.BalanceEntry(customer_id="c", balance_id="b", amount=1, reason="because of it", segment_id="s1")  # type: ignore[arg-type]  # a number will do
    review.check(0, entry, OPERATIONS["balances.enter"])
    assert [problem.problem for problem in review.problems] == ([] if words is None else [f"s1 {words}"])


def test_a_seat_is_in_use_in_its_periods() -> None:
    """Periods that follow each other are said as one."""
    periods = [
        SeatPeriod(day(a), None if b is None else day(b), frozenset("a")) for a, b in ((7, None), (1, 3), (3, 5))
    ]
    assert list(not_in_use(periods, "a", day(4))) == []
    (said,) = not_in_use(periods, "a", day(5))
    assert said.endswith(": it is from 2027-01-01 00:00 to 2027-01-05 00:00, 2027-01-07 00:00 to no end")
    assert list(not_in_use(periods, "b", day(4))) == ["seat b is not in use at 2027-01-04 00:00 UTC: it never was"]


def test_entries_by_hand_are_told_apart_by_their_segment() -> None:
    """The ledger does not say which segment one is of: with one segment it is that one, with several nobody knows."""
    by_hand = LedgerEntry("CREDIT_MANUAL", day(2), Decimal(-5), None, None, "because")
    start = replace(by_hand, type="CREDIT_SEGMENT_START", amount=Decimal(50), segment_id="s1")
    both = held(start, by_hand, by_hand)
    one = replace(both, segments=both.segments[:1])
    assert (both.ambiguous, one.ambiguous) == (2, 0)
    assert one.available(one.segments[0]) == both.available(both.segments[0]) == 40
    assert replace(both, balance=Decimal(30)).available(both.segments[0]) == 30


def test_what_goes_with_a_balance_is_what_is_left_and_what_is_to_come() -> None:
    """A segment that starts just now is in its balance already; what is not known is not counted."""
    balance = held(balance=Decimal(20))
    assert worth(balance, day(9)) == 90
    assert worth(balance, day(10)) == 20
    assert worth(held(), day(9)) is None
    assert "$0.90" in total_worth([balance], day(9))


def test_a_contract_is_in_force_until_its_end() -> None:
    """From its start to before its end, and not if it is archived."""
    whole = replace(MAIN, starting_at=day(5), ending_before=day(10))
    found = [
        whole.runs(day(a), None if b is None else day(b)) for a, b in ((1, 5), (1, 6), (9, 12), (10, 12), (1, None))
    ]
    assert found == [False, True, True, False, True]
    assert replace(whole, ending_before=None).runs(day(11), None)
    assert not replace(whole, archived=True).runs(day(6), day(7))


def test_periods_that_touch_do_not_overlap() -> None:
    """An invoice of the days before, or after, is no invoice of the period."""
    periods = [(1, 5), (1, 6), (9, 12), (10, 12), (6, 8)]
    found = [_overlaps(invoice(start_timestamp=day(a), end_timestamp=day(b)), day(5), day(10)) for a, b in periods]
    assert found == [False, True, True, False, True]
    assert not _overlaps(invoice(start_timestamp=day(6)), day(5), day(10))


def test_values_of_a_window_are_those_inside_it() -> None:
    """What ends at its start, or starts at its end, does not hold in it; what has no end does."""
    spans = [(1, 5), (4, 6), (9, None), (10, 12), (1, None)]
    given = [ScheduleSegment(a, day(a), None if b is None else day(b)) for a, b in spans]
    assert _within(given, day(5), day(10)) == [given[1], given[2], given[4]]


def test_an_invoice_is_called_by_what_it_has() -> None:
    """Its period, or else its day of issue, or neither; its total where there is one."""
    issued, start = {"issued_at": day(3)}, {"start_timestamp": day(1)}
    whole = invoice(total=Decimal(150), credit_type_name=USD_NAME, **issued, **start, end_timestamp=day(2))
    assert title_of(whole) == "USAGE invoice from 2027-01-01 to 2027-01-02 over 150 USD (cents) = $1.50"
    assert title_of(invoice(**issued, **start)) == "USAGE invoice of 2027-01-03"
    assert title_of(invoice(**start)) == "USAGE invoice "


def test_a_plan_is_called_by_the_best_that_is_known() -> None:
    """Its name, its id, the id of the customer's own."""
    plan = CustomerPlan("own", "c", "plan", "Gold", day(1), None)
    assert [plan.title, replace(plan, plan_name=None).title] == ["Gold", "plan"]
    assert replace(plan, plan_name=None, plan_id=None).title == "own"


@pytest.mark.parametrize("kind", BalanceType)
def test_a_balance_that_is_to_be_made_is_as_it_will_be(kind: BalanceType) -> None:
    """Each type with its own entries, whose sum is its balance: an analysis reads it as any other."""
    spans = [terms.AccessItem(**SPAN), terms.AccessItem(amount=Decimal(50), starting_at=day(2), ending_before=day(3))]
    new = new_balance(kind, spans[: 1 if kind is BalanceType.POSTPAID else 2], {"customer_id": "c"})
    given = new["balance"][0]
    assert given == (100 if kind is BalanceType.POSTPAID else 150)
    books = pl.concat([Balances.create_empty(), new], how="diagonal")
    steps = ma.burn_down(books, as_of=day(2)).filter(source="ledger")
    assert set(steps["event"]) == {"segment_start"}
    assert steps["change"].sum() == given
