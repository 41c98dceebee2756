"""What has happened to a customer since the simulator was made: data, each with the instant from which it is true.

The agreements tell what was going to happen anyway; these come on top, through the API or a method of `Simulator`.
Whoever reads them leaves out what lies after the clock, so the account follows the clock in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import (
        Amendment,
        Balance,
        Contract,
        Edit,
        ManualEntry,
        Mishap,
        Purchase,
        Segment,
        Service,
        UsageFilter,
    )
    from metronome_analytics.simulator.world.streams import Stream


@dataclass(frozen=True, slots=True)
class Card:
    """Who a new customer is said to be."""

    name: str
    aliases: tuple[str, ...] = ()
    custom_fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """The customer was created: on contracts of its own accord, or as a bare card through the API."""

    at: datetime
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """The customer object was changed; what is None stayed as it was."""

    at: datetime
    name: str | None = None
    custom_fields: tuple[tuple[str, str], ...] | None = None
    aliases: tuple[str, ...] | None = None
    config: tuple[tuple[str, object], ...] = ()
    """Settings that were set, None where one was taken away."""


@dataclass(frozen=True, slots=True)
class Archived:
    """The customer was archived, with its contracts and balances, and its invoices were voided."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Posted:
    """A manual entry was made on a balance."""

    balance_id: str
    entry: ManualEntry

    @property
    def at(self) -> datetime:
        """When the entry was made."""
        return self.entry.posted_at


@dataclass(frozen=True, slots=True)
class Arrived:
    """Usage of one stream of a contract arrived, some time after the hour in which it was used."""

    at: datetime
    contract_id: str
    stream: int
    day: int
    hour: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Voided:
    """A final invoice was voided: what it drew is back on the balances."""

    at: datetime
    invoice_id: str


@dataclass(frozen=True, slots=True)
class Regenerated:
    """A voided invoice was made again: its twin draws as it did, as far as that is still there, and late usage too."""

    at: datetime
    invoice_id: str


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction invoice was written for a final one."""

    at: datetime
    invoice_id: str
    mishap: Mishap


@dataclass(frozen=True, slots=True)
class Granted:
    """A commit or credit was made; usage of the month that is open draws on it, final invoices do not."""

    at: datetime
    balance: Balance


@dataclass(frozen=True, slots=True)
class Retimed:
    """The access segments of a commit or credit end at other times."""

    at: datetime
    balance_id: str
    segments: tuple[Segment, ...]
    purchases: tuple[Purchase, ...] | None = None
    """What is still invoiced for it; None where that stays as it is."""


@dataclass(frozen=True, slots=True)
class BalanceArchived:
    """A commit or credit was archived: what it paid stays paid, and it pays no more."""

    at: datetime
    balance_id: str


@dataclass(frozen=True, slots=True)
class ContractEnded:
    """A contract ends on another day, or on none."""

    at: datetime
    contract_id: str
    end: int | None


@dataclass(frozen=True, slots=True)
class Billed:
    """A configuration of a billing provider was made, told as the API tells it."""

    at: datetime
    configuration_id: str
    said: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BillingArchived:
    """Configurations of billing providers were archived: what is issued from then on is not delivered by them."""

    at: datetime
    configuration_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlansBilled:
    """Where the invoices of plans go with one provider: there, or nowhere."""

    at: datetime
    provider: str
    said: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class PlanAdded:
    """A customer got a plan."""

    at: datetime
    plan: Contract


@dataclass(frozen=True, slots=True)
class Charged:
    """A one-time charge was put on the invoice of a plan that begins on a day."""

    at: datetime
    customer_plan_id: str
    start: int
    description: str
    amount: int


@dataclass(frozen=True, slots=True)
class Filtered:
    """A contract bills only some usage from a day on."""

    at: datetime
    contract_id: str
    usage_filter: UsageFilter


@dataclass(frozen=True, slots=True)
class ScheduleSet:
    """A named schedule of the customer has a value in a window."""

    at: datetime
    name: str
    segment: tuple[object, datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Signed:
    """A contract was made."""

    at: datetime
    contract: Contract


@dataclass(frozen=True, slots=True)
class Edited:
    """A contract was edited."""

    at: datetime
    contract_id: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class Amended:
    """A contract was amended."""

    at: datetime
    contract_id: str
    amendment: Amendment


@dataclass(frozen=True, slots=True)
class ContractArchived:
    """A contract was archived: drafts and what was scheduled are void, and what is final too where that was asked."""

    at: datetime
    contract_id: str
    void_invoices: bool


@dataclass(frozen=True, slots=True)
class ServicesBilled:
    """An invoice for professional services was scheduled: of each line the service, the amount, and a note."""

    at: datetime
    contract_id: str
    invoice_id: str
    issued_at: datetime
    lines: tuple[tuple[Service, int, str | None], ...]


@dataclass(frozen=True, slots=True)
class HistoryBilled:
    """Usage of a period that was not metered here was invoiced: of each line the stream, the day, the quantity."""

    at: datetime
    contract_id: str
    invoice_id: str
    issued_at: datetime
    start: int
    end: int
    usage: tuple[tuple[Stream, int, int], ...]


Billing = Billed | BillingArchived | PlansBilled | PlanAdded | Charged | Filtered | ScheduleSet
"""What says what is billed beside the terms, and where it goes."""
Terms = Granted | Retimed | BalanceArchived | ContractEnded | Signed | Edited | Amended | ContractArchived
"""What changes the agreements themselves."""
Bills = ServicesBilled | HistoryBilled
"""Invoices that were written by hand."""

Happening = Joined | Updated | Archived | Posted | Arrived | Voided | Regenerated | Corrected | Terms | Billing | Bills
