"""The documented examples of ledgers and of the order of application come out as documented."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from metronome_analytics.simulator.rendering.scalars import number
from metronome_analytics.simulator.world.agreements import Agreements, Balance, Contract, ManualEntry, Purchase, Segment
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.bookkeeping.run import run
from metronome_analytics.simulator.world.books import Books
from metronome_analytics.simulator.world.days import shift_month
from metronome_analytics.simulator.world.price_list import AUDIT_EVENTS, COMMITMENT, STORAGE, USD, USD_CARD
from metronome_analytics.simulator.world.streams import Stream
from metronome_analytics.simulator.world.switches import Switches

PRICE = 10  # GB-days at a tenth of a cent: ten units make a cent


def day(text: str) -> int:
    """Return the ordinal of a date."""
    return datetime.fromisoformat(text).toordinal()


def at(text: str) -> datetime:
    """Return an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contract(start: str) -> Contract:
    """Return a contract with one stream."""
    stream = Stream(STORAGE, (("region", "us-east"),), None, 0, 1)
    created = at(start)
    return Contract(
        id="contract", name="", start=day(start), end=None, created_at=created, card=USD_CARD, streams=(stream,)
    )


def balance(kind: str, amount: int, *bounds: str, **facts: object) -> Balance:
    """Return a balance with one segment per pair of neighbouring dates."""
    days = [day(bound) for bound in bounds]
    base = str(facts.pop("id", kind))
    segments = tuple(
        Segment(f"{base}-{n}", amount * SCALE, start, end) for n, (start, end) in enumerate(pairwise(days))
    )
    arguments = {"contract_id": "contract", "created_at": at(bounds[0]), **facts}
    return Balance(id=base, type=kind, name=base, product=COMMITMENT, credit_type=USD, segments=segments, **arguments)  # type: ignore[arg-type]  # a test's facts are trusted


def books(balances: Sequence[Balance], usage: dict[str, int], now: str, switches: Switches | None = None) -> Books:
    """Run a script whose usage on given days is worth given cents."""
    start = min([*usage, "2026-01-01"])

    def quantities(_: Stream, month: int) -> list[int]:
        found = [0] * (shift_month(month, 1) - month)
        for text, cents in usage.items():
            offset = day(text) - month
            if 0 <= offset < len(found):
                found[offset] = cents * PRICE * SCALE
        return found

    script = Agreements("customer", (contract(start),), tuple(balances))
    return run(script, at(now), switches=switches, quantities=quantities)


def entries(result: Books, index: int = 0) -> list[tuple[str, str, float]]:
    """Return a ledger as (type, date, amount)."""
    ledger = result.balances[index].ledger(result.now)
    return [(entry.type, entry.timestamp.date().isoformat(), number(entry.amount)) for entry in ledger]


def test_credit_of_a_month() -> None:
    """A credit of 100 of which 63 are used: the rest expires when the month ends."""
    result = books([balance("CREDIT", 100, "2026-09-01", "2026-10-01")], {"2026-09-10": 63}, "2026-10-05")
    assert entries(result) == [
        ("CREDIT_SEGMENT_START", "2026-09-01", 100),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", "2026-10-01", -63),
        ("CREDIT_EXPIRATION", "2026-10-01", -37),
    ]


def test_credit_that_ends_inside_the_period() -> None:
    """A segment that ends on the 16th is deducted on the 16th, and the invoice shows covered and uncovered usage."""
    usage = {"2026-01-10": 410, "2026-01-20": 49}
    result = books([balance("CREDIT", 500, "2026-01-01", "2026-01-16")], usage, "2026-02-05")
    assert entries(result) == [
        ("CREDIT_SEGMENT_START", "2026-01-01", 500),
        ("CREDIT_AUTOMATED_INVOICE_DEDUCTION", "2026-01-16", -410),
        ("CREDIT_EXPIRATION", "2026-01-16", -90),
    ]
    assert number(result.invoices[0].total) == 49


def test_draft_deductions_are_in_the_balance_and_in_the_future() -> None:
    """10,000 less 6,500 final and 1,500 draft: 2,000 are left, 3,500 without what is pending."""
    commit = balance("PREPAID", 10_000, "2026-09-01", "2027-09-01")
    result = books([commit], {"2026-09-05": 6_500, "2026-10-03": 1_500}, "2026-10-20")
    assert entries(result)[1:] == [
        ("PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", "2026-10-01", -6_500),
        ("PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", "2026-11-01", -1_500),
    ]
    book = result.balances[0]
    assert number(book.available(result.now, clamp="segment")) == 2_000
    assert number(book.available(result.now, clamp="segment", mode="FINALIZED")) == 3_500


def test_prepaid_year() -> None:
    """10,000 for a year, drawn by 900 and eleven times 700: 1,400 expire, and the ledger sums to zero."""
    usage = {f"2026-{month:02d}-15": 900 if month == 1 else 700 for month in range(1, 13)}
    result = books([balance("PREPAID", 10_000, "2026-01-01", "2027-01-01")], usage, "2027-02-01")
    ledger = entries(result)
    assert ledger[-1] == ("PREPAID_COMMIT_EXPIRATION", "2027-01-01", -1_400)
    assert sum(amount for _, _, amount in ledger) == 0


def test_postpaid_year() -> None:
    """10,000 committed, 800 used a month: twelve usage invoices of 800 and a true-up of 400."""
    usage = {f"2026-{month:02d}-15": 800 for month in range(1, 13)}
    purchase = Purchase("purchase", 10_000 * SCALE, day("2027-01-01"), "true-up")
    commit = balance("POSTPAID", 10_000, "2026-01-01", "2027-01-01", purchases=(purchase,))
    result = books([commit], usage, "2027-02-01")
    ledger = entries(result)
    assert ledger[0] == ("POSTPAID_COMMIT_INITIAL_BALANCE", "2026-01-01", 10_000)
    assert ledger[-1] == ("POSTPAID_COMMIT_TRUEUP", "2027-01-01", -400)
    assert sum(amount for _, _, amount in ledger) == 0
    totals = [number(i.total) for i in result.invoices if i.status == "FINALIZED"]
    assert sorted(totals) == [400, *[800] * 12]


def test_the_true_up_is_a_draft_until_the_end() -> None:
    """From the first day on a draft shows what is outstanding."""
    purchase = Purchase("purchase", 10_000 * SCALE, day("2027-01-01"), "true-up")
    commit = balance("POSTPAID", 10_000, "2026-01-01", "2027-01-01", purchases=(purchase,))
    result = books([commit], {"2026-01-15": 800}, "2026-03-01")
    (draft,) = (i for i in result.invoices if i.id == "true-up")
    assert (draft.status, number(draft.total)) == ("DRAFT", 9_200)


def test_covered_usage_is_split_at_the_cent() -> None:
    """Usage of 80 with 50 prepaid: 50 covered, 30 payable."""
    result = books([balance("PREPAID", 50, "2026-01-01", "2027-01-01")], {"2026-01-10": 80}, "2026-01-20")
    pieces = [(p.segment is not None, number(p.quantity), number(p.amount)) for p in result.invoices[0].pieces()]
    assert pieces == [(True, 500, 50), (False, 300, 30)]
    assert number(result.invoices[0].total) == 30


@pytest.mark.parametrize(("clamp", "expected"), [("segment", 100), ("balance", 60)])
def test_where_an_overdraft_is_clamped(clamp: str, expected: int) -> None:
    """Of two segments at once, an overdrawn one counts 0 or takes from the other, as the switch says."""
    commit = balance("PREPAID", 100, "2026-01-01", "2027-01-01")
    first = commit.segments[0]
    entry = ManualEntry(first.id, -140 * SCALE, "Revoked", at("2026-01-05"), at("2026-01-05"))
    commit = replace(commit, segments=(first, replace(first, id="other")), manual=(entry,))
    result = books([commit], {"2026-01-10": 0}, "2026-01-20")
    assert number(result.balances[0].available(result.now, clamp=clamp)) == expected


PAID = {"purchases": (Purchase("p", SCALE, 1, "i"),)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            {"kind": "PREPAID", "priority": 9}, {"kind": "POSTPAID", "priority": 1}, id="type before priority"
        ),
        pytest.param({"priority": 1}, {"priority": 2}, id="lower priority"),
        pytest.param({"priority": 1}, {"priority": None}, id="no priority is last"),
        pytest.param({}, PAID, id="free before paid"),
        pytest.param({"applicable_product_ids": (STORAGE.id,)}, {}, id="restricted before unrestricted"),
        pytest.param(
            {"applicable_product_ids": (STORAGE.id,)},
            {"applicable_product_ids": (STORAGE.id, AUDIT_EVENTS.id)},
            id="fewer products",
        ),
        pytest.param({"end": "2026-06-01"}, {"end": "2026-07-01"}, id="ends earlier"),
        pytest.param({"start": "2025-12-01"}, {"start": "2026-01-01"}, id="starts earlier"),
        pytest.param(
            {"contract_id": "contract", "priority": 5}, {"contract_id": None, "priority": 5}, id="contract level"
        ),
    ],
)
def test_order_of_application(first: dict[str, object], second: dict[str, object]) -> None:
    """The balance that comes first in the documented chain is drawn, however the balances are listed."""

    def build(name: str, facts: dict[str, object]) -> Balance:
        facts = dict(facts)
        kind = str(facts.pop("kind", "PREPAID"))
        start, end = str(facts.pop("start", "2026-01-01")), str(facts.pop("end", "2027-01-01"))
        if kind == "POSTPAID":
            facts["purchases"] = (Purchase("p", SCALE, day(end), "true-up"),)
        return balance(kind, 100, start, end, id=name, **facts)

    balances = [build("second", second), build("first", first)]
    for listed in (balances, balances[::-1]):
        result = books(listed, {"2026-01-10": 70}, "2026-01-20")
        drawn = {b.balance.id: sum(amount for s in b.segments for _, amount in s.draws) for b in result.balances}
        assert drawn == {"first": 70 * SCALE, "second": 0}


@pytest.mark.parametrize(("position", "drawn"), [("after_priority", "contract"), ("last", "customer")])
def test_where_contract_level_beats_customer_level(position: str, drawn: str) -> None:
    """The switch decides whether the level outranks the end of the segment."""
    balances = [
        balance("PREPAID", 100, "2026-01-01", "2027-01-01", id="contract"),
        balance("PREPAID", 100, "2026-01-01", "2026-06-01", id="customer", contract_id=None),
    ]
    switches = Switches(contract_before_customer=position)  # type: ignore[arg-type]  # parametrized literal
    result = books(balances, {"2026-01-10": 70}, "2026-01-20", switches)
    (book,) = (b for b in result.balances if any(s.draws for s in b.segments))
    assert book.balance.id == drawn
