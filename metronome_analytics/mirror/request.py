"""What a caller asks of a sync: its arguments, checked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from metronome_analytics import arguments as args
from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from metronome_analytics.arguments import Customers

Deadline = datetime | timedelta | float

# What is no table of its own: it comes out of another.
_WITHIN = {
    "line_items": "invoices",
    "commits": "balances",
    "credits": "balances",
    "ledger": "balances",
    "segments": "balances",
    "cost_lines": "costs",
}


# The windows of the breakdowns begin where the invoices do; net balances are asked for by credit type of balance.
_NEEDS = {"invoice_breakdowns": "invoices", "net_balances": "balances"}


class SyncOptions(TypedDict, total=False):
    """The keyword arguments of `Account.sync`, but for `dry_run`."""

    tables: str | Iterable[str] | None
    customers: Customers | None
    max_requests: int | None
    deadline: Deadline | None
    full: bool
    open_every: timedelta
    full_every: timedelta
    storage_options: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a sync shall bring up to date, and within which limits."""

    tables: tuple[str, ...]
    customers: tuple[str, ...] | None
    max_requests: int | None
    is_over: Callable[[], bool]
    open_every: timedelta
    full_every: timedelta

    @property
    def is_full(self) -> bool:
        """Whether everything is to be read, whatever seems unchanged."""
        return not self.full_every


def read_request(
    *,
    tables: str | Iterable[str] | None,
    customers: Customers | None,
    max_requests: int | None,
    deadline: Deadline | None,
    full: bool,
    open_every: timedelta,
    full_every: timedelta,
) -> SyncRequest:
    """The request that these arguments make; ArgumentError names what cannot be used."""
    ids = args.customer_ids(customers)
    return SyncRequest(
        tables=_tables(tables),
        customers=None if ids is None else tuple(ids),
        max_requests=_limit("max_requests", max_requests),
        is_over=_is_over(deadline),
        open_every=_interval("open_every", open_every),
        full_every=timedelta() if args.flag("full", full) else _interval("full_every", full_every),
    )


def _tables(tables: str | Iterable[str] | None) -> tuple[str, ...]:
    from metronome_analytics.mirror.mirrored import MIRRORED  # noqa: PLC0415  # deltalake is an extra

    names = args.texts("tables", tables)
    if names is None:
        return tuple(name for name, table in MIRRORED.items() if table.by_default)
    chosen = {_WITHIN.get(name, name) for name in names} | {"customers"}
    unknown = sorted(chosen - set(MIRRORED))
    if unknown:
        known = ", ".join([*MIRRORED, *_WITHIN])
        raise ArgumentError(f"tables holds {unknown[0]!r}, which no mirror has.", advice=f"Tables are {known}.")
    return with_needed(chosen)


def with_needed(tables: Iterable[str]) -> tuple[str, ...]:
    """`tables` and those that they need, in the mirror's order; what is no table of a mirror is left out."""
    from metronome_analytics.mirror.mirrored import MIRRORED  # noqa: PLC0415  # as above

    chosen = {*tables}
    needed = {of for name, of in _NEEDS.items() if name in chosen}
    return tuple(name for name in MIRRORED if name in chosen | needed)


def _limit(argument: str, value: int | None) -> int | None:
    return None if value is None else args.whole_number(argument, value)


def _interval(argument: str, value: timedelta) -> timedelta:
    if not isinstance(value, timedelta) or value < timedelta():
        raise ArgumentError(f"{argument} must be a timedelta that is not negative, not {value!r}.")
    return value


def _is_over(deadline: Deadline | None) -> Callable[[], bool]:
    """Whether `deadline` has passed: a time, or how long from now (a number of seconds)."""
    match deadline:
        case None:
            return lambda: False
        case datetime():
            at = args.instant("deadline", deadline)
            return lambda: at is not None and datetime.now(UTC) >= at
        case timedelta():
            seconds = deadline.total_seconds()
        case int() | float() if not isinstance(deadline, bool):
            seconds = float(deadline)
        case _:
            raise ArgumentError(f"deadline must be a time, a timedelta or seconds, not {deadline!r}.")
    began = time.monotonic()
    return lambda: time.monotonic() - began >= seconds
