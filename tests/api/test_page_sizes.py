from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.page_sizes import PageSizes
from tests.fakes import Handler, account_of, answer, asked

if TYPE_CHECKING:
    from collections.abc import Callable

CUSTOMERS = ENDPOINTS["customers"]
IDS = [f"c{number:03d}" for number in range(90)]


def listed(request: httpx.Request) -> httpx.Response:
    """The page of `IDS` that is asked for; a cursor holds for the page size it was given for, and no other."""
    parameters = asked(request)
    size, (at, given_for) = int(parameters["limit"]), parameters.get("next_page", "0/0").split("/")
    if at != "0" and int(given_for) != size:
        return httpx.Response(400, json={"message": "next_page was issued for other parameters"})
    end = int(at) + size
    rows = [{"id": id_, "name": id_} for id_ in IDS[int(at) : end]]
    return answer(rows, f"{end}/{size}" if end < len(IDS) else None)


def failing_above(limit: int, failure: Callable[[httpx.Request], httpx.Response]) -> tuple[list[int], Handler]:
    """A server whose answers of more than `limit` rows do not arrive, and the sizes it was asked for."""
    sizes: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sizes.append(int(asked(request)["limit"]))
        if sizes[-1] > limit:
            return failure(request)
        return listed(request)

    return sizes, handler


def cut(request: httpx.Request) -> httpx.Response:
    """A body that ends before it should."""
    raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


FAILURES: list[Callable[[httpx.Request], httpx.Response]] = [
    cut,
    lambda _: httpx.Response(504, json={"message": "gateway"}, headers={"Retry-After": "0"}),
    lambda _: httpx.Response(200, content=b'{"data": [{"id": "c0'),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_page_that_does_not_arrive_is_asked_for_with_half_the_rows(failure: Any) -> None:
    """Until it arrives; no row is lost, none comes twice, and the receipt is complete."""
    sizes, handler = failing_above(30, failure)
    with account_of(handler) as account:
        assert account.customers()["id"].to_list() == IDS
        assert account.receipts["complete"].to_list() == [True]
    assert sizes == [100, 50, 25, 25, 25, 25]


def test_the_next_list_begins_with_what_arrived() -> None:
    """Not every customer pays for what the first one showed."""
    sizes, handler = failing_above(60, FAILURES[1])
    with account_of(handler) as account:
        account.customers()
        sizes.clear()
        account.customers()
    assert sizes == [50, 50]


def test_a_page_size_may_be_given() -> None:
    """No list asks for larger pages than the account was told to."""
    sizes, handler = failing_above(100, cut)
    with account_of(handler, page_size=40) as account:
        assert account.customers()["id"].to_list() == IDS
    assert sizes == [40, 40, 40]
    with pytest.raises(ma.ArgumentError, match="page_size"), account_of(handler, page_size=0):
        pass


def test_a_refusal_changes_no_size() -> None:
    """Only what may have been too large is asked for in smaller parts: throttling is not."""
    sizes: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sizes.append(int(asked(request)["limit"]))
        if len(sizes) == 1:
            return httpx.Response(429, headers={"Retry-After": "0"})
        return listed(request)

    with account_of(handler) as account:
        account.customers()
    assert sizes == [100, 100]


@given(st.lists(st.booleans(), max_size=400))
def test_a_size_stays_between_one_and_the_largest(arrives: list[bool]) -> None:
    """Whatever arrives and whatever does not."""
    sizes = PageSizes()
    for arrived in arrives:
        size = sizes.of(CUSTOMERS)
        assert size is not None
        assert 1 <= size <= 100
        if arrived:
            sizes.arrived(CUSTOMERS)
        else:
            sizes.failed(CUSTOMERS, size)
    for _ in range(20 * 8):
        sizes.arrived(CUSTOMERS)
    assert sizes.of(CUSTOMERS) == 100
