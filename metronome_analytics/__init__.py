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
    JournalError,
    LoadError,
    MalformedResponse,
    MetronomeError,
    MirrorError,
    MirrorLocked,
    MirrorMismatch,
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

    from metronome_analytics import charts, reports, simulator, tables, widgets
    from metronome_analytics.account import (
        Account,
        connect,
    )
    from metronome_analytics.analysis import (
        Reconciliation,
        balance_lint,
        burn_down,
        drain_order,
        forecast,
        invoiced,
        reconcile,
        utilisation,
    )
    from metronome_analytics.corrections import (
        BalanceEntry,
        BalancePlan,
    )
    from metronome_analytics.display import show
    from metronome_analytics.mirror.mirror import Mirror, open_mirror
    from metronome_analytics.search import find_customers
    from metronome_analytics.tables import (
        contract_commits,
        contract_credits,
        cost_lines,
        ledger,
        line_items,
        major_units,
        overrides,
        scheduled_charges,
        segments,
        subscriptions,
    )

__all__ = [
    "Account",
    "ArgumentError",
    "AuthenticationError",
    "BalanceEntry",
    "BalancePlan",
    "ConfigurationError",
    "ConfirmationError",
    "ConflictError",
    "IncompleteLoadWarning",
    "JournalError",
    "LoadError",
    "MalformedResponse",
    "MetronomeError",
    "Mirror",
    "MirrorError",
    "MirrorLocked",
    "MirrorMismatch",
    "NotFoundError",
    "OutcomeUnknown",
    "PaginationError",
    "PlanRejected",
    "RateLimitedError",
    "Reconciliation",
    "RequestRejected",
    "ServerError",
    "StalePlan",
    "TransportError",
    "WritesDisabled",
    "balance_lint",
    "burn_down",
    "charts",
    "connect",
    "contract_commits",
    "contract_credits",
    "cost_lines",
    "demo",
    "drain_order",
    "find_customers",
    "forecast",
    "invoiced",
    "ledger",
    "line_items",
    "major_units",
    "open_mirror",
    "overrides",
    "reconcile",
    "reports",
    "scheduled_charges",
    "segments",
    "show",
    "simulator",
    "subscriptions",
    "tables",
    "utilisation",
    "widgets",
]

# Where the names live that stand on polars, httpx and the rest. They are imported when first asked for, so that the
# import itself is quick.
_HOMES = {
    "Account": "account",
    "connect": "account",
    "Reconciliation": "analysis",
    "balance_lint": "analysis",
    "burn_down": "analysis",
    "drain_order": "analysis",
    "forecast": "analysis",
    "invoiced": "analysis",
    "reconcile": "analysis",
    "utilisation": "analysis",
    "BalanceEntry": "corrections",
    "BalancePlan": "corrections",
    "Mirror": "mirror.mirror",
    "open_mirror": "mirror.mirror",
    "find_customers": "search",
    "show": "display",
    "contract_commits": "tables",
    "contract_credits": "tables",
    "cost_lines": "tables",
    "ledger": "tables",
    "line_items": "tables",
    "major_units": "tables",
    "overrides": "tables",
    "scheduled_charges": "tables",
    "segments": "tables",
    "subscriptions": "tables",
}


def __getattr__(name: str) -> object:
    """What is imported when it is first asked for: a name from its home, or a room of the package."""
    if name in _HOMES:
        value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in __all__:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def demo(*, customers: int = 40, seed: int = 7, as_of: datetime | None = None, allow_writes: bool = False) -> Account:
    """A simulated account in this process: no token, no network, unpaced, the same for the same arguments.

    Its books are made up and tie out; `as_of` is its clock (aware, or read as UTC). With `allow_writes=True` it takes
    manual balance entries, and keeps its journal in a temporary folder.
    """
    import atexit  # noqa: PLC0415  # what only this function needs
    from functools import cache  # noqa: PLC0415  # as above
    from pathlib import Path  # noqa: PLC0415  # as above
    from shutil import rmtree  # noqa: PLC0415  # as above
    from tempfile import mkdtemp  # noqa: PLC0415  # as above

    import httpx  # noqa: PLC0415  # what stands on libraries is imported when first used, see __getattr__
    from pydantic import SecretStr  # noqa: PLC0415  # as above

    from metronome_analytics.account import Account  # noqa: PLC0415  # as above
    from metronome_analytics.arguments import instant  # noqa: PLC0415  # as above
    from metronome_analytics.simulator import Simulator  # noqa: PLC0415  # large, and only this function needs it

    @cache
    def journal() -> Path:
        folder = mkdtemp(prefix="metronome-demo-")
        atexit.register(rmtree, folder, ignore_errors=True)
        return Path(folder) / "journal.sqlite"

    simulator = Simulator(customers=customers, seed=seed, as_of=instant("as_of", as_of))
    return Account(
        SecretStr(simulator.token),
        "http://simulator.invalid",
        environment="demo",
        allow_writes=allow_writes,
        max_requests_per_second=None,
        max_concurrency=16,
        timeout=60.0,
        progress=False,
        transport=httpx.ASGITransport(simulator.app),
        journal=journal,
        now=lambda: simulator.clock.now,
    )
