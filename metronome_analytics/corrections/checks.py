"""Everything that can be known to be wrong with entries before one is sent, all at once and by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.corrections.plan import PlannedEntry
from metronome_analytics.corrections.state import Balance, Segment, State, token_of
from metronome_analytics.tables.money import currency_of, display, major_of
from metronome_analytics.tables.vocabulary import BalanceType

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.corrections.entries import BalanceEntry

MAX_ENTRY = Decimal(10_000)
MAX_TOTAL = Decimal(50_000)
_SHORTEST_REASON = 8
_DECIMALS = 10
_TOO_LARGE = Decimal(10) ** 28

# One limit for every currency, in its major unit, or a limit by currency.
Limit = Decimal | int | Mapping[str, Decimal | int]
Same = tuple[str, str, str, Decimal, str]


@dataclass
class Checker:
    """Checks entries one after the other against `state`; remembers what the earlier ones of the plan already take."""

    state: State
    now: datetime
    max_entry: Limit
    max_total: Limit
    allow_overdraw: bool
    allow_duplicate: bool
    known: Callable[[Same], bool]
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    planned: list[PlannedEntry] = field(default_factory=list)
    _taken: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    _after: dict[str, Decimal] = field(default_factory=dict)
    _totals: dict[str, Decimal] = field(default_factory=dict)
    _seen: dict[Same, int] = field(default_factory=dict)

    def check(self, row: int, entry: BalanceEntry) -> None:
        """Add `entry` to the plan, or to the problems whatever is wrong with it."""
        wrong = [*self._amount(entry), *self._reason(entry)]
        balance = self._balance(entry, wrong)
        segment = None if balance is None else self._segment(entry, balance, wrong)
        if balance is not None and segment is not None:
            wrong += self._fits(row, entry, balance, segment)
        # A field that could not even be read has been reported, and nothing that follows from it is worth saying.
        unread = {name for number, name, _ in self.problems if number == row}
        if wrong or unread or balance is None or segment is None:
            self.problems += [(row, name, problem) for name, problem in wrong if name not in unread]
            return
        self.planned.append(self._complete(entry, balance, segment))
        # What a row that is refused would have taken is not held against the rows after it.
        code = currency_of(balance.credit_type_name)
        size = abs(major_of(entry.amount, balance.credit_type_name))
        place = (balance.id, segment.id)
        self._totals[code] = self._totals.get(code, Decimal(0)) + size
        self._taken[place] = self._taken.get(place, Decimal(0)) + entry.amount

    def _left(self, balance: Balance, segment: Segment) -> Decimal:
        """What is left in a segment after the entries of the plan so far."""
        return balance.available(segment) + self._taken.get((balance.id, segment.id), Decimal(0))

    # --- what an entry says of itself -----------------------------------------------------------------------

    def _amount(self, entry: BalanceEntry) -> Iterator[tuple[str, str]]:
        amount = entry.amount
        if not amount.is_finite():
            yield "amount", f"{amount} is no finite number"
            return
        if amount == 0:
            yield "amount", "0 changes nothing"
        if -amount.normalize().as_tuple().exponent > _DECIMALS:  # type: ignore[operator]  # finite, so a number
            yield "amount", f"{amount} has more than {_DECIMALS} decimals"
        elif not _is_exact(amount):
            yield "amount", f"{amount} has more digits than a JSON number carries"
        groups = entry.per_group_amounts
        if groups is None:
            return
        if wrong := [name for name, part in groups.items() if not part.is_finite() or not _is_exact(part)]:
            yield "per_group_amounts", f"no exact finite number for {', '.join(wrong)}"
        elif (total := sum(groups.values(), start=Decimal(0))) != amount:
            yield "per_group_amounts", f"they sum to {total}, not to {amount}"

    @staticmethod
    def _reason(entry: BalanceEntry) -> Iterator[tuple[str, str]]:
        if len(entry.reason.strip()) < _SHORTEST_REASON:
            yield "reason", f"{entry.reason!r} says too little: at least {_SHORTEST_REASON} characters"
        elif token_of(entry.reason) is not None:
            yield "reason", "it ends like the mark this package adds itself"

    # --- what it is about -----------------------------------------------------------------------------------

    def _balance(self, entry: BalanceEntry, wrong: list[tuple[str, str]]) -> Balance | None:
        if entry.customer_id not in self.state.names:
            wrong.append(("customer_id", f"unknown customer {entry.customer_id}, or an archived one"))
            return None
        balance = self.state.balances.get(entry.balance_id)
        if balance is None:
            owner = self.state.names[entry.customer_id]
            wrong.append(("balance_id", f"{owner} has no balance {entry.balance_id}: unknown, or another customer's"))
            return None
        if balance.customer_id != entry.customer_id:
            wrong.append(("balance_id", f"{balance.id} belongs to {self.state.names[balance.customer_id]}"))
            return None
        if balance.archived:
            wrong.append(("balance_id", f"{balance.name or balance.id} is archived"))
        if entry.contract_id not in {None, balance.contract_id}:
            level = f"of contract {balance.contract_id}" if balance.contract_id else "at customer level, of no contract"
            wrong.append(("contract_id", f"{entry.contract_id} is not the balance's: it is {level}"))
        return balance

    def _segment(self, entry: BalanceEntry, balance: Balance, wrong: list[tuple[str, str]]) -> Segment | None:
        listed = ", ".join(f"{s.id} ({s.starting_at:%Y-%m-%d} to {s.ending_before:%Y-%m-%d})" for s in balance.segments)
        if entry.segment_id is None:
            if len(balance.segments) == 1:
                segment = balance.segments[0]
            else:
                wrong.append(("segment_id", f"the balance has {len(balance.segments)} segments, name one: {listed}"))
                return None
        else:
            named = [segment for segment in balance.segments if segment.id == entry.segment_id]
            if not named:
                wrong.append(("segment_id", f"{entry.segment_id} is none of the balance's segments: {listed}"))
                return None
            segment = named[0]
        if self.now < segment.starting_at:
            wrong.append(("segment_id", f"{segment.id} is not active before {segment.starting_at:%Y-%m-%d %H:%M} UTC"))
        elif self.now >= segment.ending_before:
            wrong.append(("segment_id", f"{segment.id} expired at {segment.ending_before:%Y-%m-%d %H:%M} UTC"))
        if entry.timestamp is not None and not segment.covers(entry.timestamp):
            wrong.append(("timestamp", f"{entry.timestamp:%Y-%m-%d %H:%M} UTC is outside the segment"))
        return segment

    # --- whether it fits ------------------------------------------------------------------------------------

    def _fits(self, row: int, entry: BalanceEntry, balance: Balance, segment: Segment) -> Iterator[tuple[str, str]]:
        if not entry.amount.is_finite():
            return
        unit = balance.credit_type_name
        code, size = currency_of(unit), abs(major_of(entry.amount, unit))
        if size > (limit := _limit(self.max_entry, code, MAX_ENTRY)):
            yield "amount", f"{display(entry.amount, unit)} is over max_entry, {limit:,} {code}"
        total = self._totals.get(code, Decimal(0)) + size
        if total > (limit := _limit(self.max_total, code, MAX_TOTAL)):
            yield "amount", f"with it the plan moves {total:,} {code}, over max_total, {limit:,} {code}"
        left = self._left(balance, segment)
        if entry.amount < 0 and left + entry.amount < 0 and not self.allow_overdraw:
            yield (
                "amount",
                f"it draws {display(-entry.amount, unit)} of {display(left, unit)} left in the segment",
            )
        if not self.allow_duplicate:
            yield from self._duplicate(row, entry, balance, segment)

    def _duplicate(
        self, row: int, entry: BalanceEntry, balance: Balance, segment: Segment
    ) -> Iterator[tuple[str, str]]:
        same: Same = (entry.customer_id, balance.id, segment.id, entry.amount.normalize(), entry.reason.strip())
        if same in self._seen:
            yield "", f"the same entry as row {self._seen[same]}; allow_duplicate=True lets it through"
        self._seen.setdefault(same, row)
        if balance.has_manual(entry.amount, same[4]):
            yield "", "the ledger has this entry already; allow_duplicate=True lets it through"
        elif self.known(same):
            yield "", "the journal has this entry already; allow_duplicate=True lets it through"

    # --- what is sent ---------------------------------------------------------------------------------------

    def _complete(self, entry: BalanceEntry, balance: Balance, segment: Segment) -> PlannedEntry:
        before = self._after.get(balance.id, balance.balance) if balance.balance is not None else None
        after = None if before is None else max(before + entry.amount, Decimal(0))
        if after is not None:
            self._after[balance.id] = after
        return PlannedEntry(
            customer_id=entry.customer_id,
            customer_name=self.state.names[entry.customer_id],
            balance_id=balance.id,
            balance_name=balance.name,
            segment_id=segment.id,
            contract_id=balance.contract_id,
            credit_type_name=balance.credit_type_name,
            amount=entry.amount,
            reason=entry.reason.strip(),
            timestamp=entry.timestamp or self.now,
            per_group_amounts=entry.per_group_amounts,
            balance_before=before,
            balance_after=after,
            warnings=tuple(self._warnings(entry, balance, segment)),
        )

    def _warnings(self, entry: BalanceEntry, balance: Balance, segment: Segment) -> Iterator[str]:
        if entry.timestamp is None:
            start = f"{segment.starting_at:%Y-%m-%d}"
            yield f"timestamp set to now; without one the API would use the segment's start, {start}"
        if balance.type == BalanceType.POSTPAID:
            yield "a postpaid commit: this changes what is billed as true-up, and no invoice of usage"
        elif entry.amount > 0:
            yield "a new credit would have a name, a product and an expiry of its own; this adds to what is there"
        else:
            yield "if usage was metered or priced wrongly, correct that and regenerate the invoice instead"
        if balance.ambiguous:
            many = f"{balance.ambiguous} manual entries name no segment"
            yield f"what is left in this segment is inferred: {many}, and are counted by their date"
        if entry.amount < 0 and self._left(balance, segment) + entry.amount < 0:
            yield "it overdraws the segment: the API shows 0, the ledger stays negative"


def _is_exact(amount: Decimal) -> bool:
    """Whether a JSON number carries `amount` and a money column holds it: what is sent is what comes back."""
    return abs(amount) < _TOO_LARGE and Decimal(repr(float(amount))) == amount


def _limit(limit: Limit, code: str, default: Decimal) -> Decimal:
    """The limit for one currency; where a mapping does not name it, the default."""
    return Decimal(limit.get(code, default)) if isinstance(limit, Mapping) else Decimal(limit)
