"""In marimo: charts are drawn, and what it wraps of ours is taken as what it wraps."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import marimo
import polars as pl
import pytest
from marimo._output.formatting import get_formatter

import metronome_analytics as ma
from metronome_analytics.arguments import customer_ids
from metronome_analytics.charts.showing import LIVE
from metronome_analytics.periods import ends
from tests.widgets.support import a_few


class Wrapped:
    """What `mo.ui.anywidget` makes of a widget: its value is the state of the front end, not the widget's."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.value: dict[str, Any] = {"label": "Customers"}


def test_a_wrapped_picker_is_its_picker() -> None:
    """As `customers=` and as `period=`; unpicked it says so."""
    picker = ma.widgets.CustomerPicker(a_few(), value=["c-4", "c-2"])
    assert customer_ids(Wrapped(picker)) == ["c-4", "c-2"]
    period = ma.widgets.PeriodPicker(value="2026-10")
    assert ends(Wrapped(period)) == period.value
    picker.value = ()
    with pytest.raises(ma.ArgumentError, match="nothing is chosen"):
        customer_ids(Wrapped(picker))
    with pytest.raises(ma.ArgumentError, match="cannot be dict"):
        customer_ids({"c-4": "c-2"})


def test_marimo_s_own_wrapper_is_taken() -> None:
    """The real one has what was looked for."""
    wrapped: Any = marimo.ui.anywidget(ma.widgets.CustomerPicker(a_few(), value="c-3"))
    assert isinstance(wrapped.value, dict)
    assert customer_ids(wrapped) == ["c-3"]


def test_a_chart_is_live_in_marimo() -> None:
    """The spec of a vega-lite it knows, in colours of its own, where it showed a broken picture."""
    chart = ma.charts.offline(alt.Chart(pl.DataFrame({"a": [1]})).mark_bar().encode(x="a:Q"))
    form: Any = get_formatter(chart)
    kind, spec = form(chart)
    assert kind == LIVE
    assert json.loads(spec)["$schema"].endswith("/v5.6.1.json")
    assert "currentColor" not in spec
