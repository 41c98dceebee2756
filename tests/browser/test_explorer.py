from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.test_customer_picker import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_explorer.ipynb"


def test_a_customer_s_burn_down_and_last_invoices_are_found(opened: Open, folder: Path) -> None:
    """In the notebook as it is: type, Enter, look; then the invoices, and a period."""
    shutil.copy(NOTEBOOK, folder / "notebooks")
    lab = opened(NOTEBOOK.name)
    box = lab.page.get_by_role("combobox", name="Customer", exact=True).first
    box.press_sequentially("osprey")
    box.press("Enter")
    panel = lab.page.get_by_role("tabpanel", name="Balances")
    expect(panel.locator("svg").first).to_be_visible()
    expect(panel).to_contain_text("showing")
    lab.page.get_by_role("tab", name="Balances").press("ArrowRight")
    invoices = lab.page.get_by_role("tabpanel", name="Invoices")
    expect(invoices).to_contain_text(re.compile(r"showing \d+ of \d+"))
    everything = invoices.inner_text()
    explorer = lab.page.locator(".jp-OutputArea-output").filter(has=invoices)
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


def test_an_exported_page_keeps_what_was_chosen(browser: Browser, tmp_path: Path) -> None:
    """Executed and exported to HTML, offline: a list where the widgets were."""
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "JUPYTER"))}
    options = ["--to", "html", "--execute", "--ClearMetadataPreprocessor.enabled=True"]
    options += [f"--HTMLExporter.{name}_url=" for name in ("require_js", "mathjax", "mermaid_js")]
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", *options, "--output-dir", str(tmp_path), str(NOTEBOOK)],
        check=False,
        capture_output=True,
        text=True,
        env=clean | own,
    )
    assert done.returncode == 0, done.stderr
    elsewhere: list[str] = []
    page = browser.new_context(offline=True).new_page()
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto((tmp_path / "05_explorer.html").as_uri())
    expect(page.get_by_text("Customers: 1 of 40 chosen")).to_be_visible()
    expect(page.get_by_text(re.compile("Osprey Biotech Inc"))).to_be_visible()
    expect(page.get_by_text("2026-10-01 until before 2027-01-01, UTC (92 days)")).to_be_visible()
    assert [url for url in elsewhere if not url.startswith(("file:", "data:"))] == []


def test_the_notebook_opens_with_its_question() -> None:
    """It asks first, and one cell says how to use a real account."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert re.match(r"# .+\?\n", "".join(cells[0]["source"]))
    assert sum("METRONOME_BEARER_TOKEN" in "".join(cell["source"]) for cell in cells) == 1
