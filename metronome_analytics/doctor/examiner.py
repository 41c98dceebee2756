"""What the doctor asks: one request after another, each only once, never more than it may."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.decode import decode, undeclared_fields
from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.request import Tally
from metronome_analytics.errors import MalformedResponse, MetronomeError, TransportError
from metronome_analytics.loaders.base import request_for
from metronome_analytics.tables.registry import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr

    from metronome_analytics.api.exchange import Exchange
    from metronome_analytics.api.request import Request
    from metronome_analytics.session import Session

# What the facts about the account as a whole take; the rest is for customers, a few requests each.
_OVERHEAD, _EACH = 36, 4
# What balances are asked for: everything that a ledger can be checked against.
BALANCES = {
    "include_contract_balances": True,
    "include_ledgers": True,
    "include_balance": True,
}


class UsedUpError(Exception):
    """The requests are used up, or what is needed did not arrive; its text says which."""


class Examiner:
    """Asks and remembers. `customers` are the ids to look at; None takes a few from the first page of the list."""

    def __init__(
        self, session: Session, *, max_requests: int, customers: Sequence[str] | None, tick: Callable[[], None]
    ) -> None:
        self.session = session
        self.tally = Tally()
        self.max_requests = max_requests
        self.exchanges: list[tuple[Request, Exchange]] = []
        self.malformed: set[str] = set()
        self.undeclared: set[str] = set()
        self.lost = 0
        self._given = customers
        self._tick = tick
        self._known: dict[str, Exchange] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self.whole: set[str] = set()

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        again: int = 0,
        token: SecretStr | None = None,
    ) -> Exchange:
        """The answer to one request, whatever its status; `again` tells repetitions of the same request apart.

        What failed in passing (429, 5xx, nothing arrived) is asked once more. Raises UsedUpError.
        """
        key = json.dumps([name, labels, query, body, again, token is None], default=str)
        if key not in self._known:
            request = request_for(name, labels, query=query, body=body)
            seen = self._once(request, token)
            if seen is None or seen.status == 429 or seen.status >= 500:
                seen = self._once(request, token) or seen
            if seen is None:
                raise UsedUpError("no answer arrived")
            self._known[key] = seen
            self._note(request, seen)
        return self._known[key]

    def _once(self, request: Request, token: SecretStr | None) -> Exchange | None:
        if self.tally.requests >= self.max_requests:
            raise UsedUpError("max_requests was used up before it could be asked")
        client = self.session.client
        try:
            seen = self.session.run(lambda: client.probe(request, tally=self.tally, token=token), tick=self._tick)
        except TransportError:
            self.lost += 1
            return None
        self.exchanges.append((request, seen))
        return seen

    def _note(self, request: Request, seen: Exchange) -> None:
        endpoint = request.endpoint
        if seen.status != 200 or endpoint.wire is None:
            return
        try:
            found = undeclared_fields(seen.body, endpoint, seen=set())
        except (MetronomeError, ValueError):
            found = set()
        self.undeclared |= {f"{endpoint.name}: {path}" for path in found}

    def data(self, seen: Exchange) -> list[dict[str, Any]]:
        """The rows of a list's answer, numbers exact; nothing where it has none."""
        rows = self.payload(seen).get("data")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    @staticmethod
    def payload(seen: Exchange) -> dict[str, Any]:
        """The answer's object; empty where it is none."""
        try:
            found = json.loads(seen.body, parse_float=Decimal)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    # --- customers -------------------------------------------------------------------------------------------------

    @property
    def first_page(self) -> Exchange:
        """The first customers, as many as a page may have."""
        return self.ask("customers", query={"limit": 100})

    def listed(self) -> list[dict[str, Any]]:
        """The rows of the first page. Raises UsedUpError where the list cannot be read."""
        if self.first_page.status != 200:
            raise UsedUpError(f"the list of customers answers {self.first_page.status}")
        return self.data(self.first_page)

    @cached_property
    def customers(self) -> list[str]:
        """The customers that are looked at."""
        if self._given is not None:
            return list(self._given)
        ids = [str(row.get("id")) for row in self.listed()]
        number = max(1, (self.max_requests - _OVERHEAD) // _EACH)
        return ids[:: max(1, len(ids) // number)][:number]

    def customer(self) -> str:
        """One customer. Raises UsedUpError where there is none."""
        if not self.customers:
            raise UsedUpError("the account has no customers")
        return self.customers[0]

    # --- frames ----------------------------------------------------------------------------------------------------

    def invoices(self) -> pl.DataFrame:
        """Invoices of the customers looked at, the newest hundred of each, as `account.invoices()` has them."""
        query = {"sort": "date_desc", "limit": 100}
        return self._frame("invoices", lambda id_: self.ask("invoices", {"customer_id": id_}, query=query))

    def balances(self) -> pl.DataFrame:
        """Balances of the customers looked at, as `account.balances()` has them; of those in `whole` it is all."""
        return self._frame("balances", self._balances)

    def _balances(self, id_: str) -> Exchange:
        seen = self.ask("balances", {"customer_id": id_}, body={**BALANCES, "limit": 25})
        if seen.status == 200 and not self.payload(seen).get("next_page"):
            self.whole.add(id_)
        return seen

    def net_balances(self) -> pl.DataFrame:
        """Net balances of the customers whose balances are whole, per unit that they have."""
        units = self.balances().filter(pl.col("customer_id").is_in(list(self.whole)))
        asked = units.select("customer_id", "credit_type_id").drop_nulls().unique(maintain_order=True)
        by_customer: dict[str, list[str]] = {}
        for id_, unit in asked.iter_rows():
            by_customer.setdefault(id_, []).append(unit)
        frames = [
            self._decoded(
                "net_balances", self.ask("net_balances", {"customer_id": id_}, body={"credit_type_id": unit}), id_
            )
            for id_, those in by_customer.items()
            for unit in those[: 2 if self.max_requests <= 100 else None]
        ]
        return pl.concat([_empty("net_balances"), *frames], rechunk=True)

    def contracts(self) -> pl.DataFrame:
        """Contracts of the customers looked at, as `account.contracts()` has them."""
        return self._frame("contracts", lambda id_: self.ask("contracts", {"customer_id": id_}))

    def _frame(self, name: str, asked: Callable[[str], Exchange]) -> pl.DataFrame:
        """The rows of as many customers as the requests suffice for; of none is UsedUpError."""
        if name not in self._frames:
            frames = []
            for id_ in self.customers:
                try:
                    frames.append(self._decoded(name, asked(id_), id_))
                except UsedUpError:
                    if not frames:
                        raise
                    break
            # In one piece: polars 2.1 panics over some texts of frames in several.
            self._frames[name] = pl.concat([_empty(name), *frames], rechunk=True)
        return self._frames[name]

    def _decoded(self, name: str, seen: Exchange, id_: str) -> pl.DataFrame:
        if seen.status != 200:
            raise UsedUpError(f"{name} answers {seen.status}")
        try:
            rows = decode(seen.body, ENDPOINTS[name]).rows
        except MetronomeError as error:
            if isinstance(error, MalformedResponse):
                self.malformed.add(name)
            raise UsedUpError(f"an answer of {name} cannot be read") from error
        wire = dict(ENDPOINTS[name].wire or ())
        return TABLES[name].shape(rows if "customer_id" in wire else rows.with_columns(customer_id=pl.lit(id_)))


def _empty(name: str) -> pl.DataFrame:
    return TABLES[name].schema.create_empty()
