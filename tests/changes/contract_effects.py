"""Whether something that happened in the simulator is what a change of a contract did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from metronome_analytics.simulator.world.happenings import (
    Amended,
    ContractArchived,
    Edited,
    HistoryBilled,
    ServicesBilled,
    Signed,
)

if TYPE_CHECKING:
    from metronome_analytics.changes.operation import PlannedChange

Effect = Callable[[object, "PlannedChange"], bool]


def _of_contract(kind: type) -> Effect:
    return lambda happening, each: isinstance(happening, kind) and happening.contract_id == each.subject_id  # type: ignore[attr-defined]  # all of them have one


CONTRACT_EFFECTS: dict[str, Effect] = {
    "contracts.create": lambda happening, each: (
        isinstance(happening, Signed) and happening.contract.uniqueness_key == each.uniqueness_key
    ),
    "contracts.edit": lambda happening, each: (
        isinstance(happening, Edited) and happening.edit.uniqueness_key == each.uniqueness_key
    ),
    "contracts.amend": _of_contract(Amended),
    "contracts.archive": _of_contract(ContractArchived),
    "contracts.schedule_pro_services_invoice": _of_contract(ServicesBilled),
    "contracts.create_historical_invoices": _of_contract(HistoryBilled),
}
