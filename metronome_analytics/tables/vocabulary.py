"""The words of the API that a rule depends on, each written once: statuses, types, ledger entries, provider states.

A member is its text, so it compares with a column and stands in a filter. Of a list that begins with a member polars
makes an enum column, though: where other words stand in it, take `.value`. Columns stay text: the API may send a word
that is not here, and it is kept as it came (see `c.text`). The API reads any case in a request and answers in this one.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class InvoiceStatus(StrEnum):
    """Where an invoice is in its life; a void one keeps its lines and its total."""

    DRAFT = "DRAFT"
    FINALIZED = "FINALIZED"
    VOID = "VOID"


class InvoiceInclusion(StrEnum):
    """Which invoices a net balance takes off; drafts too unless asked otherwise."""

    FINALIZED_AND_DRAFT = "FINALIZED_AND_DRAFT"
    FINALIZED = "FINALIZED"


class InvoiceType(StrEnum):
    """What an invoice is for; a consolidated one repeats the usage invoices it is made of."""

    USAGE = "USAGE"
    SCHEDULED = "SCHEDULED"
    USAGE_CONSOLIDATED = "USAGE_CONSOLIDATED"
    PLAN_ARREARS = "PLAN_ARREARS"


class LineType(StrEnum):
    """What an invoice line is. Only `APPLIED` lines, and other negative ones that name a commit, are drawdown."""

    USAGE = "usage"
    SUBSCRIPTION = "subscription"
    SCHEDULED = "scheduled"
    PURCHASE = "commit_purchase"
    APPLIED = "applied_commit_or_credit"
    CONVERSION = "cpu_conversion"


USED = (LineType.USAGE, LineType.SUBSCRIPTION)
"""Lines that say what was used, whoever pays for it."""


class BalanceType(StrEnum):
    """What a balance is; what is left of a postpaid commit becomes a true-up."""

    PREPAID = "PREPAID"
    POSTPAID = "POSTPAID"
    CREDIT = "CREDIT"


class CommitType(StrEnum):
    """What an invoice line calls its balance; a credit is a `PREPAID` commit here (see `BalanceType`)."""

    PREPAID = "PrepaidCommit"
    POSTPAID = "PostpaidCommit"


class Event(StrEnum):
    """What a ledger entry does to a balance, in the words of the field."""

    SEGMENT_START = "segment_start"
    DEDUCTION = "deduction"
    MANUAL = "manual"
    SEAT_ADJUSTMENT = "seat_adjustment"
    ROLLOVER = "rollover"
    CANCELED = "canceled"
    CREDITED = "credited"
    TRUE_UP = "true_up"
    EXPIRATION = "expiration"
    OVERDRAFT = "overdraft"
    """No entry: the API counts an overdrawn segment as zero, and this makes up the difference."""


LEDGER_PREFIXES: Mapping[BalanceType, str] = MappingProxyType(
    {
        BalanceType.PREPAID: "PREPAID_COMMIT_",
        BalanceType.POSTPAID: "POSTPAID_COMMIT_",
        BalanceType.CREDIT: "CREDIT_",
    }
)
"""How the type of a ledger entry begins, by the type of its balance."""

LEDGER_EVENTS: Mapping[str, Event] = MappingProxyType(
    {
        "SEGMENT_START": Event.SEGMENT_START,
        "INITIAL_BALANCE": Event.SEGMENT_START,
        "AUTOMATED_INVOICE_DEDUCTION": Event.DEDUCTION,
        "MANUAL": Event.MANUAL,
        "SEAT_BASED_ADJUSTMENT": Event.SEAT_ADJUSTMENT,
        "ROLLOVER": Event.ROLLOVER,
        "CANCELED": Event.CANCELED,
        "CREDITED": Event.CREDITED,
        "TRUEUP": Event.TRUE_UP,
        "EXPIRATION": Event.EXPIRATION,
    }
)
"""Which event an entry is, by its type without the prefix."""

CLOSING = (Event.ROLLOVER, Event.TRUE_UP, Event.EXPIRATION)
"""What ends a segment, in the order in which entries of one moment are taken."""


class ProviderStatus(StrEnum):
    """The status of an invoice at the billing provider, `billing_provider_invoice_external_status`."""

    DRAFT = "DRAFT"
    FINALIZED = "FINALIZED"
    QUEUED = "QUEUED"
    SENT = "SENT"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    SKIPPED = "SKIPPED"
    VOID = "VOID"
    DELETED = "DELETED"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    INVALID_REQUEST_ERROR = "INVALID_REQUEST_ERROR"


class Collection(StrEnum):
    """What a provider's status means for the money."""

    OPEN = "open"
    FAILED = "failed"
    PAID = "paid"
    WRITTEN_OFF = "written off"
    NOT_BILLED = "not billed"
    WITHDRAWN = "withdrawn"


PROVIDER_MEANINGS: Mapping[ProviderStatus, Collection] = MappingProxyType(
    {
        ProviderStatus.DRAFT: Collection.OPEN,
        ProviderStatus.FINALIZED: Collection.OPEN,
        ProviderStatus.QUEUED: Collection.OPEN,
        ProviderStatus.SENT: Collection.OPEN,
        ProviderStatus.PARTIALLY_PAID: Collection.OPEN,
        ProviderStatus.PAID: Collection.PAID,
        ProviderStatus.SKIPPED: Collection.NOT_BILLED,
        ProviderStatus.VOID: Collection.WITHDRAWN,
        ProviderStatus.DELETED: Collection.WITHDRAWN,
        ProviderStatus.UNCOLLECTIBLE: Collection.WRITTEN_OFF,
        ProviderStatus.PAYMENT_FAILED: Collection.FAILED,
        ProviderStatus.INVALID_REQUEST_ERROR: Collection.FAILED,
    }
)
"""Every provider status and what it means; whatever else is asked of one follows from this."""


def provider_statuses(*meanings: Collection) -> tuple[ProviderStatus, ...]:
    """The statuses that mean one of `meanings`."""
    return tuple(status for status, meaning in PROVIDER_MEANINGS.items() if meaning in meanings)


WITHDRAWN = provider_statuses(Collection.WITHDRAWN)
"""The provider no longer has the invoice."""

NOT_OWED = provider_statuses(Collection.PAID, Collection.NOT_BILLED, Collection.WITHDRAWN)
"""Nothing is due at the provider. What was written off is still unpaid."""

SETTLED = provider_statuses(Collection.PAID, Collection.NOT_BILLED, Collection.WITHDRAWN, Collection.WRITTEN_OFF)
"""Nothing more will happen to the invoice at the provider; in any other state it may be paid, voided, written off."""

TROUBLED = provider_statuses(Collection.FAILED, Collection.WRITTEN_OFF)
"""The provider asked for the money and did not get it."""
