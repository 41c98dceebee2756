"""Endpoints of the deprecated Plans: plans, price adjustments and daily costs of customers.

What they say of Plans customers is part of the same books: the adjusted price is that of a product no one uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import canonical_uuid
from metronome_analytics.simulator.rendering.costs import day_costs
from metronome_analytics.simulator.rendering.plans import customer_plan
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.days import DAY
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.windows import windows_of

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account


def list_plans(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/plans."""
    index = find(account, request)
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish()
    return page(request, account.books(index).plans(), limit, customer_plan)


def list_price_adjustments(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/plans/{customer_plan_id}/priceAdjustments."""
    index = find(account, request)
    wanted = canonical_uuid(request.path_parameters["customer_plan_id"], "customer_plan_id")
    limit = request.parameters.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    request.parameters.finish()
    if not any(item.id == wanted for item in account.books(index).plans()):
        raise ApiError(404, f"Customer plan not found: {wanted}")
    charge_id = make_id(wanted, "charge", price_list.AUDIT_EVENTS.key)
    percent: Json = {"adjustment_type": "percentage", "value": -10}
    rows = [{"charge_id": charge_id, "charge_type": "usage", "start_period": 0, "prices": [percent]}]
    return page(request, rows, limit, lambda row: row)


def list_costs(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/costs: days of a customer on Plans; a customer on contracts has none."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    starting_on, ending_before = asked.required_instant("starting_on"), asked.required_instant("ending_before")
    asked.finish()
    books = account.books(index)
    periods = [item for item in books.invoices if item.type == "PLAN_ARREARS"]
    days: list[int] = sorted(
        {
            begin.toordinal()
            for item in periods
            for begin in windows_of(item, DAY, starting_on, min(ending_before, books.now + DAY))
        }
    )
    return page(request, days, limit, lambda day: day_costs(books, day))
