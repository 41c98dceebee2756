from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import DARK, LIGHT
from tests.browser.test_charts import FITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_explorer.ipynb"


def test_a_customer_s_burn_down_and_last_invoices_are_found(opened: Open, folder: Path) -> None:
    """In the notebook as it is: type, Enter, look; the card, the burn-down, then the invoices, and a period."""
    shutil.copy(NOTEBOOK, folder / "notebooks")
    lab = opened(NOTEBOOK.name)
    box = lab.page.get_by_role("combobox", name="Customer", exact=True).first
    box.press_sequentially("osprey")
    box.press("Enter")
    card = lab.page.get_by_role("tabpanel", name="Customer")
    expect(card.locator("svg.marks")).to_be_visible()
    expect(card.get_by_role("button", name="net_balance")).to_be_visible()
    lab.page.get_by_role("tab", name="Customer").press("ArrowRight")
    panel = lab.page.get_by_role("tabpanel", name="Balances")
    expect(panel.locator("svg.marks")).to_be_visible()
    expect(panel).to_contain_text("showing")
    explorer = lab.page.locator(".ma-stack").filter(has=lab.page.get_by_role("tablist", exact=True)).first
    for theme in (LIGHT, DARK):
        lab.theme(theme)
        assert lab.contrast(explorer) > 3
    lab.page.get_by_role("tab", name="Balances").press("ArrowRight")
    invoices = lab.page.get_by_role("tabpanel", name="Invoices")
    expect(invoices).to_contain_text(re.compile(r"showing \d+ of \d+"))
    everything = invoices.inner_text()
    explorer.get_by_label("Period by").select_option("quarter")
    explorer.get_by_label("Quarter", exact=True).select_option("2026-Q4")
    expect(invoices).not_to_have_text(everything)
    expect(invoices).to_contain_text(re.compile(r"showing \d+ of \d+"))
    assert lab.value("explorer.period.ending_before.isoformat()") == "'2027-01-01T00:00:00+00:00'"
    cells = lab.cells
    for key in ("b", "d", "d"):
        lab.page.get_by_role("tab", name="Invoices").press(key)
        explorer.get_by_label("Quarter", exact=True).press(key)
    assert lab.value("1 + 1") == "2"
    assert lab.cells == cells


def test_the_first_click_on_a_tab_opens_it(opened: Open) -> None:
    """After a choice, and with the list still open: closing it moves the tab away from nobody's pointer."""
    lab = opened(
        "tabs.ipynb",
        "import metronome_analytics as ma\naccount = ma.demo(customers=12)",
        "explorer = ma.widgets.Explorer(account)\nexplorer",
    )
    box = lab.page.get_by_role("combobox", name="Customer", exact=True)
    found = lab.page.get_by_role("listbox")
    box.click()
    found.get_by_role("option").first.click()
    expect(found).to_be_hidden()
    expect(lab.page.get_by_role("tabpanel", name="Customer")).to_contain_text("showing")
    box.click()
    expect(found).to_be_visible()
    place = lab.page.get_by_role("tab", name="Invoices").bounding_box()
    assert place is not None
    # As a hand does it: the pointer stays where the tab was when the button went down.
    lab.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    lab.page.mouse.down()
    lab.page.mouse.up()
    expect(lab.page.get_by_role("tabpanel", name="Invoices")).to_contain_text("showing")
    expect(found).to_be_hidden()


def test_its_charts_are_no_wider_than_it_is(opened: Open) -> None:
    """In windows of 500 and 1,200 pixels, of one panel and of several, and below what a row opened."""
    lab = opened(
        "narrow.ipynb",
        "import metronome_analytics as ma\naccount = ma.demo(customers=6)\nid_ = account.customers()['id'][0]",
        "explorer = ma.widgets.Explorer(account)\nexplorer",
    )
    fits(lab, lab.page.get_by_role("tabpanel", name="Portfolio"))
    assert lab.value("setattr(explorer.customer, 'value', [id_])") == "None"
    for tab in ("Customer", "Balances", "Costs"):
        lab.page.get_by_role("tab", name=tab).click()
        fits(lab, lab.page.get_by_role("tabpanel", name=tab))
    lab.page.get_by_role("tab", name="Invoices").click()
    bills = lab.page.get_by_role("tabpanel", name="Invoices")
    bills.locator("tbody tr[data-row]").nth(1).locator("td").nth(1).click()
    fits(lab, lab.page.locator(".ma-panel-below"))


def fits(lab: Lab, panel: Locator) -> None:
    """The chart of a panel lies within it, and fills it, however wide the window is."""
    for width in (1_200, 500):
        lab.page.set_viewport_size({"width": width, "height": 900})
        chart = panel.locator("svg.marks").first
        expect(chart).to_be_visible()
        lab.page.wait_for_function(FITS, arg=chart.element_handle())


def test_it_goes_from_the_portfolio_to_an_invoice(opened: Open) -> None:
    """A row of who grew is a customer, an invoice opens to its lines, and the tables download."""
    lab = opened(
        "portfolio.ipynb",
        "import metronome_analytics as ma\naccount = ma.demo(customers=6)",
        "explorer = ma.widgets.Explorer(account)\nexplorer",
    )
    portfolio = lab.page.get_by_role("tabpanel", name="Portfolio")
    expect(portfolio.get_by_text("Who runs out first", exact=True)).to_be_visible()
    expect(portfolio.locator("svg.marks").first).to_be_visible()
    name = portfolio.locator("tbody tr[data-row]").last.locator("td").nth(1)
    wanted = name.inner_text()
    name.click()
    card = lab.page.get_by_role("tabpanel", name="Customer")
    expect(card.get_by_text(wanted, exact=True).first).to_be_visible()
    assert lab.value("explorer.customer.selected['name'][0]") == repr(wanted)
    lab.page.get_by_role("tab", name="Invoices").click()
    bills = lab.page.get_by_role("tabpanel", name="Invoices")
    bills.locator("tbody tr[data-row]").nth(1).locator("td").nth(2).click()
    expect(lab.page.get_by_text("Its lines", exact=True)).to_be_visible()
    below = lab.page.locator(".ma-panel-below")
    expect(below.locator("svg.marks")).to_be_visible()
    assert lab.value("explorer.below.outputs != ()") == "True"
    for shown in (bills, below):
        with lab.page.expect_download() as download:
            shown.get_by_role("button", name="CSV").first.click()
        assert len(download.value.path().read_text(encoding="utf-8").splitlines()) > 2
    for theme in (LIGHT, DARK):
        lab.theme(theme)
        assert lab.contrast(below) > 3
    assert lab.errors == []


def test_a_large_portfolio_waits_for_a_click(opened: Open) -> None:
    """It says what it takes, and loads when it is asked to."""
    lab = opened(
        "large.ipynb",
        "import metronome_analytics as ma\naccount = ma.demo(customers=6)",
        "explorer = ma.widgets.Explorer(account, max_requests=5)\nexplorer",
    )
    expect(lab.page.get_by_text("The portfolio of 6 customers takes at least 6 requests.")).to_be_visible()
    load = lab.page.get_by_role("button", name="Load it")
    load.click()
    expect(lab.page.get_by_text("Who runs out first", exact=True)).to_be_visible()
    expect(load).to_be_hidden()


def test_a_balance_is_chosen_on_the_page(opened: Open, folder: Path) -> None:
    """The segment of a balance, with what it grants."""
    cells = [
        "import metronome_analytics as ma\naccount = ma.demo(customers=3)\nbalances = account.balances()",
        "picker = ma.widgets.BalancePicker(balances, value=balances['id'][0])\npicker",
    ]
    lab = opened("balance.ipynb", *cells)
    lab.page.set_viewport_size({"width": 500, "height": 900})
    picker = lab.page.locator(".ma-stack")
    for name in ("Balance", "Segment"):
        box, whole = lab.page.get_by_label(name, exact=True).last.bounding_box(), picker.bounding_box()
        assert box is not None
        assert whole is not None
        assert box["x"] + box["width"] <= whole["x"] + whole["width"]
    segment = lab.page.get_by_label("Segment")
    expect(segment).to_contain_text("granted")
    segment.select_option(index=1)
    expect(lab.page.get_by_role("group", name="Balance").get_by_role("status")).to_contain_text("segment:")
    assert lab.value("picker.segment_id == ma.segments(picker.selected)['segment_id'][0]") == "True"


def test_the_catalogue_fits_a_screen(opened: Open) -> None:
    """At 1,200 by 900 whole, at 500 without scrolling sideways; the account above it says what to do next."""
    lab = opened(
        "catalogue.ipynb",
        "import metronome_analytics as ma\naccount = ma.demo(customers=1)\naccount",
        "account.catalogue()",
    )
    expect(lab.output(0)).to_contain_text("Next: account.catalogue()")
    shown = lab.output(1)
    expect(shown).to_contain_text("commits and credits at once")
    for width in (500, 1_200):
        lab.page.set_viewport_size({"width": width, "height": 900})
        assert shown.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    box = shown.bounding_box()
    assert box is not None
    assert box["height"] < 800
