"""What charts say of themselves: whose amounts they are, when they run out, what is still running, what is at risk."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from metronome_analytics import charts
from metronome_analytics.analysis import burn_down, forecast, utilisation
from metronome_analytics.errors import ArgumentError
from tests.analysis.support import EUR, Segment, balance, drawn, invoice, line, on, start
from tests.charts.conftest import texts
from tests.charts.test_other_charts import data

if TYPE_CHECKING:
    from pathlib import Path

YEAR = Segment("10000", "2026-01-01", "2027-01-01")
NAMES = pl.DataFrame({"id": ["c1"], "name": ["Acme Ltd"]})
USED = [start("2026-01-01", "2000"), drawn("2026-04-01", "-900"), drawn("2026-05-01", "-600", "i2")]


def test_a_burn_down_names_customer_balance_and_currency() -> None:
    """One balance: all three; several of one customer: the customer; nothing is pending, so nothing says so."""
    burn = burn_down(balance(USED, [YEAR]), as_of="2026-06-01")
    chart = charts.burn_down(burn, as_of="2026-06-01", customers=NAMES)
    assert "Acme Ltd · Commit, in USD" in texts(chart)
    assert "drafts" not in texts(chart)
    two = pl.concat([balance(USED, [YEAR]), balance(USED, [YEAR], key="b2", name="Second")])
    assert "Acme Ltd, in USD" in texts(charts.burn_down(burn_down(two, as_of="2026-06-01"), customers=NAMES))


def test_what_is_pending_says_why_it_is_dashed() -> None:
    """Below the title, where there is such a part."""
    burn = burn_down(balance(USED, [YEAR]), as_of="2026-04-15")
    assert "Dashed is what rests on drafts" in texts(charts.burn_down(burn, as_of="2026-04-15"))


def test_a_run_out_date_is_told_with_its_range() -> None:
    """The dates of the forecast, in words and as a line with a band, of one balance; in words of several."""
    burn = burn_down(balance(USED, [YEAR]), as_of="2026-05-01")
    outlook = forecast(burn, as_of="2026-05-01")
    days = outlook.select(pl.col("runs_out_at", "^runs_out_at_.*$").dt.strftime("%Y-%m-%d")).row(0)
    chart = charts.burn_down(burn, as_of="2026-05-01", forecast=outlook)
    assert f"Runs out {days[0]} ({days[1]} to {days[2]})." in texts(chart)
    assert [row["text"] for row in data(chart) if "runs_out_at" in row and "text" in row] == [
        f"runs out {days[0]} ({days[1]} to {days[2]})"
    ]
    two = pl.concat([balance(USED, [YEAR]), balance(USED, [YEAR], key="b2", name="Second")])
    both = burn_down(two, as_of="2026-05-01")
    assert f"Second runs out {days[0]}" in texts(
        charts.burn_down(both, as_of="2026-05-01", forecast=forecast(both, as_of="2026-05-01"))
    )


def test_what_is_at_risk_is_not_green_and_money_stands_beside_the_share() -> None:
    """In step, and yet something will expire: another colour, and what was used of what was granted."""
    entries = [start("2026-01-01", "10000"), drawn("2026-01-05", "-4000")]
    month = Segment("10000", "2026-01-01", "2026-01-21")
    told = utilisation(balance(entries, [month]), as_of="2026-01-11")
    row = next(row for row in data(charts.utilisation(told)) if "verdict" in row)
    assert (row["verdict"], row["colour"]) == ("in step", "in step, some at risk")
    assert row["money"] == "USD 40.00 of 100.00"
    assert "#009E73" not in texts(charts.utilisation(told))


def test_prepayments_have_a_panel_and_unknown_statuses_a_bar() -> None:
    """A prepayment does not flatten the usage beside it; what nobody knows is called by its name."""
    issued = {"issued_at": on("2026-02-01")}
    bills = pl.concat(
        [
            invoice([line("1000")], "1000", **issued),
            invoice([line("5")], "5", id="i2", status="ON_HOLD", **issued),
            invoice([line("9000000")], "9000000", id="i3", type="SCHEDULED", **issued),
        ]
    )
    chart = charts.invoices(bills, customers=NAMES, as_of="2026-02-10")
    assert len(chart.to_dict()["vconcat"]) == 2
    assert "Acme Ltd · usage, in USD" in texts(chart)
    assert {row["status"] for row in data(chart)} == {"FINALIZED", "status unknown: ON_HOLD"}
    assert "2026-02' ? datum.value + ' so far'" in texts(chart)
    assert "so far" not in texts(charts.invoices(bills))


def test_the_running_month_of_costs_is_fainter() -> None:
    """By month and with `as_of`; days are whole or not there."""
    cost = {"customer_id": ["c1"], "start_timestamp": [on("2026-02-03")], "name": ["a"], "credit_type_id": ["u"]}
    lines = pl.DataFrame(
        {**cost, "credit_type_name": ["EUR"], "cost": pl.Series([Decimal(5)], dtype=pl.Decimal(38, 10))}
    )
    assert "2026-02 is still running" in texts(charts.costs(lines, by="month", as_of="2026-02-10"))
    assert "still running" not in texts(charts.costs(lines, as_of="2026-02-10"))
    assert "Acme Ltd, in EUR" in texts(charts.costs(lines, customers=NAMES))


def test_subtitles_have_two_decimals() -> None:
    """Sums in words are rounded; tooltips keep every digit."""
    odd = [start("2026-01-01", "100.555")]
    small = balance(odd, [Segment("100.555", "2026-01-01", "2027-01-01")], key="b2", name="Small")
    burn = burn_down(pl.concat([balance(USED, [YEAR]), small]), as_of="2026-06-01")
    assert "the other 1 hold USD 1.01 and are not drawn" in texts(charts.burn_down(burn, top=1))


@pytest.mark.parametrize(("size", "shape"), [("16:9", 16 / 9), ("1:1", 1.0)])
def test_a_slide_has_its_shape(tmp_path: Path, size: str, shape: float) -> None:
    """Of one panel or several, as a picture; the chart itself stays as it is."""
    one = charts.burn_down(burn_down(balance(USED, [YEAR]), as_of="2026-06-01"))
    euros = balance(USED, [YEAR], key="b2", unit=EUR)
    two = charts.burn_down(burn_down(pl.concat([balance(USED, [YEAR]), euros]), as_of="2026-06-01"))
    for chart in (one, two):
        before = chart.to_dict()
        width, height = struct.unpack(
            ">II", charts.save(chart, tmp_path / "c.png", size=size, scale=1).read_bytes()[16:24]
        )
        assert width / height == pytest.approx(shape, rel=0.01)
        assert chart.to_dict() == before
    page = charts.save(one, tmp_path / "c.svg", size=size).read_text(encoding="utf-8")
    assert page.count("<svg") == page.count("</svg>") == 1


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    """Another text, or a page's."""
    chart = charts.burn_down(burn_down(balance(USED, [YEAR]), as_of="2026-06-01"))
    with pytest.raises(ArgumentError, match="no shape"):
        charts.save(chart, tmp_path / "c.png", size="wide")
    with pytest.raises(ArgumentError, match="for a picture"):
        charts.save(chart, tmp_path / "c.html", size="16:9")
