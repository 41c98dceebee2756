"""Endpoints about named schedules: values of any JSON kind over time, for customers, contracts and rate cards.

The vendor opens them to some clients only. An unknown name has no segments; that is not an error here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.contracts import current_contracts, find_contract
from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM, lookup
from metronome_analytics.simulator.endpoints.products import card_of
from metronome_analytics.simulator.endpoints.request import Page, Reply, Request, data, page
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.days import instant, shift_month
from metronome_analytics.simulator.world.ids import digest
from metronome_analytics.simulator.world.price_list import OPENED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract

_Segment = tuple[object, datetime, datetime | None]
_TURN = datetime(2026, 7, 1, tzinfo=UTC)

CONTRACT_SCHEDULES: tuple[tuple[str, dict[str, str]], ...] = (
    ("reserved-capacity", {"sku": "A100"}),
    ("reserved-capacity", {"sku": "H100"}),
    ("support-tier", {}),
)
"""Names and properties; the same name may stand there with other properties."""


def get_customer_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/customers/getNamedSchedule."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    segments: list[_Segment] = []
    if name == "account-manager":
        first: Json = {"email": f"owner-{index % 7}@example.com", "regions": ["us", "eu"]}
        segments = [(first, OPENED, _TURN), ({"email": "pool@example.com", "regions": []}, _TURN, None)]
    return data(_written(segments, covering))


def get_rate_card_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/rate-cards/getNamedSchedule."""
    asked = request.parameters
    card = card_of(asked.required_uuid("rate_card_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    segments: list[_Segment] = [(f"{card.name}, list", OPENED, None)] if name == "price-book" else []
    return data(_written(segments, covering))


def get_contract_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/getNamedSchedule: with `properties` they must be exactly those of the schedule."""
    asked = request.parameters
    books = account.books(lookup(account, asked.required_uuid("customer_id")))
    contract = find_contract(books, asked.required_uuid("contract_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    properties = asked.object("properties")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    for known, fixed in CONTRACT_SCHEDULES:
        if known == name and properties in (None, fixed):
            return data(_written(_of_contract(contract, known, fixed), covering))
    return data([])


def list_contract_schedules(account: Account, request: Request) -> Page:
    """POST /v1/contracts/listNamedSchedules: of all contracts of a customer or of one."""
    asked = request.parameters
    books = account.books(lookup(account, asked.required_uuid("customer_id")))
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    contract_id, name = asked.uuid("contract_id"), asked.text("schedule_name")
    covering, properties = asked.instant("covering_date"), asked.object("properties")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    contracts = current_contracts(books) if contract_id is None else [find_contract(books, contract_id)]
    rows: list[Json] = []
    for contract in contracts:
        for known, fixed in CONTRACT_SCHEDULES:
            segments = _written(_of_contract(contract, known, fixed), covering)
            if name in (None, known) and (properties or {}).items() <= fixed.items() and segments:
                row: Json = {"contract_id": contract.id, "schedule_name": known, "segments": segments}
                rows.append(row | ({"properties": fixed} if fixed else {}))
    return page(request, rows, limit, lambda row: row)


def _of_contract(contract: Contract, name: str, properties: dict[str, str]) -> list[_Segment]:
    """The segments of a contract's schedule: reserved units that change once, or a word for good."""
    start = instant(contract.start)
    end = None if contract.end is None else instant(contract.end)
    if name == "support-tier":
        return [("premium" if digest(contract.id) % 2 else "standard", start, end)]
    reserved = digest(contract.id, properties["sku"]) % 50
    turn = instant(shift_month(contract.start, 6))
    if end is not None and turn >= end:
        return [(reserved, start, end)]
    return [(reserved, start, turn), (reserved * 2, turn, end)]


def _written(segments: Sequence[_Segment], covering: datetime | None) -> list[Json]:
    """The segments, or the one that covers an instant."""
    rows: list[Json] = []
    for value, start, end in segments:
        if covering is None or (start <= covering and (end is None or covering < end)):
            row: Json = {"value": value, "starting_at": offset_text(start)}
            rows.append(row if end is None else row | {"ending_before": offset_text(end)})
    return rows
