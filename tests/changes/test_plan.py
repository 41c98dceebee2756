from __future__ import annotations

import io
import json
from datetime import timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.tables.money import display
from tests.changes.support import READ, opened, targets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.changes.support import Desk

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def problems(desk: Desk, entries: Any, **options: Any) -> list[tuple[int, str, str]]:
    """What is wrong with entries, by row."""
    with pytest.raises(ma.PlanRejected) as raised:
        desk.account.plan_balance_entries(entries, **options)
    assert raised.value.problems is not None
    for row, _, problem in raised.value.problems.rows():
        assert f"row {row}" in str(raised.value)
        assert problem in str(raised.value)
    assert desk.posts() == 0
    return raised.value.problems.rows()


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"customer_id": UNKNOWN}, "customer_id", "unknown customer"),
    ({"customer_id": "no id"}, "customer_id", "unknown customer"),
    ({"customer_id": None}, "customer_id", "required"),
    ({"balance_id": UNKNOWN}, "balance_id", "unknown, or another customer's"),
    ({"segment_id": UNKNOWN}, "segment_id", "none of the balance's segments"),
    ({"contract_id": UNKNOWN}, "contract_id", "is not the balance's"),
    ({"amount": 0}, "amount", "changes nothing"),
    ({"amount": "nan"}, "amount", "no finite number"),
    ({"amount": float("inf")}, "amount", "no finite number"),
    ({"amount": "sNaN"}, "amount", "no finite number"),
    ({"amount": "0.00000000001"}, "amount", "more than 10 decimals"),
    ({"amount": "1234567890.1234567891"}, "amount", "more digits than a JSON number"),
    ({"amount": "1e40"}, "amount", "more digits than a JSON number"),
    ({"amount": "1,000"}, "amount", "valid decimal"),
    ({"amount": True}, "amount", "not true or false"),
    ({"amount": -2_000_000}, "amount", "over max_entry, 10,000 USD"),
    ({"reason": "short"}, "reason", "at least 8 characters"),
    ({"reason": "   "}, "reason", "required"),
    ({"reason": "ends like a mark [ma:0123456789ab]"}, "reason", "mark this package adds"),
    ({"per_group_amounts": {"a": -600, "b": -399}}, "per_group_amounts", "sum to -999, not to -1000"),
    ({"per_group_amounts": {"a": "nan"}}, "per_group_amounts", "finite number"),
    ({"per_group_amounts": "no JSON"}, "per_group_amounts", "Expecting value"),
    ({"timestamp": "1999-01-01"}, "timestamp", "outside the segment"),
    ({"timestamp": "yesterday"}, "timestamp", "Invalid isoformat"),
    ({"segment": UNKNOWN}, "segment", "Extra inputs"),
]


@pytest.mark.parametrize(("change", "field", "words"), WRONG, ids=str)
def test_what_is_wrong_is_said_by_row_and_field(desk: Desk, change: dict[str, Any], field: str, words: str) -> None:
    """What is wrong stands on its row and field only; the good row beside it has no problem."""
    good, other = desk.rows(-1000, -2000)
    found = problems(desk, [other, {**good, **change}])
    assert {(row, name) for row, name, _ in found} == {(1, field)}
    assert any(words in problem for _, _, problem in found)


def test_every_problem_is_reported_at_once(desk: Desk) -> None:
    """A row that cannot even be read is still checked for the rest."""
    (good,) = desk.rows(-1000)
    bad = {"customer_id": UNKNOWN, "balance_id": "x", "amount": "ten", "reason": "no", "nonsense": 1}
    found = problems(desk, [bad, {**good, "amount": 0, "reason": ""}])
    assert {(row, name) for row, name, _ in found} == {
        (0, "customer_id"),
        (0, "amount"),
        (0, "reason"),
        (0, "nonsense"),
        (1, "amount"),
        (1, "reason"),
    }


def test_another_customers_balance_is_refused(desk: Desk) -> None:
    """Whether or not the plan is about the owner too, who is named if so."""
    first, second, *_ = sorted(desk.rows(-1000, -1000, -1000), key=lambda row: row["customer_id"])
    third = next(row for row in desk.rows(1, 1, 1) if row["customer_id"] != first["customer_id"])
    mixed = {**first, "customer_id": third["customer_id"]}
    assert "another customer's" in problems(desk, [mixed])[0][2]
    owner = dict(desk.account.customers().select("id", "name").rows())[first["customer_id"]]
    assert f"belongs to {owner}" in problems(desk, [first, mixed])[0][2]
    assert second


def test_segments_that_are_over_or_to_come_are_refused_and_several_are_listed(desk: Desk) -> None:
    """A quarterly commitment: none named lists all; an expired or a future one is no place for an entry."""
    with ma.demo() as account:
        several = ma.segments(account.balances()).filter(pl.len().over("balance_id") > 2)
        balance = several["balance_id"][0]
        items = several.filter(pl.col("balance_id") == balance).sort("starting_at").rows(named=True)
        entry = {
            "customer_id": items[0]["customer_id"],
            "balance_id": balance,
            "amount": 5,
            "reason": "For the outage",
        }
        with pytest.raises(ma.PlanRejected) as raised:
            account.plan_balance_entries(entry)
        assert all(item["segment_id"] in str(raised.value) for item in items)
        now = account.now
        for item in items:
            if item["starting_at"] <= now < item["ending_before"]:
                plan = account.plan_balance_entries({**entry, "segment_id": item["segment_id"]})
                assert plan.table["segment_id"].to_list() == [item["segment_id"]]
            else:
                words = "expired at" if item["ending_before"] <= now else "not active before"
                with pytest.raises(ma.PlanRejected, match=words):
                    account.plan_balance_entries({**entry, "segment_id": item["segment_id"]})


def test_an_archived_balance_is_refused(desk: Desk) -> None:
    """A balance whose ledger is gone takes no entry."""
    (row,) = desk.rows(-1000)

    def archive(payload: Any) -> Any:
        for item in payload["data"]:
            item["archived_at"], item["ledger"], item["balance"] = "2026-11-01T00:00:00Z", None, 0
        return payload

    desk.fault("mutate", READ, times=None, change=archive)
    assert any("is archived" in problem for _, _, problem in problems(desk, row))


def test_an_overdraw_needs_to_be_asked_for(desk: Desk) -> None:
    """More than is left in the segment is refused, entries before it in the plan counted; allowed, it is warned of."""
    (row,) = desk.rows(-1000)
    left = desk.account.balances().filter(pl.col("id") == row["balance_id"])["balance"][0]
    most = {**row, "amount": -left, "reason": "All that is left"}
    options: dict[str, Any] = {"max_entry": 10**9, "max_total": 10**9}
    assert desk.account.plan_balance_entries(most, **options).table["balance_after"].to_list() == [0]
    said = "it draws 0.01 USD (cents) = $0.0001 of 0 USD (cents) = $0.00 left in the segment"
    assert problems(desk, [most, {**row, "amount": "-0.01"}], **options)[0][2] == said
    plan = desk.account.plan_balance_entries(
        [most, {**row, "amount": "-0.01"}], allow_overdraw=True, max_entry=10**9, max_total=10**9
    )
    assert any("overdraws" in warning for warning in plan.table["warnings"][1])


def test_limits_are_in_major_units_by_currency(desk: Desk) -> None:
    """A mapping raises the currency it names; the others keep the default; the sum has a limit of its own."""
    rows = desk.rows(-900_000, 900_000)
    desk.account.plan_balance_entries(rows)
    assert "over max_total, 10,000 USD" in problems(desk, rows, max_total={"USD": 10_000})[0][2]
    assert "over max_entry, 8,999 USD" in problems(desk, rows, max_entry=8_999)[0][2]
    assert "over max_entry, 10,000 USD" in problems(desk, desk.rows(1_500_000), max_entry={"EUR": 1})[0][2]
    assert desk.account.plan_balance_entries(desk.rows(1_500_000), max_entry={"USD": 15_000})


def test_the_same_entry_twice_needs_to_be_asked_for(desk: Desk) -> None:
    """In the plan, in the ledger, or only in the journal because nobody knows yet."""
    (row,) = desk.rows(-1000)
    assert "same entry as row 0" in problems(desk, [row, {**row, "amount": "-1000.0"}])[0][2]
    plan = desk.account.plan_balance_entries(row)
    desk.fault("status", status=500)
    assert desk.apply(plan) == [("unknown", 500)]
    desk.simulator.requests.clear()
    assert "the journal has this entry" in problems(desk, row)[0][2]
    assert desk.apply(plan) == [("applied", 200)]
    desk.simulator.requests.clear()
    assert "the ledger has this entry" in problems(desk, row)[0][2]
    again = desk.account.plan_balance_entries(row, allow_duplicate=True)
    assert desk.apply(again) == [("applied", 200)]


def test_an_entry_without_a_time_gets_now_and_says_so(desk: Desk) -> None:
    """The API would put it at the segment's start."""
    plan = desk.plan(-1000)
    assert plan.table["timestamp"].to_list() == [desk.account.now.replace(minute=0)]
    assert "timestamp set to now" in plan.table["warnings"][0][0]
    at = desk.account.now.replace(minute=0) - timedelta(hours=3)
    given = desk.account.plan_balance_entries({**desk.rows(-1000)[0], "timestamp": at})
    assert given.table["timestamp"].to_list() == [at]
    assert not any("set to now" in warning for warning in given.table["warnings"][0])


def test_a_frame_a_csv_and_entries_make_the_same_plan(desk: Desk) -> None:
    """Whatever the user filled in: empty cells, padding and floats change nothing."""
    (row,) = desk.rows("-10.1")
    text = "customer_id,balance_id,amount,reason,segment_id,contract_id,timestamp,per_group_amounts\n"
    text += f"{row['customer_id']}, {row['balance_id']} ,-10.1,{row['reason']!r},{row['segment_id']},,,\n".replace(
        "'", '"'
    )
    csv = pl.read_csv(io.StringIO(text), infer_schema=False)
    tables = [
        desk.account.plan_balance_entries(entries).table
        for entries in (row, [ma.BalanceEntry(**row)], pl.DataFrame([row]), csv, {**row, "amount": -10.1})
    ]
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0]["amount"].to_list() == [Decimal("-10.1")]


@pytest.mark.parametrize("entries", [[], "path.csv", 5, [5], None])
def test_what_is_no_entry_is_said(desk: Desk, entries: Any) -> None:
    """Nothing to plan, or nothing that could be planned."""
    with pytest.raises((ma.PlanRejected, ma.ArgumentError)):
        desk.account.plan_balance_entries(entries)
    with pytest.raises(ma.ArgumentError, match="amount"):
        ma.BalanceEntry(customer_id="a", balance_id="b", amount="ten", reason="c")  # type: ignore[arg-type]  # what is tested


def test_a_plan_shows_both_units_and_takes_a_phrase(desk: Desk) -> None:
    """A hundredfold error is seen in the text, the table and the HTML; the phrase names count, total and place."""
    plan = desk.plan(-1000)
    name = plan.table["customer_name"][0]
    assert plan.table["amount_display"].to_list() == ["-1,000 USD (cents) = -$10.00"]
    assert plan.confirmation == f"apply 1 entry, -1,000 USD (cents) = -$10.00, for {name} in test"
    for shown in (repr(plan), plan._repr_html_()):
        assert "-1,000 USD (cents) = -$10.00" in shown
        assert display(plan.table["balance_after"][0], "USD (cents)") in shown
        assert plan.confirmation in shown


def test_an_amount_in_major_units_is_the_same_plan(desk: Desk) -> None:
    """Dollars where the balance is in cents: the plan holds cents, and is the one of cents in every other way."""
    (row,) = desk.rows(-1050)
    dollars = {**{name: value for name, value in row.items() if name != "amount"}, "amount_major": "-10.5"}
    plan = desk.account.plan_balance_entries(dollars)
    same = desk.account.plan_balance_entries(row)
    assert plan.table.equals(same.table)
    assert plan.confirmation == same.confirmation
    assert ma.BalanceEntry(**{**dollars, "amount_major": Decimal("-10.5")}).fields()["reason"] == row["reason"]


def test_one_amount_is_given(desk: Desk) -> None:
    """Both, none, and a wrong one, are said on their row; of an unknown balance only that is said."""
    (row,) = desk.rows(-1000)
    bare = {name: value for name, value in row.items() if name != "amount"}
    assert [problem[1] for problem in problems(desk, {**row, "amount_major": -10})] == ["amount_major"]
    assert [problem[1] for problem in problems(desk, bare)] == ["amount"]
    assert [problem[1] for problem in problems(desk, {**bare, "amount_major": 0})] == ["amount"]
    assert "amount_major" in [problem[1] for problem in problems(desk, {**bare, "amount_major": "ten"})]
    lost = {**bare, "amount_major": -10, "balance_id": UNKNOWN}
    assert [problem[1] for problem in problems(desk, lost)] == ["balance_id"]


def test_a_warning_of_several_rows_is_said_once(desk: Desk) -> None:
    """Below the rows, with which; the table keeps it on each."""
    plan = desk.account.plan_balance_entries(desk.rows(-1000, -2000))
    shared = set(plan.table["warnings"][0]) & set(plan.table["warnings"][1])
    assert shared
    for warning in shared:
        assert repr(plan).count(warning) == 1
        assert plan._repr_html_().count(escape(warning)) == 1
    assert "(all)" in repr(plan)


def test_a_name_cannot_disguise_a_plan(desk: Desk) -> None:
    """Markup is escaped, line breaks and control characters do not reach the phrase or the terminal."""

    def rename(payload: Any) -> Any:
        for row in payload["data"]:
            row["name"] = "<b>Evil</b>\n\x1b[2K Corp"
        return payload

    rows = desk.rows(-1000)
    desk.fault("mutate", "/v1/customers", times=None, change=rename)
    plan = desk.account.plan_balance_entries(rows)
    assert "<b>" not in plan._repr_html_()
    assert "\x1b" not in repr(plan)
    assert "for <b>Evil</b> [2K Corp in test" in plan.confirmation


@pytest.mark.parametrize(
    ("amount", "unit", "shown"),
    [
        ("-1000", "USD (cents)", "-1,000 USD (cents) = -$10.00"),
        ("0.5", "USD (cents)", "0.5 USD (cents) = $0.005"),
        ("1000", "EUR", "1,000 EUR"),
        ("-12.5", "AI Credits", "-12.5 AI Credits"),
        ("1E+3", None, "1,000 units"),
    ],
)
def test_amounts_are_shown_in_both_units(amount: str, unit: str | None, shown: str) -> None:
    """Only a unit in cents has another unit beside it."""
    assert display(Decimal(amount), unit) == shown


def test_a_saved_plan_is_the_same_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """JSON that a person reads; another process applies it; what was changed in it is refused."""
    plan = desk.plan("-1000.50", 5)
    plan.save(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert json.loads(text)["entries"][0]["amount"] == "-1000.5"
    loaded = ma.BalancePlan.load(tmp_path / "plan.json")
    assert (loaded, loaded.digest, loaded.confirmation) == (plan, plan.digest, plan.confirmation)
    for old, new in (("-1000.5", "-100050"), ("part 0", "part X"), ('"environment": "test"', '"environment": "prod"')):
        (tmp_path / "changed.json").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ma.PlanRejected, match="changed after it was saved"):
            ma.BalancePlan.load(tmp_path / "changed.json")
    for rubbish in ("", "[]", "{}", '{"entries": 5}'):
        (tmp_path / "rubbish.json").write_text(rubbish, encoding="utf-8")
        with pytest.raises(ma.PlanRejected, match="no plan"):
            ma.BalancePlan.load(tmp_path / "rubbish.json")
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time) as account:
        assert account.apply(loaded, confirm=loaded.confirmation).ok


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(amounts=st.lists(st.decimals(-100_000, 100_000, places=4).filter(bool), min_size=1, max_size=4))
def test_plan_apply_and_reverse_leave_every_balance_as_it_was(desk: Desk, amounts: list[Decimal]) -> None:
    """Whatever the amounts: applied they move each balance by their sum, reversed by nothing."""
    places = targets(desk.account)
    before = desk.account.balances().select("id", "balance")
    tag = desk.account.journal().height
    plan = desk.account.plan_balance_entries(
        [
            {**places[number % len(places)], "amount": amount, "reason": f"Drawn at random {tag} {number}"}
            for number, amount in enumerate(amounts)
        ],
        allow_overdraw=False,
    )
    assert {status for status, _ in desk.apply(plan)} == {"applied"}
    moved = plan.table.group_by("balance_id").agg(pl.col("amount").sum())
    after = desk.account.balances().select("id", "balance").join(moved, left_on="id", right_on="balance_id", how="left")
    expected = before["balance"] + after["amount"].fill_null(0)
    assert after["balance"].to_list() == expected.to_list()
    assert {status for status, _ in desk.apply(plan.reversal())} == {"applied"}
    assert desk.account.balances().select("id", "balance").equals(before)
