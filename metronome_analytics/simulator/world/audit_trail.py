"""What people and tokens did to the account, in order of time: any span of it without reading the rest.

What agreements tell of happens to all customers of a role at the same instants, so one customer per role gives the
times, and only the customers of a page are opened for their ids. When customers were created is on every name card:
those are read for spans that begin so early. A place in the trail is one integer, the time of a deed and where it is
found.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from metronome_analytics.simulator.world.alerts import ALERTS, UPDATED_AT
from metronome_analytics.simulator.world.bookkeeping.periods import mishaps
from metronome_analytics.simulator.world.customers import customer_id
from metronome_analytics.simulator.world.days import instant, parse_instant
from metronome_analytics.simulator.world.happenings import (
    Amended,
    Archived,
    BalanceArchived,
    Billed,
    BillingArchived,
    Charged,
    ContractArchived,
    ContractEnded,
    Corrected,
    Edited,
    Filtered,
    Granted,
    Happening,
    HistoryBilled,
    Joined,
    PlanAdded,
    PlansBilled,
    Posted,
    Regenerated,
    Retimed,
    ScheduleSet,
    ServicesBilled,
    Signed,
    Updated,
    Voided,
)
from metronome_analytics.simulator.world.price_list import OPENED, PRODUCTS, RATE_CARDS
from metronome_analytics.simulator.world.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metronome_analytics.simulator.world.agreements import Agreements
    from metronome_analytics.simulator.world.register import Register

_EPOCH = parse_instant("1970-01-01T00:00:00Z")
_MICROSECOND = timedelta(microseconds=1)


class Source(IntEnum):
    """Where a deed is found."""

    FIXED = 0
    """Among those that concern no customer."""
    CARD = 1
    """On a customer's name card."""
    AGREED = 2
    """In a customer's agreements."""
    SINCE = 3
    """In what happened since the account was opened."""


class Deed(NamedTuple):
    """Something that somebody did to the account."""

    when: datetime
    action: str
    resource_type: str
    resource_id: str
    by_token: bool = False
    number: int = 0
    """Tells deeds apart that are otherwise equal."""


_FIXED = (
    *(Deed(OPENED, "create", "product", product.id) for product in PRODUCTS),
    *(Deed(OPENED, "create", "rate_card", card.id) for card in RATE_CARDS),
    *(Deed(UPDATED_AT, "create", "alert", alert.id) for alert in ALERTS),
)
"""What was done to no customer: the price list and the alerts."""


def ticks(when: datetime) -> int:
    """An instant as a whole number."""
    return (when - _EPOCH) // _MICROSECOND


class AuditTrail:
    """The deeds of one account: where they are found is kept, the deeds themselves are read again each time."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._places: dict[bool, tuple[int, list[int]]] = {}
        self._joined: dict[int, list[Deed]] = {}

    def places(self, first: int | None, last: int | None) -> tuple[list[int], int, int]:
        """Places in order of time, and between which of them the deeds from one tick to before another lie."""
        register = self._register
        early = first is None or first <= ticks(max(register.first_archived_at, instant(register.opened)))
        told, places = self._places.get(early, (-1, []))
        if told != len(register.happened):
            places = sorted(self._written(early=early))
            self._places[early] = len(register.happened), places
        end = ticks(register.clock.now) + 1
        begin = 0 if first is None else bisect_left(places, _place(first))
        return places, begin, bisect_left(places, _place(end if last is None else min(end, last)))

    def deed(self, place: int) -> Deed:
        """What was done at a place."""
        source, number, slot = place >> 56 & 0xFF, place >> 16 & 0xFF_FFFF_FFFF, place & 0xFFFF
        match source:
            case Source.FIXED:
                return _FIXED[slot]
            case Source.CARD:
                return _on_card(self._register, number)[slot]
            case Source.AGREED:
                return self._agreed(number)[slot]
            case _:
                return _done(self._register, number)[slot]

    def about(self, resource_type: str, resource_id: str) -> list[Deed]:
        """What was done to one thing until now; for anything but a customer everyone's agreements are read."""
        register = self._register
        indices: Sequence[int] = range(register.known)
        if resource_type == "customer":
            indices = [] if (index := register.index(resource_id)) is None else [index]
        deeds = [*_FIXED]
        for index in indices:
            deeds += [*_on_card(register, index), *self._agreed(index)]
        deeds += [deed for number in range(len(register.happened)) for deed in _done(register, number)]
        wanted = [d for d in deeds if (d.resource_type, d.resource_id) == (resource_type, resource_id)]
        return sorted((d for d in wanted if d.when <= register.clock.now), key=lambda d: d.when)

    def _written(self, *, early: bool) -> Iterator[int]:
        register = self._register
        yield from (_place(ticks(deed.when), Source.FIXED, 0, slot) for slot, deed in enumerate(_FIXED))
        for index in range(register.first_archived.stop) if early else ():
            for slot, deed in enumerate(_on_card(register, index)):
                yield _place(ticks(deed.when), Source.CARD, index, slot)
        gone = {index: ticks(each.at) for index, each in register.happened if isinstance(each, Archived)}
        for group in self._alike():
            for slot, deed in enumerate(self._agreed(group[0]) if group else ()):
                when = ticks(deed.when)
                yield from (_place(when, Source.AGREED, i, slot) for i in group if i not in gone or when < gone[i])
        for number in range(len(register.happened)):
            for slot, deed in enumerate(_done(register, number)):
                yield _place(ticks(deed.when), Source.SINCE, number, slot)

    def _alike(self) -> Iterator[Sequence[int]]:
        """Customers whose agreements tell of the same deeds at the same times."""
        for role in range(len(ROLES)):
            yield self._register.first_active[role :: len(ROLES)]
        yield self._register.first_archived
        for index in range(self._register.first_archived.stop, self._register.known):
            yield [index]

    def _agreed(self, index: int) -> list[Deed]:
        """What was and will be done by a customer's agreements, in no order."""
        if index < self._register.first_archived.stop:
            return list(agreed_deeds(self._register.agreements(index)))
        if index not in self._joined:
            self._joined[index] = list(agreed_deeds(self._register.agreements(index)))
        return self._joined[index]


def _place(tick: int, source: Source = Source.FIXED, number: int = 0, slot: int = 0) -> int:
    return tick << 64 | source << 56 | number << 16 | slot


def _on_card(register: Register, index: int) -> list[Deed]:
    """The coming and going that a customer's name card tells, for those who were there from the beginning."""
    if index >= register.first_archived.stop:
        return []
    who = register.first_customer(index)
    deeds = [Deed(who.created_at, "create", "customer", who.id, by_token=True)]
    return deeds if who.archived_at is None else [*deeds, Deed(who.archived_at, "archive", "customer", who.id)]


def agreed_deeds(agreements: Agreements) -> Iterator[Deed]:
    """What people do by agreements: contracts, what was added to them later, entries by hand, mended invoices."""
    contracts = {item.id: item for item in agreements.contracts}
    for contract in agreements.contracts:
        kind = "contract" if contract.plan is None else "customer_plan"
        yield Deed(contract.created_at, "create", kind, contract.id)
    for item in agreements.balances:
        kind = "credit" if item.type == "CREDIT" else "commit"
        if item.contract_id is None:
            yield Deed(item.created_at, "create", kind, item.id)
        elif item.added_to(contracts[item.contract_id]):
            yield Deed(item.created_at, "edit", "contract", item.contract_id)
        if item.archived_at is not None:
            yield Deed(item.archived_at, "archive", kind, item.id)
        for entry in item.manual:
            yield Deed(entry.posted_at, "add_manual_balance_entry", "balance", item.id, by_token=True)
    for mishap in mishaps(agreements.contracts):
        yield from _mended(mishap)


def _mended(happening: Happening) -> Iterator[Deed]:
    """What was done to an invoice; the log names the one it was done to, not the one that came of it."""
    match happening:
        case Voided(at, invoice_id):
            yield Deed(at, "void", "invoice", invoice_id)
        case Regenerated(at, invoice_id):
            yield Deed(at, "regenerate", "invoice", invoice_id)
        case Corrected(at, invoice_id):
            yield Deed(at, "correct", "invoice", invoice_id)


def _done(register: Register, number: int) -> list[Deed]:
    """What a happening is in the log: usage that arrives is not."""
    index, happening = register.happened[number]
    its_id = customer_id(register.seed, index)
    match happening:
        case Joined(at):
            deeds = [Deed(at, "create", "customer", its_id, by_token=True)]
        case Updated(at):
            deeds = [Deed(at, "update", "customer", its_id)]
        case Archived(at):
            deeds = [Deed(at, "archive", "customer", its_id)]
        case Posted(balance_id):
            deeds = [Deed(happening.at, "add_manual_balance_entry", "balance", balance_id, by_token=True)]
        case Granted(at, balance):
            deeds = [Deed(at, "create", "credit" if balance.type == "CREDIT" else "commit", balance.id, by_token=True)]
        case Retimed(at, balance_id):
            deeds = [Deed(at, "update_end_date", "balance", balance_id, by_token=True)]
        case BalanceArchived(at, balance_id):
            deeds = [Deed(at, "archive", "balance", balance_id, by_token=True)]
        case _:
            deeds = [*_mended(happening), *_asked(happening, its_id), *_on_paper(happening)]
    return [deed._replace(number=number) for deed in deeds]


def _asked(happening: Happening, customer: str) -> Iterator[Deed]:
    """What was asked for about plans, filters, schedules and where invoices go."""
    match happening:
        case Billed(at, its_id):
            yield Deed(at, "create", "billing_provider_configuration", its_id, by_token=True)
        case BillingArchived(at, ids):
            for its_id in ids:
                yield Deed(at, "archive", "billing_provider_configuration", its_id, by_token=True)
        case PlanAdded(at, plan):
            yield Deed(at, "create", "customer_plan", plan.id, by_token=True)
        case Charged(at, its_id):
            yield Deed(at, "add_charge", "customer_plan", its_id, by_token=True)
        case Filtered(at, its_id):
            yield Deed(at, "set_usage_filter", "contract", its_id, by_token=True)
        case PlansBilled(at) | ScheduleSet(at):
            yield Deed(at, "update", "customer", customer, by_token=True)


def _on_paper(happening: Happening) -> Iterator[Deed]:
    """What was done to a contract, and the invoices that were written by hand."""
    match happening:
        case ContractEnded(at, contract_id):
            yield Deed(at, "update_end_date", "contract", contract_id, by_token=True)
        case Signed(at, contract):
            yield Deed(at, "create", "contract", contract.id, by_token=True)
        case Edited(at, contract_id):
            yield Deed(at, "edit", "contract", contract_id, by_token=True)
        case Amended(at, contract_id):
            yield Deed(at, "amend", "contract", contract_id, by_token=True)
        case ContractArchived(at, contract_id):
            yield Deed(at, "archive", "contract", contract_id, by_token=True)
        case ServicesBilled(at, _, invoice_id) | HistoryBilled(at, _, invoice_id):
            yield Deed(at, "create", "invoice", invoice_id, by_token=True)
