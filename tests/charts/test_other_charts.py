from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from metronome_analytics import charts
from metronome_analytics.analysis import burn_down, deferred_revenue, forecast, roll_forward, utilisation
from metronome_analytics.analysis.schemas import BurnDown, Utilisation
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import Costs, DailyCosts, InvoiceBreakdowns, Invoices, cost_lines, line_items
from metronome_analytics.tables.costs import daily_costs
from tests.analysis.support import EUR, Segment, applied, balance, drawn, invoice, line, on, start, window
from tests.charts.conftest import rows, texts

if TYPE_CHECKING:
    from metronome_analytics.analysis.utilisation import By
    from tests.analysis.conftest import Books

YEAR = Segment("10000", "2026-01-01", "2027-01-01")


def data(chart: Any) -> list[dict[str, Any]]:
    """The rows of every data set."""
    return [row for each in chart.to_dict()["datasets"].values() for row in each]


def cost(day: str, name: str, amount: str, unit: tuple[str, str] = EUR) -> dict[str, Any]:
    """One cost line."""
    return {
        "customer_id": "c1",
        "start_timestamp": on(day),
        "credit_type_id": unit[0],
        "credit_type_name": unit[1],
        "name": name,
        "cost": Decimal(amount),
    }


def test_empty_frames_say_no_data() -> None:
    """Every chart of an empty frame says so."""
    utilised, bills, burn = Utilisation.create_empty(), Invoices.create_empty(), BurnDown.create_empty()
    for chart in (
        charts.utilisation(utilised),
        charts.breakage(utilised),
        charts.costs(Costs.create_empty()),
        charts.costs(InvoiceBreakdowns.create_empty()),
        charts.invoices(bills),
        charts.aging(bills, as_of="2026-01-01"),
        charts.portfolio(burn),
    ):
        assert "no data" in texts(chart)


def test_utilisation_tells_pace() -> None:
    """A balance that lags behind time is told from one that is ahead, and what is at risk is exact text."""
    behind = balance([start("2026-01-01", "10000"), drawn("2026-02-01", "-100.5")], [YEAR])
    ahead = balance([start("2026-01-01", "10000"), drawn("2026-02-01", "-9000")], [YEAR], key="b2", name="Fast")
    told = utilisation(pl.concat([ahead, behind]), as_of="2026-07-02T12:00")
    chart = charts.utilisation(told)
    shown = {row["balance"]: row for row in data(chart)}
    assert list(shown) == ["Commit", "Fast"]
    assert shown["Commit"]["verdict"] == "behind time"
    assert shown["Fast"]["verdict"] == "ahead of time"
    assert shown["Commit"]["at_risk_text"] == "USD 97.99"
    assert shown["Commit"]["remaining_text"] == "USD 98.995"


@pytest.mark.parametrize("by", ["balance", "segment", "customer", "product", "contract"])
def test_utilisation_by_anything(books: Books, by: By) -> None:
    """Whatever the rows are grouped by, each has a bar of its own."""
    chart = charts.utilisation(utilisation(books.balances, as_of=books.as_of, by=by), top=100)
    for each in chart.to_dict()["datasets"].values():
        labels = [row["balance"] for row in each]
        assert None not in labels
        assert len(set(labels)) == len(labels)


def test_many_rows_are_summed_up() -> None:
    """Five thousand balances are the top ones and a statement of the rest."""
    one = utilisation(balance([start("2026-01-01", "10000")], [YEAR]), as_of="2026-07-02")
    ids = pl.DataFrame({"balance_id": [f"b{n}" for n in range(5_000)]})
    many = one.drop("balance_id").join(ids, how="cross").select(one.columns)
    chart = charts.utilisation(many)
    assert rows(chart) == 20
    assert "The 20 most at risk of 5,000 rows; the others have USD 498,000.00 at risk." in texts(chart)


def test_breakage_by_month_of_end() -> None:
    """What will expire counts in the month whose end is the end of access."""
    chart = charts.breakage(utilisation(balance([start("2026-01-01", "10000")], [YEAR]), as_of="2026-07-02"))
    assert [(row["month"], row["text"]) for row in data(chart)] == [("2026-12", "USD 100.00")]


def test_costs_are_stacked_by_product() -> None:
    """Costs stack by product within a day, the largest at the bottom, small ones as one."""
    lines = pl.DataFrame(
        [cost("2026-01-01", name, amount) for name, amount in (("a", "5"), ("b", "7"), ("c", "1"), ("d", "2"))]
    )
    chart = charts.costs(lines.cast({"cost": pl.Decimal(38, 10)}), top=2)
    stack = [(row["product"], row["bottom"], row["top"]) for row in data(chart)]
    assert stack == [("b", 0.0, 7.0), ("a", 7.0, 12.0), ("everything else", 12.0, 15.0)]
    assert "The 2 largest of 4 products" in texts(chart)


def test_costs_of_contracts_are_gross_usage() -> None:
    """Of breakdowns only usage counts: applied lines and conversions do not, nor do void invoices."""
    lines = [line("800", commit_id="b1"), applied("-800"), line("5", type="cpu_conversion")]
    windows = pl.concat([window("2026-01-01", lines), window("2026-01-02", lines, id="i2", status="VOID")])
    for frame in (windows, line_items(windows), windows.lazy()):
        chart = charts.costs(frame, by="month")
        assert [(row["when"], row["text"]) for row in data(chart)] == [("2026-01", "USD 8.00")]


def test_costs_by_month_have_ticks_at_months() -> None:
    """Between bars of months there are no weeks; dates that would touch are thinned out, by day as well."""
    lines = pl.DataFrame([cost(day, "a", "5") for day in ("2026-08-01", "2026-09-01", "2026-10-01")])
    lines = lines.cast({"cost": pl.Decimal(38, 10)})
    by_month, by_day = (str(charts.costs(lines, by=by).to_dict()) for by in ("month", "day"))
    assert "'tickCount': 'month'" in by_month
    assert "'tickCount': 'month'" not in by_day
    assert "'labelSeparation': 8" in by_month
    assert "'labelSeparation': 8" in by_day


def test_daily_costs_are_drawn_as_what_they_are_made_of() -> None:
    """The chart of `daily_costs()` is that of its breakdowns: gross usage by product, whatever paid for it."""
    lines = [line("800", product_id="p1"), applied("-800"), line("500", name="other", product_id="p2")]
    windows = pl.concat([window("2026-01-01", lines), window("2026-01-02", lines, id="i2", status="VOID")])
    days = daily_costs(windows, Costs.create_empty())
    assert data(charts.costs(days)) == data(charts.costs(windows))
    assert data(charts.costs(days.lazy())) == data(charts.costs(days))
    assert "no data" in texts(charts.costs(DailyCosts.create_empty()))


def test_invoices_count_once() -> None:
    """Void and consolidated invoices are left out and said so; a draft true-up is no spend."""
    issued = {"issued_at": on("2026-02-01")}
    true_up = line("400", type="scheduled", postpaid_commit={"id": "b1"})
    bills = pl.concat(
        [
            invoice([line("1000")], "1000", **issued),
            invoice([line("50")], "50", id="i2", status="DRAFT", **issued),
            invoice([true_up], "400", id="i3", status="DRAFT", **issued),
            invoice([line("9")], "9", id="i4", status="VOID", **issued),
            invoice([line("1000")], "1000", id="i5", type="USAGE_CONSOLIDATED", **issued),
        ]
    )
    chart = charts.invoices(bills)
    assert {row["status"]: row["text"] for row in data(chart)} == {
        "FINALIZED": "USD 10.00",
        "DRAFT": "USD 0.50",
        "DRAFT true-up": "USD 4.00",
    }
    assert "1 void invoice left out." in texts(chart)
    assert "1 consolidated invoice left out." in texts(chart)


def test_everything_left_out() -> None:
    """Where everything is left out the panel says so and why, and can be drawn."""
    void = invoice([line("9")], "9", status="VOID", issued_at=on("2026-02-01"))
    chart = charts.invoices(void)
    assert "nothing to draw" in texts(chart)
    assert "1 void invoice left out." in texts(chart)
    unknown = charts.aging(invoice([], "9", issued_at=on("2026-02-01")), as_of="2026-02-10")
    assert [row["age"] for row in data(unknown)] == ["status unknown"]


def test_aging() -> None:
    """Unpaid invoices are by days past due; paid ones are none and those of unknown status have a bar of their own."""
    issued = {"issued_at": on("2026-01-01"), "net_payment_terms_days": 30.0}
    status = "billing_provider_invoice_external_status"
    bills = pl.concat(
        [
            invoice([], "1000", **issued, **{status: "SENT"}),
            invoice([], "7", id="i2", **issued, **{status: "PAID"}),
            invoice([], "300", id="i3", **issued),
        ]
    )
    chart = charts.aging(bills, as_of="2026-02-10")
    drawn = {row["age"]: row["text"] for row in data(chart)}
    assert drawn == {"1 to 30 days": "USD 10.00", "status unknown": "USD 3.00"}
    early = charts.aging(bills, as_of="2026-01-31")
    assert {row["age"]: row["text"] for row in data(early)} == {"not due": "USD 10.00", "status unknown": "USD 3.00"}


def test_statements_draw() -> None:
    """Movements are bars of their own sign, in major units, what is left is a line, and months left out are said."""
    held = balance([start("2026-01-01", "10000"), drawn("2026-02-01", "-900")], [YEAR])
    rolled = roll_forward(held, None, months=["2026-01", "2026-02"])
    chart = charts.roll_forward(rolled)
    moves = {row["movement"]: row["text"] for row in data(chart) if "movement" in row}
    assert moves == {"granted": "USD 100.00", "used": "USD -9.00"}
    assert [row["text"] for row in data(chart) if "movement" not in row] == ["USD 91.00", "USD 91.00"]
    assert "The last 1 month." in texts(charts.roll_forward(rolled, months=1))
    bought = invoice([line("10000", type="commit_purchase", commit_id="b1")], "10000", issued_at=on("2026-01-01"))
    deferred = deferred_revenue(held, bought, months="2026-01")
    moves = {row["movement"]: row["text"] for row in data(charts.deferred_revenue(deferred)) if "movement" in row}
    assert moves == {"billed": "USD 100.00", "recognised use": "USD -9.00"}


def test_portfolio() -> None:
    """A deduction dated at the end of a month counts in that month; customers beyond the top are said."""
    parts = [
        balance([start("2026-01-01", "10000"), drawn("2026-02-01", amount)], [YEAR], customer=customer)
        for customer, amount in (("c1", "-100"), ("c2", "-300"))
    ]
    chart = charts.portfolio(burn_down(pl.concat(parts), as_of="2026-03-01"), top=1)
    assert [(row["label"], row["month"], row["text"]) for row in data(chart)] == [("c2", "2026-01", "USD 3.00")]
    assert "The 1 of 2 customers who drew most; the others drew USD 1.00." in texts(chart)


def test_cone() -> None:
    """A forecast draws the low and the high burn from today on."""
    burn = burn_down(balance([start("2026-01-01", "10000"), drawn("2026-04-01", "-900")], [YEAR]), as_of="2026-04-10")
    chart = charts.burn_down(burn, as_of="2026-04-10", forecast=forecast(burn, as_of="2026-04-10"))
    edges = [row for row in data(chart) if "low" in row]
    assert edges[0]["low"] == edges[0]["high"] == 91.0
    assert all(row["high"] <= row["low"] for row in edges)


def test_demo_in_every_chart(books: Books) -> None:
    """The demo account draws in every chart, in both themes, within altair's limit and without a Decimal."""
    utilised = utilisation(books.balances, as_of=books.as_of, by="segment")
    burn = burn_down(books.balances, as_of=books.as_of)
    made = [
        charts.utilisation(utilised, theme="dark"),
        charts.breakage(utilised),
        charts.costs(books.breakdowns, theme="dark"),
        charts.invoices(books.invoices),
        charts.aging(books.invoices, as_of=books.as_of),
        charts.roll_forward(roll_forward(books.balances, books.invoices, months="2026-10", as_of=books.as_of)),
        charts.deferred_revenue(deferred_revenue(books.balances, books.invoices, months="2026-10")),
        charts.portfolio(burn, theme="dark"),
    ]
    for chart in made:
        assert 0 < rows(chart) < 5_000
        assert not any(isinstance(value, Decimal) for row in data(chart) for value in row.values())


def test_wrong_frames() -> None:
    """Frames of another kind and groupings that are none are refused by name."""
    with pytest.raises(ArgumentError, match="by must be one of 'day', 'month'"):
        charts.costs(Costs.create_empty(), by="week")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ArgumentError, match="costs has no column"):
        charts.costs(BurnDown.create_empty())
    with pytest.raises(ArgumentError, match="as_of is needed"):
        charts.aging(Invoices.create_empty(), as_of=None)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ArgumentError, match="utilised has no column"):
        charts.utilisation(Invoices.create_empty())
    assert "no data" in texts(charts.costs(cost_lines(Costs.create_empty())))


@pytest.mark.parametrize(
    ("used", "verdict"),
    [("-3999", "behind time"), ("-4000", "in step"), ("-6000", "in step"), ("-6001", "ahead of time")],
)
def test_a_tenth_apart_is_in_step(used: str, verdict: str) -> None:
    """Half the time gone, from four tenths to six tenths used are in step, and no more."""
    entries = [start("2026-01-01", "10000"), drawn("2026-01-05", used)]
    told = utilisation(balance(entries, [Segment("10000", "2026-01-01", "2026-01-21")]), as_of="2026-01-11")
    assert [row["verdict"] for row in data(charts.utilisation(told)) if "verdict" in row] == [verdict]
