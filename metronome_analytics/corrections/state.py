"""What a plan sees of the account: customers, balances, segments and what is left in each, and a print of it all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import polars as pl

from metronome_analytics.tables import ledger, segments

if TYPE_CHECKING:
    from datetime import datetime

# The short token by which an entry of ours is found again: a ledger entry has no id of its own.
_TOKEN = re.compile(r" \[ma:([0-9a-f]{12})\]$")

Read = Callable[[Sequence[str]], pl.DataFrame]


def with_token(reason: str, token: str) -> str:
    """`reason` as it is sent."""
    return f"{reason} [ma:{token}]"


def token_of(reason: str | None) -> str | None:
    """The token in a reason that was sent by us."""
    found = _TOKEN.search(reason or "")
    return found[1] if found else None


def without_token(reason: str | None) -> str:
    """A reason as the user wrote it."""
    return _TOKEN.sub("", reason or "").strip()


@dataclass(frozen=True, slots=True)
class Segment:
    """One access segment of a balance."""

    id: str
    starting_at: datetime
    ending_before: datetime

    def covers(self, at: datetime) -> bool:
        """Whether access at `at` is access to this segment."""
        return self.starting_at <= at < self.ending_before


@dataclass(frozen=True, slots=True)
class Balance:
    """One commit or credit, with its segments and its ledger."""

    id: str
    customer_id: str
    type: str | None
    name: str | None
    contract_id: str | None
    credit_type_name: str | None
    balance: Decimal | None
    archived: bool
    segments: tuple[Segment, ...] = ()
    entries: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def available(self, segment: Segment) -> Decimal:
        """What is left in `segment`, drafts taken off: what the ledger says, and never more than the whole balance.

        A manual entry carries no segment: it belongs to the only one, or else to the one its timestamp falls in,
        which is where the API puts an entry without a timestamp of its own.
        """
        left = sum(
            (entry["amount"] for entry in self.entries if self._segment_of(entry) == segment.id), start=Decimal(0)
        )
        return left if self.balance is None else min(left, self.balance)

    @property
    def ambiguous(self) -> int:
        """How many manual entries there are of which the ledger does not tell the segment."""
        return 0 if len(self.segments) == 1 else sum(_is_manual(entry) for entry in self.entries)

    def has_manual(self, amount: Decimal, reason: str) -> bool:
        """Whether the ledger has a manual entry of that amount and reason."""
        return any(
            _is_manual(entry) and entry["amount"] == amount and without_token(entry["reason"]) == reason
            for entry in self.entries
        )

    def _segment_of(self, entry: dict[str, Any]) -> str | None:
        if entry["segment_id"] is not None:
            named: str = entry["segment_id"]
            return named
        if len(self.segments) == 1:
            return self.segments[0].id
        return next((segment.id for segment in self.segments if segment.covers(entry["timestamp"])), None)

    def tokens(self) -> set[str]:
        """The tokens of the ledger entries that were sent by us."""
        return {token for entry in self.entries if (token := token_of(entry["reason"]))}

    def fingerprint(self, without: frozenset[str]) -> str:
        """A digest of all that decides what an entry does here, without the entries whose token is in `without`."""
        seen = {
            "archived": self.archived,
            "segments": [(s.id, s.starting_at.isoformat(), s.ending_before.isoformat()) for s in self.segments],
            # Sorted, for the API promises no order among entries of the same time.
            "ledger": sorted(
                [str(entry[name]) for name in ("type", "timestamp", "amount", "segment_id", "invoice_id", "reason")]
                for entry in self.entries
                if token_of(entry["reason"]) not in without
            ),
        }
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class State:
    """The customers and balances that entries are about."""

    names: dict[str, str]
    balances: dict[str, Balance]

    @classmethod
    def read(cls, customers: Read, balances: Read, ids: Sequence[str]) -> State:
        """Read what there is of the customers `ids`, archived balances too; what is no id is nobody's."""
        found = customers([id_ for id_ in ids if _is_uuid(id_)])
        names = dict(found.select("id", "name").rows())
        rows = balances(list(names)) if names else None
        return cls(names, {} if rows is None else _balances(rows))

    @classmethod
    def of(cls, balances: pl.DataFrame) -> State:
        """The balances alone, for a look at their ledgers."""
        return cls({}, _balances(balances))

    def amounts_with(self, balance_id: str, token: str) -> tuple[Decimal, ...]:
        """The amounts of the ledger entries of a balance that carry `token`: one, if it was sent and took effect."""
        balance = self.balances.get(balance_id)
        entries = () if balance is None else balance.entries
        return tuple(entry["amount"] for entry in entries if token_of(entry["reason"]) == token)


def _is_manual(entry: dict[str, Any]) -> bool:
    return (entry["type"] or "").endswith("_MANUAL")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _balances(rows: pl.DataFrame) -> dict[str, Balance]:
    items: dict[str, list[Segment]] = {}
    for segment in segments(rows).iter_rows(named=True):
        items.setdefault(segment["balance_id"], []).append(
            Segment(segment["segment_id"], segment["starting_at"], segment["ending_before"])
        )
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in ledger(rows).iter_rows(named=True):
        entries.setdefault(entry["balance_id"], []).append(entry)
    return {
        row["id"]: Balance(
            id=row["id"],
            customer_id=row["customer_id"],
            type=row["type"],
            name=row["name"],
            contract_id=row["contract_id"],
            credit_type_name=row["credit_type_name"],
            balance=row["balance"],
            archived=row["archived_at"] is not None or row["ledger"] is None,
            segments=tuple(items.get(row["id"], ())),
            entries=tuple(entries.get(row["id"], ())),
        )
        for row in rows.select(
            "id", "customer_id", "type", "name", "contract_id", "credit_type_name", "balance", "archived_at", "ledger"
        ).iter_rows(named=True)
    }
