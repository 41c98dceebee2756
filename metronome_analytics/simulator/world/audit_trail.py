"""What people and tokens did to the account, in order of time: any span of it without reading the rest.

What a script tells of happens to all customers of a role at the same instants, so one script per role gives the times,
and only the customers of a page are opened for their ids. When customers were created is on every name card: those are
read for spans that begin so early. A place in the log is one integer, the time of a deed and where it is found.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from metronome_analytics.simulator.world.bookkeeping import mishaps
from metronome_analytics.simulator.world.customers import customer_id
from metronome_analytics.simulator.world.days import instant, parse_instant
from metronome_analytics.simulator.world.happenings import (
    Archived,
    Corrected,
    Happening,
    Joined,
    Posted,
    Regenerated,
    Updated,
    Voided,
)
from metronome_analytics.simulator.world.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Script

_EPOCH = parse_instant("1970-01-01T00:00:00Z")
_MICROSECOND = timedelta(microseconds=1)
_FIXED, _CARD, _SCRIPT, _SINCE = range(4)
"""Where a deed is found: among those of the account, on a name card, in a script, or in what happened since."""


class Deed(NamedTuple):
    """Something that somebody did to the account."""

    when: datetime
    action: str
    resource_type: str
    resource_id: str
    by_token: bool = False
    number: int = 0
    """Tells deeds apart that are otherwise equal."""


def ticks(when: datetime) -> int:
    """An instant as a whole number."""
    return (when - _EPOCH) // _MICROSECOND


class Log:
    """The log of one account: where its deeds are found is kept, the deeds themselves are read again each time.

    `fixed` are the deeds that concern no customer.
    """

    def __init__(self) -> None:
        self._places: dict[bool, tuple[int, list[int]]] = {}
        self._joined: dict[int, list[Deed]] = {}

    def places(
        self, account: Account, fixed: Sequence[Deed], first: int | None, last: int | None
    ) -> tuple[list[int], int, int]:
        """Places in order of time, and between which of them the deeds from one tick to before another lie."""
        early = first is None or first <= ticks(max(account.first_archived_at, instant(account.opened)))
        told, places = self._places.get(early, (-1, []))
        if told != len(account.happened):
            places = sorted(self._written(account, fixed, early=early))
            self._places[early] = len(account.happened), places
        end = ticks(account.clock.now) + 1
        begin = 0 if first is None else bisect_left(places, _place(first))
        return places, begin, bisect_left(places, _place(end if last is None else min(end, last)))

    def deed(self, account: Account, fixed: Sequence[Deed], place: int) -> Deed:
        """What was done at a place."""
        source, number, slot = place >> 56 & 0xFF, place >> 16 & 0xFF_FFFF_FFFF, place & 0xFFFF
        if source == _FIXED:
            return fixed[slot]
        if source == _SINCE:
            return _done(account, number)[slot]
        return (self._scripted(account, number) if source == _SCRIPT else _on_card(account, number))[slot]

    def about(self, account: Account, fixed: Sequence[Deed], resource_type: str, resource_id: str) -> list[Deed]:
        """What was done to one thing until now; for anything but a customer every script is read."""
        indices: Sequence[int] = range(account.known)
        if resource_type == "customer":
            indices = [] if (index := account.index(resource_id)) is None else [index]
        deeds = [*fixed]
        for index in indices:
            deeds += [*_on_card(account, index), *self._scripted(account, index)]
        deeds += [deed for number in range(len(account.happened)) for deed in _done(account, number)]
        wanted = [d for d in deeds if (d.resource_type, d.resource_id) == (resource_type, resource_id)]
        return sorted((d for d in wanted if d.when <= account.clock.now), key=lambda d: d.when)

    def _written(self, account: Account, fixed: Sequence[Deed], *, early: bool) -> Iterator[int]:
        yield from (_place(ticks(deed.when), _FIXED, 0, slot) for slot, deed in enumerate(fixed))
        for index in range(account.first_archived.stop) if early else ():
            for slot, deed in enumerate(_on_card(account, index)):
                yield _place(ticks(deed.when), _CARD, index, slot)
        gone = {index: ticks(each.at) for index, each in account.happened if isinstance(each, Archived)}
        for group in self._groups(account):
            for slot, deed in enumerate(self._scripted(account, group[0]) if group else ()):
                when = ticks(deed.when)
                yield from (_place(when, _SCRIPT, i, slot) for i in group if i not in gone or when < gone[i])
        for number in range(len(account.happened)):
            for slot, deed in enumerate(_done(account, number)):
                yield _place(ticks(deed.when), _SINCE, number, slot)

    def _groups(self, account: Account) -> Iterator[Sequence[int]]:
        """Customers whose scripts tell of the same deeds at the same times."""
        for role in range(len(ROLES)):
            yield account.first_active[role :: len(ROLES)]
        yield account.first_archived
        for index in range(account.first_archived.stop, account.known):
            yield [index]

    def _scripted(self, account: Account, index: int) -> list[Deed]:
        """What was and will be done by a customer's script, in no order."""
        if index < account.first_archived.stop:
            return list(_in_script(account.script(index)))
        if index not in self._joined:
            self._joined[index] = list(_in_script(account.script(index)))
        return self._joined[index]


def _place(tick: int, source: int = 0, number: int = 0, slot: int = 0) -> int:
    return tick << 64 | source << 56 | number << 16 | slot


def _on_card(account: Account, index: int) -> list[Deed]:
    """The coming and going that a customer's name card tells, for those who were there from the beginning."""
    if index >= account.first_archived.stop:
        return []
    who = account.first_person(index)
    deeds = [Deed(who.created_at, "create", "customer", who.id, by_token=True)]
    return deeds if who.archived_at is None else [*deeds, Deed(who.archived_at, "archive", "customer", who.id)]


def _in_script(script: Script) -> Iterator[Deed]:
    """What people do by a script: contracts, what was added to them later, entries by hand, mended invoices."""
    begun = {item.id: item.created_at for item in script.contracts}
    for contract in script.contracts:
        kind = "contract" if contract.plan is None else "customer_plan"
        yield Deed(contract.created_at, "create", kind, contract.id)
    for item in script.balances:
        kind = "credit" if item.type == "CREDIT" else "commit"
        if item.contract_id is None:
            yield Deed(item.created_at, "create", kind, item.id)
        elif item.created_at > begun[item.contract_id] and not (item.rolled_over_from or item.recurring_id):
            yield Deed(item.created_at, "edit", "contract", item.contract_id)
        if item.archived_at is not None:
            yield Deed(item.archived_at, "archive", kind, item.id)
        for entry in item.manual:
            yield Deed(entry.posted_at, "add_manual_balance_entry", "balance", item.id, by_token=True)
    for mishap in mishaps(script.contracts):
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


def _done(account: Account, number: int) -> list[Deed]:
    """What a happening is in the log: usage that arrives is not."""
    index, happening = account.happened[number]
    its_id = customer_id(account.seed, index)
    match happening:
        case Joined(at):
            deeds = [Deed(at, "create", "customer", its_id, by_token=True)]
        case Updated(at):
            deeds = [Deed(at, "update", "customer", its_id)]
        case Archived(at):
            deeds = [Deed(at, "archive", "customer", its_id)]
        case Posted(balance_id):
            deeds = [Deed(happening.at, "add_manual_balance_entry", "balance", balance_id, by_token=True)]
        case _:
            deeds = list(_mended(happening))
    return [deed._replace(number=number) for deed in deeds]
