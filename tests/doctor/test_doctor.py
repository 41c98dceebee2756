"""The doctor: it sees what is not as believed, keeps to its requests, and its file tells nothing of the account."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics.doctor.examination import FACTS
from metronome_analytics.session import Clock, open_session
from metronome_analytics.simulator import Fault, Simulator
from metronome_analytics.tables import Diagnosis
from tests import fakes
from tests.doctor.support import SHOWN, account_of, simulated, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of every row of an answer."""

    def changed(payload: Any) -> None:
        for row in payload["data"]:
            change(row)

    return changed


def short_pages_lose_a_row(payload: Any) -> None:
    """A server that skips a row where pages are small."""
    if 2 < len(payload["data"]) < 20:
        del payload["data"][1]


def drawn_is_positive(row: Any) -> None:
    """Deductions as the examples in the vendor's file have them."""
    for entry in row.get("ledger", []):
        if "DEDUCTION" in entry["type"]:
            entry["amount"] = abs(entry["amount"])


def very_long(payload: Any) -> None:
    """A number that no double holds."""
    payload["data"]["balance"] = 123456789012345678901


# What goes wrong, and the fact that must say so.
BROKEN: dict[str, tuple[Fault, str]] = {
    "no audit log": (Fault("status", "/auditLogs", status=403, times=None), "readable"),
    "no plans": (Fault("status", "/plans", status=404, times=None), "plans_endpoints"),
    "smaller pages": (Fault("status", "/packages/list", status=400, times=None), "largest_page"),
    "another status": (Fault("status", "/v2/contracts/list", status=404, times=None), "unknown_id_v2"),
    "lost rows": (Fault("mutate", "/v1/customers", times=None, change=short_pages_lose_a_row), "page_sizes_agree"),
    "a new field": (Fault("mutate", "/invoices", times=1, change=each(lambda row: row.update(new=1))), "no_new_fields"),
    "a new word": (
        Fault("mutate", "/invoices", times=None, change=each(lambda row: row.update(type="NEWER"))),
        "words_known",
    ),
    "another type": (
        Fault("mutate", "/products/list", times=None, change=each(lambda row: row.update(type=[1]))),
        "answers_decode",
    ),
    "another sum": (
        Fault("mutate", "Balances/list", times=None, change=each(lambda row: row.update(balance=row["balance"] + 5))),
        "ledger_adds_up",
    ),
    "no clamp": (
        Fault("mutate", "Balances/list", times=None, change=each(lambda row: row.update(balance=-5))),
        "overdrawn_is_zero",
    ),
    "another sign": (
        Fault("mutate", "Balances/list", times=None, change=each(drawn_is_positive)),
        "deductions_are_negative",
    ),
    "another unit": (
        Fault("mutate", "/credit-types", change=each(lambda row: row.update(name=f"{row['name'][:3]} (cents)"))),
        "units",
    ),
    "more digits": (
        Fault("mutate", "NetBalance", change=very_long),
        "digits",
    ),
    "too fast": (Fault("rate_limit_seconds", "/products/list", seconds=0), "pace"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_not_as_believed_differs(broken: str) -> None:
    """Each fact that is believed is lost where the server breaks it, and says what follows."""
    fault, fact = BROKEN[broken]
    simulator = simulated()
    simulator.faults.add(fault)
    with account_of(simulator) as account:
        found = account.doctor(SHOWN, max_requests=200)
    row = found.row(by_predicate=pl.col("fact") == fact, named=True)
    assert row["verdict"] == "differs", row["seen"]
    assert row["consequence"]
    assert verdicts(found)["token"] == "holds"


def test_a_token_that_may_read_nothing_is_one_finding() -> None:
    """The rest cannot be told; nothing is raised."""
    simulator = Simulator(customers=2)
    simulator.faults.add(Fault("status", status=403, times=None))
    with account_of(simulator) as account:
        found = verdicts(account.doctor())
    assert found["token"] == "differs"
    assert {found["lines_add_up"], found["list_order"], found["clock"]} == {"cannot tell here"}


def test_fields_and_words_that_may_be_names_are_only_counted(tmp_path: Path) -> None:
    """A key or a status with a blank, an address or digits first is no word of the API: it differs, unquoted."""
    simulator = Simulator(customers=2, months=3)
    private = ["Acme Corp", "ann@x.test", "4711-22"]
    change = each(lambda row: row.update(dict.fromkeys(private, 1), really_new=1, status="Ann Lee"))
    simulator.faults.add(Fault("mutate", "/invoices", times=None, change=change))
    with account_of(simulator) as account:
        found = account.doctor(out=tmp_path / "doctor.json")
    text = (tmp_path / "doctor.json").read_text()
    assert verdicts(found)["no_new_fields"] == verdicts(found)["words_known"] == "differs"
    assert [one for one in (*private, "Ann Lee") if one in text] == []
    assert "really_new" in text


@pytest.mark.parametrize("date", ["", "soon", "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_date_that_is_none_is_no_finding(date: str) -> None:
    """Whatever the server says, nothing is raised."""
    with fakes.account_of(lambda _: httpx.Response(200, json={"data": []}, headers={"Date": date})) as account:
        assert verdicts(account.doctor())["clock"] == "cannot tell here"


def test_time_that_passes_while_it_asks_is_no_skew() -> None:
    """The server's clock is right and each answer takes a minute: they are compared when it arrives."""
    wall = [datetime(2026, 10, 18, 9, 30, tzinfo=UTC)]

    def handler(_: httpx.Request) -> httpx.Response:
        wall[0] += timedelta(seconds=61)
        return httpx.Response(200, json={"data": []}, headers={"Date": format_datetime(wall[0], usegmt=True)})

    clock = Clock(now=lambda: wall[0] - timedelta(days=1), wall=lambda: wall[0])
    session = open_session(fakes.TOKEN, transport=httpx.MockTransport(handler), progress=False, clock=clock)
    with ma.Account(session) as account:
        assert verdicts(account.doctor(max_requests=3))["clock"] == "holds"


@pytest.mark.parametrize(("most", "status"), [(1, None), (9, None), (33, None), (60, None), (25, 503)])
def test_no_more_requests_than_allowed(most: int, status: int | None) -> None:
    """Not one more, whatever fails; what they do not suffice for cannot be told, and every fact has its row."""
    simulator = Simulator(customers=12, months=3)
    if status is not None:
        simulator.faults.add(Fault("status", "/invoices", status=status, times=None))
    with account_of(simulator) as account:
        found = account.doctor(max_requests=most)
        assert account.receipts.select("endpoint", "requests", "complete").rows() == [
            ("doctor", simulator.requests.total, True)
        ]
    assert simulator.requests.total <= most
    assert found["fact"].to_list() == [fact.name for fact in FACTS]
    assert Diagnosis.validate(found).height == len(FACTS)


def test_an_account_without_customers_is_looked_at(tmp_path: Path) -> None:
    """What needs one cannot be told."""
    with account_of(Simulator(customers=0)) as account:
        found = account.doctor(out=tmp_path / "doctor.json")
    assert "differs" not in found["verdict"].to_list()


def private_texts(account: ma.Account, token: str) -> set[str]:
    """Everything of an account that no report may hold."""
    customers = account.customers()
    frames = [customers, account.invoices(customers), account.balances(customers), account.contracts(customers)]
    frames += [ma.line_items(frames[1]), ma.ledger(frames[2]), ma.segments(frames[2])]
    texts = {token}
    for frame in frames:
        names = pl.selectors.matches(r"(^|_)(id|name|description|reason|memo)$") - pl.selectors.starts_with(
            "credit_type"
        )
        for column in frame.select(names & pl.selectors.string()):
            texts |= set(column.drop_nulls())
        for column in frame.select(pl.selectors.decimal()):
            # Shorter ones are counts as well.
            texts |= {
                text
                for value in column.drop_nulls().unique()
                if len(text := f"{abs(value):f}".rstrip("0").rstrip(".")) > 3
            }
    return texts | set(customers["ingest_aliases"].explode().drop_nulls())


def is_told(one: str, text: str) -> bool:
    """Whether `text` has it: an amount as a whole number, for the ids made up in place of others hold any digits."""
    if not one.replace(".", "").isdecimal():
        return one in text
    return re.search(rf"(?<!\w)(?<!\w-){re.escape(one)}(?!\w)(?!-\w)", text) is not None


def test_the_file_tells_nothing_of_the_account(tmp_path: Path) -> None:
    """No id, name, amount or token; facts, verdicts and statuses are there, and ids have others in their place."""
    path = tmp_path / "doctor.json"
    simulator = simulated(totals_rounded=True, draft_deductions_dated="now", balancing_conversion_line=True)
    with account_of(simulator, environment="Acme production") as account:
        found = account.doctor(SHOWN, max_requests=200, out=path)
        private = private_texts(account, simulator.token)
    text = path.read_text()
    assert sorted(one for one in private | {"Acme production"} if is_told(one, text)) == []
    amount = max(private, key=lambda one: (one.isdecimal(), len(one)))
    assert is_told(amount, f'"seen": "of -{amount} cents"')
    assert len(private) > 500
    told = json.loads(text)
    assert [row["verdict"] for row in told["facts"]] == found["verdict"].to_list()
    examples = found["examples"].explode().drop_nulls()
    assert examples.len() > 2
    assert sum(len(row["examples"]) for row in told["facts"]) == examples.len()


def test_opening_an_account_does_not_import_the_doctor() -> None:
    """Nor does loading from one."""
    code = (
        "import sys, metronome_analytics as ma\n"
        "with ma.connect('t') as account: account.catalogue()\n"
        "print([name for name in sys.modules if 'doctor' in name and 'metronome' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # our own code
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [{"max_requests": 0}, {"max_requests": True}, {"out": "doctor.txt"}])
def test_arguments_are_checked_before_anything_is_sent(arguments: Any) -> None:
    """What cannot be used is an ArgumentError."""
    simulator = Simulator(customers=1)
    with account_of(simulator) as account, pytest.raises(ma.ArgumentError):
        account.doctor(**arguments)
    assert simulator.requests.total == 0
