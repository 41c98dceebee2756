"""The ASGI application: reads a request, lets the ordered fault happen, asks the handler, writes the answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from metronome_analytics.simulator.endpoints import routes
from metronome_analytics.simulator.endpoints.answers import Answer, ApiError, Page, Reply, error
from metronome_analytics.simulator.endpoints.request import Request
from metronome_analytics.simulator.rendering.scalars import Json, dump
from metronome_analytics.simulator.server.answer_cache import AnswerCache
from metronome_analytics.simulator.server.idempotency import Idempotency
from metronome_analytics.simulator.server.request_log import Received, RequestLog
from metronome_analytics.simulator.world.days import parse_instant

if TYPE_CHECKING:
    from metronome_analytics.simulator.server.faults import Fault, Faults
    from metronome_analytics.simulator.world.account import Account

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLOSE_EXTENSION = "metronome_analytics.close"
"""Where our server puts a function that closes the connection; other servers get an exception instead."""


class ConnectionLostError(ConnectionResetError):
    """Raised inside the application when a fault drops the connection and the server has no way to be told."""


class Application:
    """An ASGI 3 callable over one account."""

    def __init__(self, account: Account, faults: Faults, log: RequestLog, *, token: str, latency: float) -> None:
        self.account = account
        self.faults = faults
        self.log = log
        self.token = token
        self.latency = latency
        self.idempotency = Idempotency()
        self.answers = AnswerCache(account)
        self.spent: set[str] = set()
        """Cursors that were asked, where that is once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            raise ValueError(f"unsupported scope: {scope['type']}")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode("latin-1")
        received = Received(scope["method"], scope["path"], query, time.monotonic())
        self.log.add(received)
        request = Request(
            method=received.method,
            path=received.path,
            query=_query(query),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            content=await _content(receive),
            reject_unknown=self.account.switches.reject_unknown_parameters,
            cap_limits=not self.account.switches.limit_too_large_refused,
        )
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self.faults.take(request.method, request.path)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        wire = _Wire(scope, receive, send, received, _headers(self.account))
        if fault is not None and fault.kind.startswith("rate_limit"):
            await wire.reply(error(429, "Too many requests"), fault.rate_limit_headers(self.account.clock.now))
            return
        reply = self._answer(request, fault)
        if fault is None:
            await wire.reply(reply)
        elif fault.kind == "lost_after_effect":
            await wire.close()
        elif fault.kind == "cut_body":
            await wire.cut(reply)
        elif fault.kind == "html":
            page = "<!doctype html><title>Welcome</title><p>Please log in."
            await wire.reply(Reply(page, content_type="text/html"))
        elif fault.kind == "garbage":
            await wire.reply(Reply(reply.body[: max(1, len(reply.body) // 2)] or "{"))
        else:
            await wire.reply(reply)

    def _answer(self, request: Request, fault: Fault | None) -> Reply:
        """The answer with the faults that change its content."""
        if fault is not None and fault.kind == "status":
            return error(fault.status, fault.message)
        if fault is not None and fault.kind == "gateway" and _days(request) > fault.days:
            return error(504, "upstream request timeout")
        try:
            with self.account.lock:
                return self._handle(request, fault)
        except ApiError as problem:
            return error(problem.status, problem.message, problem.code)

    def _handle(self, request: Request, fault: Fault | None) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise ApiError(self.account.switches.bad_token_status, "Unauthorized")
        route = routes.find(request)
        key = request.headers.get("idempotency-key")
        remembers = route.writes and key is not None and self.account.switches.idempotency_key_honoured
        if remembers and key is not None:
            stored = self.idempotency.recall(key, request)
            if stored is not None:
                return stored
        reply = _written(self._ask(route, request), request, fault)
        if fault is not None and fault.kind == "status_after_effect":
            reply = error(fault.status, fault.message)
        if remembers and key is not None:
            # Validation errors never get here: only what began to execute is remembered, errors included.
            self.idempotency.store(key, request, reply)
        return reply

    def _spend(self, request: Request) -> None:
        """Refuse a cursor that was asked before, where cursors do not last."""
        if self.account.switches.cursors_last or request.cursor is None:
            return
        if request.cursor in self.spent:
            raise ApiError(400, f"{request.cursor_name} has expired")
        self.spent.add(request.cursor)

    def _ask(self, route: routes.Route, request: Request) -> Answer:
        """Ask the endpoint, or give the answer it gave before."""
        if route.writes:
            return route.handler(self.account, request)
        self._spend(request)
        if self.answers.account is not self.account:
            self.answers = AnswerCache(self.account)
        return self.answers.answer(request, route.handler)


def _written(answer: Answer, request: Request, fault: Fault | None) -> Reply:
    """An answer as JSON text, after the faults that bend pages and payloads."""
    reply = answer if isinstance(answer, Reply) else _page(answer, request, fault)
    if fault is not None and fault.kind == "mutate" and fault.change is not None and reply.body.startswith("{"):
        payload = json.loads(reply.body)
        changed = fault.change(payload)
        return Reply(dump(payload if changed is None else changed), reply.status)
    return reply


def _page(page: Page, request: Request, fault: Fault | None) -> Reply:
    """A page with its cursor."""
    items, following = page.items, page.next_position
    cursor = None if following is None else request.cursor_to(following)
    if fault is not None and fault.kind == "empty_page":
        # The nonce makes each empty page's cursor a new one that leads back to the same place.
        items, cursor = [], request.cursor_to(request.position, nonce=fault.fired)
    elif fault is not None and fault.kind == "repeat_cursor":
        cursor = request.cursor or cursor or request.cursor_to(None)
    listed = f'"data":[{",".join(items)}]'
    if page.seats_left is not None:
        pagination: Json = {
            "seats_included": len(items),
            "seats_available_for_next_page": page.seats_left,
            "next_page": cursor,
        }
        return Reply(f'{{{listed},"pagination":{dump(pagination)}}}')
    if page.cursor_key is not None:
        listed += f',"{page.cursor_key}":{dump(cursor)}'
    return Reply(f"{{{listed}}}")


class _Wire:
    """Writes to one client."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, received: Received, headers: dict[str, str]) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._received = received
        self._headers = headers

    async def reply(self, reply: Reply, headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        content = reply.body.encode()
        await self._start(reply.status, len(content), headers or {}, reply.content_type)
        await self._send({"type": "http.response.body", "body": content})

    async def cut(self, reply: Reply) -> None:
        """Promise a whole answer, send half of it, and close."""
        content = reply.body.encode()
        await self._start(reply.status, max(len(content), 2), {}, reply.content_type)
        await self._send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        await self.close()

    async def close(self) -> None:
        """Close the connection without another byte."""
        close = self._scope.get("extensions", {}).get(CLOSE_EXTENSION)
        if close is None:
            raise ConnectionLostError("the simulated server closed the connection")
        close()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, length: int, headers: dict[str, str], content_type: str) -> None:
        self._received.status = status
        named = {"content-length": str(length), **self._headers, **headers}
        if length:
            named["content-type"] = content_type
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            }
        )


def _days(request: Request) -> int:
    """How many days a request asks for."""
    # Not yet routed: where its parameters are is not known.
    asked = {**request.query, **(request.body if request.method == "POST" else {})}
    bounds = [asked[name] for name in ("starting_on", "ending_before") if name in asked]
    if len(bounds) != 2:
        return 0
    start, end = (parse_instant(str(bound)) for bound in bounds)
    return (end - start).days


def _headers(account: Account) -> dict[str, str]:
    """What every answer has: the time of the account, or of a server whose clock is wrong by so much."""
    switches = account.switches
    at = datetime.now(UTC) + timedelta(seconds=switches.clock_skew) if switches.clock_skew else account.clock.now
    headers = {"date": format_datetime(at, usegmt=True)}
    if switches.rate_limit_headers:
        headers |= {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99"}
    return headers


async def _content(receive: Receive) -> bytes:
    """Read a request body to its end."""
    content = b""
    while True:
        message = await receive()
        content += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return content


def _query(text: str) -> dict[str, str]:
    """Read a query string; repeated keys are joined by commas, which is the other way to write a list."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


async def _lifespan(receive: Receive, send: Send) -> None:
    """Answer the server's start and stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
