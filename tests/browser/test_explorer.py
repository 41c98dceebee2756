from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_explorer.ipynb"


def test_a_customer_s_burn_down_and_last_invoices_are_found(opened: Open, folder: Path) -> None:
    """In the notebook as it is: type, Enter, look; then the invoices, and a period."""
    shutil.copy(NOTEBOOK, folder / "notebooks")
    lab = opened(NOTEBOOK.name)
    box = lab.page.get_by_role("combobox", name="Customer", exact=True).first
    box.press_sequentially("osprey")
    box.press("Enter")
    panel = lab.page.get_by_role("tabpanel", name="Balances")
    expect(panel.locator("svg.marks")).to_be_visible()
    expect(panel).to_contain_text("showing")
    explorer = lab.page.locator(".widget-vbox").filter(has=lab.page.get_by_role("tablist", exact=True)).first
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
    expect(lab.page.get_by_role("tabpanel", name="Balances")).to_contain_text("showing")
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


def test_a_balance_is_chosen_on_the_page(opened: Open, folder: Path) -> None:
    """The segment of a balance, with what it grants."""
    cells = [
        "import metronome_analytics as ma\naccount = ma.demo(customers=3)\nbalances = account.balances()",
        "picker = ma.widgets.BalancePicker(balances, value=balances['id'][0])\npicker",
    ]
    lab = opened("balance.ipynb", *cells)
    segment = lab.page.get_by_label("Segment")
    expect(segment).to_contain_text("granted")
    segment.select_option(index=1)
    expect(lab.page.get_by_role("group", name="Balance").get_by_role("status")).to_contain_text("segment:")
    assert lab.value("picker.segment_id == ma.segments(picker.selected)['segment_id'][0]") == "True"
