"""Applies plans in processes of their own that kill themselves with SIGKILL where they are told to.

One process that has imported everything and started no thread forks a child for every line of JSON on its input, and
answers with how the child ended: 0, or minus the signal.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina

import metronome_analytics as ma
from metronome_analytics.account import Account
from metronome_analytics.changes import BalancePlan
from metronome_analytics.changes.journal import Journal
from metronome_analytics.changes.operations import operations_allowed
from metronome_analytics.changes.records import Kind
from metronome_analytics.changes.sending import SendOnce
from metronome_analytics.session import Clock, open_session

if TYPE_CHECKING:
    from metronome_analytics.changes.operation import Call
    from metronome_analytics.changes.records import Record
    from metronome_analytics.changes.sending import Send
    from metronome_analytics.session import Session


def main() -> int:
    """Serve until the input ends."""
    logging.getLogger("stamina").setLevel(logging.ERROR)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            try:
                work(order)
            except ma.MetronomeError as error:
                sys.stderr.write(f"{error}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return 0


def work(order: dict[str, Any]) -> None:
    """Apply the plan of an order, and die at its point."""
    plan = BalancePlan.load(order["plan"])
    stamina.set_testing(True, attempts=2, cap=True)
    session = open_session(
        order["token"],
        base_url=order["url"],
        environment=plan.environment,
        allow_writes=operations_allowed(allow_writes=True),
        max_requests_per_second=None,
        progress=False,
        clock=Clock(sleep=lambda _: None),
        journal_path=lambda: Path(order["journal"]),
    )
    with Account(session, send=_dying(session, order["point"], order["entry"])) as account:
        account.apply(plan, plan.confirmation)


def _dying(session: Session, point: str | None, entry: int) -> Send:
    """What sends, and dies at a point of the entry-th one that gets there."""
    write, send = Journal.write, SendOnce(session)
    left = [entry]

    def maybe(here: str) -> None:
        if here == point:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    def writing(self: Journal, record: Record) -> None:
        maybe("before the intent" if record.kind is Kind.INTENT else "before the outcome")
        write(self, record)

    def sending(call: Call, *, idempotency_key: str) -> None:
        maybe("before the send")
        if point == "during the send" and not left[0]:
            # Whatever has left by then has left.
            threading.Timer(0.004, os.kill, (os.getpid(), signal.SIGKILL)).start()
        send(call, idempotency_key=idempotency_key)
        maybe("after the send")

    Journal.write = writing  # type: ignore[method-assign]  # this process has no other use for it
    return sending


if __name__ == "__main__":
    sys.exit(main())
