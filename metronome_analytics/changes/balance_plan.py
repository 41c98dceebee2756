"""BalancePlan: a plan of manual balance entries alone, with their own table and their exact reversal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from metronome_analytics.changes.balance_entry import BalanceEntry, opposite_entry, same_entry
from metronome_analytics.changes.plan import Plan, as_table, said_once
from metronome_analytics.tables.money import display
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    from metronome_analytics.changes.operation import PlannedChange

__all__ = ["BalancePlan"]

BALANCE_PLAN_SCHEMA = pl.Schema(
    {
        "entry": pl.Int64(),
        "customer_id": pl.String(),
        "customer_name": pl.String(),
        "balance_id": pl.String(),
        "balance_name": pl.String(),
        "segment_id": pl.String(),
        "credit_type_name": pl.String(),
        "amount": pl.Decimal(38, 10),
        "amount_display": pl.String(),
        "balance_before": pl.Decimal(38, 10),
        "balance_after": pl.Decimal(38, 10),
        "reason": pl.String(),
        "timestamp": pl.Datetime("us", "UTC"),
        "warnings": pl.List(pl.String()),
    }
)


@dataclass(frozen=True, repr=False)
class BalancePlan(Plan):
    """Checked entries, bound by `digest` to what they were checked against.

    Make one with `account.plan_balance_entries(entries)`; it holds no token and may be shown, saved and loaded.

    >>> balance = account.balances().filter(pl.col("balance") > 0).row(0, named=True)
    >>> owner, reason = balance["customer_id"], "Credit for the outage"
    >>> entry = ma.BalanceEntry(customer_id=owner, balance_id=balance["id"], amount=2_500, reason=reason)
    >>> plan = account.plan_balance_entries(entry)
    >>> plan.save("plan.json")
    >>> ma.BalancePlan.load("plan.json").confirmation
    'apply 1 entry, 2,500 USD (cents) = $25.00, for Osprey Biotech Inc. in demo'
    """

    def __post_init__(self) -> None:
        if not all(isinstance(each.change, BalanceEntry) for each in self.changes):
            raise TypeError("a plan of balance entries holds nothing else")

    @property
    def entries(self) -> tuple[BalanceEntry, ...]:
        """The entries, complete."""
        return tuple(each.change for each in self.changes if isinstance(each.change, BalanceEntry))

    @property
    def table(self) -> pl.DataFrame:
        """One row per entry: what it adds to which segment, in the API's unit and in major units, before and after."""
        rows = [
            [
                number,
                each.customer_id,
                each.customer_name,
                entry.balance_id,
                each.subject_name,
                entry.segment_id,
                each.credit_type_name,
                entry.amount,
                display(entry.amount, each.credit_type_name),
                each.balance_before,
                each.balance_after,
                entry.reason,
                entry.timestamp,
                list(each.warnings),
            ]
            for number, (each, entry) in enumerate(zip(self.changes, self.entries, strict=True))
        ]
        return pl.DataFrame(rows, schema=BALANCE_PLAN_SCHEMA, orient="row")

    # --- the way back ------------------------------------------------------------------------------------------------

    def reversal_entries(self) -> list[dict[str, Any]]:
        """The exact opposite of every entry, last first, to be planned in turn."""
        names = [name for name in BalanceEntry.model_fields if name not in {"timestamp", "amount_major"}]
        return [{name: getattr(opposite_entry(entry), name) for name in names} for entry in reversed(self.entries)]

    def reversal(self) -> Self:
        """The opposite plan: every entry undone, last first. It can be applied once all of this plan is.

        Nothing else may have changed since this plan was made; where something has, plan
        `account.plan_balance_entries(plan.reversal_entries())` against the account as it is now.
        """
        undone = tuple(
            _undone(each, entry) for each, entry in zip(reversed(self.changes), reversed(self.entries), strict=True)
        )
        return replace(self, changes=undone, created_at=datetime.now(UTC), undoes=(*self.undoes, *self.tokens()))

    # --- how it shows itself -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        number, often = len(self.changes), said_once(self.changes)
        lines = [f"BalancePlan of {self.operation(0).counted(number)} for {self._where}"]
        for at, (each, entry) in enumerate(zip(self.changes, self.entries, strict=True)):
            unit = None if each.credit_type_name is None else one_line(each.credit_type_name)
            before, after = (
                "unknown" if value is None else display(value, unit)
                for value in (each.balance_before, each.balance_after)
            )
            lines += [
                f"  {at}  {display(entry.amount, unit)}  {one_line(each.customer_name)}, {one_line(_title(each))}",
                f"     balance {before}, then {after}; {entry.reason!r} at {entry.timestamp:%Y-%m-%d %H:%M} UTC",
                *(f"     ! {one_line(warning)}" for warning in each.warnings if warning not in often),
            ]
        lines += [f"  ! {one_line(warning)} ({whose})" for warning, whose in often.items()]
        return "\n".join([*lines, f"To apply it, confirm with: {self.confirmation}"])

    def _repr_html_(self) -> str:
        head = ("", "customer", "balance", "amount", "before", "after", "reason", "at (UTC)", "warnings")
        often = said_once(self.changes)
        rows = [
            (
                str(at),
                each.customer_name,
                _title(each),
                display(entry.amount, each.credit_type_name),
                "" if each.balance_before is None else display(each.balance_before, each.credit_type_name),
                "" if each.balance_after is None else display(each.balance_after, each.credit_type_name),
                entry.reason,
                f"{entry.timestamp:%Y-%m-%d %H:%M}",
                "; ".join(warning for warning in each.warnings if warning not in often),
            )
            for at, (each, entry) in enumerate(zip(self.changes, self.entries, strict=True))
        ]
        return as_table(head, rows, self.confirmation, often)


def _title(each: PlannedChange) -> str:
    return each.subject_name or each.subject_id


def _undone(each: PlannedChange, entry: BalanceEntry) -> PlannedChange:
    """The opposite of a planned entry, at the same time, on what the entry itself was checked against."""
    opposite = opposite_entry(entry, entry.timestamp)
    return replace(
        each,
        change=opposite,
        what=f"enter {display(opposite.amount, each.credit_type_name)} in {_title(each)}",
        same=same_entry(opposite, opposite.segment_id or ""),
        amount=opposite.amount,
        balance_before=each.balance_after,
        balance_after=each.balance_before,
        opposite=opposite_entry(opposite),
        warnings=(),
    )
