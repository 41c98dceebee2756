"""Metronome accounts as exact polars tables.

`connect()` opens an account, `demo()` a simulated one; both load `customers`, `invoices`, `invoice_breakdowns`,
`costs`, `commits`, `credits`, `balances` and `net_balances`. The flatteners `line_items`, `ledger`, `segments` and
`cost_lines` turn what those nest into tables. Amounts are exact and in the API's own unit: USD is in cents.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.account import Account, connect
    from metronome_analytics.tables import (
        contract_commits,
        contract_credits,
        cost_lines,
        ledger,
        line_items,
        overrides,
        scheduled_charges,
        segments,
        subscriptions,
    )

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
    "contract_commits",
    "contract_credits",
    "cost_lines",
    "demo",
    "ledger",
    "line_items",
    "overrides",
    "scheduled_charges",
    "segments",
    "subscriptions",
]


def __getattr__(name: str) -> object:
    """What stands on polars, httpx and the rest is imported when it is first asked for: the import itself is quick."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.account" if name in {"Account", "connect"} else f"{__name__}.tables")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def demo(*, customers: int = 40, seed: int = 7, as_of: datetime | None = None) -> Account:
    """A simulated account in this process: no token, no network, unpaced, the same for the same arguments.

    Its books are made up and tie out; `as_of` is its clock (aware, or read as UTC).
    """
    import httpx  # noqa: PLC0415  # what stands on libraries is imported when first used, see __getattr__
    from pydantic import SecretStr  # noqa: PLC0415  # as above

    from metronome_analytics.account import Account  # noqa: PLC0415  # as above
    from metronome_analytics.arguments import instant  # noqa: PLC0415  # as above
    from metronome_analytics.simulator import Simulator  # noqa: PLC0415  # large, and only this function needs it

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
