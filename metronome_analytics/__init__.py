"""Metronome accounts as exact polars tables.

`connect()` opens an account, `demo()` a simulated one; both load `customers`, `invoices`, `invoice_breakdowns`,
`costs`, `commits`, `credits`, `balances` and `net_balances`. The flatteners `line_items`, `ledger`, `segments` and
`cost_lines` turn what those nest into tables. Amounts are exact and in the API's own unit: USD is in cents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from metronome_analytics.account import Account, connect
from metronome_analytics.arguments import instant
from metronome_analytics.errors import (
    ArgumentError,
    AuthenticationError,
    ConfigurationError,
    ConfirmationError,
    ConflictError,
    IncompleteLoadWarning,
    LoadError,
    MalformedResponse,
    MetronomeError,
    NotFoundError,
    OutcomeUnknown,
    PaginationError,
    PlanRejected,
    RateLimitedError,
    RequestRejected,
    ServerError,
    StalePlan,
    TransportError,
    WritesDisabled,
)
from metronome_analytics.tables import cost_lines, ledger, line_items, segments

if TYPE_CHECKING:
    from datetime import datetime

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Account",
    "ArgumentError",
    "AuthenticationError",
    "ConfigurationError",
    "ConfirmationError",
    "ConflictError",
    "IncompleteLoadWarning",
    "LoadError",
    "MalformedResponse",
    "MetronomeError",
    "NotFoundError",
    "OutcomeUnknown",
    "PaginationError",
    "PlanRejected",
    "RateLimitedError",
    "RequestRejected",
    "ServerError",
    "StalePlan",
    "TransportError",
    "WritesDisabled",
    "connect",
    "cost_lines",
    "demo",
    "ledger",
    "line_items",
    "segments",
]


def demo(*, customers: int = 40, seed: int = 7, as_of: datetime | None = None) -> Account:
    """A simulated account in this process: no token, no network, unpaced, the same for the same arguments.

    Its books are made up and tie out; `as_of` is its clock (aware, or read as UTC).
    """
    # The simulator is large, and only this function needs it.
    from metronome_analytics.simulator import Simulator  # noqa: PLC0415

    simulator = Simulator(customers=customers, seed=seed, as_of=instant("as_of", as_of))
    return Account(
        SecretStr(simulator.token),
        "http://simulator.invalid",
        environment="demo",
        allow_writes=False,
        max_requests_per_second=None,
        max_concurrency=16,
        timeout=60.0,
        progress="auto",
        transport=httpx.ASGITransport(simulator.app),
    )
