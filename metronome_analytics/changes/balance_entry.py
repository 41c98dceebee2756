"""One manual entry as a user gives it, what makes another the same, and what takes it back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from metronome_analytics.changes.fields import Amount, AnyTime, Change, Groups
from metronome_analytics.changes.records import plain, sameness
from metronome_analytics.tables.money import exactly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["BalanceEntry"]

NAME = "balances.enter"
MISSING: Mapping[str, Any] = {"customer_id": "", "balance_id": "", "amount": Decimal("NaN"), "reason": ""}
"""What stands in for a field that must be there and is not."""


_UNKNOWN = Decimal("NaN")
"""The amount of an entry in major units before its balance, and so its unit, is known."""


class BalanceEntry(Change):
    """One manual entry: `amount` is added to a segment of a balance, in the balance's own unit (USD is in cents).

    `amount_major` may be given in its place, in major units (USD in dollars): planning turns it into `amount`.
    `segment_id` may be left out where the balance has one segment, `contract_id` always (the balance knows it).
    `timestamp` is on the hour; left out it is this hour, or the segment's start if that is later. `per_group_amounts`
    splits the amount over seats, must sum to it, and needs a `timestamp` at which each of them is in use. Raises
    ArgumentError for a value of the wrong type; whether the entry makes sense for the account is for
    `plan_balance_entries`.

    >>> balance = account.balances().filter(pl.col("balance") > 0).row(0, named=True)
    >>> owner, reason = balance["customer_id"], "Credit for the outage"
    >>> entry = ma.BalanceEntry(customer_id=owner, balance_id=balance["id"], amount=2_500, reason=reason)
    >>> account.plan_balance_entries(entry).table["amount_display"].item()
    '2,500 USD (cents) = $25.00'
    """

    operation: ClassVar[str] = NAME

    balance_id: str
    # Required, unless there is amount_major; to type checkers it has a default, as they cannot say so.
    amount: Amount = Field(default=...)
    reason: str
    segment_id: str | None = None
    contract_id: str | None = None
    timestamp: AnyTime | None = None
    per_group_amounts: Groups = None
    # A way to ask, no part of an entry: a plan holds `amount` alone.
    amount_major: Annotated[Amount | None, Field(exclude=True)] = None

    @model_validator(mode="before")
    @classmethod
    def _one_amount(cls, given: Any) -> Any:
        """`amount` is unknown until planning where `amount_major` is given in its place."""
        if isinstance(given, dict) and given.get("amount_major") is not None and given.get("amount") is None:
            return {**given, "amount": _UNKNOWN}
        return given


def same_entry(entry: BalanceEntry, segment_id: str) -> str:
    """What makes another entry the same."""
    amount = plain(entry.amount)
    return sameness(NAME, entry.customer_id, entry.balance_id, segment_id, amount, entry.reason.strip())


@exactly
def opposite_entry(entry: BalanceEntry, timestamp: datetime | None = None) -> BalanceEntry:
    """What takes an entry back."""
    groups = entry.per_group_amounts
    return entry.model_copy(
        update={
            "amount": -entry.amount,
            "reason": f"Reversal of: {entry.reason}",
            "timestamp": timestamp,
            "per_group_amounts": groups and {group: -amount for group, amount in groups.items()},
        }
    )
