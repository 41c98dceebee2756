"""What the account holds of the customers that changes are about, as it was read a moment ago."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import polars as pl

from metronome_analytics.changes.records import token_of, without_token
from metronome_analytics.changes.surroundings import Surroundings, alerts_of
from metronome_analytics.tables import ledger, segments
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from metronome_analytics.changes.surroundings import Alert
    from metronome_analytics.loaders import AllLoaders


class Look(Enum):
    """What may be read around a change."""

    CUSTOMERS = "customers"
    BALANCES = "balances"
    CONTRACTS = "contracts"
    PRODUCTS = "products"
    ALERTS = "alerts"
    CREDIT_TYPES = "credit_types"
    DRAFTS = "drafts"
    # These are read by `surroundings`, whose fields have the same names.
    ARCHIVED = "archived"
    ALIASES = "aliases"
    SALESFORCE = "salesforce"
    FIELD_KEYS = "field_keys"
    USAGE = "usage"
    CONFIGURATIONS = "configurations"
    DELIVERY_METHODS = "delivery_methods"
    BILLING_CONFIGS = "billing_configs"
    PLANS = "plans"
    INVOICES = "invoices"
    SCHEDULES = "schedules"
    GROUP_KEYS = "group_keys"


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
    amount: Decimal = Decimal(0)

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


@dataclass(frozen=True, slots=True)
class View:
    """What was read; what no operation looks at is not there."""

    customers: Mapping[str, Customer] = field(default_factory=dict)
    balances: Mapping[str, Balance] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    products: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    alerts: Mapping[tuple[str, str], Alert] = field(default_factory=dict)
    credit_types: Mapping[str, str] = field(default_factory=dict)
    drafts: Mapping[str, int] = field(default_factory=dict)
    """How many draft invoices each contract has."""
    frame: pl.DataFrame | None = None
    """The balances as they were loaded."""
    around: Surroundings = field(default_factory=Surroundings)

    @classmethod
    def read(cls, loaders: AllLoaders, looks: Iterable[Look], given: Iterable[Mapping[str, Any]]) -> View:
        """Read what changes with the fields `given` are about: customers, archived balances and contracts too.

        What is no id is nobody's.
        """
        wanted, about = frozenset(looks), list(given)
        known = [id_ for id_ in dict.fromkeys(str(each["customer_id"]) for each in about) if _is_uuid(id_)]
        customers = _customers(loaders.customers(customer_ids=known)) if Look.CUSTOMERS in wanted and known else {}
        # What is said of a customer that there is not is an error of the API's: it is not asked.
        owners = list(customers) if Look.CUSTOMERS in wanted else known
        theirs = wanted if owners else frozenset()
        frame = loaders.balances(owners, include_archived=True) if Look.BALANCES in theirs else None
        return cls(
            customers,
            {} if frame is None else _balances(frame),
            _contracts(loaders.contracts(owners)) if Look.CONTRACTS in theirs else {},
            _products(loaders.products()) if Look.PRODUCTS in wanted else {},
            alerts_of(loaders.alerts(owners)) if Look.ALERTS in theirs else {},
            dict(loaders.credit_types().select("id", "name").rows()) if Look.CREDIT_TYPES in wanted else {},
            _drafts(loaders.invoices(owners, status=InvoiceStatus.DRAFT)) if Look.DRAFTS in theirs else {},
            frame,
            Surroundings.read(loaders, {look.value for look in wanted}, known, owners, about),
        )

    def without(self, tokens: frozenset[str], keys: frozenset[str] = frozenset()) -> View:
        """The account without what carries one of `tokens` or `keys`: as a plan saw it before it was applied."""
        return replace(
            self,
            balances={
                id_: balance.without(tokens)
                for id_, balance in self.balances.items()
                if balance.uniqueness_key not in keys
            },
        )


def digest(seen: object) -> str:
    """A print of what was seen."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _rows(frame: pl.DataFrame, *names: str) -> Iterable[dict[str, Any]]:
    return frame.select(names).iter_rows(named=True)


def _customers(rows: pl.DataFrame) -> dict[str, Customer]:
    return {
        row["id"]: Customer(
            row["id"], row["name"] or row["id"], tuple(row["ingest_aliases"] or ()), row["salesforce_account_id"]
        )
        for row in _rows(rows, "id", "name", "ingest_aliases", "salesforce_account_id")
    }


def _balances(rows: pl.DataFrame) -> dict[str, Balance]:
    items: dict[str, list[Segment]] = {}
    for row in segments(rows).iter_rows(named=True):
        items.setdefault(row["balance_id"], []).append(
            Segment(row["segment_id"], row["starting_at"], row["ending_before"], row["amount"])
        )
    entries: dict[str, list[LedgerEntry]] = {}
    for row in ledger(rows).iter_rows(named=True):
        entries.setdefault(row["balance_id"], []).append(
            LedgerEntry(
                row["type"] or "",
                row["timestamp"],
                row["amount"],
                row["segment_id"],
                row["invoice_id"],
                row["reason"],
            )
        )
    names = ("id", "customer_id", "type", "name", "contract_id", "product_id", "priority", "credit_type_name")
    return {
        row["id"]: Balance(
            **{name: row[name] for name in (*names, "uniqueness_key", "balance")},
            archived=row["archived_at"] is not None,
            readable=row["ledger"] is not None,
            segments=tuple(items.get(row["id"], ())),
            entries=tuple(entries.get(row["id"], ())),
        )
        for row in _rows(rows, *names, "uniqueness_key", "balance", "archived_at", "ledger")
    }


def _contracts(rows: pl.DataFrame) -> dict[str, Contract]:
    names = ("id", "customer_id", "name", "starting_at", "ending_before")
    more = ("customer_billing_provider_configuration", "usage_filter")
    return {row["id"]: Contract(**row) for row in _rows(rows, *names, *more)}


def _drafts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.filter(pl.col("contract_id").is_not_null()).group_by("contract_id").len().rows())


def _products(rows: pl.DataFrame) -> dict[str, Mapping[str, str | None]]:
    return {row["id"]: row for row in _rows(rows, "id", "type", "name")}
