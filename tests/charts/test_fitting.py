"""How wide charts are: in pictures of any width, and how they are told to follow a page."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl
import pytest

from metronome_analytics import charts
from metronome_analytics.analysis import burn_down, forecast, utilisation
from metronome_analytics.charts.fitting import NARROW, WIDEST, fitted, within
from metronome_analytics.charts.showing import LIVE, bundle, picture
from metronome_analytics.tables.money import MONEY
from tests.analysis.support import EUR, Segment, balance, drawn, start
from tests.charts.conftest import texts

if TYPE_CHECKING:
    from pathlib import Path

YEAR = Segment("10000", "2026-01-01", "2027-01-01")
_WORDS = re.compile(
    r'<text [^>]*text-anchor="(\w+)" transform="translate\(([\d.-]+),([\d.-]+)\)"[^>]*>((?:runs out|as of)[^<]*)<'
)
LONG = "A customer of a name that goes on and on, GmbH & Co. KG"


def of(spent: str, **other: Any) -> pl.DataFrame:
    """A balance of 100 of which so much was drawn in the half year before June."""
    entries = [drawn(f"2026-0{month}-01", f"-{spent}", f"i{month}") for month in range(2, 7)]
    return balance([start("2026-01-01", "10000"), *entries], [YEAR], name=LONG, **other)


def outlook(spent: str) -> charts.Chart:
    """A burn-down of it with its forecast."""
    burn = burn_down(of(spent), as_of="2026-06-05")
    names = pl.DataFrame({"id": ["c1"], "name": [LONG]})
    cone = forecast(burn, as_of="2026-06-05")
    return charts.burn_down(burn, as_of="2026-06-05", forecast=cone, customers=names)


def several() -> dict[str, charts.Chart]:
    """One panel and more, with amounts and with names beside them."""
    both = pl.concat([of("900"), of("700", key="b2", unit=EUR)])
    used = utilisation(both, as_of="2026-06-05")
    burn = burn_down(both, as_of="2026-06-05")
    one = pl.col("credit_type_name") == "EUR"
    return {
        "burn-downs": charts.burn_down(burn, as_of="2026-06-05"),
        "utilisation": charts.utilisation(used.filter(one)),
        "utilisations": charts.utilisation(used),
        "portfolios": charts.portfolio(burn),
        "nothing": charts.burn_down(burn.head(0)),
    }


@pytest.mark.parametrize("pixels", [NARROW, WIDEST])
@pytest.mark.parametrize("name", ["burn-downs", "utilisation", "utilisations", "portfolios", "nothing"])
def test_a_picture_is_as_wide_as_it_is_told(name: str, pixels: int) -> None:
    """Whatever stands beside the panels, and however many there are."""
    wide, _ = struct.unpack(">II", picture(several()[name].to_dict(), pixels)[16:24])
    assert 0.9 * pixels < wide / 2 <= pixels + 1


@pytest.mark.parametrize("pixels", [NARROW, WIDEST])
@pytest.mark.parametrize("spent", ["1950", "1900", "1700", "1600"])
def test_the_run_out_date_crosses_neither_today_nor_the_frame(tmp_path: Path, spent: str, pixels: int) -> None:
    """Near today or far from it: its words are over the frame, above those of today, and have room beside them."""
    svg = charts.save(within(outlook(spent), pixels), tmp_path / "c.svg").read_text(encoding="utf-8")
    placed = {words[:8]: (anchor, float(x), float(y), 5 * len(words)) for anchor, x, y, words in _WORDS.findall(svg)}
    frame = re.search(r'class="background"[^>]*d="M0\.5,0\.5h([\d.]+)v|class="background"[^>]*d="M0,0h([\d.]+)v', svg)
    assert frame is not None
    right = float(frame[1] or frame[2])
    assert placed["runs out"][2] < placed["as of 20"][2] < 0
    for anchor, x, _, length in placed.values():
        first, last = (x - length, x) if anchor == "end" else (x, x + length)
        assert -60 <= first <= last <= right + 1


def test_a_run_out_date_beyond_the_drawing_is_only_told() -> None:
    """Below the title; there is no line to write it at."""
    chart = outlook("1500")
    assert "Runs out 2026-08-03" in texts(chart)
    assert "datum.short" not in texts(chart)


def test_jupyter_is_told_to_follow_its_page() -> None:
    """A chart of ours adds the signal that asks the page; a chart of somebody else stays as wide as it was made."""
    _, metadata = bundle(outlook("900"))
    patch = metadata[LIVE]["embed_options"]["patch"]
    assert [each["value"]["name"] for each in patch] == ["room"]
    own = charts.offline(alt.Chart(pl.DataFrame({"a": [1]}), width=90).mark_point().encode(x="a:Q"))
    data, metadata = bundle(own)
    assert "patch" not in metadata[LIVE]["embed_options"]
    assert data[LIVE]["width"] == 90
    assert fitted(own.to_dict()) == own.to_dict()


def test_words_are_broken_between_words() -> None:
    """Titles and what stands below them have lines that a narrow page has room for; ten thousand letters have four."""
    spec = outlook("900").to_dict()
    assert max(len(line) for line in spec["title"]["subtitle"]) <= 56
    endless = charts.burn_down(burn_down(of("900"), as_of="2026-06-05"), title="long " * 2_000).to_dict()
    assert len(endless["title"]["text"]) == 4
    assert endless["title"]["text"][-1].endswith("…")


def test_what_somebody_adds_to_a_chart_stays() -> None:
    """A selection, and a width of one's own."""
    burn = burn_down(of("900"), as_of="2026-06-05")
    drawn_ = charts.burn_down(burn, as_of="2026-06-05")
    names = {each["name"] for each in drawn_.interactive(name="zoomed").to_dict()["params"]}
    assert names >= {"zoomed", "width"}
    own = utilisation(of("900"), as_of="2026-06-05")
    assert charts.utilisation(own).properties(width=300).to_dict()["width"] == 300


def test_bars_are_drawn_forwards_however_long_a_credit_type_is() -> None:
    """The figure beside them may be cut, the bars not."""
    long = of("900").with_columns(credit_type_name=pl.lit("C" * 80))
    drawn_ = charts.utilisation(utilisation(long, as_of="2026-06-05"))
    shown = picture(within(drawn_, NARROW).to_dict(), NARROW)
    assert shown.startswith(b"\x89PNG")
    scale = next(each["encoding"]["x"]["scale"] for each in drawn_.to_dict()["layer"] if "bar" in str(each["mark"]))
    assert scale["rangeMax"]["expr"].startswith("max(0.3 * width, ")


def test_a_month_alone_is_no_wall(tmp_path: Path) -> None:
    """Its bar has the width of a bar, in one panel and in two; where there are many, they share the room."""
    one = utilisation(of("900"), as_of="2026-06-05", by="segment").with_columns(at_risk=pl.lit(500, MONEY))
    two = pl.concat([one, one.with_columns(credit_type_name=pl.lit("EUR"))])
    year = pl.concat([one, one.with_columns(pl.col("ending_before").dt.offset_by("12mo"))])
    for used, narrowest, widest in ((one, 120, 120), (two, 120, 120), (year, 60, 90)):
        svg = charts.save(within(charts.breakage(used), WIDEST), tmp_path / "c.svg").read_text(encoding="utf-8")
        bars = [float(width) for width in re.findall(r'description="bar" d="M[\d.-]+,[\d.-]+h([\d.]+)v', svg)]
        assert len(bars) == used.height
        assert narrowest <= min(bars) <= max(bars) <= widest
