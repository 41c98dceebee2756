from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import burn_down, forecast
from metronome_analytics.analysis.schemas import BurnDown, Forecast
from metronome_analytics.errors import ArgumentError
from tests.analysis.support import Entry, Segment, amounts, applied, balance, drawn, expired, manual, on, start, window

if TYPE_CHECKING:
    from tests.analysis.conftest import Books

YEAR = Segment("1000", "2026-01-01", "2027-01-01")


def told(
    entries: list[Entry], as_of: str, segment: Segment = YEAR, *, days: str = "30d", daily: str | None = None
) -> pl.DataFrame:
    """The forecast of one balance; `daily` is a first day and an amount for each day from then on."""
    books = balance(entries, [segment])
    windows = None
    if daily is not None:
        day, amount, count = daily.split()
        first = on(day)
        windows = pl.concat(
            [window(f"{first + timedelta(days=n):%Y-%m-%d}", [applied(amount)]) for n in range(int(count))]
        )
    return forecast(burn_down(books, as_of=as_of, breakdowns=windows), as_of=as_of, window=days)


def test_runs_out() -> None:
    """Ten a day from a balance of 690 runs out in 69 days, and what would follow is overage."""
    entries = [start("2026-01-01", "1000"), drawn("2026-02-01", "-310")]
    row = told(entries, "2026-02-01", daily="2026-01-01 -10 31")
    assert amounts(row["burn_per_day"]) == ["10"]
    assert row["runs_out_at"].to_list() == [on("2026-02-01") + timedelta(days=69)]
    assert row["verdict"].to_list() == ["runs out"]
    assert amounts(row["overage_at_end"]) == ["2650"]
    assert amounts(row["unused_at_end"]) == ["0"]
    assert row["days_left"].to_list() == [334.0]


def test_leaves_unused() -> None:
    """One a day leaves most of it, so there is no run-out date."""
    entries = [start("2026-01-01", "1000"), drawn("2026-02-01", "-31")]
    row = told(entries, "2026-02-01", daily="2026-01-01 -1 31")
    assert row["verdict"].to_list() == ["leaves unused"]
    assert row["runs_out_at"].to_list() == [None]
    assert amounts(row["unused_at_end"]) == ["635"]


def test_partial_period_is_partial() -> None:
    """The draft of a period half gone is half a period's use, not a whole one's."""
    entries = [start("2026-01-01", "1000"), drawn("2026-02-01", "-310"), drawn("2026-03-01", "-140", "draft")]
    row = told(entries, "2026-02-15", days="14d")
    assert amounts(row["burn_per_day"]) == ["10"]
    assert amounts(row["remaining"]) == ["550"]


def test_only_deductions_burn() -> None:
    """A top-up is no negative burn and a write-off is no burn."""
    entries = [
        start("2026-01-01", "1000"),
        manual("2026-01-10", "500"),
        manual("2026-01-12", "-100"),
        drawn("2026-02-01", "-310"),
    ]
    row = told(entries, "2026-02-01", days="30d")
    assert amounts(row["burn_per_day"]) == ["10"]
    assert amounts(row["remaining"]) == ["1090"]


def test_range_of_windows() -> None:
    """Use that has grown gives an early date by the last week and a late one by the last three months."""
    entries = [start("2026-01-01", "5000"), drawn("2026-04-01", "-900"), drawn("2026-05-01", "-1200", "i2")]
    row = told(entries, "2026-05-01")
    dates = row.select("runs_out_at_earliest", "runs_out_at", "runs_out_at_latest").row(0)
    assert dates[0] <= dates[1] < dates[2]
    assert amounts(row["burn_per_day_high"]) == amounts(row["burn_per_day"]) == ["40"]


@pytest.mark.parametrize(
    ("entries", "as_of", "verdict"),
    [
        ([start("2026-01-01", "1000"), drawn("2026-01-03", "-10")], "2026-01-04", "not enough history"),
        ([start("2026-01-01", "1000")], "2026-03-01", "no burn"),
        ([start("2026-01-01", "1000"), drawn("2026-02-01", "-1000")], "2026-03-01", "used up"),
        ([start("2026-01-01", "1000"), expired("2027-01-01", "-1000")], "2027-03-01", "access over"),
    ],
)
def test_no_date(entries: list[Entry], as_of: str, verdict: str) -> None:
    """Without enough history, burn, balance or access there is a verdict and no date."""
    row = told(entries, as_of)
    assert row["verdict"].to_list() == [verdict]
    assert row.select("runs_out_at", "runs_out_at_earliest", "runs_out_at_latest").row(0) == (None, None, None)


def test_demo(books: Books) -> None:
    """One row per balance, declared columns, lazy as eager, and the whole is its customers put together."""
    burn = burn_down(books.balances, breakdowns=books.breakdowns, as_of=books.as_of)
    whole = forecast(burn, as_of=books.as_of)
    assert whole.schema == Forecast.create_empty().schema
    assert whole.height == burn.select("customer_id", "balance_id").n_unique()
    assert Forecast.is_valid(whole)
    assert_frame_equal(forecast(burn.lazy(), as_of=books.as_of).collect(), whole)
    each = [forecast(part, as_of=books.as_of) for part in burn.partition_by("customer_id", maintain_order=True)]
    assert_frame_equal(pl.concat(each), whole)
    dated = whole.filter(pl.col("runs_out_at").is_not_null())
    assert dated.height > 5
    assert dated.filter(pl.col("runs_out_at") > pl.col("ending_before")).is_empty()
    assert dated.filter(pl.col("runs_out_at") < books.as_of).is_empty()


def test_wrong_arguments() -> None:
    """A window that is none and a missing as_of are refused."""
    empty = BurnDown.create_empty()
    for wrong in ("soon", "0d", timedelta(0)):
        with pytest.raises(ArgumentError, match="window"):
            forecast(empty, as_of="2026-01-01", window=wrong)
    with pytest.raises(ArgumentError, match="as_of is needed"):
        forecast(empty, as_of=None)  # type: ignore[arg-type]  # the point of the test
    assert forecast(empty, as_of="2026-01-01", window=timedelta(weeks=2)).schema == Forecast.create_empty().schema
