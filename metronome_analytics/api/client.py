"""The HTTP client: authentication, pace, retry, and every failure as one of our errors.

It refuses a WRITE endpoint before a byte leaves, unless it was opened by `corrections`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import anyio
import httpx
import stamina

from metronome_analytics.api.endpoints import Effect, Endpoint
from metronome_analytics.api.network import Connection
from metronome_analytics.api.pace import Pace
from metronome_analytics.api.page_sizes import PageSizes
from metronome_analytics.api.retrying import retry_after, retry_delay
from metronome_analytics.errors import (
    AuthenticationError,
    ConflictError,
    MetronomeError,
    NotFoundError,
    RateLimitedError,
    RequestRejected,
    ServerError,
    TransportError,
    WritesDisabled,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping

    import polars as pl
    from pydantic import SecretStr

T = TypeVar("T")

# Retries are counted in receipts. Without a handler Python would print stamina's bare "stamina.retry_scheduled" under
# a notebook's cell; whoever configures logging still gets it.
logging.getLogger("stamina").addHandler(logging.NullHandler())

# One request is tried this often, and waits are honoured as long as all of it fits the budget.
RETRY_ATTEMPTS = 6
RETRY_BUDGET = 600.0
_CONNECT_TIMEOUT = 10.0

# v2 endpoints answer 400 with one of these codes where v1 answers 404.
_NOT_FOUND_CODES = frozenset(
    {"CustomerNotFound", "ContractNotFound", "SubscriptionNotFound", "PackageNotFound", "NotificationConfigNotFound"}
)


@dataclass(slots=True)
class Tally:
    """What a load has cost so far; the numbers of its receipt."""

    requests: int = 0
    pages: int = 0
    rows: int = 0
    bytes: int = 0
    retries: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One call of one endpoint, before paging. `labels` is whose rows the answer holds: columns it may not repeat."""

    endpoint: Endpoint
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    # Of a list: how many rows a page is enough, and whether a page's rows show that nothing wanted comes after them.
    page_size: int | None = None
    enough: Callable[[pl.DataFrame], bool] | None = None

    @property
    def customer_id(self) -> str | None:
        """The customer the call is about."""
        return self.labels.get("customer_id")


class _Bearer(httpx.Auth):
    """Puts the token on the request at the last moment, so no repr of ours ever holds it."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


@cache
def _certificates() -> ssl.SSLContext:
    """Whom we believe, read once: that takes longer than a request."""
    return httpx.create_ssl_context()


class _Connections:
    """As many connections as may be open at once, each a client of its own; the one used last is used first.

    httpx would keep them in one pool, which looks at all that are idle before and after each request: of a small
    answer's time that is nearly half. A transport that was given is `shared` by all of them, and closed once.
    """

    def __init__(self, opened: Callable[[], httpx.AsyncClient], most: int, *, shared: bool) -> None:
        self._opened = opened
        self._turns = anyio.Semaphore(most)
        self._all: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []
        self._shared = shared

    @asynccontextmanager
    async def one(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client nobody else uses meanwhile."""
        async with self._turns:
            http = self._idle.pop() if self._idle else self._another()
            try:
                yield http
            finally:
                self._idle.append(http)

    def _another(self) -> httpx.AsyncClient:
        if not (self._shared and self._all):
            self._all.append(self._opened())
        return self._all[-1]

    async def aclose(self) -> None:
        for http in self._all:
            await http.aclose()


class Client:
    """Speaks to one account, from one event loop. Share it: the pace is the account's, not the call's."""

    def __init__(
        self,
        token: SecretStr,
        base_url: str,
        *,
        max_requests_per_second: float | None,
        max_concurrency: int,
        timeout: float,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | None = None,
        retry_attempts: int = RETRY_ATTEMPTS,
        retry_budget: float = RETRY_BUDGET,
        page_size: int | None = None,
        writes: bool = False,
    ) -> None:
        self._token = token
        self._writes = writes
        self._pace = Pace(max_requests_per_second)
        self.page_sizes = PageSizes(page_size)
        # A page being decoded costs several times its size: no more of them at once than there are processors.
        self.decoding = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._retry_attempts = retry_attempts
        self._retry_budget = retry_budget
        self._connections = _Connections(
            lambda: httpx.AsyncClient(
                auth=_Bearer(token),
                base_url=base_url,
                timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT), pool=None),
                headers={"Accept": "application/json", "User-Agent": "metronome-analytics"},
                transport=transport or Connection(_certificates(), proxy=proxy),
            ),
            max_concurrency,
            shared=transport is not None,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connections.aclose()

    async def fetch(
        self,
        request: Request,
        parse: Callable[[bytes], Awaitable[T]],
        *,
        tally: Tally,
        page: int | None = None,
        again: Callable[[Request, MetronomeError], Request] = lambda request, _: request,
    ) -> T:
        """Send `request`, read its whole answer and `parse` it; retry what may be retried, an unreadable body too.

        `again` is told what went wrong and says what is sent instead, should it be sent again. Raises the error of
        `errors.py` that fits, with endpoint, customer and page in its message.
        """
        if request.endpoint.effect is Effect.WRITE and not self._writes:
            raise WritesDisabled("This client only reads.", endpoint=str(request.endpoint))
        deadline = time.monotonic() + self._retry_budget

        def may_retry(error: Exception) -> bool | float:
            # A write is sent again only where the API said that it did not even look at it.
            if request.endpoint.effect is Effect.WRITE and not isinstance(error, RateLimitedError):
                return False
            delay = retry_delay(error)
            # A wait that the budget cannot hold is not begun: the caller learns now, not after it.
            if isinstance(delay, float) and time.monotonic() + delay > deadline:
                return False
            return delay

        try:
            async for attempt in stamina.retry_context(
                on=may_retry,
                attempts=self._retry_attempts,
                timeout=self._retry_budget,
                wait_initial=0.5,
                wait_max=8.0,
                wait_jitter=0.5,
            ):
                with attempt:
                    if attempt.num > 1:
                        tally.retries += 1
                    try:
                        return await parse(await self._send(request, tally))
                    except MetronomeError as error:
                        request = again(request, error)
                        raise
        except MetronomeError as error:
            error.endpoint = str(request.endpoint)
            error.customer_id = request.customer_id
            error.page = page
            raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _send(self, request: Request, tally: Tally) -> bytes:
        endpoint = request.endpoint
        await self._pace.turn()
        tally.requests += 1
        try:
            async with self._connections.one() as http:
                response = await http.request(
                    endpoint.method,
                    endpoint.path.format_map({name: quote(value, safe="") for name, value in request.path.items()}),
                    params=_query(request.query),
                    json=dict(request.body) if endpoint.method == "POST" else None,
                    # What answers no JSON (a PDF, an empty body) is asked for as whatever it is.
                    headers={**({} if endpoint.wire is not None else {"Accept": "*/*"}), **request.headers},
                )
        except httpx.TransportError as error:
            lost = TransportError(f"No whole answer arrived: {type(error).__name__}: {error}".rstrip(": ") + ".")
            lost.sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise lost from error
        except httpx.DecodingError as error:
            raise TransportError(f"The answer's compression is broken: {error}.") from error
        body = response.content
        tally.bytes += len(body)
        if response.is_success:
            return body
        if response.status_code == 429:
            tally.throttled += 1
        raise self._refusal(response, body)

    def _refusal(self, response: httpx.Response, body: bytes) -> MetronomeError:  # noqa: PLR0911  # one return a kind
        """The error for an answer that is not 2xx."""
        status = response.status_code
        message, code = self._api_message(body)
        said = f"{status} {response.reason_phrase}".strip() + (f": {message}" if message else "")
        if status in {401, 403}:
            return AuthenticationError(f"Metronome refused the token ({said}).", status=status)
        if status == 404 or (status == 400 and code in _NOT_FOUND_CODES):
            return NotFoundError(f"Metronome knows no such object ({said}).", status=status)
        if status == 409:
            return ConflictError(f"Metronome reports a conflict ({said}).", status=status)
        if status == 429:
            wait = retry_after(response)
            # 'customer' limits one customer; anything else may be the whole organisation's, so all of us wait.
            if wait is not None and response.headers.get("X-Metronome-Rate-Limit-Type") != "customer":
                self._pace.hold(min(wait, self._retry_budget))
            asked = "" if wait is None else f", which asks for {wait:.0f} s"
            limited = RateLimitedError(f"Metronome is throttling ({said}{asked}).", status=status)
            limited.retry_after = wait
            return limited
        if status >= 500:
            failing = ServerError(f"Metronome failed ({said}).", status=status)
            failing.retry_after = retry_after(response)
            return failing
        if 300 <= status < 400:
            return TransportError(
                f"The address answers with a redirect ({said}).",
                status=status,
                advice="Check base_url; redirects are not followed.",
            )
        return RequestRejected(f"Metronome rejected the request ({said}).", status=status)

    def _api_message(self, body: bytes) -> tuple[str, str | None]:
        """The API's own message and code, without the token should a server echo it."""
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and isinstance(answer.get("message"), str):
            message, code = answer["message"], answer.get("code")
        else:
            message, code = body[:200].decode(errors="replace").strip(), None
        return message.replace(self._token.get_secret_value(), "***"), code if isinstance(code, str) else None


def _query(parameters: Mapping[str, object]) -> dict[str, str]:
    """Query parameters as the API reads them: arrays comma-joined, booleans in lower case, None left out."""
    return {name: _query_text(value) for name, value in parameters.items() if value is not None}


def _query_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)
