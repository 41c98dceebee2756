"""The statements of balances against slow and obvious definitions of them, over random histories."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import burn_down, deferred_revenue, journal_entries, roll_forward
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances
from tests.analysis import histories, oracle, statements_oracle, support
from tests.analysis.statements_oracle import MOVES, Deal

if TYPE_CHECKING:
    from datetime import datetime

    from tests.analysis.histories import Story

EXAMPLES = settings(max_examples=20)
SHOWN = st.fixed_dictionaries({"windows": st.booleans(), "bills": st.booleans(), "told": st.booleans()})
MONTHS = [f"{2025 + number // 12}-{number % 12 + 1:02}" for number in range(7, 48)]
"""From before the first entry of a history until after its last."""


def ask(story: Story, shown: dict[str, bool]) -> Any:
    """The books as the definitions say and how to ask a statement for them; None where they cannot tell."""
    history, at = story
    loaded = history.loaded if shown["told"] else None
    bills = histories.bills(history) if shown["bills"] else None
    options: dict[str, Any] = {
        "breakdowns": histories.windows(history) if shown["windows"] else None,
        "loaded_at": loaded,
        "as_of": at,
        "months": MONTHS,
    }
    try:
        told = oracle.books(history, at, windows=shown["windows"], bills=shown["bills"], loaded=loaded)
    except oracle.Unanswerable:
        with pytest.raises(ArgumentError, match="lies before these books were read"):
            roll_forward(histories.balances(history), bills, **options)
        return None, bills, options
    return told, bills, options


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN, basis=st.sampled_from(("service", "posted")))
def test_roll_forward(story: Story, shown: dict[str, bool], basis: Any) -> None:
    """Every month of every balance is what the definitions say, and at `as_of` it is the API's; or both refuse."""
    told, bills, options = ask(story, shown)
    if told is None:
        return
    frame = histories.balances(story.history)
    rolled = roll_forward(frame, bills, basis=basis, by=["customer_id", "balance_id"], **options)
    amounts = ("opening", *MOVES, "closing", "not_started")
    found = {(row[0], row[1]): row[2:] for row in rolled.select("balance_id", "month", *amounts).rows()}
    expected = {}
    for (_, balance), kept in told.items():
        rolls = statements_oracle.roll_forward(kept, MONTHS, story.at, posted=basis == "posted")
        for month, roll in rolls.items():
            values = (roll.opening, *roll.moves.values(), roll.closing, roll.not_started)
            expected[balance, month] = values
    assert found == expected
    burn = burn_down(frame, invoices=bills, **{name: options[name] for name in ("as_of", "loaded_at", "breakdowns")})
    lasts = dict(burn.group_by("balance_id").agg(pl.col("remaining").last()).iter_rows())
    closings = rolled.filter(pl.col("month") == MONTHS[-1]).select("balance_id", "closing")
    assert {key: left for key, left in closings.iter_rows() if key in lasts} == lasts


@EXAMPLES
@given(story=histories.STORIES, shown=SHOWN, basis=st.sampled_from(("service", "posted")), seed=st.integers(0, 99))
def test_roll_forward_laws(story: Story, shown: dict[str, bool], basis: Any, seed: int) -> None:
    """Keys sum to the total, months to any other choice of months, and neither order nor laziness changes a row."""
    told, bills, options = ask(story, shown)
    if told is None:
        return
    frame = histories.balances(story.history)
    rolled = roll_forward(frame, bills, basis=basis, **options)
    assert not rolled.is_empty() or not told
    moves = pl.sum_horizontal(MOVES)
    assert rolled.filter(pl.col("opening") + moves != pl.col("closing")).is_empty()
    unit = ("balance_type", "credit_type_id")
    following = rolled.select("opening", pl.col("closing").shift(1).over(unit).alias("before"), "month")
    assert following.filter((pl.col("month") != MONTHS[0]) & (pl.col("opening") != pl.col("before"))).is_empty()
    for by in ("customer_id", ["balance_id", "contract_id"], ["type", "product_id"]):
        parts = roll_forward(frame, bills, basis=basis, by=by, **options)
        whole = parts.group_by(*rolled.columns[:4]).agg(pl.col(rolled.columns[4:]).sum())
        assert_frame_equal(whole, rolled, check_row_order=False)
    mixed = frame.sample(fraction=1, shuffle=True, seed=seed)
    assert_frame_equal(roll_forward(mixed, bills, basis=basis, **options), rolled)
    assert_frame_equal(roll_forward(frame.lazy(), bills, basis=basis, **options).collect(), rolled)
    quarter = MONTHS[3:6]
    some = roll_forward(frame, bills, basis=basis, **{**options, "months": [*quarter[::-1], quarter[0]]})
    assert_frame_equal(some, rolled.filter(pl.col("month").is_in(quarter)))


def deals(story: Story, seed: int) -> tuple[dict[str, Deal], pl.DataFrame, pl.DataFrame]:
    """What was agreed and billed for the prepaid commits of a history, their balances, and its invoices."""
    random = Random(seed)  # noqa: S311  # it makes data, not secrets
    agreed: dict[str, Deal] = {}
    schedules: list[dict[str, Any] | None] = []
    invoices = [histories.bills(story.history)]
    for balance in story.history.balances:
        if balance.kind != "PREPAID" or balance.source or random.random() < 0.15:
            schedules.append(None)
            continue
        unit = random.choice((support.USD, support.USD, support.EUR))
        first = balance.segments[0].start
        dates = [
            first + timedelta(days=random.choice((-40, 0, 0, 60)) + 91 * number)
            for number in range(random.randint(1, 3))
        ]
        items = [(date, Decimal(random.randint(1, 90_000)) / 100) for date in dates]
        schedules.append(_schedule(unit, items))
        billed: dict[str, Decimal] = {}
        for number, (date, amount) in enumerate(items):
            status = "DRAFT" if date > story.history.loaded else random.choice(("FINALIZED",) * 6 + ("VOID",))
            if status == "FINALIZED" and date <= story.at:
                billed[f"{date:%Y-%m}"] = billed.get(f"{date:%Y-%m}", Decimal(0)) + amount
            bought = support.line(str(amount), type="commit_purchase", commit_id=balance.id, unit=unit)
            invoices.append(
                support.invoice(
                    *([bought], str(amount)), id=f"{balance.id}-{number}", type="SCHEDULED", status=status, unit=unit,
                    issued_at=date,
                )
            )  # fmt: skip
        agreed[balance.id] = Deal(sum((amount for _, amount in items), Decimal(0)), billed)
    dtype = Balances.create_empty().schema["invoice_schedule"]
    frame = histories.balances(story.history).with_columns(pl.Series("invoice_schedule", schedules, dtype=dtype))
    return agreed, frame, pl.concat(invoices)


def _schedule(unit: tuple[str, str], items: list[tuple[datetime, Decimal]]) -> dict[str, Any]:
    return {
        "credit_type": {"id": unit[0], "name": unit[1]},
        "schedule_items": [{"id": "x", "timestamp": date, "amount": amount} for date, amount in items],
        "do_not_invoice": None,
    }


@EXAMPLES
@given(story=histories.STORIES, windows=st.booleans(), seed=st.integers(0, 2**31))
def test_deferred_revenue(story: Story, windows: bool, seed: int) -> None:  # noqa: FBT001  # hypothesis passes by name
    """Every month of every commit is what the definitions say, and the laws hold; or both refuse."""
    agreed, frame, invoices = deals(story, seed)
    told, _, options = ask(story, {"windows": windows, "bills": True, "told": True})
    if told is None:
        return
    kept = {balance: books for (_, balance), books in told.items()}
    expected = statements_oracle.deferred_revenue(list(story.history.balances), kept, agreed, MONTHS, story.at)
    by_balance = deferred_revenue(frame, invoices, by="balance_id", **options)
    amounts = ("opening", "billed", "recognised_use", "recognised_breakage", "adjusted", "closing", "unbilled")
    for row in by_balance.iter_rows(named=True):
        wanted = expected[row["balance_id"]][row["month"]]
        assert tuple(row[name] for name in amounts) == astuple(wanted)
    shown = set(by_balance["balance_id"])
    assert not [
        name for name, rows in expected.items() if name not in shown and any(row.closing for row in rows.values())
    ]
    assert set(agreed) <= shown
    laws(by_balance, story)
    whole = deferred_revenue(frame, invoices, **options)
    keys = ["month", "credit_type_id", "credit_type_name"]
    assert_frame_equal(by_balance.group_by(keys).agg(pl.col(whole.columns[3:]).sum()), whole, check_row_order=False)
    mixed = frame.sample(fraction=1, shuffle=True, seed=seed)
    assert_frame_equal(deferred_revenue(mixed.lazy(), invoices, **options).collect(), whole)
    entries = journal_entries(
        whole, accounts={"billed": ("a", "b"), "recognised_use": ("b", "c"), "adjusted": ("b", "d")}
    )
    sides = entries.group_by("currency", "entry").agg(pl.col("debit").sum(), pl.col("credit").sum())
    assert sides.filter(pl.col("debit") != pl.col("credit")).is_empty()


def laws(rows: pl.DataFrame, story: Story) -> None:
    """What holds of every commit, month by month."""
    flows = ("billed", "recognised_use", "recognised_breakage", "adjusted")
    billed, use, breakage, adjusted = (pl.col(name) for name in flows)
    assert rows.filter(pl.col("opening") + billed - use - breakage + adjusted != pl.col("closing")).is_empty()
    assert rows.filter((pl.col("closing") < 0) | (use < 0) | (breakage < 0)).is_empty()
    assert rows.filter((pl.col("non_current") < 0) | (pl.col("current") < 0)).is_empty()
    assert rows.filter(pl.col("current") + pl.col("non_current") != pl.col("closing")).is_empty()
    sums = rows.sort("month").with_columns(pl.col(flows).cum_sum().over("balance_id", "credit_type_id"))
    assert sums.filter(billed != use + breakage + pl.col("closing") - adjusted).is_empty()
    ends = {each.id: max(part.end for part in each.segments) for each in story.history.balances}
    over = [name for name, end in ends.items() if end <= story.at]
    assert rows.filter(
        pl.col("balance_id").is_in(over) & (pl.col("month") == MONTHS[-1]) & (pl.col("closing") != 0)
    ).is_empty()
