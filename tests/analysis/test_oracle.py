"""The analyses against slow and obvious definitions of them, over random histories."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metronome_analytics.analysis import burn_down, drain_order, forecast, utilisation
from metronome_analytics.errors import ArgumentError
from tests.analysis import histories, oracle, oracle_drain, oracle_forecast

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from tests.analysis.histories import Story

EXAMPLES = settings(max_examples=20)
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
    expected = oracle_drain.drain_order(story.history, told, story.at)
    in_order = frame.with_columns(pl.col("credit_type_name").str.slice(0, 3).alias("unit")).sort(
        "customer_id", "unit", "place"
    )
    assert in_order.select("balance_id", "segment_id", "remaining").rows() == [
        (balance.id, segment.id, oracle_drain.held_by(told, balance, segment)) for balance, segment in expected
    ]


WINDOWS = st.sampled_from((3, 7, 30, 45)).map(lambda days: timedelta(days=days))


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN, window=WINDOWS)
def test_forecast(story: Story, shown: dict[str, bool], window: timedelta) -> None:
    """Pace, dates, ends and verdict of every balance are what the definitions say."""
    told, burn = ask(story, shown, burn_down)
    if told is None:
        return
    rows = {row["balance_id"]: row for row in forecast(burn, as_of=story.at, window=window).iter_rows(named=True)}
    assert set(rows) == {name for (_, name), kept in told.items() if kept.rows}
    for balance in story.history.balances:
        if (row := rows.get(balance.id)) is not None:
            kept = told[balance.customer, balance.id].rows
            segments = shown_segments(balance, kept)
            pace = oracle_forecast.pace(segments, oracle_forecast.pieces(balance, kept, story.at), story.at, window)
            left = Fraction(kept[-1].left)
            end = max((each.end for each in segments if each.start <= story.at < each.end), default=None)
            assert row["ending_before"] == end
            queue = [(oracle.Segment("all", kept[-1].left, story.at, end), max(left, Fraction(0)))] if end else []
            check(row, pace, queue, left, story.at, end)


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN)
def test_forecast_of_customers(story: Story, shown: dict[str, bool]) -> None:
    """What every customer burns drains the balances in order, as the definitions say."""
    told, burn = ask(story, shown, burn_down)
    if told is None:
        return
    frame = forecast(burn, as_of=story.at, by="customer", balances=histories.balances(story.history))
    rows = {(row["customer_id"], row["credit_type_name"][:3]): row for row in frame.iter_rows(named=True)}
    assert len(rows) == frame.height
    groups: dict[tuple[str, str], list[oracle.Balance]] = {}
    for balance in story.history.balances:
        groups.setdefault((balance.customer, balance.unit), []).append(balance)
    for name, group in groups.items():
        kept = {each: told.get((each.customer, each.id), oracle.Books()).rows for each in group}
        queue = queue_of(group, told, story.at)
        if name not in rows:
            assert not queue
            assert not any(kept.values())
            continue
        row = rows.pop(name)
        segments = [segment for each in group for segment in shown_segments(each, kept[each])]
        made = [piece for each in group for piece in oracle_forecast.pieces(each, kept[each], story.at)]
        pace = oracle_forecast.pace(segments, made, story.at, timedelta(days=30))
        running = [each.end for each in segments if each.start <= story.at < each.end]
        end = max((segment.end for segment, _ in queue), default=max(running, default=None))
        assert row["ending_before"] == end
        held = sum((amount for segment, amount in queue if segment.start <= story.at), Fraction(0))
        assert row["remaining"] == held
        assert row["coming"] == sum(amount for _, amount in queue) - held
        assert [(item["segment_id"], item["amount"]) for item in row["drain"]] == [
            (each.id, amount) for each, amount in queue
        ]
        fate = check(row, pace, queue, held, story.at, end)
        if fate is not None:
            for item, empty, rest in zip(row["drain"], fate.empty, fate.left, strict=True):
                assert dated(item["runs_out_at"], empty, story.at)
                assert near(item["unused_at_end"], rest)
    assert not rows


def shown_segments(balance: oracle.Balance, rows: list[oracle.Row]) -> list[oracle.Segment]:
    """The segments of a balance that show in its books."""
    return [segment for segment in balance.segments if any(row.segment == segment.id for row in rows)]


def queue_of(
    group: list[oracle.Balance], told: dict[tuple[str, str], oracle.Books], at: datetime
) -> list[tuple[oracle.Segment, Fraction]]:
    """Open segments and those to come in the order in which they pay, with what they hold or will."""
    found = []
    for balance in group:
        never = balance.entries is None or (balance.archived is not None and balance.archived <= at)
        for segment in balance.segments:
            running, to_come = segment.start <= at < segment.end, segment.start > at and not never
            held = oracle_drain.held_by(told, balance, segment) if running else segment.amount
            if (running or to_come) and held > 0:
                found.append((oracle_drain.precedence(balance, segment), segment, Fraction(held)))
    return [(segment, held) for _, segment, held in sorted(found, key=lambda each: each[0])]


def check(
    row: dict[str, Any],
    pace: oracle_forecast.Pace,
    queue: list[tuple[oracle.Segment, Fraction]],
    left: Fraction,
    at: datetime,
    end: datetime | None,
) -> oracle_drain.Fate | None:
    """Compares what a forecast row says with a pace and what it makes of a queue."""
    assert row["days_observed"] == pytest.approx(float(pace.days))
    names = ("burned", "burn_per_day", "burn_per_day_low", "burn_per_day_high")
    for name, expected in zip(names, (pace.burned, pace.usual, pace.low, pace.high), strict=True):
        assert near(row[name], expected), name
    if end is None or pace.usual is None or pace.high is None or pace.low is None:
        unknown = ("runs_out_at", "runs_out_at_earliest", "runs_out_at_latest", "unused_at_end", "overage_at_end")
        assert [row[name] for name in unknown] == [None] * 5
        assert row["verdict"] == ("access over" if end is None else "used up" if left <= 0 else "not enough history")
        return None
    usual, fast, slow = (oracle_drain.fate(queue, rate, at, end) for rate in (pace.usual, pace.high, pace.low))
    dates = ("runs_out_at", "runs_out_at_earliest", "runs_out_at_latest")
    for name, fate in zip(dates, (usual, fast, slow), strict=True):
        assert dated(row[name], fate.dry if left > 0 else None, at), name
    assert near(row["unused_at_end"], sum(usual.left, Fraction(0)))
    assert near(row["overage_at_end"], usual.over)
    outlook = "no burn" if not pace.usual else "leaves unused" if usual.dry is None else "runs out"
    assert row["verdict"] == ("used up" if left <= 0 else outlook)
    return usual


def near(told: Decimal | None, exact: Fraction | None) -> bool:
    """Whether an amount is `exact` but for rounding at ten places, carried through a year."""
    if told is None or exact is None:
        return told is None and exact is None
    return abs(Fraction(told) - exact) < Fraction(1, 10**6)


def dated(told: datetime | None, days: Fraction | None, at: datetime) -> bool:
    """Whether a moment is so many days after `at`; roundings may move it by a second or two."""
    if told is None or days is None:
        return told is None and days is None
    return abs(told - at - timedelta(seconds=round(days * 86_400))) <= timedelta(seconds=2)
