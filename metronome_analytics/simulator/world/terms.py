"""Agreements as they were changed since: balances made, moved to other times, contracts that end on other days."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.agreements import provider_id
from metronome_analytics.simulator.world.happenings import (
    Amended,
    BillingArchived,
    ContractArchived,
    ContractEnded,
    Edited,
    Filtered,
    Granted,
    HistoryBilled,
    PlanAdded,
    Retimed,
    Signed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import (
        Agreements,
        Amendment,
        Balance,
        Contract,
        Edit,
        UsageFilter,
    )
    from metronome_analytics.simulator.world.happenings import Happening


def amended(agreements: Agreements, history: Iterable[Happening]) -> Agreements:
    """`agreements` with what happened to its terms; archiving a balance is for the books, it pays until then."""
    balances, contracts = list(agreements.balances), list(agreements.contracts)
    for happening in history:
        match happening:
            case Granted(_, balance):
                balances.append(balance)
            case Retimed(_, balance_id):
                balances = [_retimed(b, happening) if b.id == balance_id else b for b in balances]
            case Signed(_, contract) | PlanAdded(_, contract):
                contracts.append(contract)
            case ContractEnded(_, id_) | Edited(_, id_) | Amended(_, id_) | ContractArchived(_, id_):
                contracts = [_changed(c, happening) if c.id == id_ else c for c in contracts]
            case HistoryBilled(_, id_):
                contracts = [_metering(c, happening) if c.id == id_ else c for c in contracts]
            case Filtered(_, id_, wanted):
                contracts = [_filtered(c, wanted) if c.id == id_ else c for c in contracts]
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


def _retimed(balance: Balance, happening: Retimed) -> Balance:
    kept = balance.purchases if happening.purchases is None else happening.purchases
    return replace(balance, segments=happening.segments, purchases=kept)


def _changed(contract: Contract, happening: ContractEnded | Edited | Amended | ContractArchived) -> Contract:
    match happening:
        case ContractEnded(_, _, end):
            return replace(contract, end=end)
        case Edited(_, _, edit):
            return _edited(contract, edit)
        case Amended(_, _, amendment):
            return _amended(contract, amendment)
        case ContractArchived(at):
            return replace(contract, archived_at=at)


def _edited(contract: Contract, edit: Edit) -> Contract:
    kept = [
        replace(each, archived_at=edit.at) if each.id in edit.archived_charges else each for each in contract.charges
    ]
    return replace(
        contract,
        name=edit.name or contract.name,
        end=edit.end if edit.ends else contract.end,
        net_terms=contract.net_terms if edit.net_terms is None else edit.net_terms,
        charges=(*kept, *edit.charges),
        services=(*contract.services, *edit.services),
        edits=(*contract.edits, edit),
    )


def _amended(contract: Contract, amendment: Amendment) -> Contract:
    return replace(
        contract,
        charges=(*contract.charges, *amendment.charges),
        services=(*contract.services, *amendment.services),
        amendments=(*contract.amendments, amendment),
    )


def _metering(contract: Contract, happening: HistoryBilled) -> Contract:
    """The contract with a stream for whatever was invoiced by hand: without usage of its own."""
    new = [stream for stream in dict.fromkeys(each for each, _, _ in happening.usage) if stream not in contract.streams]
    return replace(contract, streams=(*contract.streams, *new))
