"""What an operation is: what a user gives, what is read, checked and sent, what proves it and what undoes it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from metronome_analytics.changes.fields import Change, Problem
from metronome_analytics.leeway import MAX_ENTRY, MAX_TOTAL, Leeway, limit_of
from metronome_analytics.tables.money import currency_of, display, major_of
from metronome_analytics.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from metronome_analytics.changes.records import Facts, Json
    from metronome_analytics.changes.view import Look, View


class OnceBy(StrEnum):
    """What keeps an operation from taking effect twice, beside our reading."""

    KEY = "key"
    """The API refuses a second one with the same `uniqueness_key`, for ever (of manual entries: by the official client
    4.12 and newer pages, not by the OpenAPI file)."""
    HEADER = "header"
    """The API answers a second one with the same Idempotency-Key as the first, for a day."""
    ABSOLUTE = "absolute"
    """It sets a value: twice is the same as once."""


class Proof(StrEnum):
    """How a read shows that it took effect."""

    MARK = "mark"
    """A token of ours comes back."""
    KEY = "key"
    """Our `uniqueness_key` comes back."""
    VALUE = "value"
    """The wanted value is there. Where it is there before, nothing is sent."""
    NONE = "none"
    """No read shows it: the outcome is `sent`, never `applied`."""


class Weight(StrEnum):
    """What is at stake."""

    LIGHT = "light"
    BILLING = "billing"
    FOR_EVER = "for ever"
    """It cannot be undone: one to a plan, and its phrase says what is lost."""


class Seen(Enum):
    """What a look at the account showed."""

    UNREADABLE = "unreadable"
    ABSENT = "absent"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look showed of one change; `differs` says in what it is not what was sent, `twins` counts others'."""

    seen: Seen
    differs: str = ""
    twins: int = 0


UNREADABLE = Sighting(Seen.UNREADABLE)
ABSENT = Sighting(Seen.ABSENT)
THERE = Sighting(Seen.THERE)


@dataclass(frozen=True, slots=True)
class Call:
    """One write, as it is sent."""

    endpoint: str
    customer_id: str
    body: Mapping[str, Json]
    path: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One change, complete: all that is sent, and what was seen when it was planned."""

    change: Change
    customer_name: str
    subject_id: str
    subject_name: str | None
    what: str
    """What it does, in one line."""
    same: str
    """A digest of what makes another change the same."""
    period: str = ""
    """The day that the user named: the same change of another day is another change."""
    nonce: str = ""
    """Tells apart what the user asked for twice on purpose."""
    credit_type_name: str | None = None
    amount: Decimal | None = None
    """What it adds, for the limits and the phrase."""
    balance_before: Decimal | None = None
    balance_after: Decimal | None = None
    before: str | None = None
    after: str | None = None
    fingerprint: str = ""
    """A digest of what it was checked against."""
    loss: str = ""
    """What is lost for ever."""
    opposite: Change | None = None
    no_undo: str = ""
    """Why there is no opposite."""
    warnings: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """Ids that were there when it was planned, where what it makes is told by an id that was not."""

    @property
    def uniqueness_key(self) -> str:
        """The API's own guard against a second time: the same for the same change, whoever plans it, and whenever."""
        is_ = hashlib.sha256(json.dumps([self.same, self.period, self.nonce]).encode()).hexdigest()
        return f"metronome-analytics-{is_[:48]}"

    @property
    def for_ever(self) -> bool:
        """Whether something is lost that no plan brings back."""
        return bool(self.loss)

    @property
    def customer_id(self) -> str:
        """Whose account changes."""
        return self.change.customer_id


@dataclass
class Review:
    """The changes of a plan, checked one after the other against what was read; remembers what earlier ones take."""

    view: View
    now: datetime
    leeway: Leeway
    known: Callable[[str], bool]
    """Whether the journal says that the same change was made, or may have been."""
    explains: bool = True
    """Whether anybody will read what the changes do before and after; a second check only decides."""
    problems: list[Problem] = field(default_factory=list)
    planned: list[PlannedChange] = field(default_factory=list)
    row: int = 0
    taken: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """What the plan so far adds, by balance and segment."""
    after: dict[str, Decimal] = field(default_factory=dict)
    """What the plan so far makes of each balance."""
    _totals: dict[str, Decimal] = field(default_factory=dict)
    _invoiced: dict[str, Decimal] = field(default_factory=dict)
    _invoices: dict[str, Decimal] = field(default_factory=dict)
    """What the row at hand invoices."""
    _seen: dict[str, int] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], int] = field(default_factory=dict)

    def check(self, row: int, change: Change, operation: Operation) -> PlannedChange | None:
        """Add `change` to the plan and return it complete, or add to the problems whatever is wrong with it."""
        self.row = row
        self._invoices = {}
        unread = {problem.field for problem in self.problems if problem.row == row}
        before = len(self.problems)
        planned = operation.prepare(change, self)
        # A field that could not even be read has been reported, and nothing that follows from it is worth saying.
        found = [problem for problem in self.problems[before:] if problem.field not in unread]
        self.problems[before:] = found
        if planned is None or found or unread:
            return None
        warnings = planned.warnings if operation.status == "current" else (*planned.warnings, operation.standing)
        fingerprint = operation.fingerprint(planned.change, self.view)
        planned = replace(planned, fingerprint=fingerprint, warnings=warnings)
        self.planned.append(planned)
        # What a row that is refused would have taken is not held against the rows after it.
        if planned.amount is not None:
            code = currency_of(planned.credit_type_name)
            size = abs(major_of(planned.amount, planned.credit_type_name))
            self._totals[code] = self._totals.get(code, Decimal(0)) + size
        for code, size in self._invoices.items():
            self._invoiced[code] = self._invoiced.get(code, Decimal(0)) + size
        return planned

    def wrong(self, field_: str, problem: str) -> None:
        """Report a problem of the row at hand."""
        self.problems.append(Problem(self.row, field_, problem))

    def customer(self, customer_id: str) -> str | None:
        """The customer's name; a problem where there is none."""
        found = self.view.customers.get(customer_id)
        if found is None:
            self.wrong("customer_id", f"unknown customer {customer_id}, or an archived one")
        return None if found is None else found.name

    def within_limits(self, amount: Decimal, unit: str | None) -> None:
        """A problem where `amount` alone, or with the plan so far, is more than the plan may move."""
        self._limited("amount", amount, unit, self._totals)

    def invoices_within_limits(self, amount: Decimal, unit: str | None) -> None:
        """A problem where what a row invoices, alone or with the plan so far, is more than the plan may move.

        Once a row and unit. It is counted apart from what is granted: a commit is often paid for by its invoices.
        """
        self._limited("invoices", amount, unit, self._invoiced)
        self._invoices[currency_of(unit)] = abs(major_of(amount, unit))

    def _limited(self, name: str, amount: Decimal, unit: str | None, so_far: Mapping[str, Decimal]) -> None:
        code, size = currency_of(unit), abs(major_of(amount, unit))
        if size > (limit := limit_of(self.leeway.max_entry, code, MAX_ENTRY)):
            self.wrong(name, f"{display(amount, unit)} is over max_entry, {limit:,} {code}")
        total = so_far.get(code, Decimal(0)) + size
        if total > (limit := limit_of(self.leeway.max_total, code, MAX_TOTAL)):
            self.wrong(name, f"with it the plan moves {total:,} {code}, over max_total, {limit:,} {code}")

    def repeats(self, same: str, noun: str, *, there: bool, where: str = "account") -> bool:
        """Whether the row is the same as one of the plan, the account (`there`), or the journal."""
        first = self._seen.setdefault(same, self.row)
        if first != self.row:
            found = f"the same {noun} as row {first}"
        elif there or self.known(same):
            found = f"the {where if there else 'journal'} has this {noun} already"
        else:
            return False
        if not self.leeway.allow_duplicate:
            self.wrong("", f"{found}; allow_duplicate=True lets it through")
        return True

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with the row so far."""
        return not any(problem.row == self.row for problem in self.problems)

    def once_only(self, subject_id: str, aspect: str) -> None:
        """A problem where the plan sets the same thing twice: the order of their proofs would be anybody's guess."""
        first = self._subjects.setdefault((aspect, subject_id), self.row)
        if first != self.row:
            self.wrong("", f"row {first} changes the same thing; one plan changes it once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One write: a row of the table of operations."""

    name: str
    endpoint: str
    """Its row in `api.endpoints`, a WRITE."""
    change: type[Change]
    verb: str
    noun: tuple[str, str]
    """One of them, several of them: the phrase counts them."""
    looks: frozenset[Look]
    """What is read to check it."""
    proof_looks: frozenset[Look]
    """What is read to prove it."""
    prepare: Callable[[Any, Review], PlannedChange | None]
    """Checks a change and completes it."""
    fingerprint: Callable[[Any, View], str]
    """A digest of what it depends on: where it is another one, the plan is stale."""
    call: Callable[[Any, str, str], Call]
    """What is sent: of a complete change, its uniqueness_key and its token."""
    sighting: Callable[[Facts, View], Sighting]
    """What a view shows of it, by what the journal keeps."""
    once: OnceBy
    proof: Proof
    undo: str
    """What undoes it, or why nothing does."""
    weight: Weight
    status: str = "current"
    """For whom it answers."""
    unproved: frozenset[str] = frozenset()
    """Fields of the body that no read shows: a change of one of them is proved by nothing."""
    trial: Callable[[Any], Mapping[str, Json]] | None = None
    """What the API is asked to try, without effect, before it is planned and again before it is sent."""

    @property
    def place(self) -> str:
        """Where a read shows it."""
        return "ledger" if self.name.startswith("balances.") else "account"

    def counted(self, number: int) -> str:
        """`2 entries`."""
        return f"{number} {self.noun[number != 1]}"

    @property
    def standing(self) -> str:
        """For whom it answers, in words; empty where for everybody."""
        return "" if self.status == "current" else f"{self.name} is {self.status}: not every account has it"

    def proved_by(self, facts: Facts) -> Proof:
        """What a read shows of this very change."""
        return Proof.NONE if self.unproved & facts.body.keys() else self.proof


def keyless(call: Callable[[Any], Call]) -> Callable[[Any, str, str], Call]:
    """What is sent by an operation that takes no key and leaves no mark."""
    return lambda change, _key, _token: call(change)


def drafts_follow(drafts: int, of: str = "it") -> tuple[str, ...]:
    """The warning that draft invoices of what is changed, or of whom, are made anew, where there are any."""
    follow = "follows" if drafts == 1 else "follow"
    return (f"{count(drafts, 'draft invoice')} of {of} {follow} at once",) if drafts else ()
