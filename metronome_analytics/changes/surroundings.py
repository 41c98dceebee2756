"""What is read around a change besides customers, balances and contracts; each field is read by one function."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.errors import NotFoundError
from metronome_analytics.tables import line_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from decimal import Decimal

    from metronome_analytics.loaders import AllLoaders

BACKDATED_AT_MOST = timedelta(days=34)
"""How long after it happened usage may still arrive: an alias that moves takes so much along."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one customer."""

    id: str
    customer_id: str
    name: str | None
    enabled: bool
    customer_status: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer that has an alias or a Salesforce id, archived or not."""

    id: str
    name: str
    aliases: frozenset[str]
    archived: bool

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.name} ({self.id}{', archived' if self.archived else ''})"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One billing provider configuration of a customer."""

    id: str
    customer_id: str
    billing_provider: str | None
    delivery_method: str | None
    delivery_method_id: str | None
    configuration: Mapping[str, Any]
    archived: bool


@dataclass(frozen=True, slots=True)
class CustomerPlan:
    """One plan of a customer."""

    id: str
    customer_id: str
    plan_id: str | None
    plan_name: str | None
    starting_on: datetime
    ending_before: datetime | None

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.plan_name or self.plan_id or self.id


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice, with what its changes look at of its lines."""

    id: str
    customer_id: str
    contract_id: str | None
    plan_id: str | None
    type: str | None
    status: str
    credit_type_name: str | None
    total: Decimal | None
    start_timestamp: datetime | None
    end_timestamp: datetime | None
    issued_at: datetime | None
    corrected_invoice_id: str | None
    regenerated_from_invoice_id: str | None
    billing_provider_type: str | None
    billing_provider_invoice_external_status: str | None
    lines: tuple[str, ...] = ()
    """The names of its lines and of the lines below them."""
    notes: tuple[str, ...] = ()
    """What its lines carry in `metadata`."""
    services: tuple[tuple[str, Decimal], ...] = ()
    """What it bills of each professional service."""


@dataclass(frozen=True, slots=True)
class ScheduleSegment:
    """A value of a named schedule, as parsed JSON, and when it holds."""

    value: Any
    starting_at: datetime
    ending_before: datetime | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read; what no operation looks at is not there."""

    archived: frozenset[str] = frozenset()
    """Which of the customers are archived."""
    aliases: Mapping[str, tuple[Owner, ...]] = field(default_factory=dict)
    """Who has each ingest alias that a change names."""
    salesforce: Mapping[str, tuple[Owner, ...]] = field(default_factory=dict)
    """Who has each Salesforce account id that a change names."""
    field_keys: frozenset[str] = frozenset()
    """The custom field keys that customers may have."""
    usage: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """By customer, what was metered while usage may still arrive: metrics and quantities."""
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    delivery_methods: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """By id of the delivery method, its billing provider and its kind."""
    billing_configs: Mapping[tuple[str, str], Mapping[str, Any] | None] = field(default_factory=dict)
    """The billing configurations of Plans, by customer and provider, of those that a change names; None is none."""
    plans: Mapping[str, CustomerPlan] = field(default_factory=dict)
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    schedules: Mapping[tuple[str, str], tuple[ScheduleSegment, ...]] = field(default_factory=dict)
    """By customer and name, the schedules that a change names."""
    group_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By customer, the keys by which its metrics are grouped."""

    @classmethod
    def read(
        cls,
        loaders: AllLoaders,
        wanted: AbstractSet[str],
        known: Sequence[str],
        owners: Sequence[str],
        given: Sequence[Mapping[str, Any]],
    ) -> Surroundings:
        """Read the fields that are `wanted`: of the customers `known`, those that are active, and what is `given`."""
        about = _About(loaders, known, owners, given)
        return cls(**{name: reader(about) for name, reader in _READERS.items() if name in wanted})


@dataclass(frozen=True, slots=True)
class _About:
    """What there is to read about."""

    loaders: AllLoaders
    known: Sequence[str]
    owners: Sequence[str]
    given: Sequence[Mapping[str, Any]]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Each customer that is there with the value of one field."""
        found = [(str(each["customer_id"]), each.get(name)) for each in self.given]
        return [(owner, value) for owner, value in dict.fromkeys(found) if owner in self.owners and value]


def alerts_of(rows: pl.DataFrame) -> dict[tuple[str, str], Alert]:
    """Alerts by customer and id."""
    names = ("id", "customer_id", "name", "status", "customer_status")
    return {
        (row["customer_id"], row["id"]): Alert(
            row["id"], row["customer_id"], row["name"], row["status"].upper() == "ENABLED", row["customer_status"]
        )
        for row in _rows(rows, *names)
    }


def _rows(frame: pl.DataFrame, *names: str) -> Iterable[dict[str, Any]]:
    return frame.select(names).iter_rows(named=True)


def _archived(about: _About) -> frozenset[str]:
    if not about.known:
        return frozenset()
    return frozenset(about.loaders.customers(customer_ids=about.known, only_archived=True)["id"])


def _owners(rows: pl.DataFrame) -> tuple[Owner, ...]:
    return tuple(
        Owner(
            row["id"],
            row["name"] or row["id"],
            frozenset(row["ingest_aliases"] or ()),
            archived=row["archived_at"] is not None,
        )
        for row in _rows(rows, "id", "name", "ingest_aliases", "archived_at")
    )


def _aliases(about: _About) -> dict[str, tuple[Owner, ...]]:
    named = dict.fromkeys(alias for each in about.given for alias in each.get("ingest_aliases") or ())
    return {
        alias: _owners(about.loaders.customers(ingest_alias=alias, include_archived=True)) for alias in map(str, named)
    }


def _salesforce(about: _About) -> dict[str, tuple[Owner, ...]]:
    asked = [each.get("salesforce_account_id") for each in about.given]
    named = dict.fromkeys(str(id_) for id_ in asked if id_)
    return {id_: _owners(about.loaders.customers(salesforce_account_ids=id_, include_archived=True)) for id_ in named}


def _field_keys(about: _About) -> frozenset[str]:
    keys = about.loaders.custom_field_keys()
    return frozenset(keys.filter(pl.col("entity").str.to_lowercase() == "customer")["key"])


def _usage(about: _About) -> dict[str, tuple[tuple[str, float], ...]]:
    if not about.owners:
        return {}
    today = about.loaders.session.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = about.loaders.usage(
        about.owners,
        starting_on=today - BACKDATED_AT_MOST,
        ending_before=today + timedelta(days=1),
        window_size="none",
    )
    names = ("customer_id", "billable_metric_name", "billable_metric_id")
    totals = rows.group_by(names, maintain_order=True).agg(pl.col("value").sum()).filter(pl.col("value") != 0)
    found: dict[str, list[tuple[str, float]]] = {}
    for row in _rows(totals, *names, "value"):
        found.setdefault(row["customer_id"], []).append((row[names[1]] or row[names[2]], row["value"]))
    return {id_: tuple(metered) for id_, metered in found.items()}


def _configurations(about: _About) -> dict[str, Configuration]:
    if not about.owners:
        return {}
    names = ("id", "customer_id", "billing_provider", "delivery_method", "delivery_method_id")
    rows = about.loaders.billing_configurations(about.owners, include_archived=True)
    return {
        row["id"]: Configuration(
            **{name: row[name] for name in names},
            configuration=json.loads(row["configuration"] or "{}"),
            archived=row["archived_at"] is not None,
        )
        for row in _rows(rows, *names, "configuration", "archived_at")
    }


def _delivery_methods(about: _About) -> dict[str, tuple[str | None, str | None]]:
    rows = about.loaders.configured_billing_providers()
    names = ("delivery_method_id", "billing_provider", "delivery_method")
    return {row[names[0]]: (row[names[1]], row[names[2]]) for row in _rows(rows, *names)}


def _billing_configs(about: _About) -> dict[tuple[str, str], Mapping[str, Any] | None]:
    found: dict[tuple[str, str], Mapping[str, Any] | None] = {}
    for pair in about.pairs("billing_provider_type"):
        try:
            row = about.loaders.billing_config(*pair).row(0, named=True)
        except NotFoundError:
            found[pair] = None
            continue
        keys = ("customer_id", "billing_provider_type")
        found[pair] = {name: value for name, value in row.items() if value is not None and name not in keys}
    return found


def _plans(about: _About) -> dict[str, CustomerPlan]:
    if not about.owners:
        return {}
    names = ("id", "customer_id", "plan_id", "plan_name", "starting_on", "ending_before")
    return {row["id"]: CustomerPlan(**row) for row in _rows(about.loaders.plans(about.owners), *names)}


def _invoices(about: _About) -> dict[str, Invoice]:
    if not about.owners:
        return {}
    rows = about.loaders.invoices(about.owners)
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in _rows(line_items(rows), "invoice_id", *_LINE):
        lines.setdefault(line["invoice_id"], []).append(line)
    kept = [name for name in Invoice.__dataclass_fields__ if name not in {"lines", "notes", "services"}]
    return {row["id"]: _invoice(row, lines.get(row["id"], [])) for row in _rows(rows, *kept)}


_LINE = ("name", "sub_line_items", "metadata", "professional_service_id", "total")


def _invoice(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Invoice:
    names = [each["name"] for line in lines for each in (line, *(line["sub_line_items"] or ()))]
    return Invoice(
        **row,
        lines=tuple(name for name in names if name),
        notes=tuple(line["metadata"] for line in lines if line["metadata"]),
        services=tuple((id_, line["total"]) for line in lines if (id_ := line["professional_service_id"])),
    )


def _schedules(about: _About) -> dict[tuple[str, str], tuple[ScheduleSegment, ...]]:
    found = {}
    for owner, name in about.pairs("schedule_name"):
        rows = about.loaders.named_schedule(name, customer=owner).sort("starting_at")
        found[owner, name] = tuple(
            ScheduleSegment(json.loads(row["value"] or "null"), row["starting_at"], row["ending_before"])
            for row in _rows(rows, "value", "starting_at", "ending_before")
        )
    return found


def _group_keys(about: _About) -> dict[str, frozenset[str]]:
    if not about.owners:
        return {}
    rows = about.loaders.billable_metrics(about.owners)
    found: dict[str, set[str]] = {}
    for row in _rows(rows, "customer_id", "group_keys"):
        found.setdefault(row["customer_id"], set()).update(key for keys in row["group_keys"] or () for key in keys)
    return {id_: frozenset(keys) for id_, keys in found.items()}


_READERS: dict[str, Callable[[_About], Any]] = {
    "archived": _archived,
    "aliases": _aliases,
    "salesforce": _salesforce,
    "field_keys": _field_keys,
    "usage": _usage,
    "configurations": _configurations,
    "delivery_methods": _delivery_methods,
    "billing_configs": _billing_configs,
    "plans": _plans,
    "invoices": _invoices,
    "schedules": _schedules,
    "group_keys": _group_keys,
}
