"""The price list of the simulated account: credit types, billable metrics, products, rate cards and rates.

These are the only prices there are: every unit price on an invoice is looked up here.
Each price is a product of powers of 2 and 5, so any balance divided by any price has a finite decimal expansion
and a line that a commit covers in part splits without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product as combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.amounts import scaled
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from collections.abc import Iterator

Group = tuple[tuple[str, str], ...]
"""Pricing group values in the order of the product's key, for example `(("region", "eu-west"),)`."""


@dataclass(frozen=True, slots=True)
class CreditType:
    """A currency or a custom pricing unit; only USD counts in cents."""

    id: str
    name: str
    is_currency: bool


@dataclass(frozen=True, slots=True)
class Metric:
    """A billable metric: what is counted, and by which event properties it may be grouped."""

    id: str
    name: str
    aggregation: str
    event_type: str
    group_keys: tuple[str, ...]

    def group_definitions(self) -> list[list[str]]:
        """The group keys usage may be grouped by: each alone, and all together."""
        simple = [[key] for key in self.group_keys]
        return [*simple, list(self.group_keys)] if len(simple) > 1 else simple


@dataclass(frozen=True, slots=True)
class Product:
    """Something that can stand on an invoice line."""

    key: str
    id: str
    name: str
    kind: str
    line_type: str
    tags: tuple[str, ...] = ()
    metric: Metric | None = None
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    presentation: tuple[str, tuple[str | None, ...]] | None = None
    decimals: int = 0
    """How many decimals a measured quantity has."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit costs; with tiers, `tiers` holds (threshold, price) and `price` is that of the first tier."""

    price: int
    commit_price: int
    tiers: tuple[tuple[int, int], ...] = ()

    def of_tier(self, tier: int) -> int:
        """The price of one tier; without tiers there is one price."""
        return self.tiers[tier][1] if self.tiers else self.price

    def times(self, percent: int) -> Rate:
        """The rate with its list prices multiplied; the commit rate stays."""
        tiers = tuple((start, price * percent // 100) for start, price in self.tiers)
        return Rate(self.price * percent // 100, self.commit_price, tiers)


@dataclass(frozen=True, slots=True)
class RateCard:
    """Prices in one credit type; `fiat` is what the invoice is paid in."""

    key: str
    id: str
    name: str
    unit: CreditType
    fiat: CreditType
    rates: MappingProxyType[tuple[str, Group], Rate]
    conversion: int | None = None
    """Fiat per custom credit, when `unit` is a custom pricing unit."""


OPENED = datetime(2020, 1, 1, tzinfo=UTC)
"""When everything that is sold was written down, and when every rate begins."""
RETIRED_AT = datetime(2021, 6, 30, 12, tzinfo=UTC)
"""When the retired product, its metric and the retired package were archived."""
RENAMED_AT = datetime(2022, 3, 1, tzinfo=UTC)
"""When the storage product got its present name."""

USD = CreditType("2714e483-4ff1-48e4-9e25-ac732e8f24f2", "USD (cents)", is_currency=True)
EUR = CreditType(make_id("credit-type", "EUR"), "EUR", is_currency=True)
AI_CREDITS = CreditType(make_id("credit-type", "AI Credits"), "AI Credits", is_currency=False)
CREDIT_TYPES = (USD, EUR, AI_CREDITS)

_MODELS = ("nimbus-mini", "nimbus-large", "nimbus-xl")
_REGIONS = ("us-east", "eu-west", "ap-south")
_TEAMS = ("search", "assistant", None)


def _metric(key: str, name: str, aggregation: str, *group_keys: str) -> Metric:
    return Metric(make_id("metric", key), name, aggregation, key, group_keys)


def _usage(
    key: str,
    name: str,
    *,
    tags: tuple[str, ...],
    aggregation: str = "SUM",
    groups: tuple[tuple[str, tuple[str, ...]], ...] = (),
    presentation: tuple[str, tuple[str | None, ...]] | None = None,
    decimals: int = 0,
) -> Product:
    keys = [group for group, _ in groups] + ([presentation[0]] if presentation else [])
    metric = _metric(key, name, aggregation, *keys)
    return Product(
        key,
        make_id("product", key),
        name,
        "UsageProductListItem",
        "usage",
        tags,
        metric,
        groups,
        presentation,
        decimals,
    )


def _fixed(key: str, name: str, line_type: str) -> Product:
    return Product(key, make_id("product", key), name, "FixedProductListItem", line_type)


INPUT_TOKENS = _usage("input_tokens", "Input tokens (thousands)", tags=("ai", "tokens"), groups=(("model", _MODELS),))
OUTPUT_TOKENS = _usage(
    "output_tokens",
    "Output tokens (thousands)",
    tags=("ai", "tokens"),
    groups=(("model", _MODELS),),
    presentation=("team", _TEAMS),
)
GPU_HOURS = _usage("gpu_hours", "GPU hours", tags=("compute",), groups=(("region", _REGIONS),), decimals=2)
STORAGE = _usage("storage", "Object storage (GB-days)", tags=("storage",), groups=(("region", _REGIONS),), decimals=1)
EGRESS = _usage("egress", "Network egress (GB)", tags=("network",), groups=(("region", _REGIONS),), decimals=2)
API_CALLS = _usage("api_calls", "API calls", tags=("platform",), aggregation="COUNT")
AUDIT_EVENTS = _usage("audit_events", "Audit log events", tags=("platform",), aggregation="COUNT")
SEATS = Product(
    "seats", make_id("product", "seats"), "Platform seats", "SubscriptionProductListItem", "subscription", ("platform",)
)
COMMITMENT = _fixed("commitment", "Prepaid commitment", "commit_purchase")
TRUE_UP = _fixed("true_up", "Committed spend", "scheduled")
PROMOTION = _fixed("promotion", "Promotional credit", "scheduled")
ONBOARDING = _fixed("onboarding", "Onboarding package", "scheduled")
ADJUSTMENT = _fixed("adjustment", "Billing adjustment", "scheduled")

USAGE_PRODUCTS = (INPUT_TOKENS, OUTPUT_TOKENS, GPU_HOURS, STORAGE, EGRESS, API_CALLS, AUDIT_EVENTS)
PRODUCTS = (*USAGE_PRODUCTS, SEATS, COMMITMENT, TRUE_UP, PROMOTION, ONBOARDING, ADJUSTMENT)
RETIRED = _usage("fax_pages", "Fax pages", tags=("platform",), aggregation="COUNT")
"""Archived with its metric before any contract began; on no rate card."""
METRICS = tuple(product.metric for product in USAGE_PRODUCTS if product.metric is not None)
RETIRED_METRICS = tuple(metric for metric in (RETIRED.metric,) if metric is not None)
QUANTITY_KEY = "quantity"
"""The event property that SUM metrics add up."""

_CENTS: dict[str, dict[str, str]] = {
    "input_tokens": {"nimbus-mini": "0.02", "nimbus-large": "0.25", "nimbus-xl": "1.25"},
    "output_tokens": {"nimbus-mini": "0.08", "nimbus-large": "1", "nimbus-xl": "5"},
    "gpu_hours": {"us-east": "250", "eu-west": "320", "ap-south": "200"},
    "storage": {"us-east": "0.1", "eu-west": "0.125", "ap-south": "0.1"},
    "egress": {"us-east": "8", "eu-west": "8", "ap-south": "12.5"},
    "audit_events": {"": "0.01"},
    "seats": {"": "2000"},
}
_API_CALL_TIERS = ((0, "0.05"), (20_000, "0.04"), (100_000, "0.02"))


def price_groups(product: Product) -> Iterator[Group]:
    """Every combination of pricing group values a product is priced by; one empty one when it has none."""
    keys = [key for key, _ in product.groups]
    for values in combinations(*(values for _, values in product.groups)):
        yield tuple(zip(keys, values, strict=True))


def _rate(cents: str, per_cent: int, tiers: tuple[tuple[int, str], ...] = ()) -> Rate:
    """A list price given in cents, converted, with a commit rate of 80 %."""
    price = scaled(cents) * per_cent // 1000
    steps = tuple((scaled(start), scaled(value) * per_cent // 1000) for start, value in tiers)
    return Rate(price, price * 4 // 5, steps)


def _rates(per_cent: int) -> MappingProxyType[tuple[str, Group], Rate]:
    """All rates; `per_cent` is thousandths of the card's unit that one cent is worth."""
    rates = {}
    for product in (*USAGE_PRODUCTS, SEATS):
        for group in price_groups(product):
            if product is API_CALLS:
                rates[product.key, group] = _rate(_API_CALL_TIERS[0][1], per_cent, _API_CALL_TIERS)
            else:
                rates[product.key, group] = _rate(_CENTS[product.key][group[0][1] if group else ""], per_cent)
    return MappingProxyType(rates)


USD_CARD = RateCard("usd", make_id("rate-card", "usd"), "Standard 2026 (USD)", USD, USD, _rates(1000))
EUR_CARD = RateCard("eur", make_id("rate-card", "eur"), "Standard 2026 (EUR)", EUR, EUR, _rates(10))
AI_CARD = RateCard(
    "ai", make_id("rate-card", "ai"), "AI Credits 2026", AI_CREDITS, USD, _rates(400), conversion=scaled("2.5")
)
RATE_CARDS = (USD_CARD, EUR_CARD, AI_CARD)
STARTER_PACKAGE = make_id("package", "starter")
"""The package that contracts without any balance are made from."""
