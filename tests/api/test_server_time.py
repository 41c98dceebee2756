from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

import metronome_analytics as ma
from metronome_analytics.api.server_time import ServerTime
from metronome_analytics.simulator import Simulator, running

AS_OF = datetime(2026, 10, 18, 9, 30, tzinfo=UTC)
NEAR = timedelta(seconds=60)


def dated(at: datetime | str) -> httpx.Response:
    """An answer with that Date."""
    return httpx.Response(200, headers={"Date": at if isinstance(at, str) else format_datetime(at, usegmt=True)})


@pytest.mark.parametrize("ahead", [timedelta(days=-40), timedelta(minutes=-3), timedelta(hours=3)])
def test_the_time_is_the_servers(ahead: timedelta) -> None:
    """A clock that is wrong here is put right by what the server says."""
    time = ServerTime()
    time.see(dated(datetime.now(UTC) + ahead))
    assert abs(time.now() - datetime.now(UTC) - ahead) < timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [-9, 0, 9])
def test_what_is_nearer_than_the_way_here_is_the_same_time(seconds: int) -> None:
    """A Date has whole seconds and was under way."""
    time = ServerTime()
    time.see(dated(datetime.now(UTC) + timedelta(hours=1)))
    time.see(dated(datetime.now(UTC) + timedelta(seconds=seconds)))
    assert abs(time.now() - datetime.now(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize("text", ["", "soon", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_a_date_that_says_nothing_changes_nothing(text: str) -> None:
    """Neither nonsense nor the end of the calendar is a time."""
    time = ServerTime()
    time.see(dated(text))
    assert abs(time.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_an_account_that_is_served_has_the_time_of_its_books() -> None:
    """`simulate` is another program: its clock comes with its answers, and Explorer and commands go by it."""
    simulator = Simulator(customers=2, as_of=AS_OF)
    with running(simulator) as url, ma.connect(simulator.token, base_url=url, max_requests_per_second=None) as account:
        customers = account.customers()
        assert abs(account.now - AS_OF) < NEAR
        explorer: Any = ma.widgets.Explorer(account, customers=customers)
        assert explorer.period._names("month")[0] == "2026-10"
