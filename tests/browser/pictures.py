"""Take the pictures of README and the gallery again: `python -m tests.browser.pictures [NAME ...]`.

Look at them before you commit them.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from playwright.sync_api import expect, sync_playwright

from tests.browser import lab
from tests.browser.test_customer_picker import MANY, Picker

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import BrowserContext

IMAGES = Path(__file__).parents[2] / "docs" / "images"
EXPLORER = """
import metronome_analytics as ma
as_of = "2026-11-18T09:30:00Z"
account = ma.demo(as_of=as_of)
explorer = ma.widgets.Explorer(account, as_of=as_of)
explorer"""

_DEMO = """
import polars as pl
import metronome_analytics as ma
account = ma.demo(as_of="2026-11-18T09:30:00Z", allow_writes=True)
customers, balances = account.customers(), account.balances()
"""
# What needs no hand to look at: the code of a cell, and a text that says that it is drawn.
STILL = {
    "balance_picker": (
        """held = balances.filter(pl.col("balance") > 0)
ma.widgets.BalancePicker(held, customers=customers, value=held["id"][0])""",
        "USD",
    ),
    "period_picker": ("""ma.widgets.PeriodPicker(as_of=account.now, value="2026-10")""", "2026"),
    "table": (
        """october = account.invoices(month="2026-10")
ma.widgets.Table(october, customers=customers, title="Invoices of October", value=[1])""",
        "showing",
    ),
    "plan_review": (
        """one = balances.filter(pl.col("balance") > 0).row(0, named=True)
ids = {"customer_id": one["customer_id"], "balance_id": one["id"]}
credit = ma.BalanceEntry(**ids, amount_major=25, reason="Credit for the outage, approved by finance")
ma.widgets.PlanReview(account.plan_balance_entries(credit), apply=account.apply)""",
        "confirm with",
    ),
}


def still(name: str, context: BrowserContext, address: str, folder: Path) -> None:
    """A widget as a cell shows it."""
    code, text = STILL[name]
    page = lab.Lab(context, address)
    page.open(lab.notebook(folder, f"{name}.ipynb", _DEMO + code))
    page.run_all()
    shown = page.output(0)
    expect(shown).to_contain_text(text)
    for theme, suffix in ((lab.DARK, "_dark"), (lab.LIGHT, "")):
        page.theme(theme)
        shown.screenshot(path=IMAGES / f"{name}{suffix}.png")
    page.close()


def picker(context: BrowserContext, address: str, folder: Path) -> None:
    """Hits among 50,000, some chosen."""
    page = lab.Lab(context, address)
    page.open(lab.notebook(folder, "picker.ipynb", MANY))
    page.run_all()
    shown = Picker(page)
    expect(shown.status).to_have_text(re.compile("50,000 of 50,000"))
    shown.type("cafe t2").nth(2).click()
    expect(shown.chips).to_have_count(1)
    shown.input.fill("")
    shown.type("zur t3").nth(1).click()
    expect(shown.chips).to_have_count(2)
    for theme, name in ((lab.DARK, "customer_picker_dark"), (lab.LIGHT, "customer_picker")):
        page.theme(theme)
        shown.root.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def explorer(context: BrowserContext, address: str, folder: Path) -> None:
    """A customer's balances, and what is charted of them."""
    page = lab.Lab(context, address)
    page.page.set_viewport_size({"width": 1100, "height": 1300})
    page.open(lab.notebook(folder, "explorer.ipynb", EXPLORER))
    page.run_all()
    box = page.page.get_by_role("combobox", name="Customer")
    box.press_sequentially("osprey")
    box.press("Enter")
    page.page.get_by_role("tab", name="Balances").click()
    panel = page.page.get_by_role("tabpanel", name="Balances")
    expect(panel.locator("svg.marks")).to_be_visible()
    expect(panel).to_contain_text("showing")
    for theme, name in ((lab.DARK, "explorer_dark"), (lab.LIGHT, "explorer")):
        page.theme(theme)
        page.page.get_by_role("tab", name="Balances").focus()
        page.page.locator(".ma-stack").first.screenshot(path=IMAGES / f"{name}.png")
    page.close()


TAKEN: dict[str, Callable[[BrowserContext, str, Path], None]] = {
    "customer_picker": picker,
    "explorer": explorer,
    **{name: partial(still, name) for name in STILL},
}


def main() -> None:
    """Every picture, or those that are named."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "notebooks").mkdir()
        with lab.server(folder) as address:
            browser = playwright.chromium.launch(executable_path=lab.CHROMIUM)
            context = browser.new_context(viewport={"width": 1000, "height": 900})
            for wanted in sys.argv[1:] or TAKEN:
                TAKEN[wanted](context, address, folder)
            browser.close()


if __name__ == "__main__":
    main()
