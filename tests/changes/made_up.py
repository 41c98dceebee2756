"""What the tests of rules have in common: days, a grant, a contract."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from metronome_analytics.changes.holdings import Balance, Customer, LedgerEntry, Segment
from metronome_analytics.changes.operation import PlannedChange, Review
from metronome_analytics.changes.operations import OPERATIONS
from metronome_analytics.changes.papers import Paper, Papers
from metronome_analytics.changes.surroundings import Invoice
from metronome_analytics.changes.view import View
from metronome_analytics.leeway import Leeway
from metronome_analytics.tables.money import USD_ID, USD_NAME

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change


def day(number: int) -> datetime:
    """A day of January 2027."""
    return datetime(2027, 1, number, tzinfo=UTC)


GRANT: dict[str, Any] = {
    "customer_id": "c",
    "product_id": "p",
    "priority": 1,
    "name": "SLA credit",
    "reason": "Outage of 12 November",
}
SPAN: dict[str, Any] = {"amount": 100, "starting_at": day(1), "ending_before": day(2)}

MAIN = Paper(
    id="k",
    customer_id="c",
    name="Main",
    starting_at=day(1),
    ending_before=None,
    archived=False,
    uniqueness_key=None,
    net_payment_terms_days=None,
    rate_card_id=None,
    filtered=False,
)
"""A contract without end."""


def held(*entries: LedgerEntry, **fields: Any) -> Balance:
    """A balance of two segments, one after the other."""
    given: dict[str, Any] = dict.fromkeys(
        ("type", "name", "contract_id", "product_id", "priority", "uniqueness_key", "balance")
    )
    segments = (Segment("s1", day(1), day(10), Decimal(50)), Segment("s2", day(10), day(20), Decimal(70)))
    known: dict[str, Any] = {"credit_type_name": USD_NAME, "archived": False, "readable": True, "segments": segments}
    return Balance(id="b", customer_id="c", entries=entries, **{**given, **known, **fields})


def invoice(**fields: Any) -> Invoice:
    """An invoice, of which nothing is known but these fields."""
    given = {name: None for name, each in Invoice.__dataclass_fields__.items() if name not in fields}
    return Invoice(**{**given, "id": "i", "customer_id": "c", "type": "USAGE", "lines": (), **fields})


def review_of(*, known: bool = False, **read: Any) -> Review:
    """The check of a plan on 10 January; of the account that much was read, and the journal knows all or nothing."""
    customers = {"c": Customer("c", "Acme", (), None)}
    view = View(**{"customers": customers, "papers": Papers({"k": MAIN}, rate_cards={"r": USD_ID}), **read})
    return Review(view, day(10), Leeway(allow_duplicate=known), known=lambda _: known)


def checked(change: Change, review: Review) -> PlannedChange:
    """The change, planned."""
    planned = review.check(0, change, OPERATIONS[change.operation])
    assert planned is not None, review.problems
    return planned
