"""What the account holds of the customers that changes are about, as it was read a moment ago."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import polars as pl

from metronome_analytics.changes.holdings import Balance, Contract, Customer, LedgerEntry, Segment
from metronome_analytics.changes.papers import Papers
from metronome_analytics.changes.seats import read_seats
from metronome_analytics.changes.surroundings import Surroundings, alerts_of
from metronome_analytics.tables import ledger, segments
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from metronome_analytics.changes.records import Json
    from metronome_analytics.changes.seats import SeatPeriod
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
    # These are read by `papers`.
    PAPERS = "papers"
    EDITS = "edits"
    AMENDMENTS = "amendments"
    RATE_CARDS = "rate_cards"


@dataclass(frozen=True, slots=True)
class View:
    """What was read; what no operation looks at is not there."""

    customers: Mapping[str, Customer] = field(default_factory=dict)
    balances: Mapping[str, Balance] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    products: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    alerts: Mapping[tuple[str, str], Alert] = field(default_factory=dict)
    credit_types: Mapping[str, str] = field(default_factory=dict)
    drafts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many draft invoices there are, by customer and contract."""
    seats: Mapping[str, tuple[SeatPeriod, ...]] = field(default_factory=dict)
    """Who sat when, by balance: of those asked for that give each seat a part of its own."""
    frame: pl.DataFrame | None = None
    """The balances as they were loaded."""
    around: Surroundings = field(default_factory=Surroundings)
    papers: Papers = field(default_factory=Papers)
    """Contracts in full, and their edits."""

    @classmethod
    def read(
        cls,
        loaders: AllLoaders,
        looks: Iterable[Look],
        given: Iterable[Mapping[str, Any]],
        *,
        seats_of: Collection[str] = (),
        trials: Iterable[Mapping[str, Json]] = (),
    ) -> View:
        """Read what changes with the fields `given` are about, archived balances and contracts too, and try `trials`.

        What is no id is nobody's. The seats are read of the balances `seats_of`.
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
            read_seats(loaders, frame, seats_of) if seats_of and frame is not None else {},
            frame,
            Surroundings.read(loaders, {look.value for look in wanted}, known, owners, about),
            Papers.read(loaders, frozenset(look.value for look in theirs), owners, trials),
        )

    def drafts_of(self, customer_id: str, contract_id: str | None = None) -> int:
        """How many draft invoices a customer has, of one contract or of all."""
        return sum(
            number
            for (owner, contract), number in self.drafts.items()
            if owner == customer_id and contract_id in {None, contract}
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
            papers=self.papers.without(keys),
        )


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
            invoiced_at=tuple(_dates(row["invoice_schedule"])),
            entries=tuple(entries.get(row["id"], ())),
        )
        for row in _rows(rows, *names, "uniqueness_key", "balance", "archived_at", "ledger", "invoice_schedule")
    }


def _dates(schedule: Mapping[str, Any] | None) -> list[datetime]:
    items = (schedule or {}).get("schedule_items") or ()
    return [item["timestamp"] for item in items if item["timestamp"] is not None]


def _contracts(rows: pl.DataFrame) -> dict[str, Contract]:
    names = ("id", "customer_id", "name", "starting_at", "ending_before")
    more = ("customer_billing_provider_configuration", "usage_filter")
    return {row["id"]: Contract(**row) for row in _rows(rows, *names, *more)}


def _drafts(rows: pl.DataFrame) -> dict[tuple[str, str], int]:
    counts = rows.filter(pl.col("contract_id").is_not_null()).group_by("customer_id", "contract_id").len()
    return {(customer_id, contract_id): number for customer_id, contract_id, number in counts.rows()}


def _products(rows: pl.DataFrame) -> dict[str, Mapping[str, str | None]]:
    return {row["id"]: row for row in _rows(rows, "id", "type", "name")}
