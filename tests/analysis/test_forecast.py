from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metronome_analytics.analysis import burn_down, forecast
from metronome_analytics.analysis.schemas import BurnDown, CustomerForecast, Forecast
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Balances
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


def test_rate_is_never_negative() -> None:
    """Late usage in one window that no invoice took up gives nothing back: no negative pace, no date before as_of."""
    books = balance([start("2026-01-01", "1000"), drawn("2026-02-01", "-31")], [YEAR])
    days = pl.concat([window("2026-01-01", [applied("-400")]), window("2026-01-31", [applied("-1")])])
    row = forecast(burn_down(books, as_of="2026-02-01", breakdowns=days), as_of="2026-02-01", window="7d")
    assert amounts(row["burn_per_day_low"])[0] != "0"
    assert min(row["burn_per_day"][0], row["burn_per_day_low"][0]) >= 0
    assert row["runs_out_at"].to_list() == [None]
    given_back = [start("2026-01-01", "1000"), drawn("2026-02-01", "31")]
    assert amounts(told(given_back, "2026-02-01")["burn_per_day"]) == ["0"]


@pytest.mark.parametrize("amount", [10, 100])
def test_rest_falls_on_the_days_without_windows(amount: int) -> None:
    """Windows that start inside a period leave the rest to the days before: constant use stays constant."""
    entries = [start("2026-01-01", "9000"), drawn("2026-02-01", f"-{31 * amount}")]
    row = told(entries, "2026-02-01", Segment("9000", "2026-01-01", "2027-01-01"), daily=f"2026-01-15 -{amount} 17")
    every = row.select("burn_per_day", "burn_per_day_low", "burn_per_day_high").row(0)
    assert [float(rate) for rate in every] == pytest.approx([amount] * 3)


def test_rest_after_the_last_window() -> None:
    """Windows that end before as_of leave the rest to the days since."""
    entries = [start("2026-01-01", "9000"), drawn("2026-02-01", "-310")]
    row = told(entries, "2026-02-01", daily="2026-01-01 -10 20", days="7d")
    assert amounts(row["burn_per_day"]) == ["10"]


def test_gaps_are_no_access() -> None:
    """Thirty days of which four had access are four days, and not enough history."""
    segments = [Segment("50", "2025-12-01", "2025-12-03", "a"), Segment("50", "2026-01-27", "2026-03-01", "b")]
    entries = [start("2025-12-01", "50", "a"), expired("2025-12-03", "-50", "a"), start("2026-01-27", "50", "b")]
    row = forecast(burn_down(balance(entries, segments), as_of="2026-01-31"), as_of="2026-01-31")
    assert row["days_observed"].to_list() == [4.0]
    assert row["verdict"].to_list() == ["not enough history"]


def test_open_periods_of_two_contracts() -> None:
    """Two drafts dated ahead both burn: the first one's end is no start of the second's usage."""
    entries = [
        start("2026-01-01", "5000"),
        drawn("2026-02-01", "-310"),
        drawn("2026-02-20", "-140", "d1"),
        drawn("2026-03-01", "-140", "d2"),
    ]
    row = told(entries, "2026-02-15", days="14d")
    assert amounts(row["burn_per_day"]) == ["20"]
    quarterly = [start("2026-01-01", "5000"), drawn("2026-05-01", "-310", "d1")]
    assert amounts(told(quarterly, "2026-02-15", days="30d")["burned"]) != ["0"]


@pytest.mark.parametrize("dated", ["2026-04-01", "2026-04-20"])
def test_usage_of_a_deduction_takes_a_month_at_most(dated: str) -> None:
    """With nothing to tell where usage began, it took a month: that before its date, not since the segment's start."""
    first = on(dated) - timedelta(days=31)
    at = min(on(dated), on("2026-04-01"))
    burn = burn_down(balance([start("2026-01-01", "1000"), drawn(dated, "-310")], [YEAR]), as_of=at)
    row = forecast(burn, as_of=at, window=at - first)
    assert amounts(row["burned"]) == ["310"]


def test_not_known_is_null() -> None:
    """Without a pace or an end, what is left over or short at the end is not known."""
    young = told([start("2026-01-01", "1000"), drawn("2026-01-03", "-10")], "2026-01-04")
    over = told([start("2026-01-01", "1000"), expired("2027-01-01", "-1000")], "2027-03-01")
    for row in (young, over):
        assert row.select("unused_at_end", "overage_at_end").row(0) == (None, None)
    assert young.select("burn_per_day", "burn_per_day_low", "burn_per_day_high").row(0) == (None, None, None)


@pytest.mark.parametrize(
    ("as_of", "days", "enough"),
    [
        ("2026-01-08", "30d", True),
        ("2026-01-07T23:59:59", "30d", False),
        ("2026-01-04", "3d", True),
        ("2026-01-03T23:59:59", "3d", False),
    ],
)
def test_seven_days_are_history(as_of: str, days: str, enough: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Seven days of access, or the window if shorter, are history; a second less is not."""
    row = told([start("2026-01-01", "1000"), drawn("2026-02-01", "-10")], as_of, days=days)
    assert (row["verdict"][0] != "not enough history") == enough


@pytest.mark.parametrize(("length", "shown"), [(7, True), (30, True), (90, True), (60, False), (8, False)])
def test_range_is_of_7_30_and_90_days(length: int, shown: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """A burst that many days ago raises the high pace by the average of its window, of 7, 30 and 90 days."""
    at = on("2026-07-01")
    entries = [start("2026-01-01", "9000"), drawn("2026-08-01", "-9")]
    day = f"{at - timedelta(days=length):%Y-%m-%d}"
    books = balance(entries, [YEAR])
    burn = burn_down(books, as_of=at, breakdowns=window(day, [applied("-9")], status="DRAFT"))
    row = forecast(burn, as_of=at, window="180d")
    high = Decimal(9) / length
    assert (row["burn_per_day_high"][0] == round(high, 10)) == shown


def test_range_needs_access_before_it() -> None:
    """A window that began before access did is not in the range; one that began with it is."""
    books = balance([start("2026-01-01", "9000"), drawn("2026-02-01", "-310")], [YEAR])
    days = window("2026-01-01", [applied("-310")])
    for as_of, lowest in (("2026-01-30", "10.6896551724"), ("2026-01-31", "10.3333333333")):
        row = forecast(burn_down(books, as_of=as_of, breakdowns=days), as_of=as_of, window="15d")
        assert amounts(row["burn_per_day_low"]) == ["0"]
        assert (amounts(row["burn_per_day_high"]) == [lowest]) == (as_of == "2026-01-31")


def customers(*parts: pl.DataFrame, as_of: str = "2026-02-01", **options: Any) -> pl.DataFrame:
    """The forecast by customer of some balances."""
    books = pl.concat(parts)
    return forecast(burn_down(books, as_of=as_of), as_of=as_of, by="customer", balances=books, **options)


def test_customer_drains_in_order() -> None:
    """What a customer burns empties the balances in order; what then finds none open is overage until the end."""
    first = balance(
        [start("2026-01-01", "100")], [Segment("100", "2026-01-01", "2026-12-01")], key="first", priority=1.0
    )
    second = balance([start("2026-01-01", "1000"), drawn("2026-02-01", "-310")], [YEAR], key="second", priority=2.0)
    row = customers(second, first)
    assert amounts(row["remaining"]) == ["790"]
    assert row.select("first_runs_out_at", "runs_out_at").row(0) == (
        on("2026-02-11"),
        on("2026-02-01") + timedelta(days=79),
    )
    assert amounts(row["overage_at_end"]) == ["2550"]
    drain = row["drain"].explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    assert drain.select("place", "balance_id", "runs_out_at").rows() == [
        (1, "first", on("2026-02-11")),
        (2, "second", on("2026-02-01") + timedelta(days=79)),
    ]
    assert row["verdict"].to_list() == ["runs out"]


def test_an_empty_balance_that_runs_on_extends_no_forecast() -> None:
    """The shortage is until the end of what holds something: a credit that was taken back may run for years."""
    held = balance(
        [start("2026-01-01", "400"), drawn("2026-02-01", "-310")], [Segment("400", "2026-01-01", "2026-03-01")]
    )
    taken = balance(
        [start("2026-01-01", "50"), manual("2026-01-10", "-50")],
        [Segment("50", "2026-01-01", "2029-01-01")],
        key="b2",
    )
    assert customers(held, taken)["ending_before"].to_list() == [on("2026-03-01")]
    assert customers(taken)["ending_before"].to_list() == [on("2029-01-01")]


def test_customer_draws_on_segments_to_come() -> None:
    """A segment to come pays from its start on; in between what is used is overage, and what ends is unused."""
    now = balance(
        [start("2026-01-01", "400"), drawn("2026-02-01", "-310")], [Segment("400", "2026-01-01", "2026-03-01")]
    )
    later = balance([], [Segment("1000", "2026-02-21", "2026-03-03")], key="b2")
    row = customers(now, later)
    assert amounts(row["coming"]) == ["1000"]
    assert row["runs_out_at"].to_list() == [on("2026-02-10")]
    assert amounts(row["overage_at_end"]) == ["110"]
    assert amounts(row["unused_at_end"]) == ["900"]
    assert row["ending_before"].to_list() == [on("2026-03-03")]


def test_a_customers_balances_are_those_with_access() -> None:
    """One that is still to come is no balance of today, though it is in what is coming."""
    now = balance([start("2026-01-01", "400"), drawn("2026-02-01", "-310")], [YEAR])
    later = balance([], [Segment("1000", "2026-02-21", "2026-03-03")], key="b2")
    row = customers(now, later)
    assert row["balances"].to_list() == [1]
    assert amounts(row["coming"]) == ["1000"]


def test_a_customer_that_is_dry_just_at_the_end_is_dry_then() -> None:
    """What is used up by the last second of access runs out there, and nothing is over or short."""
    entries = [start("2026-01-01", "410"), drawn("2026-02-01", "-310")]
    row = customers(balance(entries, [Segment("410", "2026-01-01", "2026-02-11")]))
    assert row.select("runs_out_at", "first_runs_out_at").row(0) == (on("2026-02-11"), on("2026-02-11"))
    assert amounts(row["unused_at_end"]) + amounts(row["overage_at_end"]) == ["0", "0"]
    # Dry before, and what came in between is empty just at the end: it ran dry when it first did.
    later = balance([], [Segment("50", "2026-02-16", "2026-02-21")], key="b2")
    row = customers(balance(entries, [Segment("410", "2026-01-01", "2026-02-15")]), later)
    assert row["runs_out_at"].to_list() == [on("2026-02-11")]


def test_customer_with_one_balance_is_its_balance() -> None:
    """By customer is by balance where there is one balance with one segment."""
    entries = [start("2026-01-01", "1000"), drawn("2026-02-01", "-310")]
    books = balance(entries, [YEAR])
    burn = burn_down(books, as_of="2026-02-01")
    shared = [name for name in Forecast.column_names() if name in CustomerForecast.column_names()]
    whole = forecast(burn, as_of="2026-02-01", by="customer", balances=books)
    assert_frame_equal(whole.select(shared), forecast(burn, as_of="2026-02-01").select(shared))


def test_customer_forecast_of_demo(books: Books) -> None:
    """Declared columns, lazy as eager, empty as full, and the whole is its customers put together."""
    burn = burn_down(books.balances, breakdowns=books.breakdowns, as_of=books.as_of)
    whole = forecast(burn, as_of=books.as_of, by="customer", balances=books.balances)
    assert whole.schema == CustomerForecast.create_empty().schema
    assert CustomerForecast.is_valid(whole)
    lazy = forecast(burn.lazy(), as_of=books.as_of, by="customer", balances=books.balances.lazy())
    assert_frame_equal(lazy.collect(), whole)
    each = [
        forecast(part, as_of=books.as_of, by="customer", balances=books.balances)
        for part in burn.partition_by("customer_id", maintain_order=True)
    ]
    assert_frame_equal(
        pl.concat(each).filter(pl.col("burned") > 0), whole.filter(pl.col("burned") > 0), check_row_order=False
    )
    none = forecast(BurnDown.create_empty(), as_of=books.as_of, by="customer", balances=Balances.create_empty())
    assert none.schema == whole.schema


def test_customer_forecast_needs_balances() -> None:
    """Another grouping is refused, and by customer the order of drainage is asked for."""
    empty = BurnDown.create_empty()
    with pytest.raises(ArgumentError, match="by must be one of 'balance'"):
        forecast(empty, as_of="2026-01-01", by="colour")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ArgumentError, match="needs balances"):
        forecast(empty, as_of="2026-01-01", by="customer")


def test_dates_are_to_the_nearest_second() -> None:
    """A hundred at seven a day last fourteen days and two sevenths: the date is rounded, not cut."""
    entries = [start("2026-01-01", "317"), drawn("2026-02-01", "-217")]
    row = told(entries, "2026-02-01", Segment("317", "2026-01-01", "2027-01-01"))
    assert row["runs_out_at"].to_list() == [on("2026-02-01") + timedelta(seconds=1_234_286)]


def test_balances_are_in_the_order_given() -> None:
    """However many balances there are, their forecasts stand as they were given."""
    keys = [f"b{number * 37 % 101}" for number in range(101)]
    burn = burn_down(pl.concat([balance([start("2026-01-01", "1")], [YEAR], key=key) for key in keys]))
    assert forecast(burn, as_of="2026-02-01")["balance_id"].to_list() == keys
