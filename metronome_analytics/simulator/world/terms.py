"""Agreements as they were changed since: balances made, moved to other times, contracts that end on other days."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.happenings import ContractEnded, Granted, Retimed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.world.agreements import Agreements
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
    if (balances, contracts) == (list(agreements.balances), list(agreements.contracts)):
        return agreements
    return replace(agreements, balances=tuple(balances), contracts=tuple(contracts))
