"""Accounts whose API is a function from request to response."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

import metronome_analytics as ma

TOKEN = "made-up-token-for-tests"
USD = {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"}

Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Awaitable[httpx.Response]]


@contextmanager
def account_of(handler: Handler, **options: Any) -> Iterator[ma.Account]:
    """An unpaced account that `handler` answers for."""
    settings = {"max_requests_per_second": None, "progress": False, **options}
    with ma.connect(TOKEN, transport=httpx.MockTransport(handler), **settings) as account:  # type: ignore[arg-type]  # either kind of handler
        yield account


def answer(data: object, next_page: str | None = None) -> httpx.Response:
    """A 200 with `data` and a cursor."""
    return httpx.Response(200, json={"data": data, "next_page": next_page})


def asked(request: httpx.Request) -> dict[str, Any]:
    """The parameters of a request, from its query and its body."""
    body = json.loads(request.content) if request.content else {}
    return dict(request.url.params) | body


def paged(pages: Sequence[Sequence[Mapping[str, object]]]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers `pages` in turn, whatever is asked; cursors are the page numbers."""

    def handler(request: httpx.Request) -> httpx.Response:
        number = int(asked(request).get("next_page", "0"))
        following = str(number + 1) if number + 1 < len(pages) else None
        return answer(list(pages[number]) if pages else [], following)

    return handler
