"""Exhausts a cursor: every page of a request, or an error that says why completeness cannot be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.to_thread

from metronome_analytics.api.decode import Page, decode
from metronome_analytics.api.page_sizes import too_large
from metronome_analytics.api.windows import divisible, ran_out_of_time
from metronome_analytics.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metronome_analytics.api.client import Client
    from metronome_analytics.api.request import Request, Tally
    from metronome_analytics.errors import MetronomeError

# An empty page with a fresh cursor is legal and followed; this many in a row is a server going in circles.
MAX_EMPTY_PAGES = 100
# 100 rows a page: ten million rows under one cursor. Not a cap on data but on a server that never ends.
MAX_PAGES = 100_000


class _List:
    """One list: how its pages are asked for, read, and asked for again."""

    def __init__(self, client: Client, request: Request) -> None:
        self._client = client
        self._request = request
        self._size = client.page_sizes.of(request.endpoint, request.page_size)
        self._cursor: str | None = None

    async def page(self, cursor: str | None, *, tally: Tally, number: int) -> Page:
        """The page at `cursor`."""
        self._cursor = cursor
        asked = _at(self._request, cursor, self._size)
        page = await self._client.fetch(
            asked, self._read, tally=tally, page=number, again=self._again, enough=self._enough
        )
        self._client.page_sizes.arrived(self._request.endpoint)
        tally.pages += 1
        return page

    def _enough(self, error: Exception, tries: int) -> bool:
        """What takes too long for the whole of a time is soon asked for in parts, see `windows`."""
        return tries > 1 and self._cursor is None and ran_out_of_time(error) and divisible(self._request)

    def ends_with(self, page: Page) -> bool:
        """Whether nothing comes after `page`, or nothing that is wanted."""
        empty, enough = not page.met.height, self._request.enough
        if page.next_page is None or (self._request.endpoint.endless and empty):
            return True
        return enough is not None and enough(page)

    async def _read(self, body: bytes) -> Page:
        endpoint = self._request.endpoint
        if endpoint.bare:
            body = b'{"data": %b}' % body
        return await anyio.to_thread.run_sync(decode, body, endpoint, limiter=self._client.decoding)

    def _again(self, failed: Request, error: MetronomeError) -> Request:
        """A smaller first page where this one did not arrive; a cursor may be bound to the size it was given for."""
        sizes, endpoint = self._client.page_sizes, self._request.endpoint
        if self._size is None or not too_large(error):
            return failed
        sizes.failed(endpoint, self._size)
        if self._cursor is not None:
            return failed
        self._size = sizes.of(endpoint, self._request.page_size)
        return _at(self._request, None, self._size)


async def pages(client: Client, request: Request, *, tally: Tally) -> AsyncIterator[Page]:
    """Every page of `request`, in order, or as many as are enough. A page that arrived is never fetched again."""
    endpoint, whole = request.endpoint, _List(client, request)
    seen: set[str] = set()
    cursor: str | None = None
    empty = 0
    for number in range(1, MAX_PAGES + 1):
        page = await whole.page(cursor, tally=tally, number=number)
        yield page
        cursor = page.next_page
        if cursor is None or whole.ends_with(page):
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


def _at(request: Request, cursor: str | None, size: int | None) -> Request:
    """`request` for the page of `size` rows at `cursor`; all else stays unchanged."""
    endpoint = request.endpoint
    where: dict[str, object] = {}
    if size is not None:
        where["limit"] = size
    query, body = dict(request.query), dict(request.body)
    if cursor is not None:
        where[endpoint.cursor.asked] = cursor
        for name in endpoint.first_page_only:
            query.pop(name, None)
    (query if endpoint.cursor.place == "query" else body).update(where)
    return replace(request, query=query, body=body)
