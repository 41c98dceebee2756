"""The simulated account: customers by index, books on demand, and the little state that writes leave behind."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta

from .books import Books
from .cast import write_archived, write_script
from .clock import Clock
from .engine import run
from .people import Person, customer_index, person
from .script import ManualEntry
from .switches import Switches
from .units import instant, shift_month

_BOOKS_KEPT = 64


class Account:
    """N active customers (indices 0 to N-1) and some archived ones behind them."""

    def __init__(self, *, customers: int, seed: int, months: int, clock: Clock, switches: Switches) -> None:
        self.seed = seed
        self.months = months
        self.clock = clock
        self.switches = switches
        self.active = range(customers)
        self.archived = range(customers, customers + -(-customers // 20))
        self.opened = shift_month(clock.now.toordinal(), 1 - months)
        # Archived half way through the account's first two months, or through what there is of them.
        lifetime = min(timedelta(days=61), clock.now - instant(self.opened))
        self._archived_at = instant(self.opened) + timedelta(days=lifetime.days // 2, seconds=5)
        self.posted: dict[int, list[tuple[str, ManualEntry]]] = {}
        self.uniqueness_keys: set[str] = set()
        self._books: OrderedDict[int, tuple[tuple[object, int], Books]] = OrderedDict()
        self._aliases: dict[str, int] | None = None
        self._salesforce: dict[str, int] | None = None

    def index(self, customer_id: str) -> int | None:
        """Return the index of a customer, archived ones included, or None."""
        index = customer_index(self.seed, customer_id)
        return index if index is not None and index < self.archived.stop else None

    def person(self, index: int) -> Person:
        """Return who customer `index` is."""
        archived_at = self._archived_at if index in self.archived else None
        return person(self.seed, index, opened=instant(self.opened), archived_at=archived_at)

    def books(self, index: int) -> Books:
        """Return the books of a customer as of the clock."""
        posted = self.posted.get(index, ())
        state = (self.clock.now, len(posted))
        kept = self._books.get(index)
        if kept is not None and kept[0] == state:
            self._books.move_to_end(index)
            return kept[1]
        books = self._build(index, posted)
        self._books[index] = (state, books)
        if len(self._books) > _BOOKS_KEPT:
            self._books.popitem(last=False)
        return books

    def _build(self, index: int, posted: Sequence[tuple[str, ManualEntry]]) -> Books:
        who = self.person(index)
        if who.archived_at is not None:
            script = write_archived(
                self.seed, index, who.id, opened=self.opened, months=self.months, at=who.archived_at
            )
        else:
            script = write_script(self.seed, index, who.id, opened=self.opened, months=self.months)
        return run(script, self.clock.now, posted, switches=self.switches)

    def post(self, index: int, balance_id: str, entry: ManualEntry) -> None:
        """Keep a manual entry that came in through the API."""
        self.posted.setdefault(index, []).append((balance_id, entry))

    def by_alias(self, alias: str) -> int | None:
        """Return the customer with an ingest alias; the first call reads every customer's name card."""
        if self._aliases is None:
            everyone = (self.person(index) for index in range(self.archived.stop))
            self._aliases = {alias: who.index for who in everyone for alias in who.aliases}
        return self._aliases.get(alias)

    def by_salesforce_id(self, salesforce_id: str) -> int | None:
        """Return the customer with a Salesforce account id; the first call reads every customer's name card."""
        if self._salesforce is None:
            everyone = (self.person(index) for index in range(self.archived.stop))
            self._salesforce = {who.salesforce_id: who.index for who in everyone if who.salesforce_id}
        return self._salesforce.get(salesforce_id)
