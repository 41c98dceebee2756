"""A plan: entries that were checked against the account, what they will do, and the phrase that lets them."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import PlanRejected
from metronome_analytics.tables.money import display
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    import os

_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """One entry, complete: all that is sent, and what was seen when it was planned."""

    customer_id: str
    customer_name: str
    balance_id: str
    balance_name: str | None
    segment_id: str
    contract_id: str | None
    credit_type_name: str | None
    amount: Decimal
    reason: str
    timestamp: datetime
    per_group_amounts: dict[str, Decimal] | None
    balance_before: Decimal | None
    balance_after: Decimal | None
    warnings: tuple[str, ...]


PLAN_SCHEMA: dict[str, Any] = {
    "entry": pl.Int64,
    "customer_id": pl.String,
    "customer_name": pl.String,
    "balance_id": pl.String,
    "balance_name": pl.String,
    "segment_id": pl.String,
    "credit_type_name": pl.String,
    "amount": pl.Decimal(38, 10),
    "amount_display": pl.String,
    "balance_before": pl.Decimal(38, 10),
    "balance_after": pl.Decimal(38, 10),
    "reason": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    "warnings": pl.List(pl.String),
}


@dataclass(frozen=True, repr=False)
class BalancePlan:
    """Checked entries, bound by `digest` to what they were checked against.

    Make one with `account.plan_balance_entries(entries)`; it holds no token and may be shown, saved and loaded.
    """

    entries: tuple[PlannedEntry, ...]
    fingerprints: dict[str, str]
    base_url: str
    environment: str | None
    created_at: datetime
    undoes: tuple[str, ...] = ()
    """Tokens of the ledger entries that this plan reverses: they must be there, and are not part of what it saw."""

    # --- what it says ---------------------------------------------------------------------------------------------

    @property
    def table(self) -> pl.DataFrame:
        """One row per entry: what it adds to which segment, in the API's unit and in major units, before and after."""
        rows = [
            {
                "entry": number,
                **{name: value for name, value in asdict(entry).items() if name in PLAN_SCHEMA},
                "amount_display": display(entry.amount, entry.credit_type_name),
                "warnings": list(entry.warnings),
            }
            for number, entry in enumerate(self.entries)
        ]
        return pl.DataFrame(rows, schema=PLAN_SCHEMA, orient="row")

    @property
    def confirmation(self) -> str:
        """The phrase to type: how many entries, the total of each unit, whose, and where."""
        totals: dict[str | None, Decimal] = {}
        for entry in self.entries:
            totals[entry.credit_type_name] = totals.get(entry.credit_type_name, Decimal(0)) + entry.amount
        sums = " and ".join(display(amount, unit) for unit, amount in totals.items())
        owners = list(dict.fromkeys((entry.customer_id, entry.customer_name) for entry in self.entries))
        whose = one_line(owners[0][1]) if len(owners) == 1 else f"{len(owners)} customers"
        return (
            f"apply {_count(len(self.entries))}, {sums}, for {whose} in {one_line(self.environment or self.base_url)}"
        )

    @cached_property
    def digest(self) -> str:
        """What the plan is, in 64 characters: any other entry, account or sight of it gives another."""
        return hashlib.sha256(json.dumps(self._document(), sort_keys=True).encode()).hexdigest()

    def uniqueness_key(self, entry: int) -> str:
        """The API's own guard against a second time, the same whenever this entry of this plan is sent."""
        return f"metronome-analytics-{self.digest[:40]}-{entry}"

    def token(self, entry: int) -> str:
        """The mark in the reason by which the entry is found in the ledger."""
        return hashlib.sha256(self.uniqueness_key(entry).encode()).hexdigest()[:12]

    # --- what can be done with it ---------------------------------------------------------------------------------

    def reversal_entries(self) -> list[dict[str, Any]]:
        """The exact opposite of every entry, last first, to be planned in turn."""
        return [
            {
                "customer_id": entry.customer_id,
                "balance_id": entry.balance_id,
                "segment_id": entry.segment_id,
                "contract_id": entry.contract_id,
                "amount": -entry.amount,
                "reason": f"Reversal of: {entry.reason}",
                "per_group_amounts": entry.per_group_amounts
                and {group: -amount for group, amount in entry.per_group_amounts.items()},
            }
            for entry in reversed(self.entries)
        ]

    def reversal(self) -> BalancePlan:
        """The opposite plan: every entry undone, last first. It can be applied once all of this plan is.

        Nothing else may have changed since this plan was made; where something has, plan
        `account.plan_balance_entries(plan.reversal_entries())` against the account as it is now.
        """
        undone = tuple(
            replace(
                entry,
                amount=-entry.amount,
                reason=f"Reversal of: {entry.reason}",
                per_group_amounts=entry.per_group_amounts
                and {group: -amount for group, amount in entry.per_group_amounts.items()},
                balance_before=entry.balance_after,
                balance_after=entry.balance_before,
                warnings=(),
            )
            for entry in reversed(self.entries)
        )
        tokens = tuple(self.token(number) for number in range(len(self.entries)))
        return replace(self, entries=undone, created_at=datetime.now(UTC), undoes=(*self.undoes, *tokens))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as JSON that a person can read."""
        document = {"digest": self.digest, "confirmation": self.confirmation, **self._document()}
        Path(path).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BalancePlan:
        """Read a saved plan. Raises PlanRejected where the file is no plan, or no longer the one that was saved."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            plan = cls(
                entries=tuple(_entry(item) for item in document["entries"]),
                fingerprints=dict(document["fingerprints"]),
                base_url=document["base_url"],
                environment=document["environment"],
                created_at=datetime.fromisoformat(document["created_at"]),
                undoes=tuple(document["undoes"]),
            )
            known = document["version"] == _VERSION
            whole = document["digest"] == plan.digest and document["confirmation"] == plan.confirmation
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise PlanRejected(f"{path} is no plan of balance entries: {type(error).__name__}: {error}.") from error
        if not known or not whole:
            raise PlanRejected(
                f"{path} was changed after it was saved, or by another version.", advice="Plan the entries again."
            )
        return plan

    def _document(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "base_url": self.base_url,
            "environment": self.environment,
            "created_at": self.created_at.isoformat(),
            "entries": [json.loads(json.dumps(asdict(entry), default=_text)) for entry in self.entries],
            "fingerprints": self.fingerprints,
            "undoes": list(self.undoes),
        }

    # --- how it shows itself -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines = [f"BalancePlan of {_count(len(self.entries))} for {one_line(self.environment or self.base_url)}"]
        for number, entry in enumerate(self.entries):
            before, after = (
                "unknown" if value is None else display(value, entry.credit_type_name)
                for value in (entry.balance_before, entry.balance_after)
            )
            lines += [
                (
                    f"  {number}  {display(entry.amount, entry.credit_type_name)}  {one_line(entry.customer_name)}, "
                    f"{one_line(entry.balance_name or entry.balance_id)}"
                ),
                f"     balance {before}, then {after}; {entry.reason!r} at {entry.timestamp:%Y-%m-%d %H:%M} UTC",
                *(f"     ! {warning}" for warning in entry.warnings),
            ]
        return "\n".join([*lines, f"To apply it, confirm with: {self.confirmation}"])

    def _repr_html_(self) -> str:
        head = ("", "customer", "balance", "amount", "before", "after", "reason", "at (UTC)", "warnings")
        rows = []
        for number, entry in enumerate(self.entries):
            unit = entry.credit_type_name
            cells = (
                str(number),
                entry.customer_name,
                entry.balance_name or entry.balance_id,
                display(entry.amount, unit),
                "" if entry.balance_before is None else display(entry.balance_before, unit),
                "" if entry.balance_after is None else display(entry.balance_after, unit),
                entry.reason,
                f"{entry.timestamp:%Y-%m-%d %H:%M}",
                "; ".join(entry.warnings),
            )
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
        header = "".join(f"<th>{name}</th>" for name in head)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return (
            f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>To apply it, confirm with: <code>{html.escape(self.confirmation)}</code></p>"
        )


def _count(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    # One text per amount, whatever its exponent: the digest must not depend on how a Decimal was made.
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _entry(item: dict[str, Any]) -> PlannedEntry:
    groups = item["per_group_amounts"]
    return PlannedEntry(
        **{
            **item,
            "amount": Decimal(item["amount"]),
            "timestamp": datetime.fromisoformat(item["timestamp"]),
            "per_group_amounts": groups and {name: Decimal(amount) for name, amount in groups.items()},
            "balance_before": None if item["balance_before"] is None else Decimal(item["balance_before"]),
            "balance_after": None if item["balance_after"] is None else Decimal(item["balance_after"]),
            "warnings": tuple(item["warnings"]),
        }
    )
