"""The HTTP client: authentication, pace, retry, and every failure as one of our errors.

It refuses a WRITE endpoint before a byte leaves, unless it was opened by `changes`.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import anyio
import httpx

from metronome_analytics.api.body import ACCEPTED_ENCODING, read_body
from metronome_analytics.api.decode import Undecodable
from metronome_analytics.api.endpoints import Effect
from metronome_analytics.api.exchange import Exchange
from metronome_analytics.api.network import Connection, Connections, certificates
from metronome_analytics.api.pace import Pace
from metronome_analytics.api.page_sizes import PageSizes
from metronome_analytics.api.refusals import refusal
from metronome_analytics.api.request import MAX_BYTES, MAX_SECONDS
from metronome_analytics.api.server_time import ServerTime
from metronome_analytics.errors import (
    ArgumentError,
    MetronomeError,
    RateLimitedError,
    RequestRejected,
    ServerError,
    TransportError,
    WritesDisabled,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping

    from pydantic import SecretStr

    from metronome_analytics.api.exchange import Watcher
    from metronome_analytics.api.request import Request, Tally

T = TypeVar("T")

# Retries are counted in receipts. Without a handler Python would print stamina's bare "stamina.retry_scheduled" under
# a notebook's cell; whoever configures logging still gets it.
logging.getLogger("stamina").addHandler(logging.NullHandler())

# One request is tried this often, and waits are honoured as long as all of it fits the budget.
RETRY_ATTEMPTS = 6
RETRY_BUDGET = 600.0
_CONNECT_TIMEOUT = 10.0


class _Bearer(httpx.Auth):
    """Puts the token on the request at the last moment, so no repr of ours ever holds it."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


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
        max_seconds_per_request: float = MAX_SECONDS,
        max_bytes_per_answer: int = MAX_BYTES,
        retry_attempts: int = RETRY_ATTEMPTS,
        retry_budget: float = RETRY_BUDGET,
        page_size: int | None = None,
        writes: bool = False,
        watchers: Iterable[Watcher] = (),
    ) -> None:
        self._token = token
        self._writes = writes
        # Looked at anew for every answer: recording may begin and end meanwhile.
        self._watchers = watchers
        self._pace = Pace(max_requests_per_second)
        self.page_sizes = PageSizes(page_size)
        # A page being decoded costs several times its size: no more of them at once than there are processors.
        self.decoding = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._max_seconds = max_seconds_per_request
        self._max_bytes = max_bytes_per_answer
        self._retry_attempts = retry_attempts
        self._retry_budget = retry_budget
        self.server_time = ServerTime()
        self._connections = Connections(
            lambda: httpx.AsyncClient(
                base_url=base_url,
                timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT), pool=None),
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": ACCEPTED_ENCODING,
                    "User-Agent": "metronome-analytics",
                },
                trust_env=False,
                transport=transport or Connection(certificates(), proxy=proxy),
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
        enough: Callable[[Exception, int], bool] = lambda _, __: False,
    ) -> T:
        """Send `request`, read its whole answer and `parse` it; retry what may be retried, an unreadable body too.

        `again` is told what went wrong and says what is sent instead, should it be sent again; `enough`, told how often
        it was tried, whether it is not. Raises the error of `errors.py` that fits, with endpoint, customer and page.
        """
        import stamina  # noqa: PLC0415  # tenacity and tornado come with it: not before a request

        self._refuse_write(request)
        deadline = time.monotonic() + self._retry_budget
        tries = 0

        def may_retry(error: Exception) -> bool | float:
            if enough(error, tries):
                return False
            # A write is sent again only where the API said that it did not even look at it.
            if request.endpoint.effect is Effect.WRITE and not isinstance(error, RateLimitedError):
                return False
            delay = _retry_delay(error)
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
                    tries = attempt.num
                    if tries > 1:
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

    async def probe(self, request: Request, *, tally: Tally, token: SecretStr | None = None) -> Exchange:
        """Send `request` once and give the answer as it is, whatever its status; `token` instead of the account's own.

        Raises TransportError where no whole answer arrived.
        """
        self._refuse_write(request)
        response, seen = await self._exchange(request, tally, token)
        if seen.status == 429:
            self._refusal(response, seen.body)  # holds the account's pace back
        return seen

    def _refuse_write(self, request: Request) -> None:
        if request.endpoint.effect is Effect.WRITE and not self._writes:
            raise WritesDisabled("This client only reads.", endpoint=str(request.endpoint))

    async def _send(self, request: Request, tally: Tally) -> bytes:
        response, seen = await self._exchange(request, tally)
        if response.is_success:
            return seen.body
        raise self._refusal(response, seen.body)

    async def _exchange(
        self, request: Request, tally: Tally, token: SecretStr | None = None
    ) -> tuple[httpx.Response, Exchange]:
        await self._pace.turn()
        tally.requests += 1
        began = time.monotonic()
        try:
            async with self._connections.one() as http:
                response, body = await self._answer(http, request, token or self._token)
        except httpx.TransportError as error:
            lost = TransportError(f"No whole answer arrived: {type(error).__name__}: {error}".rstrip(": ") + ".")
            # A proxy that refuses is asked for a way to https only, and told nothing of the request.
            lost.sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
            raise lost from error
        except (OSError, httpx.InvalidURL, UnicodeError) as error:
            # A fault of TLS in the middle of an answer is none of httpx's; nor is what a redirect names as an address.
            raise TransportError(f"No whole answer arrived: {type(error).__name__}: {error}.") from error
        tally.bytes += len(body)
        if response.status_code == 429:
            tally.throttled += 1
        sent, seconds = response.request, time.monotonic() - began
        seen = Exchange(sent.method, str(sent.url), sent.content, response.status_code, response.headers, body, seconds)
        for watch in self._watchers:
            watch(seen)
        return response, seen

    async def _answer(
        self, http: httpx.AsyncClient, request: Request, token: SecretStr
    ) -> tuple[httpx.Response, bytes]:
        """The answer with its whole body, as far as time and size allow."""
        sent = _written(http, request)
        with anyio.move_on_after(self._max_seconds):
            response = await http.send(sent, stream=True, auth=_Bearer(token))
            self.server_time.see(response)
            try:
                return response, await read_body(response, self._max_bytes)
            finally:
                await response.aclose()
        raise TransportError(
            f"The answer was not whole after {self._max_seconds:g} s (max_seconds_per_request).",
            advice="Check the network and base_url, or raise max_seconds_per_request in connect().",
        )

    def _refusal(self, response: httpx.Response, body: bytes) -> MetronomeError:
        """The error for an answer that is not 2xx; a limit of the whole organisation holds all of us back."""
        error = refusal(response, body, self._token)
        # 'customer' limits one customer; anything else may be the whole organisation's.
        everyone = response.headers.get("X-Metronome-Rate-Limit-Type") != "customer"
        if isinstance(error, RateLimitedError) and error.retry_after is not None and everyone:
            self._pace.hold(min(error.retry_after, self._retry_budget))
        return error


def _written(http: httpx.AsyncClient, request: Request) -> httpx.Request:
    """The request as it is sent. Raises ArgumentError."""
    endpoint = request.endpoint
    try:
        return http.build_request(
            endpoint.method,
            endpoint.path.format_map({name: quote(value, safe="") for name, value in request.path.items()}),
            params=_query(request.query),
            json=dict(request.body) if endpoint.method == "POST" else None,
            # What answers no JSON (a PDF, an empty body) is asked for as whatever it is.
            headers={**({} if endpoint.wire is not None else {"Accept": "*/*"}), **request.headers},
        )
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ArgumentError(f"The request cannot be written: {error}.") from error


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


def _retry_delay(error: Exception) -> bool | float:
    """Whether to try again: False, True (back off), or the seconds the server asked for."""
    if isinstance(error, RateLimitedError | ServerError):
        return True if error.retry_after is None else error.retry_after
    # A redirect is a TransportError with a status: it will be the same next time.
    if isinstance(error, TransportError):
        return error.status is None
    return isinstance(error, Undecodable) or (isinstance(error, RequestRejected) and error.status == 408)
