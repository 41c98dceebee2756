"""Endpoints that add and end plans of the deprecated Plans, and charge on their drafts.

The books here are kept by whole days, and what is billed stays billed: a plan begins in the month that is open or
later, and ends ahead, though the API itself takes other days.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.hours import day_ahead, midnight
from metronome_analytics.simulator.endpoints.lookups import find
from metronome_analytics.simulator.endpoints.parameters import canonical_uuid
from metronome_analytics.simulator.world.agreements import PLANS, plan_id
from metronome_analytics.simulator.world.amounts import SCALE, scaled
from metronome_analytics.simulator.world.days import first_of_month, instant
from metronome_analytics.simulator.world.deals import Deals
from metronome_analytics.simulator.world.happenings import Charged, ContractEnded, PlanAdded
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.price_list import ONBOARDING

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.parameters import Parameters
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.agreements import Contract

CHARGE_ID = make_id("charge", ONBOARDING.key)
"""The one charge that is on no plan and has a fixed price."""


def add_plan(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/plans/add: one plan at a time; adjustments and trials change nothing here."""
    index, asked = find(account, request), request.parameters
    wanted = asked.required_uuid("plan_id")
    name = next((name for name in PLANS if plan_id(name) == wanted), None)
    start = midnight(account, "starting_on", asked.required_instant("starting_on"))
    end = _last_day(account, asked)
    terms = asked.raw("net_payment_terms_days")
    for ignored in ("price_adjustments", "overage_rate_adjustments", "trial_spec"):
        asked.raw(ignored)
    asked.finish()
    if name is None:
        raise ApiError(404, f"Plan not found: {wanted}")
    if start < first_of_month(account.clock.now.toordinal()) or (end is not None and end <= start):
        raise ApiError(400, "the plan must begin in the month that is open or later, and end after that")
    held = [plan for plan in account.books(index).plans() if plan.end is None or plan.end > start]
    if any(end is None or plan.start < end for plan in held):
        raise ApiError(400, "the customer has another plan in that time")
    deals = Deals(account.seed, index, account.customer(index).id, start, 1)
    plan = deals.contract(f"plan {len(account.happened)}", plan=name, count=2, end=end, created_at=account.clock.now)
    if terms is not None:
        plan = replace(plan, net_terms=int(str(terms)))
    account.happen(index, PlanAdded(account.clock.now, plan))
    return data({"id": plan.id})


def _last_day(account: Account, asked: Parameters) -> int | None:
    return day_ahead(account, "ending_before", asked.instant("ending_before"))


def end_plan(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/plans/{customer_plan_id}/end: without `ending_before` the plan is open."""
    index, asked = find(account, request), request.parameters
    plan = _plan(account, index, canonical_uuid(request.path_parameters["customer_plan_id"], "customer_plan_id"))
    end = _last_day(account, asked)
    asked.flag("void_invoices")
    asked.flag("void_stripe_invoices")
    asked.finish()
    if end is not None and end <= plan.start:
        raise ApiError(400, "ending_before must be after the plan's start")
    account.happen(index, ContractEnded(account.clock.now, plan.id, end))
    return Reply("{}")


def add_charge(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/addCharge: on the draft of the plan that begins just then."""
    index, asked = find(account, request), request.parameters
    plan = _plan(account, index, asked.required_uuid("customer_plan_id"))
    charge_id, description = asked.required_uuid("charge_id"), asked.required("description")
    start = asked.required_instant("invoice_start_timestamp")
    price, quantity = (_number(asked, name) for name in ("price", "quantity"))
    asked.finish()
    if charge_id != CHARGE_ID:
        raise ApiError(404, f"Charge not found: {charge_id}")
    for invoice in account.books(index).invoices:
        own = invoice.contract.id == plan.id and invoice.status == "DRAFT"
        if own and invoice.start is not None and instant(invoice.start) == start:
            amount = price * quantity // SCALE
            account.happen(index, Charged(account.clock.now, plan.id, invoice.start, description, amount))
            return Reply("{}")
    raise ApiError(400, "No draft invoice of the plan begins at invoice_start_timestamp")


def _number(asked: Parameters, name: str) -> int:
    value = asked.raw(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, f"{name} must be a number")
    return scaled(value)


def _plan(account: Account, index: int, customer_plan_id: str) -> Contract:
    plan = next((plan for plan in account.books(index).plans() if plan.id == customer_plan_id), None)
    if plan is None:
        raise ApiError(404, f"Customer plan not found: {customer_plan_id}")
    return plan
