from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import anyio
import anyio.abc
import httpx
import pytest
from pydantic import SecretStr

import metronome_analytics as ma
from metronome_analytics.api import client as client_module
from metronome_analytics.api.client import Client
from metronome_analytics.api.endpoints import ENDPOINTS, Effect, Endpoint
from metronome_analytics.api.refusals import retry_after
from metronome_analytics.api.request import Request, Tally
from tests.fakes import TOKEN, account_of, answer, asked

REFUSALS = [
    (400, {"message": "bad limit"}, ma.RequestRejected),
    (401, {"message": "who"}, ma.AuthenticationError),
    (403, {"message": "not you"}, ma.AuthenticationError),
    (404, {"message": "gone"}, ma.NotFoundError),
    (400, {"code": "CustomerNotFound", "message": "gone"}, ma.NotFoundError),
    (409, {"message": "twice"}, ma.ConflictError),
    (422, {"message": "no"}, ma.RequestRejected),
    (429, {"message": "slow down"}, ma.RateLimitedError),
    (500, {"message": "oops"}, ma.ServerError),
    (503, None, ma.ServerError),
    (302, None, ma.TransportError),
]


@pytest.mark.parametrize(("status", "said", "error"), REFUSALS)
def test_every_refusal_is_one_of_our_errors(status: int, said: dict[str, str] | None, error: type[Exception]) -> None:
    """Each status becomes its error, with the API's message, the endpoint, the customer and the page."""
    with account_of(lambda _: httpx.Response(status, json=said)) as account, pytest.raises(error) as raised:
        account.invoices("c-1")
    assert type(raised.value.__cause__) is error
    text = str(raised.value)
    assert "GET /v1/customers/{customer_id}/invoices, customer c-1, page 1" in text
    assert said is None or said["message"] in text
    assert isinstance(raised.value, ma.LoadError)
    assert raised.value.failures.select("customer_id", "status").row(0) == ("c-1", status)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    """408, 429 and 5xx are retried, and the receipt says how often."""
    answers = iter([httpx.Response(status), httpx.Response(status), answer([{"id": "c"}])])
    with account_of(lambda _: next(answers)) as account:
        assert account.customers()["id"].to_list() == ["c"]
        receipt = account.receipts.row(0, named=True)
    assert (receipt["requests"], receipt["retries"], receipt["pages"]) == (3, 2, 1)
    assert receipt["throttled"] == (2 if status == 429 else 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_lasting_refusal_is_not_tried_again(status: int) -> None:
    """A 4xx other than 408 and 429 is final at once; a reused key is not knocked at three times."""
    calls: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(status, json={"message": "no"})

    with account_of(handler) as account, pytest.raises(ma.LoadError):
        account.customers()
    assert len(calls) == 1


def test_the_retry_budget_ends() -> None:
    """A failure that stays is raised after the last attempt."""
    calls: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(503)

    with account_of(handler) as account, pytest.raises(ma.ServerError):
        account.customers()
    assert len(calls) == client_module.RETRY_ATTEMPTS


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadError("reset"),
    ],
)
def test_a_lost_connection_is_tried_again_and_then_ours(failure: httpx.TransportError) -> None:
    """Connection failures, timeouts and cut bodies are retried and end as TransportError."""
    failing = True

    def handler(_: httpx.Request) -> httpx.Response:
        if failing:
            raise failure
        return answer([])

    with account_of(handler) as account:
        with pytest.raises(ma.TransportError, match=type(failure).__name__):
            account.customers()
        failing = False
        assert account.customers().height == 0


def test_a_body_that_is_no_json_is_fetched_again() -> None:
    """An undecodable body is retried; one that stays is MalformedResponse."""
    answers = iter([httpx.Response(200, html="<p>gateway</p>"), answer([{"id": "c"}])])
    with account_of(lambda _: next(answers)) as account:
        assert account.customers()["id"].to_list() == ["c"]
    with account_of(lambda _: httpx.Response(200, html="<p>gateway</p>")) as account:
        with pytest.raises(ma.MalformedResponse, match="not JSON"):
            account.customers()


def test_a_wrong_type_is_not_fetched_again() -> None:
    """JSON of the wrong shape would be the same next time."""
    calls: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return answer([{"id": 5}])

    with account_of(handler) as account, pytest.raises(ma.MalformedResponse, match=r"data\[0\].id"):
        account.customers()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_in_seconds(header: str, seconds: float | None) -> None:
    """Seconds are taken as they are; nonsense counts as no header."""
    assert retry_after(httpx.Response(429, headers={"Retry-After": header})) == seconds


def test_retry_after_as_a_date() -> None:
    """An HTTP date means the time until then, and a date that has passed means now."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    wait = retry_after(httpx.Response(429, headers={"Retry-After": later}))
    assert wait is not None
    assert 80 < wait <= 90
    assert retry_after(httpx.Response(429, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"})) == 0.0


def test_retry_after_as_a_date_is_by_the_clock_that_wrote_it() -> None:
    """The server's own Date says how long it means, however wrong the clock here is."""
    headers = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}
    assert retry_after(httpx.Response(429, headers=headers)) == 30.0


def test_retry_after_is_the_delay() -> None:
    """The seconds the server asked for are the wait, not a lower bound of a back-off."""
    limited = ma.RateLimitedError("slow")
    limited.retry_after = 42.5
    assert client_module._retry_delay(limited) == 42.5


def test_a_wait_that_the_budget_cannot_hold_is_not_begun() -> None:
    """An hour of Retry-After is reported at once, with the hour in the message."""
    calls: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(429, headers={"Retry-After": "3600"})

    with account_of(handler) as account, pytest.raises(ma.RateLimitedError, match="3600 s"):
        account.customers()
    assert len(calls) == 1


def reading_client(
    handler: httpx.MockTransport | None,
    *,
    writes: bool = False,
    base_url: str = "https://api.metronome.com",
    max_concurrency: int = 1,
) -> Client:
    """A client as the loaders have it."""
    return Client(
        SecretStr(TOKEN),
        base_url,
        max_requests_per_second=None,
        max_concurrency=max_concurrency,
        timeout=1,
        transport=handler,
        writes=writes,
    )


async def as_it_came(body: bytes) -> bytes:
    """No parsing."""
    return body


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS.values() if e.effect is Effect.WRITE], ids=lambda e: e.name)
@pytest.mark.anyio
async def test_a_write_is_refused_before_a_byte_leaves(endpoint: Endpoint) -> None:
    """The loaders' client cannot send any WRITE endpoint of the registry."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    client = reading_client(httpx.MockTransport(handler))
    with pytest.raises(ma.WritesDisabled):
        await client.fetch(Request(endpoint, body={}), as_it_came, tally=Tally())
    await client.aclose()
    assert sent == []


def test_a_loader_of_an_account_that_may_write_still_reads_only() -> None:
    """allow_writes=True opens no WRITE to the loaders' client."""
    with account_of(lambda _: answer([]), allow_writes=True) as account:
        assert account.session.client._writes is False


def test_the_request_carries_the_token_and_json() -> None:
    """Every request is authorised, asks for JSON, and names us."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer([])

    with account_of(handler) as account:
        account.balances("c-1")
    (request,) = seen
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Accept"] == "application/json"
    assert asked(request)["limit"] == 25


def test_an_id_cannot_reach_another_path() -> None:
    """A customer id is one path segment, whatever is in it."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return answer([])

    with account_of(handler) as account:
        account.invoices("../customers?x=1")
    assert seen[0].startswith("/v1/customers/..%2Fcustomers%3Fx%3D1/invoices?")


def test_a_throttled_account_holds_everyone_back() -> None:
    """After a 429 of the organisation no other request starts before the wait is over."""
    client = reading_client(httpx.MockTransport(lambda _: httpx.Response(200)))
    client._refusal(httpx.Response(429, headers={"Retry-After": "30", "X-Metronome-Rate-Limit-Type": "customer"}), b"")
    assert client._pace._held_until == 0.0
    client._refusal(httpx.Response(429, headers={"Retry-After": "30", "X-Metronome-Rate-Limit-Type": "client"}), b"")
    assert client._pace._held_until > 0.0


@pytest.mark.anyio
async def test_connections_are_few_kept_and_closed() -> None:
    """No more than max_concurrency, one is enough for what comes one after the other, and none outlives the client."""
    opened, left, gone = 0, 0, anyio.Event()

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal opened, left
        opened, left = opened + 1, left + 1
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while await stream.receive():
                    await stream.send(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data":[]}')
        left -= 1
        if not left:
            gone.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  # no Django
    async with listener, anyio.create_task_group() as serving:
        serving.start_soon(listener.serve, serve)
        client = reading_client(None, base_url=f"http://127.0.0.1:{port}", max_concurrency=3)
        for _ in range(4):
            await client.fetch(Request(ENDPOINTS["customers"]), as_it_came, tally=Tally())
        assert opened == 1
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(partial(client.fetch, Request(ENDPOINTS["customers"]), as_it_came, tally=Tally()))
        assert 1 <= opened <= 3
        await client.aclose()
        with anyio.fail_after(10):
            await gone.wait()
        serving.cancel_scope.cancel()
