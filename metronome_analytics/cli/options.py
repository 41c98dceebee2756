"""What several commands take, and the account they open with it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cyclopts import Parameter

from metronome_analytics.account import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metronome_analytics.account import Account

Many = Parameter(consume_multiple=True, negative=())
"""An option that takes several values."""


@contextmanager
def opened(environment: str | None, base_url: str | None, pace: float, *, demo: bool) -> Iterator[Account]:
    """The account, real or simulated."""
    if not demo:
        with connect(base_url=base_url, environment=environment, max_requests_per_second=pace) as account:
            yield account
        return
    from metronome_analytics import demo as simulated  # noqa: PLC0415  # a real account must not load the simulator
    from metronome_analytics.simulator import AS_OF  # noqa: PLC0415  # as above

    with simulated(as_of=AS_OF) as account:
        yield account
