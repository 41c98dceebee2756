"""What sends one write: it leaves a transport of the user's open, and knows when nothing left."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

import metronome_analytics as ma
from metronome_analytics.changes.operation import Call
from metronome_analytics.changes.sending import SendOnce
from tests.changes.support import Desk, opened
from tests.changes.torture import is_write

if TYPE_CHECKING:
    from collections.abc import Callable


class Mine(httpx.AsyncHTTPTransport):
    """A user's transport, which works until it is closed."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The server's answer."""
        assert not self.closed
        return await super().handle_async_request(request)

    async def aclose(self) -> None:
        """End here."""
        self.closed += 1
        await super().aclose()


def test_a_transport_that_was_given_is_open_after_a_plan_was_applied(desk: Desk) -> None:
    """It is closed once, with the account."""
    mine = Mine()
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, transport=mine) as account:
        plan = replace(desk, account=account).plan(-1000, 5)
        assert account.apply(plan, plan.confirmation).ok
        assert mine.closed == 0
        assert account.customers().height
    assert mine.closed == 1


def no_certificates(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of certificates goes away between the reads and the write."""

    def unreadable() -> None:
        raise ma.ConfigurationError("The certificates cannot be read.")

    desk.account.session.connection = replace(desk.account.session.connection, transport=None)
    monkeypatch.setattr("metronome_analytics.api.client.certificates", unreadable)


def no_loop(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """The account is closed between the journal's intent and the request."""
    desk.account.close()


def no_proxy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a proxy since, of a kind that cannot be used."""
    desk.account.session.connection = replace(desk.account.session.connection, transport=None)
    monkeypatch.setattr("metronome_analytics.settings._is_loopback", lambda _: False)
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)


def refusing(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """A proxy that gives no way to the server."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ProxyError("403 Forbidden", request=request)

    desk.account.session.connection = replace(desk.account.session.connection, transport=httpx.MockTransport(refuse))


@pytest.mark.parametrize("spoil", [no_certificates, no_loop, no_proxy, refusing])
def test_what_fails_before_anything_is_sent_is_not_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Desk, pytest.MonkeyPatch], None]
) -> None:
    """No byte left, so nothing is unknown: the plan can be applied again at once."""
    plan = desk.plan(-1000, 5)
    desk.sender.before.append(lambda *_: spoil(desk, monkeypatch))
    assert desk.apply(plan) == [("not_sent", None)] * 2
    assert desk.posts() == 0
    assert sum(desk.time.slept) == 0
    monkeypatch.undo()
    with opened(desk.simulator, desk.url, desk.journal, time=desk.time) as account:
        assert account.settle().height == 0
        assert account.apply(plan, plan.confirmation).ok


@pytest.mark.parametrize(
    "body",
    [{"amount": float("nan")}, {"reason": "\ud800"}, {"amount": object()}],
    ids=["no number", "half a character", "no JSON"],
)
def test_a_body_that_cannot_be_written_is_not_sent(desk: Desk, body: dict[str, Any]) -> None:
    """It is an error of the argument, and says so before a connection is made."""
    with pytest.raises(ma.ArgumentError, match="cannot be written") as raised:
        SendOnce(desk.account.session)(Call("add_manual_balance_entry", "a", body), idempotency_key="k")
    assert not raised.value.sent
    assert desk.posts() == 0


def test_an_id_that_is_none_is_not_sent(desk: Desk) -> None:
    """Nor is a key that no header can carry."""
    for id_, key in (("\x00", "k"), ("a", "\u2028")):
        with pytest.raises(ma.ArgumentError) as raised:
            SendOnce(desk.account.session)(Call("add_manual_balance_entry", id_, {}), idempotency_key=key)
        assert not raised.value.sent


def test_a_write_under_way_when_the_account_is_closed_is_unknown(desk: Desk) -> None:
    """It may have arrived: another account settles it by reading."""

    class Closing(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if is_write(request.method, request.url.path):
                await answer.aread()
                threading.Thread(target=account.close).start()
                await anyio.sleep_forever()
            return answer

    with opened(desk.simulator, desk.url, desk.journal, time=desk.time, transport=Closing(verify=False)) as account:
        plan = replace(desk, account=account).plan(-1000)
        outcome = account.apply(plan, plan.confirmation)
    assert outcome.table["status"].to_list() == ["unknown"]
    assert "closed while this was running" in outcome.table["message"][0]
    assert desk.account.settle()["status"].to_list() == ["applied"]
