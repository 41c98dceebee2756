from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

LONG = """
import polars as pl
import metronome_analytics as ma
n = pl.int_range(100_000)
long = pl.select(
    customer_id=pl.format("c-{}", n % 7), name=pl.format("<img src=x onerror=alert({})>", n),
    total=(n * 5).cast(pl.Decimal(38, 10)) / 10, credit_type_name=pl.lit("USD (cents)"),
    invoice_id=pl.format("{}-9a4e-4c0e-b6b4-000000000000", n.cast(pl.String).str.zfill(8)),
)
table = ma.show(long, title="Long")
table"""


def test_a_hundred_thousand_rows_are_looked_through(opened: Open) -> None:
    """Painted, scrolled to the end, sorted, searched, chosen, in light and dark; names are text; keys stay inside."""
    lab = opened("table.ipynb", LONG)
    shown = lab.output(0)
    status = shown.get_by_role("status")
    rows = shown.locator("tbody tr[data-row]")
    expect(status).to_have_text("showing 100,000 of 100,000")
    expect(rows.first).to_contain_text("USD 0.00")
    expect(rows.first).to_contain_text("<img src=x onerror=alert(0)>")
    expect(shown.locator("img")).to_have_count(0)
    expect(rows.first.get_by_title("USD 0.00")).to_be_visible()
    for theme in (LIGHT, DARK):
        lab.theme(theme)
        assert lab.contrast(shown) > 3
    grid = shown.get_by_role("region", name="Table rows")
    grid.evaluate("(node) => { node.scrollTop = node.scrollHeight; }")
    expect(shown.locator("tr[data-row='99999']")).to_be_visible()
    shown.get_by_role("button", name="total").click()
    shown.get_by_role("button", name="total").click()
    expect(rows.first).to_have_attribute("data-row", "99999")
    shown.get_by_role("searchbox").fill("alert(4711)")
    expect(status).to_have_text("showing 1 of 100,000")
    rows.first.get_by_role("checkbox").click()
    expect(status).to_have_text(re.compile("1 selected"))
    cells = lab.cells
    for key in ("b", "d", "d"):
        rows.first.get_by_role("checkbox").press(key)
    assert lab.value("table.selected['total'].to_list()") == "[Decimal('2355.5000000000')]"
    assert lab.cells == cells
    with lab.page.expect_download() as download:
        shown.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text(encoding="utf-8").splitlines()[1].endswith(",USD")
    shown.get_by_text("Columns", exact=True).click()
    shown.get_by_label("credit_type_name", exact=True).check()
    expect(shown.get_by_role("button", name="credit_type_name")).to_be_visible()
    assert lab.errors == []
