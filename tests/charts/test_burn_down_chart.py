from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl
import pytest

from metronome_analytics import charts
from metronome_analytics.analysis import burn_down, forecast
from metronome_analytics.analysis.schemas import BurnDown
from metronome_analytics.charts import burn_points
from metronome_analytics.errors import ArgumentError, ConfigurationError
from tests.analysis.support import EUR, Segment, balance, drawn, expired, manual, start
from tests.charts.conftest import rows, texts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analysis.conftest import Books

YEAR = Segment("10000", "2026-01-01", "2027-01-01")
ENTRIES = [start("2026-01-01", "10000"), manual("2026-02-03", "12.5"), drawn("2026-04-01", "-1234.505")]


def points(chart: Any) -> list[dict[str, Any]]:
    """The rows of every data set."""
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def test_major_units_with_exact_text() -> None:
    """Cents are drawn as dollars, and the tooltip's text keeps every digit."""
    chart = charts.burn_down(burn_down(balance(ENTRIES, [YEAR]), as_of="2026-03-01"), as_of="2026-03-01")
    drawn_points = [row for row in points(chart) if row.get("event") == "deduction"]
    assert drawn_points[0]["amount"] == pytest.approx(87.77995)
    assert drawn_points[0]["remaining_text"] == "USD 87.77995"
    assert drawn_points[0]["change_text"] == "USD -12.34505"
    assert drawn_points[0]["status"] == "pending"
    assert "Remaining (USD)" in texts(chart)
    assert "as of 2026-03-01 UTC" in texts(chart)


def test_euros_are_whole() -> None:
    """A currency that is not in cents is not divided, and has a panel of its own."""
    euros = balance([start("2026-01-01", "10")], [Segment("10", "2026-01-01", "2027-01-01")], key="b2", unit=EUR)
    chart = charts.burn_down(burn_down(pl.concat([balance(ENTRIES, [YEAR]), euros]), as_of="2026-05-01"))
    assert isinstance(chart, alt.VConcatChart)
    assert len(chart.vconcat) == 2
    assert "Remaining (EUR)" in texts(chart)
    assert {row["amount"] for row in points(chart) if row.get("remaining_text") == "EUR 10.00"} == {10.0}


def test_time_is_utc() -> None:
    """Every time scale is UTC, so no date shifts west of Greenwich."""
    chart = charts.burn_down(burn_down(balance(ENTRIES, [YEAR]), as_of="2026-05-01"), as_of="2026-05-01").to_dict()
    scales = [layer["encoding"]["x"].get("scale") for layer in chart["layer"] if "x" in layer["encoding"]]
    assert scales
    assert all(scale == {"type": "utc"} for scale in scales)


def test_pending_part_is_dashed() -> None:
    """The pending part of a line is a dashed, fainter line that starts where the settled one stops."""
    chart = charts.burn_down(burn_down(balance(ENTRIES, [YEAR]), as_of="2026-03-01"), as_of="2026-03-01")
    dashed = [layer["mark"] for layer in chart.to_dict()["layer"] if layer["mark"].get("opacity") == 0.6]
    assert dashed[0]["strokeDash"] == [3, 3]
    joints = [row for row in points(chart) if "part" in row and row["timestamp"].startswith("2026-03-01")]
    assert {row["part"] for row in joints} == {"settled", "pending"}
    assert {row["amount"] for row in joints} == {100.125}


def test_marks() -> None:
    """Expirations and entries by hand are marked."""
    entries = [*ENTRIES, expired("2027-01-01", "-8777.995")]
    chart = charts.burn_down(burn_down(balance(entries, [YEAR]), as_of="2027-02-01"))
    shapes = [layer["encoding"]["shape"]["scale"] for layer in chart.to_dict()["layer"] if "shape" in layer["encoding"]]
    assert shapes == [{"domain": ["manual", "expiration"], "range": ["triangle-up", "cross"]}]


def test_no_data() -> None:
    """An empty frame gives a chart that says so."""
    assert "no data" in texts(charts.burn_down(BurnDown.create_empty()))


def test_many_balances_daily() -> None:
    """Five thousand balances with daily steps stay within altair's limit, and what is left out is said."""
    days = pl.datetime_range(
        pl.datetime(2025, 1, 1, time_zone="UTC"), pl.datetime(2026, 12, 31, time_zone="UTC"), "1d", eager=True
    )
    one = burn_down(balance(ENTRIES, [YEAR]), as_of="2026-05-01").head(1)
    name = pl.col("balance_id")
    ids = pl.DataFrame({"balance_id": [f"balance-{n}" for n in range(5_000)]})
    few = one.drop("balance_id").join(ids, how="cross").with_columns(balance_name=name).select(one.columns)
    daily = (
        one.drop("timestamp", "step", "balance_id")
        .join(pl.DataFrame({"timestamp": days}).with_row_index("step"), how="cross")
        .join(ids.head(20), how="cross")
        .select(one.columns)
        .cast({"step": pl.Int64})
    )
    chart = charts.burn_down(pl.concat([daily, few.slice(20)]))
    assert rows(chart) < 5_000
    assert "the other 4,992 hold USD 499,200.00 and are not drawn" in texts(chart)
    assert "One point per 2 days and balance" in texts(chart)


def test_same_names_differ(books: Books) -> None:
    """Balances of the same name have different legends."""
    burn = burn_down(books.balances, as_of=books.as_of)
    chart = charts.burn_down(burn, as_of=books.as_of, top=30)
    legends = {row["balance"]: row["balance_id"] for row in points(chart) if "balance_id" in row}
    assert len(set(legends.values())) == len(legends)


def test_wrong_frame() -> None:
    """A frame of another kind is refused by name, and so is a theme nobody drew."""
    with pytest.raises(ArgumentError, match="burn has no column"):
        charts.burn_down(balance(ENTRIES, [YEAR]))
    with pytest.raises(ArgumentError, match="theme"):
        charts.burn_down(BurnDown.create_empty(), theme="neon")  # type: ignore[arg-type]  # the point of the test


def test_save(books: Books, tmp_path: Path) -> None:
    """A chart is written as PNG, SVG, and HTML that loads nothing from the network."""
    chart = charts.burn_down(burn_down(books.balances, as_of=books.as_of), as_of=books.as_of)
    assert charts.save(chart, tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in charts.save(chart, tmp_path / "c.svg").read_text()
    page = charts.save(chart, str(tmp_path / "c.html")).read_text()
    assert "vega" in page
    assert "<script src" not in page
    assert "cdn.jsdelivr" not in page


def test_save_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another suffix is refused, and a missing vl-convert is named."""
    chart = charts.burn_down(BurnDown.create_empty())
    with pytest.raises(ArgumentError, match="must end in"):
        charts.save(chart, tmp_path / "c.pdf")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ConfigurationError, match="vl-convert"):
        charts.save(chart, tmp_path / "c.png")


def test_decimal_never_reaches_altair(books: Books) -> None:
    """No data set holds a Decimal: the chart can be shown."""
    chart = charts.burn_down(burn_down(books.balances, as_of=books.as_of))
    assert not any(isinstance(value, Decimal) for row in points(chart) for value in row.values())


def test_cone_ends_where_the_forecast_says() -> None:
    """The cone's upper edge is at nothing when the late run-out is, its lower edge when the early one is."""
    entries = [
        start("2026-01-01", "2000"),
        drawn("2026-04-01", "-900"),
        drawn("2026-05-01", "-600", "i2"),
    ]
    burn = burn_down(balance(entries, [YEAR]), as_of="2026-05-01")
    outlook = forecast(burn, as_of="2026-05-01")
    early, late = outlook.select("runs_out_at_earliest", "runs_out_at_latest").row(0)
    edges = burn_points.cone(burn.with_columns(pl.lit("b").alias("balance")), outlook, datetime(2026, 5, 1, tzinfo=UTC))
    assert early < late
    for edge, moment in (("high", early), ("low", late)):
        empty = edges.filter(pl.col(edge) < 1e-6)["timestamp"].min()
        assert isinstance(empty, datetime)
        assert abs((empty - moment).total_seconds()) <= 1
    assert edges.height == 4
