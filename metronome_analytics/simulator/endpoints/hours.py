"""Times that a write may name: on the hour, as the API demands, and at midnight, as the books here are kept by days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.account import Account


def on_the_hour(account: Account, name: str, when: datetime | None) -> datetime | None:
    """`when`, unless the account refuses it for not being on the hour."""
    off = when is not None and (when.minute or when.second or when.microsecond)
    if off and account.switches.off_hour_times_refused:
        raise ApiError(400, f"{name} is required to be on an hour boundary")
    return when


def midnight(account: Account, name: str, when: datetime) -> int:
    """The day that begins at `when`. Raises ApiError 400."""
    on_the_hour(account, name, when)
    if when.hour or when.minute or when.second or when.microsecond:
        raise ApiError(400, f"{name}: this account keeps its books by whole days, and takes midnight UTC only")
    return when.toordinal()


def day_ahead(account: Account, name: str, when: datetime | None) -> int | None:
    """The day that begins at `when`, which has not begun: what is over is billed. Raises ApiError 400."""
    if when is None:
        return None
    day = midnight(account, name, when)
    if when <= account.clock.now:
        raise ApiError(400, f"{name} must be in the future: this account's final invoices stay as they are")
    return day
