"""A plan: changes that were checked against the account, what they will do, and the phrase that lets them."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from metronome_analytics.changes.operation import PlannedChange, Weight
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.plan_items import item, leeway, planned
from metronome_analytics.changes.records import Facts
from metronome_analytics.errors import PlanRejected
from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL, Leeway, Limit
from metronome_analytics.tables.money import display, exactly
from metronome_analytics.wording import one_line

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.operation import Call, Operation

__all__ = ["Plan"]

_VERSION = 2
_TIMES = ("timestamp", "access_ending_before", "ending_before")
"""The time that a change is about, whatever its field is called."""

PLAN_SCHEMA = pl.Schema(
    {
        "entry": pl.Int64(),
        "operation": pl.String(),
        "customer_id": pl.String(),
        "customer_name": pl.String(),
        "subject_id": pl.String(),
        "subject_name": pl.String(),
        "what": pl.String(),
        "credit_type_name": pl.String(),
        "amount": pl.Decimal(38, 10),
        "amount_display": pl.String(),
        "before": pl.String(),
        "after": pl.String(),
        "warnings": pl.List(pl.String()),
    }
)


@dataclass(frozen=True, repr=False)
class Plan:
    """Checked changes, bound by `digest` to what they were checked against.

    Make one with `account.plan(changes)`; it holds no token and may be shown, saved and loaded.

    >>> osprey, fixed = account.customers()["id"][0], account.products().filter(type="FIXED")["id"][0]
    >>> credit = {
    ...     "customer_id": osprey,
    ...     "product_id": fixed,
    ...     "amount": "10000",
    ...     "starting_at": "2026-11-18",
    ...     "ending_before": "2027-03-01",
    ...     "priority": 1,
    ...     "name": "SLA credit",
    ...     "reason": "Outage of 12 November",
    ... }
    >>> plan = account.plan(credit, operation="credits.create")
    >>> plan.confirmation
    'create 1 credit, 10,000 USD (cents) = $100.00, for Osprey Biotech Inc. in demo'
    >>> [type(change).__name__ for change in plan.undo()]
    ['ArchiveCredit']
    """

    changes: tuple[PlannedChange, ...]
    base_url: str
    environment: str | None
    created_at: datetime
    leeway: Leeway = field(default_factory=Leeway)
    undoes: tuple[str, ...] = ()
    """Tokens of the ledger entries that this plan reverses: they must be there, and are not part of what it saw."""

    # --- what it says ------------------------------------------------------------------------------------------------

    @property
    def table(self) -> pl.DataFrame:
        """One row per change: what it does to what, in the API's unit and in major units, before and after."""
        rows = [
            {
                **{name: getattr(each, name) for name in PLAN_SCHEMA if hasattr(each, name)},
                "entry": number,
                "operation": each.change.operation,
                "amount_display": None if each.amount is None else display(each.amount, each.credit_type_name),
                "before": _before(each),
                "after": _after(each),
                "warnings": list(each.warnings),
            }
            for number, each in enumerate(self.changes)
        ]
        return pl.DataFrame(rows, schema=PLAN_SCHEMA, orient="row")

    @property
    def confirmation(self) -> str:
        """The phrase to type: what and how many, the total of each unit, whose, where, and what was let through."""
        owners: dict[str, str] = {}
        for each in self.changes:
            # A change of a name calls its customer by the id: another change of the same customer knows the name.
            if owners.get(each.customer_id, each.customer_id) == each.customer_id:
                owners[each.customer_id] = each.customer_name
        whose = next(iter(owners.values())) if len(owners) == 1 else f"{len(owners)} customers"
        # Names of customers, units and currencies are in it, and it must be possible to type it.
        return one_line(f"{self._doing()}, for {whose} in {self._where}{_let_through(self.leeway)}")

    @property
    def _where(self) -> str:
        return one_line(self.environment or self.base_url)

    @exactly
    def _doing(self) -> str:
        first = self.changes[0]
        if self.operation(0).weight is Weight.FOR_EVER or first.for_ever:
            return one_line(f"{first.what} for ever, {first.loss}" if first.loss else f"{first.what} for ever")
        by_name: dict[str, int] = {}
        totals: dict[str | None, Decimal] = {}
        for each in self.changes:
            by_name[each.change.operation] = by_name.get(each.change.operation, 0) + 1
            if each.amount is not None:
                totals[each.credit_type_name] = totals.get(each.credit_type_name, Decimal(0)) + each.amount
        counted = [f"{OPERATIONS[name].verb} {OPERATIONS[name].counted(count)}" for name, count in by_name.items()]
        doing = counted[0] if len(counted) == 1 else f"make {len(self.changes)} changes: {' and '.join(counted)}"
        if len(self.changes) == 1 and not totals:
            doing = first.what
        sums = " and ".join(display(amount, unit) for unit, amount in totals.items())
        return f"{doing}, {sums}" if sums else doing

    @cached_property
    def digest(self) -> str:
        """What the plan is, in 64 characters: any other change, account or sight of it gives another."""
        return hashlib.sha256(json.dumps(self._document(), sort_keys=True).encode()).hexdigest()

    def operation(self, entry: int) -> Operation:
        """The operation of a change."""
        return OPERATIONS[self.changes[entry].change.operation]

    def uniqueness_key(self, entry: int) -> str:
        """The API's own guard against a second time: the same for the same change, whoever plans it, and whenever."""
        return self.changes[entry].uniqueness_key

    def token(self, entry: int) -> str:
        """The mark by which the change of this very plan is found again, where its operation leaves one."""
        return hashlib.sha256(f"{self.digest}-{entry}".encode()).hexdigest()[:12]

    def tokens(self) -> tuple[str, ...]:
        """The marks of all of them."""
        return tuple(self.token(number) for number in range(len(self.changes)))

    # --- what can be done with it ------------------------------------------------------------------------------------

    def undo(self) -> list[Change]:
        """The opposite of every change, last first, to be planned in turn; PlanRejected says why there is none."""
        without = [f"{each.what}: {each.no_undo or 'it has no opposite'}" for each in self.changes if not each.opposite]
        if without:
            raise PlanRejected(f"{len(without)} of {len(self.changes)} changes cannot be undone. {'; '.join(without)}.")
        return [each.opposite for each in reversed(self.changes) if each.opposite]

    def call(self, entry: int) -> Call:
        """What is sent for a change, the same at every attempt."""
        change = self.changes[entry].change
        return self.operation(entry).call(change, self.uniqueness_key(entry), self.token(entry))

    def facts(self, entry: int, *, twins: int = 0) -> Facts:
        """What the journal keeps of a change."""
        each = self.changes[entry]
        given = each.change.fields()
        call = self.call(entry)
        return Facts(
            base_url=self.base_url,
            environment=self.environment,
            operation=each.change.operation,
            customer_id=each.customer_id,
            subject_id=each.subject_id,
            what=each.what,
            same=each.same,
            token=self.token(entry),
            uniqueness_key=self.uniqueness_key(entry),
            body=call.body,
            path=call.path,
            seen=each.seen,
            segment_id=given.get("segment_id"),
            credit_type_name=each.credit_type_name,
            amount=each.amount,
            reason=given.get("reason"),
            timestamp=next((given[name] for name in _TIMES if given.get(name)), None),
            twins=twins,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as JSON that a person can read."""
        document = {"digest": self.digest, "confirmation": self.confirmation, **self._document()}
        Path(path).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a saved plan. Raises PlanRejected where the file is no plan, or no longer the one that was saved."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            known = document["version"] == _VERSION
            plan = cls._read(document) if known else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise PlanRejected(f"{path} is no plan: {type(error).__name__}: {error}.") from error
        if plan is None or (document.get("digest"), document.get("confirmation")) != (plan.digest, plan.confirmation):
            raise PlanRejected(
                f"{path} was changed after it was saved, or by another version.", advice="Plan the changes again."
            )
        return plan

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            changes=tuple(planned(item) for item in document["entries"]),
            base_url=document["base_url"],
            environment=document["environment"],
            created_at=datetime.fromisoformat(document["created_at"]),
            leeway=leeway(document["leeway"]),
            undoes=tuple(document["undoes"]),
        )

    def _document(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "base_url": self.base_url,
            "environment": self.environment,
            "created_at": self.created_at.isoformat(),
            "leeway": json.loads(json.dumps(asdict(self.leeway), default=str)),
            "entries": [item(each) for each in self.changes],
            "undoes": list(self.undoes),
        }

    # --- how it shows itself -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines, often = [f"{type(self).__name__} of {_count(self)} for {self._where}"], said_once(self.changes)
        for number, each in enumerate(self.changes):
            lines += [
                f"  {number}  {one_line(each.customer_name)}: {one_line(each.what)}",
                *(
                    [f"     {one_line(f'{_before(each)}, then {_after(each)}')}"]
                    if _before(each) or _after(each)
                    else []
                ),
                *([f"     !! {one_line(each.loss)}"] if each.loss else []),
                *(f"     ! {one_line(warning)}" for warning in each.warnings if warning not in often),
            ]
        lines += [f"  ! {one_line(warning)} ({whose})" for warning, whose in often.items()]
        return "\n".join([*lines, f"To apply it, confirm with: {self.confirmation}"])

    def _repr_html_(self) -> str:
        head = ("", "customer", "what", "before", "after", "for ever", "warnings")
        often = said_once(self.changes)
        rows = [
            (
                str(number),
                each.customer_name,
                each.what,
                _before(each) or "",
                _after(each) or "",
                each.loss,
                "; ".join(warning for warning in each.warnings if warning not in often),
            )
            for number, each in enumerate(self.changes)
        ]
        return as_table(head, rows, self.confirmation, often)


def said_once(changes: Sequence[PlannedChange]) -> dict[str, str]:
    """The warnings that several changes share, and which: they are said once, below. The table has them by row."""
    rows: dict[str, list[int]] = {}
    for number, each in enumerate(changes):
        for warning in dict.fromkeys(each.warnings):
            rows.setdefault(warning, []).append(number)
    every = len(changes)
    return {
        warning: "all" if len(its) == every else ", ".join(map(str, its))
        for warning, its in rows.items()
        if len(its) > 1
    }


def as_table(
    head: Iterable[str], rows: Iterable[Iterable[str]], confirmation: str, often: Mapping[str, str] | None = None
) -> str:
    """A plan as HTML, escaped; `often` are warnings of several rows, and which."""
    header = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(one_line(cell))}</td>' for cell in row)}</tr>" for row in rows)
    said = "".join(f"<li>{html.escape(one_line(warning))} ({whose})</li>" for warning, whose in (often or {}).items())
    notes = f"<ul>{said}</ul>" if said else ""
    return (
        f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>{notes}"
        f"<p>To apply it, confirm with: <code>{html.escape(confirmation)}</code></p>"
    )


def _count(plan: Plan) -> str:
    number = len(plan.changes)
    names = {each.change.operation for each in plan.changes}
    return plan.operation(0).counted(number) if len(names) == 1 else f"{number} changes"


def _before(each: PlannedChange) -> str | None:
    return each.before if each.balance_before is None else display(each.balance_before, each.credit_type_name)


def _after(each: PlannedChange) -> str | None:
    return each.after if each.balance_after is None else display(each.balance_after, each.credit_type_name)


def _let_through(leeway: Leeway) -> str:
    """What a plan may do beyond the usual, so that who types the phrase knows; nothing where it is as usual."""
    parts = [
        *_raised("max_entry", leeway.max_entry, MAX_ENTRY),
        *_raised("max_total", leeway.max_total, MAX_TOTAL),
        *(["overdraw allowed"] if leeway.allow_overdraw else []),
        *(["duplicates allowed"] if leeway.allow_duplicate else []),
    ]
    return f", with {', '.join(parts)}" if parts else ""


def _raised(name: str, limit: Limit, usual: Decimal) -> list[str]:
    if not isinstance(limit, Mapping):
        return [f"{name} {Decimal(limit):,f}"] if limit > usual else []
    return [f"{name} {Decimal(each):,f} {code}" for code, each in limit.items() if each > usual]
