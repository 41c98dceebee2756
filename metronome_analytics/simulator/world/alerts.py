"""The alerts somebody set up: thresholds of the account, judged for each customer by its books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from metronome_analytics.simulator.world.ids import make_id

UPDATED_AT = datetime(2025, 8, 14, 7, 45, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold somebody set; `amount` is in whole cents."""

    key: str
    name: str
    type: str
    threshold: int
    status: str = "ENABLED"

    @property
    def id(self) -> str:
        """The alert's id."""
        return make_id("alert", self.key)


ALERTS = (
    Alert(
        "low-balance", "Balance below 1,000 dollars",
        "low_remaining_contract_credit_and_commit_balance_reached", 100_000,
    ),
    Alert("spend", "More than 5,000 dollars this month", "spend_threshold_reached", 500_000),
    Alert("seat", "A seat has used its allowance", "low_remaining_seat_balance_reached", 50),
    Alert("invoice", "Invoice over 20,000 dollars", "invoice_total_reached", 2_000_000, "DISABLED"),
    Alert("old-balance", "Balance below 100 dollars", "low_remaining_commit_balance_reached", 10_000, "ARCHIVED"),
)  # fmt: skip
