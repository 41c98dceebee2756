"""A process that syncs, and may be killed: `python -m tests.mirror.syncing URL TOKEN URI NOW [DIE_AT]`.

With DIE_AT it kills itself just before that many'th time that it touches the storage; half of the times the file is
written already, and nobody knows.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from typing import Any

import metronome_analytics as ma
from metronome_analytics.mirror import delta, storage
from metronome_analytics.session import Clock, open_session


def die_at(number: int) -> None:
    """Let this process be killed at its `number`-th write."""
    left = [number]

    def counted(real: Any) -> Any:
        def touch(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*given, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return touch

    storage.Place.write = counted(storage.Place.write)  # type: ignore[method-assign]  # this process is made to be broken
    delta.LakeTable.commit = counted(delta.LakeTable.commit)  # type: ignore[method-assign]  # as above


def main(url: str, token: str, uri: str, now: str, death: str = "0") -> None:
    """Sync once."""
    die_at(int(death))
    session = open_session(
        token,
        base_url=url,
        environment="test",
        max_requests_per_second=None,
        progress=False,
        clock=Clock(now=lambda: datetime.fromisoformat(now)),
    )
    with ma.Account(session) as account:
        account.sync(uri)


if __name__ == "__main__":
    main(*sys.argv[1:])
