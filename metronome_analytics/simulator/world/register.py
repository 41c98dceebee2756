"""Who the account's customers are, and what has happened to each of them since it was opened. No books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.agreements import Agreements
from metronome_analytics.simulator.world.customers import Customer, customer_id, customer_index, make_customer
from metronome_analytics.simulator.world.days import instant, shift_month
from metronome_analytics.simulator.world.happenings import Archived, Card, Happening, Joined, Posted, Updated
from metronome_analytics.simulator.world.roles import agree, agree_archived, agree_joined
from metronome_analytics.simulator.world.terms import amended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import ManualEntry
    from metronome_analytics.simulator.world.clock import Clock


class Register:
    """N active customers (indices 0 to N-1), some archived ones behind them, and then those that joined later."""

    def __init__(self, *, customers: int, seed: int, months: int, clock: Clock) -> None:
        self.seed = seed
        self.months = months
        self.clock = clock
        self.first_active = range(customers)
        self.first_archived = range(customers, customers + -(-customers // 20))
        self.opened = shift_month(clock.now.toordinal(), 1 - months)
        # Archived half way through the account's first two months, or through what there is of them.
        lifetime = min(timedelta(days=61), clock.now - instant(self.opened))
        self.first_archived_at = instant(self.opened) + timedelta(days=lifetime.days // 2, seconds=5)
        self.happened: list[tuple[int, Happening]] = []
        """Everything that happened since, with whom it happened to, in the order in which it was told."""
        self._histories: dict[int, list[Happening]] = {}
        self._joined: list[int] = []
        self._changed: set[int] = set()
        """Whose card was changed."""
        self._lists: tuple[tuple[object, int], Sequence[int], Sequence[int]] | None = None
        self._aliases: tuple[int, dict[str, int]] = (-1, {})
        self._salesforce: tuple[int, dict[str, int]] = (-1, {})

    def happen(self, index: int, happening: Happening) -> None:
        """Let something happen to a customer."""
        self.happened.append((index, happening))
        self._histories.setdefault(index, []).append(happening)
        if isinstance(happening, Updated):
            self._changed.add(index)

    def post(self, index: int, balance_id: str, entry: ManualEntry) -> None:
        """Keep a manual entry that came in through the API."""
        self.happen(index, Posted(balance_id, entry))

    def history(self, index: int) -> list[Happening]:
        """What has happened to a customer until now."""
        return [happening for happening in self._histories.get(index, ()) if happening.at <= self.clock.now]

    def moment(self, index: int) -> tuple[datetime, int]:
        """What everything about a customer follows from: the clock, and how much has happened to the customer."""
        return self.clock.now, len(self._histories.get(index, ()))

    @property
    def posted(self) -> dict[int, list[tuple[str, ManualEntry]]]:
        """The manual entries that came in, by customer."""
        found: dict[int, list[tuple[str, ManualEntry]]] = {}
        for index, happening in self.happened:
            if isinstance(happening, Posted):
                found.setdefault(index, []).append((happening.balance_id, happening.entry))
        return found

    @property
    def active(self) -> Sequence[int]:
        """The customers that are not archived, in the order in which they came."""
        return self._listed()[0]

    @property
    def archived(self) -> Sequence[int]:
        """The customers that are archived."""
        return self._listed()[1]

    def _listed(self) -> tuple[Sequence[int], Sequence[int]]:
        gone = {index for index, each in self.happened if isinstance(each, Archived) and each.at <= self.clock.now}
        here = [index for index in self._joined if self.index(customer_id(self.seed, index)) is not None]
        if not gone and not here:
            return self.first_active, self.first_archived
        state = (self.clock.now, len(self.happened))
        if self._lists is None or self._lists[0] != state:
            active = [index for index in (*self.first_active, *here) if index not in gone]
            self._lists = state, active, sorted([*self.first_archived, *gone])
        return self._lists[1:]

    @property
    def known(self) -> int:
        """How many customers there are or will be; their indices are all below."""
        return self.first_archived.stop + len(self._joined)

    def join(self, card: Card | None = None) -> str:
        """Let a new customer join now, on contracts, or with nothing but a card; its id."""
        index = self.known
        self._joined.append(index)
        self.happen(index, Joined(self.clock.now, card))
        return customer_id(self.seed, index)

    def joined_at(self, index: int) -> datetime | None:
        """When a customer joined, None for those who were there from the beginning."""
        joined = self._joining(index)
        return None if joined is None else joined.at

    def _joining(self, index: int) -> Joined | None:
        return next((each for each in self._histories.get(index, ()) if isinstance(each, Joined)), None)

    def index(self, customer_id: str) -> int | None:
        """The index of a customer, archived ones included, or None."""
        index = customer_index(self.seed, customer_id)
        if index is None or index >= self.known:
            return None
        joined_at = self.joined_at(index) if index >= self.first_archived.stop else None
        return index if joined_at is None or joined_at <= self.clock.now else None

    def first_customer(self, index: int) -> Customer:
        """Who customer `index` was before anything happened."""
        archived_at = self.first_archived_at if index in self.first_archived else None
        return make_customer(self.seed, index, opened=instant(self.opened), archived_at=archived_at)

    def customer(self, index: int) -> Customer:
        """Who customer `index` is."""
        who = self.first_customer(index)
        for happening in self.history(index) if index in self._histories else ():
            match happening:
                case Joined(at, card):
                    who = replace(who, created_at=at, updated_at=at)
                    if card is not None:
                        who = replace(
                            who,
                            name=card.name,
                            aliases=card.aliases,
                            custom_fields=card.custom_fields,
                            salesforce_id=None,
                            billable=True,
                        )
                case Updated():
                    who = _updated(who, happening)
                case Archived(at):
                    who = replace(who, updated_at=at, archived_at=at)
        return who

    def agreements(self, index: int) -> Agreements:
        """What a customer has agreed to and would do if nothing happened to it."""
        its_id = customer_id(self.seed, index)
        if index in self.first_archived:
            at = self.first_archived_at
            return agree_archived(self.seed, index, its_id, opened=self.opened, months=self.months, at=at)
        joined = self._joining(index)
        if joined is not None and joined.card is not None:
            return Agreements(its_id)
        if joined is not None:
            return agree_joined(self.seed, index, its_id, at=joined.at)
        return agree(self.seed, index, its_id, opened=self.opened, months=self.months)

    def agreed_until(self, index: int) -> tuple[Agreements, datetime]:
        """A customer's agreements and the instant they have come to: the clock's, or that of the archiving."""
        agreements = amended(self.agreements(index), self.history(index))
        history = self._histories.get(index, ())
        end = next((each.at for each in history if isinstance(each, Archived) and each.at <= self.clock.now), None)
        return (agreements, self.clock.now) if end is None else (replace(agreements, archived_at=end), end)

    def _customers(self) -> Iterator[Customer]:
        return (self.customer(index) for index in range(self.known))

    def by_alias(self, alias: str) -> int | None:
        """The customer with an ingest alias, archived or not; the first call reads every customer's name card."""
        if self._aliases[0] != self.known:
            self._aliases = self.known, {alias: who.index for who in self._customers() for alias in who.aliases}
        return self._now_with(self._aliases[1].get(alias), lambda who: alias in who.aliases)

    def by_salesforce_id(self, salesforce_id: str) -> int | None:
        """The customer with a Salesforce account id; the first call reads every customer's name card."""
        if self._salesforce[0] != self.known:
            by_id = {who.salesforce_id: who.index for who in self._customers() if who.salesforce_id}
            self._salesforce = self.known, by_id
        return self._now_with(self._salesforce[1].get(salesforce_id), lambda who: who.salesforce_id == salesforce_id)

    def _now_with(self, index: int | None, has: Callable[[Customer], bool]) -> int | None:
        """Who has it now: a card that was changed since the cards were read is read again."""
        for changed in self._changed:
            if has(self.customer(changed)):
                return changed
        return None if index in self._changed else index


def _updated(who: Customer, change: Updated) -> Customer:
    """The customer with what was changed on its card."""
    config = dict(change.config)
    salesforce = config.get("salesforce_account_id", who.salesforce_id)
    return replace(
        who,
        updated_at=change.at,
        name=change.name or who.name,
        custom_fields=who.custom_fields if change.custom_fields is None else change.custom_fields,
        aliases=who.aliases if change.aliases is None else change.aliases,
        salesforce_id=None if salesforce is None else str(salesforce),
    )
