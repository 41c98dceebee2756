"""One entry: what is sent, what is written down of it, and what its answer means."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from metronome_analytics.corrections.state import with_token
from metronome_analytics.errors import (
    AuthenticationError,
    MetronomeError,
    RateLimitedError,
    RequestRejected,
    TransportError,
)

if TYPE_CHECKING:
    from metronome_analytics.corrections.evidence import Amounts, Eye
    from metronome_analytics.corrections.plan import BalancePlan

Row = dict[str, Any]


class Send(Protocol):
    """Sends one manual entry, once; raises one of our errors."""

    def __call__(self, body: dict[str, Any], *, idempotency_key: str) -> None:
        """Return when the API said 200."""


def send_once(
    send: Send, eye: Eye, facts: dict[str, Any], number: int, *, body: dict[str, Any], idempotency_key: str
) -> Row:
    """Send an entry and say what became of it; where the answer does not, the ledger does."""
    status: int | None = 200
    said = ""
    try:
        send(body, idempotency_key=idempotency_key)
    except RateLimitedError as error:
        return row_of(number, "not_sent", http_status=error.status, message=str(error))
    except AuthenticationError as error:
        return row_of(number, "refused", http_status=error.status, message=str(error))
    except TransportError as error:
        if not error.sent:
            return row_of(number, "not_sent", message=str(error))
        status, said = error.status, error.message
    except MetronomeError as error:
        # 409 on a key of our own, 408, a 5xx: it may have taken effect. Any other 4xx is the API's last word.
        if isinstance(error, RequestRejected) and error.status not in {408, 409}:
            return row_of(number, "refused", http_status=error.status, message=str(error))
        status, said = error.status, error.message
    seen = eye.sees(facts)
    if seen:
        said = f"{said} The ledger has it." if said else "Read back from the ledger."
        return found_row(number, "applied", facts, seen, http_status=status, message=said)
    silence = "The ledger cannot be read." if seen is None else "The ledger does not show it."
    said = said or "The API said 200."
    return row_of(number, "unknown", http_status=status, message=f"{said} {silence} settle() decides later.")


def row_of(number: int, status: str, *, http_status: int | None = None, verified: bool = False, message: str) -> Row:
    """A row of the outcome."""
    return {
        "entry": number,
        "status": status,
        "http_status": http_status,
        "verified": verified,
        "message": message,
    }


def found_row(
    number: int, status: str, facts: dict[str, Any], seen: Amounts, *, http_status: int | None = None, message: str
) -> Row:
    """The row of an entry that is in the ledger; verified where it is there once and as it was meant."""
    right = seen == (Decimal(facts["amount"]),)
    if not right:
        there = ", ".join(f"{amount.normalize():f}" for amount in seen)
        message = f"{message} But it has {there} where {facts['amount']} was sent: look at it before anything else."
    return row_of(number, status, http_status=http_status, verified=right, message=message)


def body_of(plan: BalancePlan, number: int) -> dict[str, Any]:
    """What is sent for an entry, the same at every attempt."""
    entry = plan.entries[number]
    body: dict[str, Any] = {
        "customer_id": entry.customer_id,
        "id": entry.balance_id,
        "segment_id": entry.segment_id,
        "amount": _number(entry.amount),
        "reason": with_token(entry.reason, plan.token(number)),
        "timestamp": entry.timestamp.isoformat().replace("+00:00", "Z"),
        "uniqueness_key": plan.uniqueness_key(number),
    }
    if entry.contract_id is not None:
        body["contract_id"] = entry.contract_id
    if entry.per_group_amounts is not None:
        body["per_group_amounts"] = {group: _number(amount) for group, amount in entry.per_group_amounts.items()}
    return body


def facts_of(plan: BalancePlan, number: int) -> dict[str, Any]:
    """What the journal keeps of an entry: enough to find it in the ledger, and to explain it to an auditor."""
    entry = plan.entries[number]
    groups = entry.per_group_amounts
    return {
        "base_url": plan.base_url,
        "environment": plan.environment,
        "customer_id": entry.customer_id,
        "balance_id": entry.balance_id,
        "segment_id": entry.segment_id,
        "contract_id": entry.contract_id,
        "credit_type_name": entry.credit_type_name,
        "amount": f"{entry.amount.normalize():f}",
        "reason": entry.reason,
        "timestamp": entry.timestamp.isoformat(),
        "per_group_amounts": groups and {name: f"{amount.normalize():f}" for name, amount in groups.items()},
        "token": plan.token(number),
        "uniqueness_key": plan.uniqueness_key(number),
    }


def _number(amount: Decimal) -> int | float:
    """The JSON number whose shortest text is `amount`: that is what comes back."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
