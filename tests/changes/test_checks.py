"""Plans, checks, the journal and the waiting of changes by themselves: what is read is made up, nothing is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.changes import terms
from metronome_analytics.changes.balance_plan import BALANCE_PLAN_SCHEMA
from metronome_analytics.changes.contract_edits import _warnings
from metronome_analytics.changes.evidence import Observer
from metronome_analytics.changes.fields import Problem
from metronome_analytics.changes.holdings import Customer
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.operation import PlannedChange, Review, Seen
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.papers import AmendmentSeen, Papers
from metronome_analytics.changes.plan import Plan, _let_through
from metronome_analytics.changes.records import Facts, Kind, Past, Record, Result, Status
from metronome_analytics.changes.view import View
from metronome_analytics.leeway import Leeway
from metronome_analytics.session import Clock
from metronome_analytics.tables.money import MONEY, USD_ID, USD_NAME
from tests.changes.made_up import GRANT, MAIN, SPAN, checked, day, review_of

if TYPE_CHECKING:
    from pathlib import Path

    from metronome_analytics.changes.fields import Change


# --- checks ----------------------------------------------------------------------------------------------------------


NEW = ma.changes.CreateContract(
    customer_id="c", name="Second", starting_at=day(2), ending_before="open", rate_card_id="r"
)
CALLED = ma.changes.EditContract(customer_id="c", contract_id="k", update_contract_name="Other")


@pytest.mark.parametrize("change", [NEW, CALLED], ids=lambda change: change.operation)
def test_the_same_change_has_the_same_key_unless_it_is_asked_for_twice(change: Change) -> None:
    """Whoever plans it: the server refuses it a second time. What is let through once more has a key of its own."""
    first, second = (checked(change, review_of()) for _ in range(2))
    assert first.uniqueness_key == second.uniqueness_key
    again, other = (checked(change, review_of(known=True)) for _ in range(2))
    assert len({first.uniqueness_key, again.uniqueness_key, other.uniqueness_key}) == 3


def test_an_edit_shows_what_is_there_and_what_will_be() -> None:
    """Of what it sets, and of nothing else."""
    planned = checked(CALLED, review_of())
    assert (planned.before, planned.after) == ("name Main", "name Other")


def test_a_new_contract_stands_beside_those_in_force() -> None:
    """Those of the customer that run in its time, and itself."""
    planned = checked(NEW, review_of())
    assert (planned.before, planned.after) == ("in force then: Main", "in force then: Main, Second (new)")
    alone = checked(NEW, review_of(papers=Papers(rate_cards={"r": USD_ID})))
    assert (alone.before, alone.after) == ("in force then: nothing", "in force then: Second (new)")


def test_what_is_wrong_elsewhere_stops_no_other_row() -> None:
    """A row is planned if it has no problem itself; a customer that is not there is one."""
    review = review_of()
    review.problems.append(Problem(5, "name", "wrong"))
    assert checked(NEW, review)
    assert review_of(customers={}).check(0, NEW, OPERATIONS["contracts.create"]) is None


def test_an_amendment_counts_those_of_its_contract() -> None:
    """And what else follows at once."""
    seen = tuple(AmendmentSeen(str(number), whose, "2027-01-01", ()) for number, whose in enumerate("kxx"))
    charge = terms.ScheduledCharge(
        product_id="p", name="n", invoices=(terms.InvoiceItem(timestamp=day(11), amount=Decimal(1)),)
    )
    change = ma.changes.AmendContract(customer_id="c", contract_id="k", starting_at=day(5), scheduled_charges=(charge,))
    read: dict[str, Any] = {
        "drafts": {("c", "k"): 1},
        "credit_types": {USD_ID: USD_NAME},
        "products": {"p": {"type": "FIXED"}},
    }
    planned = checked(change, review_of(papers=Papers({"k": MAIN}, amendments=seen), **read))
    assert (planned.before, planned.after) == ("1 amendment", "2 amendments")
    assert planned.warnings[1] == "1 draft invoice of it follows at once"


@pytest.mark.parametrize(
    ("drafts", "invoiced", "said"),
    [
        (0, day(10) + timedelta(hours=1), []),
        (1, None, ["1 draft invoice of it follows at once"]),
        (2, None, ["2 draft invoices of it follow at once"]),
        (0, day(10), ["a commit of it is invoiced in the past: that invoice is final at once"]),
    ],
)
def test_an_edit_warns_of_what_it_does_at_once(drafts: int, invoiced: datetime | None, said: list[str]) -> None:
    """The contract's drafts are made anew, and an invoice dated now or before is final."""
    bills = () if invoiced is None else (terms.InvoiceItem(timestamp=invoiced, amount=Decimal(100)),)
    given: dict[str, Any] = {"product_id": "p", "name": "n", "priority": 1, "type": "PREPAID"}
    commit = terms.ContractCommit(**given, segments=(terms.AccessItem(**SPAN),), invoices=bills)
    view = View(drafts={("c", "k"): drafts, ("c", "other"): 5})
    edit = ma.changes.EditContract(customer_id="c", contract_id="k", add_commits=(commit,))
    assert list(_warnings(edit, MAIN, Review(view, day(10), Leeway(), known=lambda _: False))) == said


# --- plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leeway", "said"),
    [
        (Leeway(), ""),
        (Leeway(max_entry=10_000, max_total={"USD": 50_000, "EUR": 1}), ""),
        (Leeway(max_entry=10_001), ", with max_entry 10,001"),
        (Leeway(max_total=50_001), ", with max_total 50,001"),
        (Leeway(max_entry={"USD": 10_001, "EUR": 10_000}), ", with max_entry 10,001 USD"),
        (Leeway(allow_overdraw=True, allow_duplicate=True), ", with overdraw allowed, duplicates allowed"),
    ],
)
def test_only_what_is_beyond_the_usual_is_let_through(leeway: Leeway, said: str) -> None:
    """A limit that is as usual, or stricter, needs nobody's word."""
    assert _let_through(leeway) == said


def test_amounts_of_a_plan_are_money() -> None:
    """Of the width of every other amount: no digit is cut."""
    widths = {name: dtype for name, dtype in BALANCE_PLAN_SCHEMA.items() if isinstance(dtype, pl.Decimal)}
    assert widths == dict.fromkeys(("amount", "balance_before", "balance_after"), MONEY)


# --- what is sent and kept -------------------------------------------------------------------------------------------


def test_the_key_of_a_change_is_the_same_in_every_version() -> None:
    """Else a plan of an older version could be sent once more: 48 digits of what makes it the same."""
    planned = PlannedChange(
        change=ma.changes.CreateCredit(**GRANT, **SPAN),
        customer_name="C",
        subject_id="c",
        subject_name=None,
        what="create",
        same="same",
    )
    assert planned.uniqueness_key == "metronome-analytics-3a8c1a93aaadda9bf280ed52d6522bbf433d753e48f29756"


FACTS = Facts("https://api", None, "customers.set_name", "c", "c", "rename", "same", "", "", {"name": "Ünal"})


def test_a_journal_begins_at_one_and_keeps_every_character(tmp_path: Path) -> None:
    """Records are numbered from 1; a text stands in the file as it is."""
    journal = Journal(tmp_path / "journal.sqlite", now=lambda: day(1))
    for entry in (0, 1):
        journal.write(Record(Kind.INTENT, "plan", entry, FACTS, attempt=1))
    assert [record.seq for record in journal.records()] == [1, 2]
    journal.export(tmp_path / "journal.jsonl")
    first, _ = (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    assert "Ünal" in json.loads(first)["data"]


def test_a_witness_sees_each_head_it_kept(tmp_path: Path) -> None:
    """The head of each length is looked for at its own place, an empty journal's too."""
    journal, witness = Journal(tmp_path / "journal.sqlite", now=lambda: day(1)), tmp_path / "heads"
    heads = [journal.witness(witness)]
    for entry in range(3):
        journal.write(Record(Kind.INTENT, "plan", entry, FACTS))
        heads.append(journal.witness(witness))
    assert [count for count, _ in heads] == [0, 1, 2, 3]
    assert witness.read_text(encoding="utf-8").splitlines() == [f"{count} {stamp}" for count, stamp in heads]


def test_only_an_answer_of_200_is_a_yes() -> None:
    """Nothing that was not sent, not answered or answered otherwise is one."""
    announced = Record(Kind.INTENT, "plan", 0, FACTS)
    told = [
        replace(announced, kind=Kind.OUTCOME, result=Result(0, Status.UNKNOWN, "", code)) for code in (None, 500, 200)
    ]
    pasts = [Past(), Past((announced,)), *(Past((announced, each)) for each in told)]
    assert [past.answered_yes for past in pasts] == [False, False, False, False, True]
    assert [past.open for past in pasts] == [False, True, True, True, True]
    assert [announced.status, told[0].status] == [None, Status.UNKNOWN]
    assert (announced.seq, announced.at, announced.hash) == (0, None, "")


def test_a_journal_that_is_gone_says_so_and_writes_nothing(tmp_path: Path) -> None:
    """What was begun is taken back: the words are those of what happened."""
    journal = Journal(tmp_path / "journal.sqlite")
    with journal.claimed():
        journal.path.rename(tmp_path / "elsewhere.sqlite")
        with pytest.raises(ma.JournalError, match="was deleted or replaced"):
            journal.write(Record(Kind.INTENT, "plan", 0, FACTS))
    assert Journal(tmp_path / "elsewhere.sqlite").records() == []


def renaming(number: int) -> PlannedChange:
    """A planned change without an amount."""
    change = ma.changes.SetCustomerName(customer_id=f"c{number}", name="Renamed Ltd")
    what = f"rename customer {number} to 'Renamed Ltd'"
    return PlannedChange(
        change=change, customer_name="C", subject_id=f"c{number}", subject_name="C", what=what, same=what
    )


def test_a_single_change_is_named_and_several_are_counted() -> None:
    """The phrase of one says what it does; of several, how many of each and of how many customers."""
    one, two = (Plan((*map(renaming, range(count)),), "https://api", "test", day(1)) for count in (1, 2))
    assert one.confirmation == "rename customer 0 to 'Renamed Ltd', for C in test"
    assert two.confirmation == "rename 2 customers, for 2 customers in test"


class Waiting:
    """A clock that passes by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.clock = Clock(monotonic=lambda: sum(self.slept), sleep=self.slept.append)

    def watch(self, name: str) -> Observer:
        """Somebody who looks at an account on which the customer has a name."""
        view = View(customers={"c": Customer("c", name, (), None)})
        return Observer(lambda _operation, _facts: view, self.clock)


def test_what_was_sent_is_looked_for_five_times() -> None:
    """At once and after growing waits, seven and a half seconds in all; and no longer once it is seen."""
    absent, there = Waiting(), Waiting()
    assert absent.watch("Old").sees(FACTS).seen is Seen.ABSENT
    assert absent.slept == [0.5, 1.0, 2.0, 4.0]
    assert there.watch("Ünal").sees(FACTS).seen is Seen.THERE
    assert there.slept == []


def test_silence_is_proof_once_nothing_can_still_be_on_its_way() -> None:
    """61 seconds after the last sign, in waits that double; a yes of the API is no silence, and needs no wait."""
    whole, rest, answered = Waiting(), Waiting(), Waiting()
    whole.watch("Old").settled(("plan", 0), FACTS, Past(), began=0)
    assert whole.slept == [2.0, 4.0, 8.0, 16.0, 31.0]
    rest.slept.append(60.0)
    rest.watch("Old").settled(("plan", 0), FACTS, Past(), began=0)
    assert rest.slept == [60.0, 1.0]
    yes = Record(Kind.OUTCOME, "plan", 0, FACTS, result=Result(0, Status.UNKNOWN, "", 200))
    answered.watch("Old").settled(("plan", 0), FACTS, Past((yes,)), began=0)
    assert answered.slept == []
