"""Exhausts a cursor: every page of a request, or an error that says why completeness cannot be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.to_thread

from metronome_analytics.api.decode import Page, decode
from metronome_analytics.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metronome_analytics.api.client import Client, Request, Tally

# An empty page with a fresh cursor is legal and followed; this many in a row is a server going in circles.
MAX_EMPTY_PAGES = 100
# 100 rows a page: ten million rows under one cursor. Not a cap on data but on a server that never ends.
MAX_PAGES = 100_000


async def pages(client: Client, request: Request, *, tally: Tally) -> AsyncIterator[Page]:
    """Every page of `request`, in order. A page that arrived is never fetched again."""
    endpoint = request.endpoint

    async def read(body: bytes) -> Page:
        if endpoint.bare:
            body = b'{"data": %b}' % body
        return await anyio.to_thread.run_sync(decode, body, endpoint, limiter=client.decoding)

    seen: set[str] = set()
    cursor: str | None = None
    empty = 0
    for number in range(1, MAX_PAGES + 1):
        page = await client.fetch(_at(request, cursor), read, tally=tally, page=number)
        tally.pages += 1
        yield page
        cursor = page.next_page
        if cursor is None or (endpoint.endless and not page.met.height):
            return
        empty = 0 if page.met.height else empty + 1
        if cursor in seen:
            problem = f"The cursor of page {number} has been given before"
        elif empty >= MAX_EMPTY_PAGES:
            problem = f"{empty} empty pages in a row, each with another cursor"
        else:
            seen.add(cursor)
            continue
        break
    else:
        problem = f"{MAX_PAGES} pages and still a cursor"
    raise PaginationError(
        f"{problem}: the end of the list cannot be found.",
        endpoint=str(endpoint),
        customer_id=request.customer_id,
        page=number,
    )


def _at(request: Request, cursor: str | None) -> Request:
    """`request` for the page at `cursor`, as large as the endpoint allows; all else stays unchanged."""
    endpoint = request.endpoint
    where: dict[str, object] = {}
    if endpoint.page_limit is not None:
        where["limit"] = endpoint.page_limit
    query, body = dict(request.query), dict(request.body)
    if cursor is not None:
        where[endpoint.cursor.asked] = cursor
        for name in endpoint.first_page_only:
            query.pop(name, None)
    (query if endpoint.cursor.place == "query" else body).update(where)
    return replace(request, query=query, body=body)
