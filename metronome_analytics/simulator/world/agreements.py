"""What a customer has agreed to and done, independent of any clock: contracts, balances, usage, events.

Agreements are data. `roles` writes them, `bookkeeping` runs them up to an instant and keeps the books.
Days are proleptic ordinals; every contract, segment and period starts and ends at midnight UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import SEATS, CreditType, Group, Product, Rate, RateCard

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.streams import Stream

BalanceType = Literal["PREPAID", "POSTPAID", "CREDIT"]


@dataclass(frozen=True, slots=True)
class Charge:
    """A one-off charge, billed on a SCHEDULED invoice of its own."""

    id: str
    product: Product
    amount: int
    day: int
    invoice_id: str
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A professional service: what a unit of it costs, and how much may be billed in all."""

    id: str
    product: Product
    unit_price: int
    quantity: int
    maximum: int
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit of a contract: what it changed, and what it added or archived."""

    id: str
    at: datetime
    uniqueness_key: str | None = None
    name: str | None = None
    ends: bool = False
    """Whether it set the end; `end` None is open."""
    end: int | None = None
    net_terms: int | None = None
    balance_ids: tuple[str, ...] = ()
    charges: tuple[Charge, ...] = ()
    services: tuple[Service, ...] = ()
    archived_commits: tuple[str, ...] = ()
    archived_credits: tuple[str, ...] = ()
    archived_charges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What a contract was amended by, in the way that edits have replaced."""

    id: str
    at: datetime
    start: int
    balance_ids: tuple[str, ...] = ()
    charges: tuple[Charge, ...] = ()
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that went wrong with the invoice of one period: it was voided and regenerated, or corrected."""

    kind: Literal["void", "correction"]
    period: int
    """First day of the period."""
    amount: int = 0
    reason: str = ""
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """A multiplier on the list price of one product, in hundredths, for as long as the contract runs."""

    id: str
    product: Product
    percent: int


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """From a day on only usage is billed whose group has one of the values."""

    key: str
    values: tuple[str, ...]
    start: int

    def lets(self, stream: Stream) -> bool:
        """Whether usage of the stream passes."""
        return dict(stream.group).get(self.key) in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract on one rate card, billed by calendar month; `plan` marks a customer on the deprecated Plans."""

    id: str
    name: str
    start: int
    end: int | None
    created_at: datetime
    card: RateCard
    streams: tuple[Stream, ...]
    net_terms: int = 30
    billing_provider: str | None = "stripe"
    renews: str | None = None
    """The contract this one renews; balances of that contract may roll over into it."""
    charges: tuple[Charge, ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    custom_fields: tuple[tuple[str, str], ...] = ()
    plan: str | None = None
    overrides: tuple[Override, ...] = ()
    package_id: str | None = None
    delivered_until: datetime | None = None
    """When what says where its invoices go was archived."""
    usage_filters: tuple[UsageFilter, ...] = ()
    """In order of time; each holds until the next."""
    uniqueness_key: str | None = None
    archived_at: datetime | None = None
    billed_from: int | None = None
    """The first day whose usage is invoiced, where that is not the first one."""
    services: tuple[Service, ...] = ()
    edits: tuple[Edit, ...] = ()
    amendments: tuple[Amendment, ...] = ()

    def metered(self, stream: Stream, quantities: list[int], month: int) -> list[int]:
        """What is billed of a stream's usage on each day of a month: all, or what passes the filter of the day."""
        if not self.usage_filters:
            return quantities
        kept = []
        for day, quantity in enumerate(quantities, month):
            holding = [each for each in self.usage_filters if each.start <= day]
            kept.append(quantity if not holding or holding[-1].lets(stream) else 0)
        return kept

    def rate(self, product: Product, group: Group) -> Rate:
        """What one unit costs under this contract."""
        override = self.override(product)
        rate = self.card.rates[product.key, group]
        return rate if override is None else rate.times(override.percent)

    def override(self, product: Product) -> Override | None:
        """The override on a product's list price."""
        return next((item for item in self.overrides if item.product is product), None)

    def bills(self, day: int) -> bool:
        """Whether usage of a day is invoiced under the contract."""
        if self.billed_from is not None and day < self.billed_from:
            return False
        if self.archived_at is not None and day > self.archived_at.toordinal():
            return False
        return self.start <= day and (self.end is None or day < self.end)

    def covers(self, when: datetime) -> bool:
        """Whether the contract is in force at an instant."""
        return instant(self.start) <= when and (self.end is None or when < instant(self.end))


def subscription_stream(contract: Contract) -> Stream | None:
    """The stream that a contract's one subscription bills, its seats, or None."""
    return next((stream for stream in contract.streams if stream.product.line_type == "subscription"), None)


def subscription_id(contract: Contract) -> str:
    """The id of a contract's one subscription, its seats."""
    return make_id(contract.id, "subscription", SEATS.key)


def provider_id(customer_id: str, provider: str) -> str:
    """The id of the configuration of a billing provider that a customer had from the beginning."""
    return make_id(customer_id, "billing", provider)


PLANS = ("Legacy scale plan", "Legacy starter plan")
"""The plans that the account has on the deprecated Plans."""


def plan_id(name: str) -> str:
    """The id of a plan on the deprecated Plans."""
    return make_id("plan", name)


@dataclass(frozen=True, slots=True)
class Segment:
    """One item of an access schedule."""

    id: str
    amount: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """One item of an invoice schedule, and the invoice that bills it."""

    id: str
    amount: int
    day: int
    invoice_id: str


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """A correction by hand: in the ledger at `timestamp`, felt by usage from the hour of `posted_at` on."""

    segment_id: str
    amount: int
    reason: str
    timestamp: datetime
    posted_at: datetime
    by_seat: tuple[tuple[str, int], ...] = ()
    """What each seat gets, for a balance that is shared among seats; equal parts when nothing is said."""


@dataclass(frozen=True, slots=True)
class Specifier:
    """A condition on usage: all that is given must hold."""

    product_id: str | None = None
    product_tags: tuple[str, ...] = ()
    group: Group = ()

    def covers(self, stream: Stream) -> bool:
        """Whether usage of the stream meets the condition."""
        if self.product_id is not None and self.product_id != stream.product.id:
            return False
        return set(self.product_tags) <= set(stream.product.tags) and set(self.group) <= set(stream.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A commit or a credit."""

    id: str
    type: BalanceType
    name: str
    product: Product
    credit_type: CreditType
    segments: tuple[Segment, ...]
    created_at: datetime
    priority: int | None = 100
    description: str | None = None
    contract_id: str | None = None
    applicable_contract_ids: tuple[str, ...] = ()
    applicable_product_ids: tuple[str, ...] = ()
    applicable_product_tags: tuple[str, ...] = ()
    specifiers: tuple[Specifier, ...] = ()
    rate_type: Literal["COMMIT_RATE", "LIST_RATE"] = "LIST_RATE"
    purchases: tuple[Purchase, ...] = ()
    purchase_credit_type: CreditType | None = None
    do_not_invoice: bool = False
    invoice_contract_id: str | None = None
    true_up: bool = True
    rollover_percent: int | None = None
    rolled_over_from: str | None = None
    """The balance whose rest this one carries on; its segment amount is known only at the transition."""
    recurring_id: str | None = None
    allocated_to: str | None = None
    """The subscription among whose seats the balance is shared equally."""
    archived_at: datetime | None = None
    manual: tuple[ManualEntry, ...] = ()
    custom_fields: tuple[tuple[str, str], ...] = ()
    uniqueness_key: str | None = None

    def added_to(self, contract: Contract) -> bool:
        """Whether the balance came by an edit: not with the contract, nor by its renewal, nor by recurring."""
        return self.created_at > contract.created_at and not (self.rolled_over_from or self.recurring_id)

    def covers(self, contract: Contract, stream: Stream) -> bool:
        """Whether usage of the stream under the contract may draw on this balance."""
        if self.archived_at is not None or self.credit_type != contract.card.unit:
            return False
        if self.contract_id not in (None, contract.id):
            return False
        if self.applicable_contract_ids and contract.id not in self.applicable_contract_ids:
            return False
        restricted = self.applicable_product_ids or self.applicable_product_tags
        product = stream.product
        if restricted and not (
            product.id in self.applicable_product_ids or set(self.applicable_product_tags) & set(product.tags)
        ):
            return False
        return not self.specifiers or any(specifier.covers(stream) for specifier in self.specifiers)


@dataclass(frozen=True, slots=True)
class Agreements:
    """One customer's whole story."""

    customer_id: str
    contracts: tuple[Contract, ...] = ()
    balances: tuple[Balance, ...] = ()
    archived_at: datetime | None = None
