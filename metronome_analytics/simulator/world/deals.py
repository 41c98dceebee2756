"""Where a customer's agreements are written: draws random facts and files contracts and balances."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.agreements import Balance, Contract, Purchase, Segment
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.days import instant, shift_month
from metronome_analytics.simulator.world.ids import digest, make_id
from metronome_analytics.simulator.world.price_list import USD, USD_CARD, Product, RateCard, price_groups
from metronome_analytics.simulator.world.streams import Stream

_USUAL_DAY = {
    "input_tokens": 9_000,
    "output_tokens": 2_500,
    "gpu_hours": 14,
    "storage": 4_000,
    "egress": 60,
    "api_calls": 4_000,
    "audit_events": 0,
}


class Deals:
    """Where one customer's agreements are written: draws random facts and files contracts and balances."""

    def __init__(self, seed: int, index: int, customer_id: str, opened: int, months: int) -> None:
        self.random = Random(digest(seed, "script", index))
        self.index = index
        self.customer_id = customer_id
        self.opened = opened
        self.months = months
        self.contracts: list[Contract] = []
        self.balances: list[Balance] = []

    def id(self, *parts: object) -> str:
        """The id of something of this customer's."""
        return make_id(self.customer_id, *parts)

    def month(self, offset: int) -> int:
        """The first day of a month, counted from the first one, which may begin later than on its first day."""
        return shift_month(self.opened, offset) if offset else self.opened

    def monthly(self, contract: Contract) -> int:
        """About what a month under the contract costs, rounded to something a contract would say."""
        total = 0
        for stream in contract.streams:
            price = contract.card.rates[stream.product.key, stream.group].price
            days = 1 if stream.product.line_type == "subscription" else 26
            growth = max(0.1, 1 + stream.growth * 16)
            total += int(stream.base * stream.activity * growth * days) * price
        return round_amount(max(total, SCALE))

    def streams(self, contract_id: str, products: tuple[Product, ...], *, size: float) -> tuple[Stream, ...]:
        """Usage of the products in some of their pricing groups; size 1 is a usual customer, 0 an idle one."""
        streams = []
        for product in products:
            groups = list(price_groups(product))
            chosen = groups if len(groups) == 1 else self.random.sample(groups, self.random.randint(1, len(groups)))
            for group in sorted(chosen):
                for value in product.presentation[1] if product.presentation else (None,):
                    share = size * self.random.uniform(0.5, 1.5)
                    streams.append(
                        Stream(
                            product,
                            group,
                            value,
                            digest(contract_id, product.key, group, value),
                            base=max(1, int(_USUAL_DAY[product.key] * share))
                            if size and _USUAL_DAY[product.key]
                            else 0,
                            growth=self.random.uniform(-0.02, 0.06),
                            activity=self.random.choice((1.0, 1.0, 0.7)),
                            listed_when_zero=self.random.random() < 0.5 or product is price_list.AUDIT_EVENTS,
                        )
                    )
        return tuple(streams)

    def contract(
        self,
        key: str = "main",
        *,
        start: int = 0,
        end: int | None = None,
        card: RateCard = USD_CARD,
        size: float | None = None,
        seats: int = 0,
        count: int | None = None,
        **facts: Any,
    ) -> Contract:
        """File a contract that starts in month `start`; `end` is a day."""
        contract_id = self.id("contract", key)
        pool = self.random.sample(price_list.USAGE_PRODUCTS[:-1], count or self.random.randint(1, 3))
        products = tuple(p for p in price_list.USAGE_PRODUCTS if p in pool or p is price_list.AUDIT_EVENTS)
        streams = self.streams(contract_id, products, size=self.random.uniform(0.3, 3) if size is None else size)
        if seats:
            streams += (Stream(price_list.SEATS, (), None, 0, seats),)
        provider = self.random.choice(("stripe", "stripe", "netsuite", "aws_marketplace", None))
        arguments: dict[str, Any] = {
            "id": contract_id,
            "name": f"Order form {self.index:05d}-{key}",
            "start": self.month(start),
            "end": end,
            "created_at": instant(self.month(start)) - timedelta(days=9, hours=5, microseconds=123456),
            "card": card,
            "streams": streams,
            "net_terms": self.random.choice((0, 15, 30, 30, 45)),
            "billing_provider": provider,
            "custom_fields": (("order_form", f"OF-{self.index:05d}"),) if self.random.random() < 0.5 else (),
        }
        contract = Contract(**(arguments | facts))
        self.contracts.append(contract)
        return contract

    def balance(self, key: str, **facts: Any) -> Balance:
        """File a commit or credit."""
        balance = Balance(id=self.id("balance", key), **facts)
        self.balances.append(balance)
        return balance

    def segments(self, key: str, amount: int, *bounds: int) -> tuple[Segment, ...]:
        """Consecutive segments of equal amount between the days."""
        pairs = pairwise(bounds)
        return tuple(Segment(self.id("segment", key, start), amount, start, end) for start, end in pairs)

    def prepaid(self, key: str, contract: Contract, amount: int, *bounds: int, **facts: Any) -> Balance:
        """File a prepaid commit on a contract, each segment bought on the day it starts."""
        segments = self.segments(key, amount, *bounds)
        fiat = contract.card.fiat
        price = amount if contract.card.conversion is None else amount * contract.card.conversion // SCALE
        purchases = tuple(
            Purchase(self.id("purchase", s.id), price, s.start, self.id("purchase invoice", s.id)) for s in segments
        )
        defaults: dict[str, Any] = {
            "type": "PREPAID",
            "name": "Prepaid commitment",
            "product": price_list.COMMITMENT,
            "credit_type": contract.card.unit,
            "segments": segments,
            "created_at": contract.created_at,
            "contract_id": contract.id,
            "purchases": purchases,
            "purchase_credit_type": fiat,
        }
        return self.balance(key, **(defaults | facts))

    def postpaid(self, key: str, contract: Contract, amount: int, start: int, end: int, **facts: Any) -> Balance:
        """File a postpaid commit, trued up at its end."""
        segments = self.segments(key, amount, start, end)
        purchase = Purchase(self.id("purchase", key), amount, end, self.id("true-up invoice", key))
        defaults: dict[str, Any] = {
            "type": "POSTPAID",
            "name": "Committed spend",
            "product": price_list.TRUE_UP,
            "credit_type": contract.card.unit,
            "segments": segments,
            "created_at": contract.created_at,
            "contract_id": contract.id,
            "purchases": (purchase,),
            "purchase_credit_type": contract.card.fiat,
        }
        return self.balance(key, **(defaults | facts))

    def credit(self, key: str, amount: int, start: int, end: int, **facts: Any) -> Balance:
        """File a credit of one segment, customer-level unless a contract is given."""
        defaults: dict[str, Any] = {
            "type": "CREDIT",
            "name": "Promotional credit",
            "product": price_list.PROMOTION,
            "credit_type": USD,
            "segments": self.segments(key, amount, start, end),
            "created_at": instant(start) - timedelta(hours=7, microseconds=1),
        }
        return self.balance(key, **(defaults | facts))


def round_amount(value: int) -> int:
    """Round to two significant digits of the whole unit."""
    units = max(1, value // SCALE)
    step = int(10 ** max(0, len(str(units)) - 2))
    return units // step * step * SCALE
