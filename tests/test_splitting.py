"""A time that the API cannot answer for as a whole is asked for in parts: complete, or loud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metronome_analytics as ma
from metronome_analytics.api.windows import divisible, halves, length
from metronome_analytics.loaders.base import request_for
from metronome_analytics.simulator import Fault, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

WINDOW: dict[str, Any] = {"starting_on": "2026-09-20", "ending_before": "2026-10-25"}
LOADS: dict[str, Callable[[ma.Account, list[str]], pl.DataFrame]] = {
    "breakdowns": lambda account, ids: account.invoice_breakdowns(ids, **WINDOW),
    "breakdowns, newest first": lambda account, ids: account.invoice_breakdowns(ids, sort="date_desc", **WINDOW),
    "spend": lambda account, ids: account.spend_breakdowns(ids, **WINDOW),
    "usage": lambda account, ids: account.usage(ids, **WINDOW),
    "usage by hour": lambda account, ids: account.usage(ids[:1], window_size="hour", month="2026-10"),
}


def opened(simulator: Simulator) -> ma.Account:
    """Our account on `simulator`."""
    return ma.connect(
        simulator.token,
        base_url="https://simulator.invalid",
        transport=httpx.ASGITransport(simulator.app),
        max_requests_per_second=None,
        max_concurrency=1,
        progress=False,
    )


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """A small account."""
    return Simulator(customers=3, seed=7, months=4)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("days", [1, 8])
def test_parts_have_the_rows_of_the_whole(simulator: Simulator, load: str, days: int) -> None:
    """Each once, however short what a gateway lets through; and no customer after the first pays for it again."""
    with opened(simulator) as account:
        ids = account.customers()["id"].to_list()
        simulator.faults.clear()
        whole = LOADS[load](account, ids)
        simulator.faults.add(Fault("gateway", days=days, times=None))
        before = simulator.requests.count(status=504)
        parts = LOADS[load](account, ids)
        refused = simulator.requests.count(status=504) - before
        simulator.faults.clear()
        assert account.receipts["complete"].all()
    assert whole.height
    assert rows(parts) == rows(whole)
    assert 0 < refused <= 12


def rows(frame: pl.DataFrame) -> list[str]:
    """What a frame holds, whatever the order of its rows."""
    return sorted(map(str, frame.rows()))


@pytest.mark.parametrize("load", ["breakdowns", "usage"])
def test_a_day_that_does_not_come_is_loud(simulator: Simulator, load: str) -> None:
    """There is nothing smaller to ask for; with collect the frame is marked incomplete."""
    with opened(simulator) as account:
        ids = account.customers()["id"].to_list()[:1]
        simulator.faults.add(Fault("gateway", days=0, times=None))
        with pytest.raises(ma.ServerError, match="504"):
            LOADS[load](account, ids)
        simulator.faults.clear()
        assert account.receipts["complete"].to_list() == [True, False]


def test_what_does_not_add_up_is_not_split(simulator: Simulator) -> None:
    """A total of the whole time is no sum of totals (of a maximum, of unique values): it is loud instead."""
    with opened(simulator) as account:
        simulator.faults.add(Fault("gateway", days=7, times=None))
        with pytest.raises(ma.ServerError, match="504"):
            account.usage(window_size="none", **WINDOW)
        simulator.faults.clear()


@given(st.integers(2, 500), st.booleans(), st.sampled_from(["query", "body"]))
def test_halves_meet_and_make_the_whole(days: int, newest: bool, place: str) -> None:  # noqa: FBT001  # drawn
    """At a midnight, neither empty, in the order asked for."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    bounds = {"starting_on": start.isoformat(), "ending_before": (start + timedelta(days)).isoformat()}
    sort = {"sort": "date_desc"} if newest else {}
    name = "invoice_breakdowns" if place == "query" else "spend_breakdowns"
    request = request_for(name, {"customer_id": "c"}, **{place: {**bounds, **sort}})  # type: ignore[arg-type]  # either
    parts = halves(request)[::-1] if newest else halves(request)
    asked = [{name: str(value) for name, value in {**part.query, **part.body}.items()} for part in parts]
    assert datetime.fromisoformat(asked[0]["starting_on"]) == start
    assert asked[0]["ending_before"] == asked[1]["starting_on"]
    assert asked[1]["ending_before"] == bounds["ending_before"]
    lengths = [each for part in parts if (each := length(part)) is not None]
    assert sum(lengths, timedelta()) == timedelta(days)
    assert min(lengths) >= timedelta(1)
    assert divisible(request)
