"""The analyses against slow and obvious definitions of them, over random histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.analysis import burn_down, drain_order, utilisation
from metronome_analytics.errors import ArgumentError
from tests.analysis import histories, oracle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.analysis.histories import Story

EXAMPLES = settings(max_examples=60)
SHOWN = st.fixed_dictionaries({"windows": st.booleans(), "bills": st.booleans(), "told": st.booleans()})


def ask(story: Story, shown: dict[str, bool], analysis: Callable[..., pl.DataFrame]) -> Any:
    """What the definitions say, and what `analysis` does; both None where the books cannot tell."""
    history, at = story
    loaded = history.loaded if shown["told"] else None
    options = {
        "breakdowns": histories.windows(history) if shown["windows"] else None,
        "invoices": histories.bills(history) if shown["bills"] else None,
        "loaded_at": loaded,
    }
    frame = histories.balances(history)
    try:
        told = oracle.books(history, at, windows=shown["windows"], bills=shown["bills"], loaded=loaded)
    except oracle.Unanswerable:
        with pytest.raises(ArgumentError, match="lies before these books were read"):
            analysis(frame, as_of=at, **options)
        return None, None
    return told, analysis(frame, as_of=at, **options)


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN)
def test_burn_down(story: Story, shown: dict[str, bool]) -> None:
    """Every step of every balance, and what is left after it, is what the definitions say; or both refuse."""
    told, burn = ask(story, shown, burn_down)
    if told is None:
        return
    columns = ("event", "timestamp", "change", "remaining", "pending", "source", "segment_id")
    for balance in story.history.balances:
        rows = burn.filter(pl.col("balance_id") == balance.id).select(columns).rows()
        kept = told.get((balance.customer, balance.id), oracle.Books())
        assert rows == [
            (row.event, row.at, row.change, row.left, row.pending, row.source, row.segment) for row in kept.rows
        ]


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN)
def test_utilisation(story: Story, shown: dict[str, bool]) -> None:
    """What became of every balance is what the definitions say; or both refuse."""
    told, frame = ask(story, shown, utilisation)
    if told is None:
        return
    kept = {name[1]: oracle.use(each) for name, each in told.items() if each.rows or each.coming}
    assert {row[0]: oracle.Use(*row[1:]) for row in frame.select("balance_id", *oracle.Use._fields).rows()} == kept


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN)
def test_drain_order(story: Story, shown: dict[str, bool]) -> None:
    """Open segments pay in the documented order; or both refuse."""
    told, frame = ask(story, shown, drain_order)
    if told is None:
        return
    expected = oracle.drain_order(story.history, told, story.at)
    in_order = frame.with_columns(pl.col("credit_type_name").str.slice(0, 3).alias("unit")).sort(
        "customer_id", "unit", "place"
    )
    assert in_order.select("balance_id", "segment_id", "remaining").rows() == [
        (balance.id, segment.id, oracle.held_by(told, balance, segment)) for balance, segment in expected
    ]
