"""Each fault does over a real connection what its name says."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from metronome_analytics.simulator import Fault, Simulator, running
from metronome_analytics.simulator.server.faults import KINDS


@pytest.fixture(scope="module")
def sim() -> Simulator:
    """Return the simulator that is served."""
    return Simulator(customers=5)


@pytest.fixture(scope="module")
def base_url(sim: Simulator) -> Iterator[str]:
    """Serve it."""
    with running(sim) as url:
        yield url


@pytest.fixture
def client(sim: Simulator, base_url: str) -> Iterator[httpx.Client]:
    """Yield a real HTTP client, and no fault left over."""
    sim.faults.clear()
    with httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {sim.token}"}, timeout=5) as client:
        yield client


def customers(client: httpx.Client, **params: Any) -> httpx.Response:
    """List customers."""
    return client.get("/v1/customers", params=params)


@pytest.mark.parametrize("kind", ["rate_limit_seconds", "rate_limit_date", "rate_limit_bare"])
def test_rate_limits(sim: Simulator, client: httpx.Client, kind: Any) -> None:
    """429 with the documented header and the wait in seconds, as a date, or unsaid."""
    sim.faults.add(Fault(kind, times=2, seconds=7, limit_type="customer"))
    for _ in range(2):
        response = customers(client)
        assert response.status_code == 429
        assert response.headers["x-metronome-rate-limit-type"] == "customer"
        wait = response.headers.get("retry-after")
        if kind == "rate_limit_seconds":
            assert wait == "7"
        elif kind == "rate_limit_date":
            ahead = parsedate_to_datetime(wait) - parsedate_to_datetime(response.headers["date"])
            assert timedelta(seconds=4) < ahead <= timedelta(seconds=8)
        else:
            assert wait is None
    assert customers(client).status_code == 200


@pytest.mark.parametrize("kind", ["status", "status_after_effect"])
def test_status(sim: Simulator, client: httpx.Client, kind: Any) -> None:
    """Any status, once."""
    sim.faults.add(Fault(kind, status=503))
    assert [customers(client).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("kind", ["lost_after_effect", "cut_body"])
def test_closed_connections(sim: Simulator, client: httpx.Client, kind: Any) -> None:
    """The client sees a broken connection, and the next request works."""
    sim.faults.add(Fault(kind))
    with pytest.raises(httpx.RemoteProtocolError):
        customers(client)
    assert customers(client).status_code == 200


def test_html(sim: Simulator, client: httpx.Client) -> None:
    """A page for people instead of JSON."""
    sim.faults.add(Fault("html"))
    response = customers(client)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html")
    assert response.text.startswith("<!doctype html>")


def test_garbage(sim: Simulator, client: httpx.Client) -> None:
    """A whole answer that is half a document."""
    sim.faults.add(Fault("garbage"))
    response = customers(client)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        response.json()


def test_repeated_cursor(sim: Simulator, client: httpx.Client) -> None:
    """Following the cursor leads to the same page for ever."""
    sim.faults.add(Fault("repeat_cursor"))
    cursor = customers(client, limit=2).json()["next_page"]
    answers = [customers(client, limit=2, next_page=cursor).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["next_page"] == cursor


def test_empty_pages_lose_nothing(sim: Simulator, client: httpx.Client) -> None:
    """Empty pages with fresh cursors, then the rest of the list."""
    whole = [row["id"] for row in customers(client).json()["data"]]
    sim.faults.add(Fault("empty_page", after=1, times=3))
    found: list[str] = []
    cursors: list[str | None] = []
    page = customers(client, limit=2).json()
    while True:
        found += [row["id"] for row in page["data"]]
        cursors.append(page["next_page"])
        if page["next_page"] is None:
            break
        page = customers(client, limit=2, next_page=page["next_page"]).json()
    assert found == whole
    assert len(cursors) == len(set(cursors)) == 6


def test_slow_answers_still_come(sim: Simulator, client: httpx.Client) -> None:
    """A slow answer outlasts an impatient client and reaches a patient one."""
    sim.faults.add(Fault("slow", seconds=0.3, times=2))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/v1/customers", timeout=0.1)
    assert customers(client).status_code == 200


def test_mutate(sim: Simulator, client: httpx.Client) -> None:
    """A change of the parsed answer is what arrives."""
    sim.faults.add(Fault("mutate", change=lambda payload: {"data": None, "was": len(payload["data"])}))  # type: ignore[index]  # a page
    assert customers(client).json() == {"data": None, "was": 5}


def test_rules_count_matching_requests_only(sim: Simulator, client: httpx.Client) -> None:
    """`match` chooses by path or by function, `after` lets some pass, rules are used up in order."""
    sim.faults.add(Fault("status", "/invoices", status=500))
    sim.faults.add(Fault("status", lambda method, _: method == "GET", status=502, after=1, times=2))
    sim.faults.add(Fault("status", status=503))
    assert [customers(client).status_code for _ in range(5)] == [503, 502, 502, 200, 200]
    assert len(sim.faults) == 1


def test_wrong_rules_are_refused() -> None:
    """A fault that cannot work says so when it is made."""
    with pytest.raises(ValueError, match="unknown fault"):
        Fault("nonsense")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="change="):
        Fault("mutate")
    with pytest.raises(ValueError, match="times"):
        Fault("status", times=0)
    assert len(KINDS) == 14
