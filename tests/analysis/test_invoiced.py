"""What an invoice counts as: one rule, whoever asks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import metronome_analytics as ma
from metronome_analytics.analysis.invoiced import Standing, standing, trues_up
from metronome_analytics.cli import summaries
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.vocabulary import InvoiceStatus, InvoiceType
from tests.analysis.support import invoice, line

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

STATUSES = st.sampled_from([*InvoiceStatus, "SOMETHING_NEW", None])
TYPES = st.sampled_from([*InvoiceType, "SOMETHING_NEW", None])
PAYS = line("400", type="scheduled", postpaid_commit={"id": "b1"})
Kind = tuple[str | None, str | None, bool]


def made(kinds: list[Kind]) -> pl.DataFrame:
    """An invoice of 100 per status, type, and whether it pays for a postpaid commit."""
    frames = [
        invoice([PAYS if pays else line("1")], "100", id=f"i{number}", status=status, type=type_)
        for number, (status, type_, pays) in enumerate(kinds)
    ]
    return pl.concat([invoice([], "0").clear(), *frames])


def expected(status: str | None, type_: str | None, *, pays: bool) -> str:
    """The rule, said once more in words that share nothing with the code."""
    if status == "VOID":
        return "void"
    if type_ == "USAGE_CONSOLIDATED":
        return "consolidated twin"
    if status == "DRAFT":
        return "draft true-up" if pays else "draft"
    return "invoiced" if status == "FINALIZED" else "other status"


@given(st.lists(st.tuples(STATUSES, TYPES, st.booleans()), max_size=8))
def test_invoiced_is_the_first_standing_and_nothing_else(kinds: list[Kind]) -> None:
    """Every invoice has one standing; `invoiced` keeps those of the first, columns, order and kind of frame."""
    frame = made(kinds)
    standings = frame.select(standing(frame)).to_series().to_list()
    assert standings == [expected(status, type_, pays=pays) for status, type_, pays in kinds]
    kept = ma.invoiced(frame)
    assert_frame_equal(kept, frame.filter(pl.Series([each == "invoiced" for each in standings], dtype=pl.Boolean)))
    lazy = ma.invoiced(frame.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), kept)
    assert_frame_equal(ma.invoiced(kept), kept)
    assert_frame_equal(kept.filter(counts_once()), kept)


@given(st.lists(st.tuples(STATUSES, TYPES, st.booleans()), max_size=8))
def test_the_command_line_counts_every_invoice_once(kinds: list[Kind]) -> None:
    """What was invoiced, what is a draft and what is left out are all of them, and no two share one."""
    frame = made(kinds)
    drafts = summaries.drafts(frame, as_of=ma.simulator.AS_OF)
    counted = [summaries.invoiced_by_month(frame), drafts, summaries.left_out(frame)]
    assert sum(part["invoices"].sum() for part in counted) == frame.height
    assert counted[0]["total"].sum() == Decimal(100) * ma.invoiced(frame).height


def test_one_line_for_a_postpaid_commit_makes_a_true_up() -> None:
    """An invoice trues up if one of its lines does, whatever else it bills; one without lines does not."""
    bills = pl.concat([invoice([line("1"), PAYS], "401"), invoice([line("1")], "1"), invoice([], "0")])
    assert bills.select(trues_up(bills)).to_series().to_list() == [True, False, False]


def test_the_demo_has_what_must_not_be_counted(books: Books) -> None:
    """No total of the demo is right without the rule."""
    found = set(books.invoices.select(standing(books.invoices)).to_series())
    assert found == set(Standing) - {Standing.OTHER, Standing.TWIN}


def test_another_frame_is_refused() -> None:
    """The message names what is missing, or what was given."""
    with pytest.raises(ma.ArgumentError, match="no column 'type'"):
        ma.invoiced(pl.DataFrame({"status": ["VOID"]}))
    with pytest.raises(ma.ArgumentError, match="not dict"):
        ma.invoiced({})  # type: ignore[type-var]  # what is tested
    with pytest.raises(ma.ArgumentError, match="line_items of another kind"):
        standing(pl.DataFrame({"status": ["VOID"], "type": ["USAGE"], "line_items": [1]}))
