"""The simulator: an account, its clock, its faults and its log, behind one ASGI application."""

from datetime import UTC, datetime

from .account import Account
from .app import Application, RequestLog
from .clock import Clock
from .faults import Faults
from .switches import Switches

AS_OF = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
"""The instant simulators live in unless told otherwise: in the middle of a period, so there are drafts."""


class Simulator:
    """A stateful account that speaks the Metronome HTTP API; the same arguments give the same bytes.

    customers: how many active customers; one archived customer is added for every twenty.
    as_of: where the clock starts, by default `AS_OF`.
    months: how many calendar months of history there are, the one of `as_of` included.
    token: the bearer token to accept, by default `simulator-token-<seed>`.
    latency: seconds that every request waits.
    """

    def __init__(
        self,
        customers: int = 40,
        seed: int = 7,
        *,
        as_of: datetime | None = None,
        months: int = 14,
        token: str | None = None,
        switches: Switches | None = None,
        latency: float = 0.0,
    ) -> None:
        if customers < 0 or months < 1:
            raise ValueError("customers must be at least 0 and months at least 1")
        self.token = token if token is not None else f"simulator-token-{seed}"
        self.clock = Clock(AS_OF if as_of is None else as_of)
        self.switches = switches or Switches()
        self.faults = Faults()
        self.requests = RequestLog()
        self.account = Account(customers=customers, seed=seed, months=months, clock=self.clock, switches=self.switches)
        self.app = Application(self.account, self.faults, self.requests, token=self.token, latency=latency)

    def __repr__(self) -> str:
        return f"Simulator(customers={len(self.account.active)}, seed={self.account.seed}, clock={self.clock!r})"
