from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import metronome_analytics as ma
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


def shown(explorer: Any) -> dict[str, Any]:
    """What is on view once everything is loaded."""
    explorer.wait(60)
    view: dict[str, Any] = explorer._panel._shown
    assert not view["busy"]
    return view


def test_nothing_is_loaded_before_a_customer_is_chosen(account: ma.Account) -> None:
    """The customers, and no more."""
    before = account.receipts.height
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    assert shown(explorer)["note"] == "Choose a customer."
    assert account.receipts["endpoint"].to_list()[before:] == ["customers"]


@pytest.mark.parametrize(
    ("tab", "words"),
    [("Balances", "Burn-down"), ("Invoices", "issued_at"), ("Ledger", "timestamp"), ("Costs", "Usage before commits")],
)
def test_a_tab_shows_what_it_is_named_after(account: ma.Account, tab: str, words: str) -> None:
    """Each loads when it is opened, and once."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = tab
    explorer.customer.value = account.customers()["id"][0]
    assert words in shown(explorer)["html"]
    before = account.receipts.height
    explorer.tab = "Costs" if tab != "Costs" else "Ledger"
    explorer.wait(60)
    middle = account.receipts.height
    explorer.tab = tab
    assert words in shown(explorer)["html"]
    assert (middle > before, account.receipts.height) == (True, middle)


def test_the_period_bounds_the_invoices(account: ma.Account) -> None:
    """A quarter without invoices shows none."""
    explorer: Any = ma.widgets.Explorer(account, as_of=AS_OF)
    explorer.tab = "Invoices"
    explorer.customer.value = account.customers()["id"][0]
    assert "showing 0 of 0" not in shown(explorer)["html"]
    explorer.period.value = "2020-Q1"
    assert "showing 0 of 0" in shown(explorer)["html"]


def test_an_error_shows_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API refused is read below the tabs, and another customer can be chosen after it."""
    with account_of(lambda request: httpx.Response(400, json={"message": "no such thing"})) as refused:
        explorer: Any = ma.widgets.Explorer(refused, customers=a_few(), as_of=AS_OF)
        sent: list[dict[str, Any]] = []
        monkeypatch.setattr(explorer._panel, "send", lambda content, buffers=None: sent.append(content))
        explorer.customer.value = "c-2"
        assert shown(explorer)["html"] == ""
        assert "no such thing" in sent[-1]["text"]


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
