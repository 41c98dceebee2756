"""The simulated account: the register of its customers, its audit trail, and the books of whoever is asked about."""

from __future__ import annotations

from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.audit_trail import AuditTrail
from metronome_analytics.simulator.world.bookkeeping.run import run
from metronome_analytics.simulator.world.register import Register

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements
    from metronome_analytics.simulator.world.books import Books
    from metronome_analytics.simulator.world.clock import Clock
    from metronome_analytics.simulator.world.switches import Switches

_PARTS_KEPT = 500_000
"""How many parts of lines the kept books may have together: about 80 MB, some 250 customers of 14 months."""


_Moment = tuple["datetime", int, "Switches"]


class Account(Register):
    """What the endpoints read and write; books are kept on demand, those of the customers asked about last."""

    def __init__(self, *, customers: int, seed: int, months: int, clock: Clock, switches: Switches) -> None:
        super().__init__(customers=customers, seed=seed, months=months, clock=clock)
        self.lock = RLock()
        """Held while a request is answered; who changes an account that another thread serves must hold it."""
        self.switches = switches
        self.trail = AuditTrail(self)
        self.uniqueness_keys: set[str] = set()
        self._books: OrderedDict[int, tuple[_Moment, Books]] = OrderedDict()
        self._parts = 0

    def books(self, index: int) -> Books:
        """The books of a customer as of the clock and the switches."""
        moment = (*self.moment(index), self.switches)
        kept = self._books.get(index)
        if kept is not None and kept[0] == moment:
            self._books.move_to_end(index)
            return kept[1]
        agreements, now = self.agreed_until(index)
        books = run(agreements, now, self.history(index), switches=self.switches)
        self._forget(index)
        self._books[index] = (moment, books)
        self._parts += books.parts()
        while self._parts > _PARTS_KEPT and len(self._books) > 1:
            self._forget(next(iter(self._books)))
        return books

    def _forget(self, index: int) -> None:
        kept = self._books.pop(index, None)
        if kept is not None:
            self._parts -= kept[1].parts()

    def agreements(self, index: int) -> Agreements:
        """What a customer has agreed to and would do if nothing happened to it."""
        kept = self._books.get(index)
        return super().agreements(index) if kept is None else kept[1].agreements
