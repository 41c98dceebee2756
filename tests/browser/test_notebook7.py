from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import lab
from tests.browser.test_customer_picker import FEW, LAST, Picker

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.browser

CHART = """
burn = ma.burn_down(ma.demo(customers=2).balances(), as_of="2026-11-18")
ma.charts.burn_down(burn, as_of="2026-11-18")"""


def test_the_picker_and_a_chart_are_the_same_in_notebook_7(context: BrowserContext, tmp_path: Path) -> None:
    """Another application around the same parts: found, chosen, no key leaks, and the chart is live."""
    (tmp_path / "notebooks").mkdir()
    with lab.server(tmp_path, lab.NOTEBOOK) as address:
        page = lab.Lab(context, address, path="notebooks")
        page.open(lab.notebook(tmp_path, "seven.ipynb", FEW, LAST, CHART))
        page.run_all()
        picker = Picker(page)
        picker.type("acme").nth(1).click()
        expect(picker.chips).to_have_count(1)
        assert page.value("picker.value") == "('c-4',)"
        for key in ("b", "d", "d"):
            picker.root.get_by_role("button", name="Select all hits").press(key)
        expect(page.output(2).locator("svg.marks")).to_be_visible()
        page.output(2).locator("g.mark-symbol path").first.hover(force=True)
        expect(page.page.locator("#vg-tooltip-element.visible")).to_contain_text("remaining")
        assert page.cells == 3
        assert page.elsewhere == []
        page.close()
