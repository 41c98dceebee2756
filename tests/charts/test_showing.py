from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl
import pytest
from IPython.core.formatters import DisplayFormatter

from metronome_analytics import charts
from metronome_analytics.analysis import burn_down
from metronome_analytics.charts.showing import LIVE, bundle
from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analysis.conftest import Books


@pytest.fixture
def chart(books: Books) -> charts.Chart:
    """Several panels of the demo."""
    return charts.burn_down(burn_down(books.balances, as_of=books.as_of), as_of=books.as_of)


def own() -> alt.Chart:
    """A chart as a user makes one."""
    drawn: alt.Chart = alt.Chart(pl.DataFrame({"a": [1, 2]}), title="mine").mark_point().encode(x="a:Q")
    return drawn


def test_a_chart_shows_live_as_a_picture_and_as_words(chart: charts.Chart) -> None:
    """Jupyter takes the first it knows: the spec of the vega-lite it brings along, a PNG, or the title."""
    formatter: Any = DisplayFormatter()
    data, metadata = formatter.format(chart)
    assert set(data) == {LIVE, "image/png", "text/plain"}
    assert data[LIVE]["$schema"].endswith("/v5.6.1.json")
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert 600 < metadata["image/png"]["width"] < 900
    assert data["text/plain"] == "<chart: Burn-down>"


def test_altair_s_settings_stay_as_they_are(chart: charts.Chart) -> None:
    """Showing a chart neither picks a renderer nor a theme, nor lifts a limit."""
    before = (alt.renderers.active, dict(alt.renderers.options), alt.theme.active, alt.data_transformers.active)
    bundle(chart)
    assert (
        alt.renderers.active,
        dict(alt.renderers.options),
        alt.theme.active,
        alt.data_transformers.active,
    ) == before


def test_a_chart_that_was_changed_still_shows_itself(chart: Any) -> None:
    """Altair's methods return copies of the same kind."""
    assert LIVE in chart.properties(title="Another")._repr_mimebundle_()[0]
    assert chart.properties(title="Another")._repr_mimebundle_()[0]["text/plain"] == "<chart: Another>"


@pytest.mark.parametrize(("theme", "of_page"), [("page", True), ("light", False), ("dark", False)])
def test_the_live_chart_takes_the_colours_of_its_page(books: Books, theme: Any, of_page: bool) -> None:  # noqa: FBT001  # a parameter
    """Text is in the colour of the text around it, unless a theme is asked for."""
    drawn = charts.burn_down(burn_down(books.balances, as_of=books.as_of), as_of=books.as_of, theme=theme)
    live = bundle(drawn)[0][LIVE]
    assert ("currentColor" in str(live)) is of_page
    assert (live["config"]["background"] == "transparent") is of_page


def test_a_file_has_colours_of_its_own(chart: charts.Chart, tmp_path: Path) -> None:
    """A file is dark on white, for it knows of no page."""
    drawn = charts.save(chart, tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert "currentColor" not in drawn
    assert 'fill="#FFFFFF"' in drawn or 'fill="white"' in drawn
    assert "#1F2328" in drawn


def test_a_user_s_chart_can_show_itself_the_same_way() -> None:
    """Any altair chart, once; nothing else is taken."""
    shown: Any = charts.offline(own())
    assert shown.to_dict() == own().to_dict()
    assert charts.offline(shown) is shown
    assert {LIVE, "image/png"} < set(shown._repr_mimebundle_()[0])
    assert LIVE in bundle(charts.offline(own() & own()))[0]
    with pytest.raises(ArgumentError, match="altair chart, not DataFrame"):
        charts.offline(pl.DataFrame())  # type: ignore[type-var]  # the point of the test


def test_without_vl_convert_the_live_chart_remains(chart: charts.Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is what the extra brings."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert set(bundle(chart)[0]) == {LIVE, "text/plain"}
