"""A window of invoices costs what it holds, not what the account holds, and loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.fakes import account_of, answer, asked

if TYPE_CHECKING:
    import httpx

    import metronome_analytics as ma


@pytest.mark.parametrize("month", ["2026-07", "2026-10", "2026-11"])
def test_a_month_is_the_whole_list_filtered(account: ma.Account, month: str) -> None:
    """The same rows, in the order of the whole list, for less."""
    whole = account.invoices()
    start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    at = pl.coalesce("start_timestamp", "issued_at", "created_at")
    expected = whole.filter(at >= start, at < pl.lit(start).dt.offset_by("1mo"))
    found = account.invoices(month=month)
    assert found.sort("customer_id", "id").equals(expected.sort("customer_id", "id"))
    assert found["customer_id"].equals(expected["customer_id"])
    assert found.height
    full, part = account.receipts.tail(2).iter_rows(named=True)
    assert part["requests"] <= full["requests"]
    assert part["bytes"] <= full["bytes"]
    assert part["bytes"] < full["bytes"] or month == "2026-07"


def history(order: str) -> tuple[list[int], Any]:
    """A customer with two hundred monthly invoices, told in `order`, and the pages that were asked for."""
    rows = [
        {
            "id": f"i{month:03d}",
            "customer_id": "c",
            "start_timestamp": f"{2010 + month // 12}-{month % 12 + 1:02d}-01T00:00:00Z",
            "issued_at": f"{2010 + month // 12}-{month % 12 + 1:02d}-28T00:00:00Z",
        }
        for month in range(200)
    ]
    asked_for: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        parameters = asked(request)
        at, size = int(parameters.get("next_page", 0)), int(parameters["limit"])
        asked_for.append(at)
        told = rows if order == "oldest first" else rows[::-1]
        if order == "any":
            told = [row for pair in zip(told[1::2], told[::2], strict=True) for row in pair]
        following = str(at + size) if at + size < len(told) else None
        return answer(told[at : at + size], following)

    return asked_for, handler


@pytest.mark.parametrize("order", ["newest first", "oldest first", "any"])
def test_the_order_is_seen_and_not_believed(order: str) -> None:
    """Reading ends early only where the pages show that they come newest first; else the list is read to its end."""
    asked_for, handler = history(order)
    with account_of(handler) as account:
        frame = account.invoices("c", starting_on="2025-06-01", ending_before="2025-09-01")
    assert sorted(frame["id"]) == ["i185", "i186", "i187"]
    if order == "newest first":
        assert frame["id"].to_list() == ["i185", "i186", "i187"]
        assert asked_for == [0]
    if order == "oldest first":
        assert len(asked_for) > 1
        assert frame["id"].to_list() == ["i185", "i186", "i187"]
