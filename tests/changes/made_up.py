"""What the tests of rules have in common: days, a grant, a contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from metronome_analytics.changes.papers import Paper


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
