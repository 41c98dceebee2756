"""The endpoint that filters what usage a contract bills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply
from metronome_analytics.simulator.endpoints.hours import midnight
from metronome_analytics.simulator.endpoints.lookups import find_contract, lookup
from metronome_analytics.simulator.world.agreements import UsageFilter
from metronome_analytics.simulator.world.happenings import Filtered

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def set_usage_filter(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/setUsageFilter: from a day that has not begun, as what is over is billed."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    contract = find_contract(account.books(index), asked.required_uuid("contract_id"))
    key, values = asked.required("group_key"), tuple(asked.strings("group_values") or ())
    start = asked.required_instant("starting_at")
    day = midnight(account, "starting_at", start)
    asked.finish()
    if start <= account.clock.now:
        raise ApiError(400, "starting_at must be in the future: this account's usage is billed as it comes")
    if not values or day < contract.start or (contract.end is not None and day >= contract.end):
        raise ApiError(400, "group_values must not be empty, and starting_at must be while the contract runs")
    account.happen(index, Filtered(account.clock.now, contract.id, UsageFilter(key, values, day)))
    return Reply()
