"""Endpoints about named schedules: values of any JSON kind over time, for customers, contracts and rate cards.

The vendor opens them to some clients only. An unknown name has no segments; that is not an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.hours import on_the_hour
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, card_of, find_contract, lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.named_schedules import schedule_segments
from metronome_analytics.simulator.world.happenings import ScheduleSet
from metronome_analytics.simulator.world.named_schedules import (
    CONTRACT_SCHEDULES,
    contract_schedule,
    customer_schedule,
    rate_card_schedule,
    with_changes,
)

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account


def get_customer_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/customers/getNamedSchedule."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    asked.finish()
    segments = with_changes(customer_schedule(index, name), name, account.history(index))
    return data(schedule_segments(segments, covering))


def update_customer_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/customers/updateNamedSchedule: any name; without `ending_before` the value holds for good."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    name, start = asked.required("schedule_name"), asked.required_instant("starting_at")
    end, value = asked.instant("ending_before"), asked.raw("value")
    asked.finish()
    if "value" not in request.body:
        raise ApiError(400, "value is required")
    on_the_hour(account, "starting_at", start)
    if end is not None and on_the_hour(account, "ending_before", end) and end <= start:
        raise ApiError(400, "ending_before must be after starting_at")
    account.happen(index, ScheduleSet(account.clock.now, name, (value, start, end)))
    return Reply()


def get_rate_card_schedule(_: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/rate-cards/getNamedSchedule."""
    asked = request.parameters
    card = card_of(asked.required_uuid("rate_card_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    asked.finish()
    return data(schedule_segments(rate_card_schedule(card, name), covering))


def get_contract_schedule(account: Account, request: Request) -> Reply:
    """POST /v1/contracts/getNamedSchedule: with `properties` they must be exactly those of the schedule."""
    asked = request.parameters
    books = account.books(lookup(account, asked.required_uuid("customer_id")))
    contract = find_contract(books, asked.required_uuid("contract_id"))
    name, covering = asked.required("schedule_name"), asked.instant("covering_date")
    properties = asked.object("properties")
    asked.finish()
    for known, fixed in CONTRACT_SCHEDULES:
        if known == name and properties in (None, fixed):
            return data(schedule_segments(contract_schedule(contract, known, fixed), covering))
    return data([])


def list_contract_schedules(account: Account, request: Request) -> Page:
    """POST /v1/contracts/listNamedSchedules: of all contracts of a customer or of one."""
    asked = request.parameters
    books = account.books(lookup(account, asked.required_uuid("customer_id")))
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    contract_id, name = asked.uuid("contract_id"), asked.text("schedule_name")
    covering, properties = asked.instant("covering_date"), asked.object("properties")
    asked.finish()
    contracts = books.contracts() if contract_id is None else [find_contract(books, contract_id)]
    rows: list[Json] = []
    for contract in contracts:
        for known, fixed in CONTRACT_SCHEDULES:
            segments = schedule_segments(contract_schedule(contract, known, fixed), covering)
            if name in (None, known) and (properties or {}).items() <= fixed.items() and segments:
                row: Json = {"contract_id": contract.id, "schedule_name": known, "segments": segments}
                rows.append(row | ({"properties": fixed} if fixed else {}))
    return page(request, rows, limit, lambda row: row)
