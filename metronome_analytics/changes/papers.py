"""What the account holds of contracts and their edits, as it was read a moment ago."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from metronome_analytics.errors import LoadError, NotFoundError, RequestRejected
from metronome_analytics.tables import line_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import polars as pl

    from metronome_analytics.changes.records import Json
    from metronome_analytics.loaders import AllLoaders


@dataclass(frozen=True, slots=True)
class Service:
    """A professional service of a contract."""

    id: str
    product_id: str
    unit_price: Decimal
    quantity: Decimal
    max_amount: Decimal


@dataclass(frozen=True, slots=True)
class Paper:
    """One contract with all that its changes look at; archived ones too."""

    id: str
    customer_id: str
    name: str | None
    starting_at: datetime
    ending_before: datetime | None
    archived: bool
    uniqueness_key: str | None
    net_payment_terms_days: float | None
    rate_card_id: str | None
    filtered: bool
    """Whether it takes part of the usage only."""
    services: tuple[Service, ...] = ()
    charges: tuple[str, ...] = ()
    """The ids of its scheduled charges that are not archived."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or self.id

    def runs(self, start: datetime, end: datetime | None) -> bool:
        """Whether it is in force at some time from `start` to before `end`."""
        before = end is None or self.starting_at < end
        return not self.archived and before and (self.ending_before is None or start < self.ending_before)


@dataclass(frozen=True, slots=True)
class EditSeen:
    """One edit, and the ids of what it added."""

    contract_id: str
    added: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AmendmentSeen:
    """One amendment: from when it holds, and its terms by name and amount."""

    id: str
    contract_id: str
    starting_at: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What the API says an invoice would be."""

    total: Decimal = Decimal(0)
    credit_type_name: str | None = None
    lines: tuple[tuple[str, str], ...] = ()
    refused: str = ""
    """Why the API would not make it."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What was read; what no operation looks at is not there."""

    contracts: Mapping[str, Paper] = field(default_factory=dict)
    edits: Mapping[str, EditSeen] = field(default_factory=dict)
    """By uniqueness_key."""
    amendments: tuple[AmendmentSeen, ...] = ()
    rate_cards: Mapping[str, str | None] = field(default_factory=dict)
    """What is paid in, by the ids and aliases of rate cards; those of packages do not say."""
    trials: Mapping[str, Trial] = field(default_factory=dict)

    @classmethod
    def read(
        cls, loaders: AllLoaders, names: frozenset[str], owners: Sequence[str], trials: Iterable[Mapping[str, Json]]
    ) -> Papers:
        """Read what `names` say, of the customers `owners`; and try what would be an invoice, which changes nothing."""
        papers = "papers" in names and owners
        return cls(
            _contracts(loaders.contracts(owners, include_archived=True)) if papers else {},
            _edits(loaders.contract_edits(owners)) if "edits" in names and owners else {},
            _amendments(loaders.contracts(owners, version=1)) if "amendments" in names and owners else (),
            _cards(loaders) if "rate_cards" in names else {},
            {trial_key(each): _trial(loaders, each) for each in trials if owners},
        )

    def without(self, keys: frozenset[str]) -> Papers:
        """Without the contracts that carry one of `keys`."""
        own = {id_: paper for id_, paper in self.contracts.items() if paper.uniqueness_key not in keys}
        return self if len(own) == len(self.contracts) else replace(self, contracts=own)


def trial_key(invoice: Mapping[str, Json]) -> str:
    """One text for what was tried."""
    return json.dumps(invoice, sort_keys=True)


def _contracts(rows: pl.DataFrame) -> dict[str, Paper]:
    names = (
        "id",
        "customer_id",
        "name",
        "starting_at",
        "ending_before",
        "uniqueness_key",
        "net_payment_terms_days",
        "rate_card_id",
    )
    more = ("archived_at", "usage_filter", "professional_services", "scheduled_charges")
    return {
        row["id"]: Paper(
            **{name: row[name] for name in names},
            archived=row["archived_at"] is not None,
            filtered=bool(_list(row["usage_filter"])),
            services=tuple(_service(each) for each in _list(row["professional_services"])),
            charges=tuple(each["id"] for each in row["scheduled_charges"] or () if each["archived_at"] is None),
        )
        for row in rows.select(*names, *more).iter_rows(named=True)
    }


def _list(text: str | None) -> list[dict[str, Any]]:
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal) if text else []
    return found if isinstance(found, list) else []


def _service(given: Mapping[str, Any]) -> Service:
    return Service(given["id"], given["product_id"], given["unit_price"], given["quantity"], given["max_amount"])


_ADDED = ("add_commits", "add_credits", "add_scheduled_charges")


def _edits(rows: pl.DataFrame) -> dict[str, EditSeen]:
    return {
        row["uniqueness_key"]: EditSeen(
            row["contract_id"], {name: tuple(each["id"] for each in _list(row[name])) for name in _ADDED}
        )
        for row in rows.select("contract_id", "uniqueness_key", *_ADDED).iter_rows(named=True)
        if row["uniqueness_key"] is not None
    }


def _amendments(rows: pl.DataFrame) -> tuple[AmendmentSeen, ...]:
    return tuple(
        AmendmentSeen(each["id"], contract_id, each["starting_at"], terms_of(each))
        for contract_id, text in rows.select("id", "amendments").iter_rows()
        for each in _list(text)
    )


def terms_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What an amendment brings, as it is sent and as it comes back: kind, product, name and amounts of each term."""
    terms = []
    for kind in ("commits", "credits", "scheduled_charges", "professional_services"):
        for each in given.get(kind) or ():
            schedule = each.get("access_schedule") or each.get("schedule") or {}
            product = each.get("product_id") or each["product"]["id"]
            amounts = [_amount(item) for item in schedule.get("schedule_items") or ()]
            own = [str(each[name]) for name in ("unit_price", "quantity", "max_amount") if name in each]
            terms.append(" ".join([kind, product, *sorted(amounts), *map(_plain, own)]))
    return tuple(sorted(terms))


def _amount(item: Mapping[str, Any]) -> str:
    amount = item.get("amount")
    return _plain(item["unit_price"] if amount is None else amount)


def _plain(number: object) -> str:
    return f"{Decimal(str(number)).normalize():f}"


def _cards(loaders: AllLoaders) -> dict[str, str | None]:
    cards, packages = loaders.rate_cards(), loaders.packages()
    rows = [*cards.select("id", "aliases", "fiat_credit_type_name").iter_rows()]
    rows += [(id_, aliases, None) for id_, aliases in packages.select("id", "aliases").iter_rows()]
    return {name: unit for id_, aliases, unit in rows for name in (id_, *(each["name"] for each in aliases or ()))}


def _trial(loaders: AllLoaders, invoice: Mapping[str, Json]) -> Trial:
    try:
        rows = loaders.preview_historical_invoices([invoice])
    except LoadError as error:
        if not isinstance(error.__cause__, RequestRejected | NotFoundError):
            raise
        return Trial(refused=str(error.__cause__))
    if rows.is_empty():
        return Trial(refused="the preview has no invoice")
    row = rows.row(0, named=True)
    lines = line_items(rows).select("name", "total").rows()
    return Trial(row["total"], row["credit_type_name"], tuple((name, _plain(total)) for name, total in lines))
