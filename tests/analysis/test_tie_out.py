from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.analysis.schemas import TieOut
from metronome_analytics.analysis.tie_out import LINES
from tests.analysis import tie_out_oracle as oracle
from tests.analysis.support import EUR, USD, invoice, line, on

UNITS = {"USD": USD, "EUR": EUR}
CENT = {"USD": Decimal(100), "EUR": Decimal(1)}
# Few amounts and few ids, so that what belongs together meets often, and what does not meets too.
some_amount = st.sampled_from(["0", "500", "1000", "1000.3", "1000.5", "1000.7", "1000.004", "-500"])
some_currency = st.sampled_from(["USD", "USD", "EUR"])
KEYS = ("i1", "i2", "i3", "i4")


@st.composite
def an_invoice(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """Of any status, a consolidated twin now and then."""
    return {
        "id": key,
        "status": draw(st.sampled_from(["FINALIZED", "FINALIZED", "DRAFT", "VOID"])),
        "type": draw(st.sampled_from(["USAGE", "SCHEDULED", "USAGE_CONSOLIDATED"])),
        "total": Decimal(draw(some_amount)),
        "currency": draw(some_currency),
    }


some_row = st.fixed_dictionaries(
    {
        "id": st.sampled_from([*KEYS, "theirs"]),
        "currency": some_currency,
        "amount": st.one_of(st.none(), some_amount.map(Decimal), some_amount.map(Decimal)),
    }
)
some_books = st.tuples(st.tuples(*map(an_invoice, KEYS)), st.lists(some_row, max_size=6))


def bills(invoices: list[dict[str, Any]]) -> pl.DataFrame:
    """The frame of `invoices`."""
    return pl.concat(
        invoice(
            [line(str(each["total"]), unit=UNITS[each["currency"]])],
            str(each["total"]),
            id=each["id"],
            status=each["status"],
            type=each["type"],
            unit=UNITS[each["currency"]],
        )
        for each in invoices
    )


def export(theirs: list[dict[str, Any]]) -> pl.DataFrame:
    """The other system's file: amounts in major units, as text."""
    columns = {
        "invoice_id": [each["id"] for each in theirs],
        "amount": [
            "n/a" if each["amount"] is None else str(each["amount"] / CENT[each["currency"]]) for each in theirs
        ],
        "currency": [each["currency"] for each in theirs],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def told(found: ma.Reconciliation) -> dict[str, dict[str, Decimal]]:
    """Line by line, by currency."""
    rows = found.statement().select(pl.col("credit_type_name").str.head(3), "line", "amount").rows()
    return {unit: {name: amount for of, name, amount in rows if of == unit} for unit in {row[0] for row in rows}}


@given(some_books, st.one_of(st.none(), st.sets(st.sampled_from(KEYS))))
@settings(max_examples=40, deadline=None)
def test_the_statement_is_what_it_is_said_to_mean(books: tuple[Any, Any], about: set[str] | None) -> None:
    """On any books: the lines of the plain statement, which foot, by currency, of everything or of a month."""
    ours, theirs = books
    frame = bills(list(ours))
    found = ma.reconcile(frame, external=export(theirs), decimal=".")
    if about is not None:
        found = found.about(frame.filter(pl.col("id").is_in(list(about))))
    lines = told(found)
    meant = oracle.statement(list(ours), theirs, about)
    for currency in set(lines) | set(meant):
        mine = lines.get(currency, dict.fromkeys(LINES, Decimal(0)))
        assert {name: mine[name] for name in LINES} == {name: meant[currency][name] for name in LINES}
        assert sum(mine[item] for item in oracle.ITEMS) == mine["difference"]
        assert mine["unexplained"] == 0


@given(some_books, st.randoms())
@settings(max_examples=15, deadline=None)
def test_the_order_of_what_is_given_does_not_matter(books: tuple[Any, Any], random: Any) -> None:
    """Neither of the invoices nor of the other system's rows."""
    ours, theirs = list(books[0]), list(books[1])
    first = ma.reconcile(bills(ours), external=export(theirs), decimal=".").statement()
    random.shuffle(ours)
    random.shuffle(theirs)
    assert_frame_equal(ma.reconcile(bills(ours), external=export(theirs), decimal=".").statement(), first)


def test_what_is_dated_outside_the_other_side_is_timing() -> None:
    """A cut-off by its dates; what has no such excuse is missing."""
    frame = pl.concat(
        invoice([line("100")], "100", id=key, status="FINALIZED", issued_at=on(day))
        for key, day in (("i1", "2026-10-05"), ("i2", "2026-10-09"), ("i3", "2026-11-02"))
    )
    theirs = pl.DataFrame(
        {"invoice_id": ["i1", "x"], "amount": ["1.00", "2.00"], "currency": "USD", "date": ["2026-10-05", "2026-10-31"]}
    )
    lines = told(ma.reconcile(frame, external=theirs))["USD"]
    assert [int(lines[item]) for item in ("timing", "missing there", "missing here")] == [-100, -100, 200]


def test_without_another_system_there_are_no_rows() -> None:
    """But the columns, as ever."""
    statement = ma.reconcile().statement()
    assert statement.is_empty()
    assert statement.schema == TieOut.create_empty().schema


@pytest.mark.parametrize("theirs", ["1.00", "1.003", "2.00"])
def test_every_line_counts_the_invoices_behind_it(theirs: str) -> None:
    """Those that bring something to it; each side has its own."""
    frame = invoice([line("100")], "100", id="i1", status="FINALIZED")
    found = ma.reconcile(frame, external=pl.DataFrame({"invoice_id": ["i1"], "amount": [Decimal(theirs)]})).statement()
    counts = dict(found.select("line", "rows").iter_rows())
    assert counts["per Metronome"] == counts["per the other system"] == 1
    assert sum(counts[item] for item in oracle.ITEMS) == counts["difference"] == (theirs != "1.00")
