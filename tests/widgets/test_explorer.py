from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

import metronome_analytics as ma
from metronome_analytics import charts
from metronome_analytics.charts.showing import LIVE
from metronome_analytics.widgets import views
from tests.fakes import account_of, answer
from tests.widgets.support import a_few

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def account() -> Iterator[ma.Account]:
    """A small demo."""
    with ma.demo(customers=6, as_of=AS_OF) as opened:
        yield opened


def shown(explorer: Any) -> str:
    """What is on view once everything is loaded: the note, the error, and every output as text."""
    explorer.wait(60)
    state: dict[str, Any] = explorer._tabs._state
    assert not state["busy"]
    return " ".join([state["note"], state["error"], *(str(output["data"]) for output in explorer.output.outputs)])


def test_nothing_is_loaded_before_a_customer_is_chosen(account: ma.Account) -> None:
    """The customers, and no more."""
    before = account.receipts.height
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    assert shown(explorer).strip() == "Choose a customer."
    assert account.receipts["endpoint"].to_list()[before:] == ["customers"]


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("Customer", "runs_out_at"),
        ("Balances", "Burn-down"),
        ("Invoices", "issued_at"),
        ("Ledger", "timestamp"),
        ("Costs", "Usage before commits"),
    ],
)
def test_a_tab_shows_what_it_is_named_after(account: ma.Account, tab: str, words: str) -> None:
    """Each loads when it is opened, and once."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = tab
    explorer.customer.value = account.customers()["id"][0]
    assert words in shown(explorer)
    before = account.receipts.height
    explorer.tab = "Costs" if tab != "Costs" else "Ledger"
    explorer.wait(60)
    middle = account.receipts.height
    explorer.tab = tab
    assert words in shown(explorer)
    assert (middle > before, account.receipts.height) == (True, middle)


def test_the_portfolio_needs_no_customer(account: ma.Account) -> None:
    """Who runs out, who grew and who drew when, by name; nothing is read before it is opened."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    before = account.receipts.height
    explorer.tab = "Portfolio"
    words = shown(explorer)
    for part in ("Who runs out", "Who grew", "drawn 2026-10", "drawn 2026-09", "Drawn by customer and month"):
        assert part in words
    assert "balances" in account.receipts["endpoint"].to_list()[before:]
    explorer.tab = "Balances"
    assert shown(explorer).strip() == "Choose a customer."


def test_the_period_bounds_the_invoices(account: ma.Account) -> None:
    """A quarter without invoices shows none."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = "Invoices"
    explorer.customer.value = account.customers()["id"][0]
    assert "showing 0 of 0" not in shown(explorer)
    explorer.period.value = "2020-Q1"
    assert "showing 0 of 0" in shown(explorer)


def test_an_error_shows_in_place() -> None:
    """What the API refused is read below the tabs, and another customer can be chosen after it."""
    refuse = True

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "no such thing"}) if refuse else answer([])

    with account_of(handler) as refused:
        explorer: Any = ma.widgets.Explorer(refused, customers=a_few(), as_of=AS_OF)
        explorer.customer.value = "c-2"
        assert "no such thing" in shown(explorer)
        assert explorer.output.outputs == ()
        refuse = False
        explorer.customer.value = "c-4"
        assert "no such thing" not in shown(explorer)
        assert "showing 0 of 0" in shown(explorer)


def test_a_load_tells_how_far_it_is() -> None:
    """Requests and rows so far stand below the tabs while a tab loads, and go when it is there."""
    told: list[str] = []
    ready = threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        import anyio  # noqa: PLC0415  # only here

        await anyio.to_thread.run_sync(ready.wait)
        return answer([])

    with account_of(handler) as slow:
        explorer: Any = ma.widgets.Explorer(slow, customers=a_few(), as_of=AS_OF)
        tell = explorer._tabs.tell

        def listen(note: str, **rest: Any) -> None:
            tell(note, **rest)
            told.append(note)
            if "requests" in note:
                ready.set()

        explorer._tabs.tell = listen
        explorer.customer.value = "c-2"
        shown(explorer)
    assert told[0] == "Loading balances …"
    assert told[1] == "Loading balances … 1 of 2 requests, 0 rows"
    assert told[-1] == ""


def test_what_a_tab_shows_is_what_a_cell_would(account: ma.Account) -> None:
    """A live chart with its picture, then a table."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.customer.value = account.customers()["id"][0]
    explorer.wait(60)
    chart, table = explorer.output.outputs
    assert {LIVE, "image/png"} < set(chart["data"])
    assert "text/html" in table["data"]


def test_a_past_moment_shows_what_the_books_said_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a billing period too: every balance ends where the API's own did on that day."""
    then = datetime(2026, 11, 10, tzinfo=UTC)
    drawn: list[pl.DataFrame] = []

    def kept(burn: pl.DataFrame, **given: Any) -> Any:
        drawn.append(burn)
        return charts.burn_down(burn, **given)

    monkeypatch.setattr("metronome_analytics.widgets.views.charts", SimpleNamespace(burn_down=kept))
    with ma.demo(customers=3, as_of=AS_OF) as now, ma.demo(customers=3, as_of=then) as before:
        for customer in before.customers()["id"]:
            views.balances(now, views.Wanted(customer, None, None, then, now.now))
        stood = before.balances(before.customers()).filter(pl.col("balance") != 0)
    left = pl.concat(drawn).group_by("balance_id").agg(pl.col("remaining").sort_by("step").last())
    both = stood.select("balance", balance_id="id").join(left, on="balance_id")
    assert both.height == stood.height > 2
    assert both.filter(pl.col("balance") != pl.col("remaining")).is_empty()


def test_what_is_no_longer_wanted_is_cancelled() -> None:
    """Another choice lets go of the request on its way."""
    asked = threading.Event()
    cancelled = threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        import anyio  # noqa: PLC0415  # only here

        if b"c-2" not in request.content:
            return answer([])
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    with account_of(handler) as slow:
        explorer: Any = ma.widgets.Explorer(slow, customers=a_few(), as_of=AS_OF)
        explorer.customer.value = "c-2"
        first = explorer._thread
        assert asked.wait(30)
        explorer.customer.value = "c-4"
        first.join(30)
        assert cancelled.is_set()
        assert "c-4" in repr(explorer)
        shown(explorer)


def test_what_cannot_be_used_raises(account: ma.Account) -> None:
    """Unknown arguments and tabs, and what is no account."""
    with pytest.raises(ma.ArgumentError, match="colour"):
        ma.widgets.Explorer(account, colour="red")
    with pytest.raises(ma.ArgumentError, match="account cannot be"):
        ma.widgets.Explorer(a_few())  # type: ignore[arg-type]  # what is tested
    explorer = ma.widgets.Explorer(account, as_of=AS_OF)
    with pytest.raises(ma.ArgumentError, match="tab must be"):
        explorer.tab = "Weather"
