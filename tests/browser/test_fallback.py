from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

    from tests.browser.lab import Lab

    Open = Callable[..., Lab]

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PICTURES = {"00_questions": 2, "01_quickstart": 1, "02_burn_down": 4, "03_reconciliation": 1}

CHOSEN = """
import metronome_analytics as ma
from tests.widgets.support import a_few
customers = a_few().with_columns(name=a_few()["name"].str.replace("Old", "<img src=x onerror=alert(1)>"))
ma.widgets.CustomerPicker(customers, value=("c-1", "c-4"))"""


def export(notebook: Path, folder: Path) -> Path:
    """The notebook run from top to bottom and exported to one page."""
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "JUPYTER"))}
    page = folder / f"{notebook.stem}.html"
    done = subprocess.run(
        [sys.executable, "-m", "metronome_analytics", "export", str(notebook), "--out", str(page)],
        check=False,
        capture_output=True,
        text=True,
        env=clean | own,
    )
    assert done.returncode == 0, done.stderr
    return page


@pytest.fixture
def offline(browser: Browser) -> Page:
    """A page of a browser without a network."""
    return browser.new_context(offline=True).new_page()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exported_notebook_shows_everything_without_a_network(notebook: Path, offline: Page, tmp_path: Path) -> None:
    """Run and exported to one page: pictures where the charts were, lists where the widgets were, nothing asked for."""
    asked: list[str] = []
    offline.on("request", lambda request: asked.append(request.url))
    offline.goto(export(notebook, tmp_path).as_uri())
    pictures = offline.locator(".jp-RenderedImage img")
    expect(pictures).to_have_count(PICTURES.get(notebook.stem, 0))
    for picture in pictures.all():
        assert picture.evaluate("async (node) => { await node.decode(); return node.naturalWidth; }") > 600
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    expect(offline.get_by_text(re.compile("Error displaying widget|<chart: "))).to_have_count(0)
    if notebook.stem == "05_explorer":
        expect(offline.get_by_text("Customers: 1 of 40 chosen")).to_be_visible()
        expect(offline.get_by_text(re.compile("Osprey Biotech Inc")).first).to_be_visible()
        expect(offline.get_by_text("2026-10-01 until before 2027-01-01, UTC (92 days)")).to_be_visible()
    if notebook.stem == "04_balance_correction":
        expect(offline.get_by_text("To apply it, confirm with").first).to_be_visible()


def test_a_finished_notebook_lists_what_was_chosen_untrusted(opened: Open) -> None:
    """Opened by somebody else, a widget is the list it left, and what customers are named is never run."""
    lab = opened("chosen.ipynb", CHOSEN)
    expect(lab.output(0).get_by_role("combobox")).to_be_visible()
    lab.reopen_untrusted("chosen.ipynb")
    expect(lab.output(0)).to_contain_text("Customers: 2 of 6 chosen")
    expect(lab.output(0).locator("li")).to_have_text([re.compile("Acme Holding .c-1. · archived"), re.compile("c-4")])
    expect(lab.output(0).get_by_role("combobox")).to_have_count(0)
    expect(lab.output(0).locator("img")).to_have_count(0)
