"""Writes credit grants and their ledgers the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world import price_list

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.credit_grants import Grant

AUTHOR = "grants@example.com"


def credit_grant(grant: Grant, now: datetime) -> Json:
    """A CreditGrant."""
    rest = 0 if grant.expired(now) else grant.cents
    usd = reference(price_list.USD)
    product = price_list.AUDIT_EVENTS
    return {
        "id": grant.id,
        "customer_id": grant.customer_id,
        "name": grant.name,
        "reason": "Goodwill",
        "effective_at": offset_text(grant.start),
        "expires_at": offset_text(grant.end),
        "priority": 1,
        "grant_amount": {"amount": grant.cents, "credit_type": usd},
        "paid_amount": {"amount": 0, "credit_type": usd},
        "balance": {
            "effective_at": offset_text(grant.next_period),
            "excluding_pending": rest,
            "including_pending": 0 if grant.expired(grant.next_period) else rest,
        },
        "deductions": [_entry(grant, -grant.cents, grant.end, 0)] if grant.expired(now) else [],
        "pending_deductions": [],
        "custom_fields": {},
        "products": [reference(product)],
    }


def _entry(grant: Grant, amount: int, when: datetime, running: int) -> Json:
    """A CreditLedgerEntry."""
    return {
        "amount": amount,
        "created_by": AUTHOR,
        "credit_grant_id": grant.id,
        "effective_at": offset_text(when),
        "reason": grant.name if amount > 0 else f"Expiration of {grant.name}",
        "running_balance": running,
    }


def grant_ledger(
    grants: list[Grant], now: datetime, bounds: tuple[datetime | None, datetime | None], *, descending: bool
) -> Json:
    """A ledger: every grant, and every expiration up to now, with the balance after it."""
    moves = [(grant.start, grant.cents, grant) for grant in grants]
    moves += [(grant.end, -grant.cents, grant) for grant in grants if grant.expired(now)]
    moves.sort(key=lambda move: move[0])
    first = bounds[0] or moves[0][0]
    last = bounds[1] or grants[0].next_period
    entries: list[Json] = []
    running = opening = closing = 0
    for when, amount, grant in moves:
        running += amount
        if when < first:
            opening = running
        if when < last:
            closing = running
        if first <= when < last:
            entries.append(_entry(grant, amount, when, running))
    return {
        "credit_type": reference(price_list.USD),
        "starting_balance": _at(first, opening),
        "ending_balance": _at(last, closing),
        "entries": entries[::-1] if descending else entries,
        "pending_entries": [],
    }


def _at(when: datetime, cents: int) -> Json:
    return {"effective_at": offset_text(when), "excluding_pending": cents, "including_pending": cents}
