"""What an account holds, as it was read: customers, balances with segments and ledger, contracts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.changes.records import token_of, without_token

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer that is not archived."""

    id: str
    name: str
    aliases: tuple[str, ...]
    salesforce_account_id: str | None


@dataclass(frozen=True, slots=True)
class Segment:
    """One access segment of a balance."""

    id: str
    starting_at: datetime
    ending_before: datetime
    amount: Decimal

    def covers(self, at: datetime) -> bool:
        """Whether access at `at` is access to this segment."""
        return self.starting_at <= at < self.ending_before


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of a ledger."""

    type: str
    timestamp: datetime
    amount: Decimal
    segment_id: str | None
    invoice_id: str | None
    reason: str | None

    @property
    def manual(self) -> bool:
        """Whether a person made it."""
        return self.type.endswith("_MANUAL")

    @property
    def token(self) -> str | None:
        """The token it carries, if we sent it."""
        return token_of(self.reason)


@dataclass(frozen=True, slots=True)
class Balance:
    """One commit or credit, with its segments and its ledger."""

    id: str
    customer_id: str
    type: str | None
    name: str | None
    contract_id: str | None
    product_id: str | None
    priority: float | None
    credit_type_name: str | None
    uniqueness_key: str | None
    balance: Decimal | None
    archived: bool
    readable: bool
    """Whether its ledger is there: that of an archived balance is not."""
    segments: tuple[Segment, ...] = ()
    invoiced_at: tuple[datetime, ...] = ()
    """When something is invoiced for it."""
    entries: tuple[LedgerEntry, ...] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id

    def available(self, segment: Segment) -> Decimal:
        """What is left in `segment`, drafts taken off: what the ledger says, and never more than the whole balance.

        A manual entry carries no segment: it belongs to the only one, or else to the one its timestamp falls in,
        which is where the API puts an entry without a timestamp of its own.
        """
        left = sum((entry.amount for entry in self.entries if self._segment_of(entry) == segment.id), start=Decimal(0))
        return left if self.balance is None else min(left, self.balance)

    @property
    def ambiguous(self) -> int:
        """How many manual entries there are of which the ledger does not tell the segment."""
        return 0 if len(self.segments) == 1 else sum(entry.manual for entry in self.entries)

    def manual_entries(self, amount: Decimal, reason: str) -> list[LedgerEntry]:
        """The manual entries of that amount and reason, whoever sent them."""
        return [
            entry
            for entry in self.entries
            if entry.manual and entry.amount == amount and without_token(entry.reason) == reason
        ]

    def _segment_of(self, entry: LedgerEntry) -> str | None:
        if entry.segment_id is not None:
            return entry.segment_id
        if len(self.segments) == 1:
            return self.segments[0].id
        return next((segment.id for segment in self.segments if segment.covers(entry.timestamp)), None)

    def tokens(self) -> set[str]:
        """The tokens of the ledger entries that were sent by us."""
        return {token for entry in self.entries if (token := entry.token)}

    def without(self, tokens: frozenset[str]) -> Balance:
        """The balance as it would stand without the entries that carry one of `tokens`."""
        if not tokens & self.tokens():
            return self
        own = sum((entry.amount for entry in self.entries if entry.token in tokens), start=Decimal(0))
        return replace(
            self,
            balance=None if self.balance is None else self.balance - own,
            entries=tuple(entry for entry in self.entries if entry.token not in tokens),
        )

    def fingerprint(self) -> str:
        """A digest of all that decides what an entry does here."""
        return digest(
            {
                "archived": self.archived or not self.readable,
                "segments": [(s.id, s.starting_at.isoformat(), s.ending_before.isoformat()) for s in self.segments],
                # Sorted, for the API promises no order among entries of the same time.
                "ledger": sorted(
                    [
                        entry.type,
                        str(entry.timestamp),
                        str(entry.amount),
                        str(entry.segment_id),
                        str(entry.invoice_id),
                        str(entry.reason),
                    ]
                    for entry in self.entries
                ),
            }
        )


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract."""

    id: str
    customer_id: str
    name: str | None
    starting_at: datetime
    ending_before: datetime | None
    customer_billing_provider_configuration: str | None = None
    """JSON text."""
    usage_filter: str | None = None

    @property
    def provider(self) -> str | None:
        """The id of the billing provider configuration that it sends its invoices to."""
        said = json.loads(self.customer_billing_provider_configuration or "{}")
        return said.get("id") if isinstance(said, dict) else None


def digest(seen: object) -> str:
    """A print of what was seen."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()
