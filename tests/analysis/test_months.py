"""Months by themselves, and the statements of one month of small books."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules

import dataframely as dy
import polars as pl
import pytest

from metronome_analytics.analysis import deferred_revenue, schemas, statements
from metronome_analytics.analysis.chains import Link, links
from metronome_analytics.analysis.statements.month_end import month_end_statements
from metronome_analytics.analysis.statements.of_customer import customer_month
from metronome_analytics.analysis.statements.periods import (
    last_months,
    month_end,
    month_names,
    month_start,
    of_month,
    one_month,
)
from metronome_analytics.errors import ArgumentError
from tests.analysis.support import USD, Segment, balance, drawn, invoice, line, manual, on, start

OCTOBER = {"start_timestamp": on("2026-10-01"), "end_timestamp": on("2026-11-01"), "issued_at": on("2026-11-02")}


def test_months_are_named_once_in_the_order_of_time() -> None:
    """One or several; what is no month, and no month at all, is refused."""
    assert month_names("2026-10") == ["2026-10"]
    assert month_names(["2026-12", "2026-02", "2026-12"]) == ["2026-02", "2026-12"]
    assert one_month(" 2026-10 ") == "2026-10"
    for wrong in ("2026-13", ["2026-10", "October"], [], 5):
        with pytest.raises(ArgumentError):
            month_names(wrong)  # type: ignore[arg-type]  # what is tested


def test_a_month_ends_where_the_next_begins() -> None:
    """Over the year's end too, and a span reaches back over it."""
    names = last_months("2027-02", 15)
    assert (names[0], names[1], names[-1], len(set(names))) == ("2025-12", "2026-01", "2027-02", 15)
    assert [month_end(month_start(each)) for each in names[:-1]] == [month_start(each) for each in names[1:]]
    assert month_start("2026-12") == on("2026-12-01")


def test_an_invoice_is_of_the_month_in_which_its_period_starts() -> None:
    """One without a period of the month of its issue; by issue each of that month."""
    bills = pl.concat(
        [invoice([], "1", id="usage", **OCTOBER), invoice([], "1", id="bare", issued_at=on("2026-10-31"))]
    )
    assert of_month(bills, "2026-10")["id"].to_list() == ["usage", "bare"]
    assert of_month(bills, "2026-11", by="issued")["id"].to_list() == ["usage"]
    assert of_month(bills, "2026-10", by="issued")["id"].to_list() == ["bare"]


def books() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A commit drawn in September and October, and what it was drawn by."""
    entries = [start("2026-09-01", "100"), drawn("2026-10-01", "-10", "sep"), drawn("2026-11-01", "-20", "oct")]
    september = {name: at.replace(month=at.month - 1) for name, at in OCTOBER.items()}
    item = {"id": "x", "timestamp": on("2026-09-01"), "amount": Decimal(100)}
    paid = {"credit_type": {"id": USD[0], "name": USD[1]}, "schedule_items": [item], "do_not_invoice": None}
    purchase = [line("100", type="commit_purchase", commit_id="b1")]
    bills = [
        invoice(purchase, "100", id="p", type="SCHEDULED", issued_at=on("2026-09-01")),
        invoice([line("5")], "5", id="sep", **september),
        invoice([line("7")], "7", id="oct", **OCTOBER),
    ]
    held = balance(entries, [Segment("100", "2026-09-01", "2027-01-01")], invoice_schedule=paid)
    return held, pl.concat(bills)


def test_the_statements_of_a_month_are_of_that_month() -> None:
    """Unless more are asked for; the entries to post are the month's all the same, and flux looks a month back."""
    made = month_end_statements("2026-10", *books(), loaded_at="2026-12-10")
    for name in ("roll_forward", "deferred_revenue", "revenue"):
        assert made[name]["month"].unique().to_list() == ["2026-10"]
    more = month_end_statements("2026-10", *books(), loaded_at="2026-12-10", months=2)
    assert more["roll_forward"]["month"].unique(maintain_order=True).to_list() == ["2026-09", "2026-10"]
    assert more["journal_entries"].equals(made["journal_entries"])
    assert not made["flux"].is_empty()


@pytest.mark.parametrize(
    ("span", "there"),
    [
        (("2026-10-01", "2026-11-01"), False),
        (("2026-10-01", "2026-11-02"), True),
        (("2026-10-31", "2026-12-01"), True),
        (("2026-11-01", "2026-12-01"), False),
    ],
)
def test_what_ends_soon_has_access_at_the_months_end(span: tuple[str, str], there: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """What ends at the very end is over, and what begins there is of the next month."""
    held = balance([start(span[0], "100")], [Segment("100", *span)])
    found = customer_month("2026-10", held, invoice([], "0", **OCTOBER), loaded_at="2026-12-10")
    assert found.ending.height == int(there)


def test_what_has_no_segment_is_left_all_the_same() -> None:
    """Given by hand on a balance without a schedule: nobody says when it begins or ends."""
    found = customer_month(
        "2026-10", balance([manual("2026-10-05", "50")], []), invoice([], "0", **OCTOBER), loaded_at="2026-12-10"
    )
    assert found.ending.select("remaining", "ending_before").rows() == [(Decimal(50), None)]


def test_what_was_rolled_over_twice_is_deferred_too() -> None:
    """Each commit of the chain has its row, the last like the first."""
    held, bills = books()
    chain = [held.with_columns(id=pl.lit(new), rolled_over_from_commit_id=pl.lit(old)) for old, new in pairwise("abc")]
    every = pl.concat([held.with_columns(id=pl.lit("a")), *chain], how="diagonal_relaxed")
    found = deferred_revenue(every, bills, months="2026-10", by=("balance_id",), as_of="2026-12-10")
    assert {"a", "b", "c"} <= set(found["balance_id"])


def test_a_chain_leads_to_its_first() -> None:
    """However long; a circle has none, so the least of it counts."""
    assert links({"b": "a", "c": "b", "d": "c"}) == {"b": Link("a", 1), "c": Link("a", 2), "d": Link("a", 3)}
    assert {link.first for link in links({"a": "b", "b": "a", "c": "a"}).values()} == {"a"}


def declared() -> list[type[dy.Schema]]:
    """Every schema of an analysis."""
    names = [each.name for each in iter_modules(statements.__path__)]
    modules = [schemas, *(import_module(f"{statements.__name__}.{name}") for name in names)]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return [each for each in found if issubclass(each, dy.Schema) and each.columns() and "analysis" in each.__module__]


COUNTS = {
    "TieOut": ["rows"],
    "JournalEntries": ["debit", "credit"],
    "CustomerForecast": ["balances"],
    "Utilisation": ["balances"],
    "CheckSummary": ["rows", "passed", "failed", "warnings", "not_checked"],
    "CorrectionsRegister": ["links", "voided", "regenerated", "corrected"],
}
"""What is counted, and the two sides of an entry."""


def test_only_keys_and_counts_are_never_null() -> None:
    """What an analysis cannot tell is null: so may any other column be, and what is inside a list."""
    never: dict[str, list[str]] = {}
    for table in declared():
        for name, column in table.columns().items():
            inner = getattr(column, "inner", column)
            assert inner.nullable or inner is column, (table, name)
            if not column.nullable and not column.primary_key:
                never.setdefault(table.__name__, []).append(name)
    assert never == COUNTS
