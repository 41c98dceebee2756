"""The customers that an account has listed so far, to tell an id from a name."""

from __future__ import annotations

import re
import threading
from difflib import get_close_matches
from typing import TYPE_CHECKING

from metronome_analytics.errors import ArgumentError

if TYPE_CHECKING:
    import polars as pl

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class KnownCustomers:
    """Names and their ids, from every list of customers that was loaded. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unread: list[pl.DataFrame] = []
        self._ids: dict[str, str] = {}

    def note(self, customers: pl.DataFrame) -> None:
        """Remember the rows of `tables.Customers`; they are looked at when a name has to be understood."""
        with self._lock:
            self._unread.append(customers.select("name", "id").drop_nulls())

    def refuse(self, given: str) -> None:
        """Raise an ArgumentError for a customer's name, or a text with blanks, where an id belongs."""
        if _ID.fullmatch(given):
            return
        if given.casefold() in self._names() or any(blank in given for blank in " \t\n"):
            raise ArgumentError(f"{given!r} is a name, and a customer's id belongs here.", advice=self.advice(given))

    def advice(self, given: str) -> str | None:
        """Whose id may be meant by `given`; None for what looks like an id."""
        if _ID.fullmatch(given):
            return None
        names = self._names()
        if (id_ := names.get(given.casefold())) is not None:
            return f"The customer of that name has the id {id_!r}."
        if meant := get_close_matches(given.casefold(), names, n=1):
            return f"Perhaps the customer {meant[0]!r} is meant, whose id is {names[meant[0]]!r}."
        return "An id is a UUID; account.customers() lists names and ids, ma.find_customers() searches them."

    def hint(self, given: str | None) -> str | None:
        """What to say of an id that the API did not know and that does not look like one."""
        if given is None or _ID.fullmatch(given):
            return None
        return f"{given!r} does not look like a customer's id. {self.advice(given)}"

    def _names(self) -> dict[str, str]:
        with self._lock:
            while self._unread:
                self._ids.update({name.casefold(): id_ for name, id_ in self._unread.pop(0).iter_rows()})
            return self._ids
