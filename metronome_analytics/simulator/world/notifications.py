"""What an account is told of: notifications of its own, at an offset from an event, and the system's."""

from __future__ import annotations

from dataclasses import dataclass

from metronome_analytics.simulator.world.ids import make_id


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of the account's own: how long before or after which event."""

    name: str
    event: str
    offset: str
    archived: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return make_id("notification", self.name)


NOTIFICATIONS = (
    Notification("A month before a contract ends", "contract.end", "-P30D"),
    Notification("A week before a commit's segment ends", "commit.segment.end", "-P7D"),
    Notification("A day after a contract starts", "contract.start", "P1D"),
    Notification("A day before a credit's segment ends", "credit.segment.end", "-P1D", archived=True),
)

SYSTEM_EVENTS = (("contract.create", True), ("contract.start", True), ("contract.end", True), ("invoice.issue", False))
"""The events the system tells of, and whether the account has them switched on."""
