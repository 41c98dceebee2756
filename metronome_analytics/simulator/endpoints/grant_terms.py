"""What a write says of a commit or a credit, wherever it stands: on customer level, in a contract, in an edit of one.

The books here are kept by whole days, and what is billed stays billed: times that are not midnight UTC, and access
that began before the month that is open, are 400, though the API itself takes them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from metronome_analytics.simulator.endpoints.answers import ApiError
from metronome_analytics.simulator.endpoints.hours import midnight
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.world.agreements import Balance, BalanceType, Purchase, Segment
from metronome_analytics.simulator.world.amounts import SCALE, scaled
from metronome_analytics.simulator.world.days import first_of_month
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import CREDIT_TYPES, PRODUCTS, USD

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.price_list import CreditType, Product

_LONGEST_KEY = 128
_FIXED = "FixedProductListItem"
_TYPES = ("PREPAID", "POSTPAID")


def commit_type(asked: Parameters) -> BalanceType:
    """PREPAID or POSTPAID. Raises ApiError 400."""
    asked.required("type")
    return "POSTPAID" if asked.choice("type", _TYPES, "PREPAID") == "POSTPAID" else "PREPAID"


def balance_of(account: Account, asked: Parameters, its_id: str, type_: BalanceType) -> Balance:
    """A commit or credit as it was asked for, without what is invoiced for it. Raises ApiError."""
    schedule = Parameters(asked.object("access_schedule") or {})
    priority = asked.raw("priority")
    return Balance(
        id=its_id,
        type=type_,
        name=asked.text("name") or "Untitled",
        description=asked.text("description"),
        product=fixed_product(asked.required_uuid("product_id")),
        priority=None if priority is None else _priority(priority),
        credit_type=credit_type(schedule.uuid("credit_type_id")),
        segments=_segments(account, its_id, schedule),
        created_at=account.clock.now,
        rate_type=_rate_type(asked),
        applicable_product_ids=tuple(asked.uuids("applicable_product_ids") or ()),
        applicable_product_tags=tuple(asked.strings("applicable_product_tags") or ()),
    )


def purchases_of(account: Account, balance: Balance, schedule: Parameters) -> tuple[Purchase, ...]:
    """What is invoiced for a commit; a postpaid one is trued up at the end of its one segment. Raises ApiError 400."""
    purchases = []
    for number, item in enumerate(map(Parameters, schedule.objects("schedule_items") or [])):
        day = midnight(account, "timestamp", item.required_instant("timestamp"))
        ids = (make_id(balance.id, "purchase", number), make_id(balance.id, "invoice", number))
        purchases.append(Purchase(ids[0], price_of(item), day, ids[1]))
    if balance.type == "POSTPAID":
        due, granted = [(p.amount, p.day) for p in purchases], [(s.amount, s.end) for s in balance.segments]
        if len(due) != 1 or due != granted:
            raise ApiError(400, "a postpaid commit has one segment, billed in full at its end")
    return tuple(purchases)


def price_of(item: Parameters) -> int:
    """An amount, or a price and a quantity. Raises ApiError 400."""
    if item.raw("amount") is not None:
        return amount_of(item, "amount")
    return amount_of(item, "unit_price") * amount_of(item, "quantity") // SCALE


def fixed_product(product_id: str) -> Product:
    """A product that is no usage. Raises ApiError 404 or 400."""
    product = next((product for product in PRODUCTS if product.id == product_id), None)
    if product is None:
        raise ApiError(404, f"Product not found: {product_id}")
    if product.kind != _FIXED:
        raise ApiError(400, "product_id must be of a FIXED product")
    return product


def credit_type(credit_type_id: str | None) -> CreditType:
    """A credit type, US dollars where none is named. Raises ApiError 400."""
    found = next((each for each in CREDIT_TYPES if each.id == (credit_type_id or USD.id)), None)
    if found is None:
        raise ApiError(400, f"Credit type not found: {credit_type_id}")
    return found


def amount_of(asked: Parameters, name: str) -> int:
    """A number above zero, scaled. Raises ApiError 400."""
    value = asked.raw(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, f"{name} must be a number")
    if value <= 0:
        raise ApiError(400, f"{name} must be above zero")
    return scaled(value)


def use_up(account: Account, key: str | None) -> None:
    """Take a uniqueness key, for ever. Raises ApiError 400 or 409."""
    if key is None:
        return
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise ApiError(400, f"uniqueness_key must have between 1 and {_LONGEST_KEY} characters")
    if key in account.uniqueness_keys:
        raise ApiError(409, "This uniqueness key has already been used.")
    account.uniqueness_keys.add(key)


def _rate_type(asked: Parameters) -> Literal["COMMIT_RATE", "LIST_RATE"]:
    at_commit_rate = asked.choice("rate_type", ("LIST_RATE", "COMMIT_RATE"), "LIST_RATE") == "COMMIT_RATE"
    return "COMMIT_RATE" if at_commit_rate else "LIST_RATE"


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, "priority must be a number")
    return int(value)


def _segments(account: Account, balance_id: str, schedule: Parameters) -> tuple[Segment, ...]:
    items = [Parameters(item) for item in schedule.objects("schedule_items") or []]
    if not items:
        raise ApiError(400, "access_schedule.schedule_items is required")
    segments = []
    for number, item in enumerate(items):
        start = midnight(account, "starting_at", item.required_instant("starting_at"))
        end = midnight(account, "ending_before", item.required_instant("ending_before"))
        if end <= start:
            raise ApiError(400, "ending_before must be after starting_at")
        if start < first_of_month(account.clock.now.toordinal()):
            raise ApiError(400, "starting_at must not be before the month that is open")
        segments.append(Segment(make_id(balance_id, "segment", number), amount_of(item, "amount"), start, end))
    return tuple(segments)
