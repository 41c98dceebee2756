"""Agreements as they were changed since: balances made, moved to other times, contracts that end on other days."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.agreements import provider_id
from metronome_analytics.simulator.world.happenings import (
    BillingArchived,
    ContractEnded,
    Filtered,
    Granted,
    PlanAdded,
    Retimed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Agreements, Contract, UsageFilter
    from metronome_analytics.simulator.world.happenings import Happening


def amended(agreements: Agreements, history: Iterable[Happening]) -> Agreements:
    """`agreements` with what happened to its terms; archiving a balance is for the books, it pays until then."""
    balances, contracts = list(agreements.balances), list(agreements.contracts)
    for happening in history:
        match happening:
            case Granted(_, balance):
                balances.append(balance)
            case Retimed(_, balance_id, segments):
                balances = [replace(b, segments=segments) if b.id == balance_id else b for b in balances]
            case ContractEnded(_, contract_id, end):
                contracts = [replace(c, end=end) if c.id == contract_id else c for c in contracts]
            case PlanAdded(_, plan):
                contracts.append(plan)
            case Filtered(_, contract_id, wanted):
                contracts = [_filtered(c, wanted) if c.id == contract_id else c for c in contracts]
            case BillingArchived(at, ids):
                contracts = [_undelivered(c, agreements.customer_id, ids, at) for c in contracts]
    if (balances, contracts) == (list(agreements.balances), list(agreements.contracts)):
        return agreements
    return replace(agreements, balances=tuple(balances), contracts=tuple(contracts))


def _undelivered(contract: Contract, customer_id: str, ids: Iterable[str], at: datetime) -> Contract:
    """The contract, told from when on its invoices go nowhere if it is one of those."""
    provider = contract.billing_provider
    gone = provider is not None and contract.plan is None and provider_id(customer_id, provider) in ids
    return replace(contract, delivered_until=contract.delivered_until or at) if gone else contract


def _filtered(contract: Contract, wanted: UsageFilter) -> Contract:
    """The contract with a filter more, in place of one of the same day."""
    others = [each for each in contract.usage_filters if each.start != wanted.start]
    return replace(contract, usage_filters=tuple(sorted([*others, wanted], key=lambda each: each.start)))
