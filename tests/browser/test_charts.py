from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

BOOKS = """
import altair as alt
import polars as pl
import metronome_analytics as ma
as_of = "2026-11-18"
account = ma.demo(customers=8, as_of=as_of)
balances, invoices = account.balances(), account.invoices()
days = account.invoice_breakdowns(starting_on="2026-10-01", ending_before=as_of)
burn = ma.burn_down(balances, as_of=as_of)
one = burn.filter(pl.col("balance_id") == burn["balance_id"][0])
utilised = ma.utilisation(balances, as_of=as_of, by="segment")
before = alt.renderers.active"""
CHARTS = (
    "ma.charts.burn_down(one, as_of=as_of)",
    "ma.charts.burn_down(burn, as_of=as_of, forecast=ma.forecast(burn, as_of=as_of))",
    "ma.charts.utilisation(utilised)",
    "ma.charts.breakage(utilised)",
    "ma.charts.costs(days)",
    "ma.charts.invoices(invoices)",
    "ma.charts.aging(invoices, as_of=as_of)",
    "ma.charts.portfolio(burn, as_of=as_of)",
    "ma.charts.costs(days.head(0))",
    "ma.charts.offline(alt.Chart(balances.head(9)['type'].value_counts()).mark_bar().encode(x='type', y='count'))",
)
TABLES = ("ma.show(invoices, rows=4)", "account", "account.receipts", "ma.reconcile(invoices, balances)")

# A chart lies in what its cell shows, which does not scroll sideways, and fills it but for half a label; and in what is
# around that, which cuts off what stands out.
FITS = """svg => {
    const shown = svg.closest('.jp-OutputArea-output'), room = svg.closest('.ma-panel, .jp-Cell-outputArea');
    const [all, own, seen] = [shown, svg, room].map(n => n.getBoundingClientRect());
    return own.left >= all.left && own.right <= all.right + 1 && own.width > 0.92 * all.width
        && own.right <= seen.right + 1 && seen.right <= innerWidth && shown.scrollWidth <= shown.clientWidth + 1;
}"""


def drawn(lab: Lab, cell: int) -> Locator:
    """The live chart below a cell."""
    chart = lab.output(cell).locator("svg.marks")
    expect(chart).to_be_visible()
    return chart


def tip(lab: Lab, mark: Locator) -> Locator:
    """What shows with the pointer on a mark."""
    # A notebook scrolls on while its charts grow: what is asked for once may be elsewhere a moment later.
    mark.evaluate("node => node.scrollIntoView({block: 'center'})")
    mark.hover(force=True)
    shown = lab.page.locator("#vg-tooltip-element.visible")
    expect(shown).to_be_visible()
    return shown


def test_every_chart_draws_live_with_tooltips_in_light_and_dark(opened: Open) -> None:
    """No network, no complaint of vega's, text to be read on either ground, and altair's settings as they were."""
    lab = opened("charts.ipynb", BOOKS, *CHARTS)
    charts = [drawn(lab, cell) for cell in range(1, 1 + len(CHARTS))]
    # JupyterLab says of itself what was slow; vega says WARN, or that the spec is for another version.
    assert [said for said in lab.warnings if re.match("WARN|.*Vega", said)] == []
    assert lab.errors == []
    for theme in (LIGHT, DARK):
        lab.theme(theme)
        assert min(lab.contrast(chart) for chart in charts[:-1]) > 3
        shown = tip(lab, charts[0].locator("g.mark-symbol path").first)
        expect(shown).to_contain_text(re.compile(r"remaining:?\s*USD [\d,.]+"))
        shown = tip(lab, charts[2].locator("g.mark-rect path").first)
        expect(shown).to_contain_text("at risk")
    assert lab.value("alt.renderers.active == before") == "True"
    for width in (500, 1_200):
        lab.page.set_viewport_size({"width": width, "height": 900})
        for chart in charts[:-1]:
            # Vega draws again when the window has its new size.
            lab.page.wait_for_function(FITS, arg=chart.element_handle())
        assert_today_is_inside(charts[0])


def assert_today_is_inside(chart: Locator) -> None:
    """The line of `as_of` and its words lie in the picture, the line in the plot as well."""
    box, plot = (chart.locator(which).first.bounding_box() for which in (":scope", "g.mark-group path.background"))
    line = chart.locator("g.mark-rule line[stroke-dasharray='2,2']").bounding_box()
    words = chart.get_by_text(re.compile("^as of ")).bounding_box()
    assert box is not None
    assert plot is not None
    assert line is not None
    assert words is not None
    assert plot["x"] <= line["x"] <= plot["x"] + plot["width"]
    assert box["x"] <= words["x"] <= words["x"] + words["width"] <= box["x"] + box["width"]


def test_tables_are_read_in_light_and_dark(opened: Open) -> None:
    """What our objects show of themselves takes the colours of the page."""
    lab = opened("tables.ipynb", BOOKS, *TABLES)
    for theme in (LIGHT, DARK):
        lab.theme(theme)
        for cell in range(1, 1 + len(TABLES)):
            assert lab.contrast(lab.output(cell)) > 4.5


def test_a_finished_notebook_shows_its_charts_untrusted(opened: Open) -> None:
    """Saved and opened by somebody else, without a kernel's help: the chart is data, not a script."""
    lab = opened("finished.ipynb", BOOKS, CHARTS[0])
    drawn(lab, 1)
    lab.reopen_untrusted("finished.ipynb")
    shown = tip(lab, drawn(lab, 1).locator("g.mark-symbol path").first)
    expect(shown).to_contain_text("remaining")
