from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import LOCAL, PATIENCE, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

APP = """
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import marimo as mo
    import metronome_analytics as ma
    as_of = "2026-11-18T09:30:00Z"
    account = ma.demo(customers=4, as_of=as_of)
    customers, balances = account.customers(), account.balances()
    return account, as_of, balances, customers, ma, mo


@app.cell
def _(as_of, balances, ma):
    ma.charts.burn_down(ma.burn_down(balances, as_of=as_of), as_of=as_of)


@app.cell
def _(customers, ma, mo):
    picker = mo.ui.anywidget(ma.widgets.CustomerPicker(customers, label="Who"))
    picker
    return (picker,)


@app.cell
def _(account, mo, picker):
    mo.md(f"chosen: {picker.selected.height}, invoices of {account.invoices(picker)['customer_id'].n_unique()}"
          if picker.selected.height else "chosen: nobody")


@app.cell
def _(balances, customers, ma, mo):
    of = mo.ui.anywidget(ma.widgets.BalancePicker(balances, customers=customers, label="Which"))
    of
    return (of,)


@app.cell
def _(mo, of):
    mo.md(f"balance: {of.balance_id == of.selected['id'].first() if of.balance_id else 'none'}")


@app.cell
def _(ma, mo):
    period = mo.ui.anywidget(ma.widgets.PeriodPicker(as_of="2026-11-18"))
    period
    return (period,)


@app.cell
def _(mo, period):
    mo.md(f"ends: {period.ending_before:%Y-%m-%d}" if period.ending_before else "ends: never")


@app.cell
def _(account, as_of, ma):
    explorer = ma.widgets.Explorer(account, as_of=as_of)
    explorer


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a marimo server that runs the notebook above, its every file in a folder of its own."""
    folder = tmp_path_factory.mktemp("marimo")
    (folder / "app.py").write_text(APP)
    own = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("METRONOME_", "MARIMO_"))}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--headless", "--no-token", "--host=127.0.0.1", f"--port={port}")
    environment = clean | own | {"MARIMO_SKIP_UPDATE_CHECK": "1"}
    module = ["marimo", "run", str(folder / "app.py"), *options]
    with started(module, environment, folder / "server.log", lambda _: f"{LOCAL}{port}/", "health") as url:
        yield url


@pytest.fixture
def page(browser: Browser, app: str) -> Iterator[Page]:
    """A page of it; nothing may be asked of another machine."""
    opened = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    opened.set_default_timeout(PATIENCE)
    elsewhere: list[str] = []
    local = re.compile(f"^({re.escape(LOCAL)}|ws://127|data:|blob:)")

    def guard(route: object) -> None:
        url = route.request.url  # type: ignore[attr-defined]  # as Playwright gives it
        if local.match(url):
            route.continue_()  # type: ignore[attr-defined]  # as above
        else:
            elsewhere.append(url)
            route.abort()  # type: ignore[attr-defined]  # as above

    opened.route("**/*", guard)
    opened.goto(app)
    yield opened
    opened.close()
    assert elsewhere == []


def test_every_widget_works_in_marimo(page: Page) -> None:
    """A chart is drawn; a choice runs the cells that use it; the Explorer goes from the portfolio to an invoice."""
    expect(page.locator("svg.marks, canvas.marks").first).to_be_visible()

    expect(page.get_by_text("chosen: nobody")).to_be_visible()
    box = page.get_by_role("combobox", name="Who", exact=True)
    box.press_sequentially("o")
    page.get_by_role("group", name="Who", exact=True).get_by_role("option").first.click()
    expect(page.get_by_text("chosen: 1, invoices of 1")).to_be_visible()

    expect(page.get_by_text("balance: none")).to_be_visible()
    page.get_by_role("combobox", name="Customer", exact=True).first.click()
    page.get_by_role("listbox", name="Customer found").first.get_by_role("option").first.click()
    page.get_by_label("Balance", exact=True).select_option(index=1)
    expect(page.get_by_text("balance: True")).to_be_visible()

    page.get_by_label("Period by").first.select_option("month")
    page.get_by_label("Month", exact=True).select_option("2026-10")
    expect(page.get_by_text("ends: 2026-11-01")).to_be_visible()

    panel = page.get_by_role("tabpanel", name="Portfolio")
    expect(panel.get_by_text("Who runs out")).to_be_visible()
    panel.locator("tbody tr[data-row]").first.click()
    card = page.get_by_role("tabpanel", name="Customer")
    expect(card.get_by_role("button", name="net_balance")).to_be_visible()
    expect(card.locator("svg.marks, canvas.marks").first).to_be_visible()
    page.get_by_role("tab", name="Invoices").click()
    bills = page.get_by_role("tabpanel", name="Invoices")
    bills.locator("tbody tr[data-row]").first.click()
    expect(page.get_by_text("Its lines", exact=True)).to_be_visible()
    with page.expect_download():
        bills.get_by_role("button", name="CSV").click()
