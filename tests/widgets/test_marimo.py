"""In marimo: charts are drawn, and what it wraps of ours is taken as what it wraps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import altair as alt
import marimo
import polars as pl
import pytest
from marimo._output.formatting import get_formatter

import metronome_analytics as ma
from metronome_analytics import tables
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


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook of marimo's."""
    monkeypatch.setattr(marimo, "running_in_notebook", lambda: True)


@pytest.mark.usefixtures("inside")
def test_a_choice_is_told_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which tells it back, and so runs the cells that use the picker: a change that comes from Python runs none."""
    balance = {"id": "b-1", "customer_id": "c-3", "type": "CREDIT", "name": "Start"}
    balances = pl.DataFrame([balance], schema=tables.Balances.create_empty().schema)
    pickers: list[tuple[Any, object]] = [
        (ma.widgets.CustomerPicker(a_few()), "c-3"),
        (ma.widgets.PeriodPicker(), "2026-10"),
        (ma.widgets.Table(a_few().select("id", "name")), [1]),
        (ma.widgets.BalancePicker(balances), "b-1"),
    ]
    for picker, value in pickers:
        told: list[dict[str, Any]] = []
        monkeypatch.setattr(picker, "send", lambda content, buffers=None, told=told: told.append(content))
        picker.value = value
        changed = [content for content in told if content["type"] == "changed"]
        assert changed == [{"type": "changed", "at": 1}]


def test_in_jupyter_no_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """There nothing waits for it."""
    picker: Any = ma.widgets.CustomerPicker(a_few())
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(picker, "send", lambda content, buffers=None: told.append(content))
    picker.value = "c-3"
    assert [content["type"] for content in told] == ["chosen"]


@pytest.mark.usefixtures("inside")
def test_an_explorer_s_panels_are_stacks() -> None:
    """A chart as marimo draws it and tables as anywidgets, where Jupyter has an Output."""
    with ma.demo(customers=3, as_of=datetime(2026, 11, 18, tzinfo=UTC)) as account:
        explorer: Any = ma.widgets.Explorer(account, as_of="2026-11-18")
        explorer.wait(60)
        panel = explorer._panels[id(explorer.output)]
        assert [part["kind"] for part in panel.parts] == ["widget", "widget", "mime"]
        assert panel.parts[-1]["mime"] == LIVE
        assert [part["kind"] for part in explorer.parts] == ["widget"] * 5
        assert explorer.output.outputs == ()
