"""Endpoints about billable metrics: what is counted, and how it may be grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find, metric_of
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import Parameters, canonical_uuid
from metronome_analytics.simulator.rendering.metrics import billable_metric, customer_metric
from metronome_analytics.simulator.world.price_list import METRICS, RETIRED_METRICS

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.price_list import Metric


def list_customer_metrics(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/billable-metrics: every metric, or those of the contracts in force."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    metrics = _listed(asked)
    current = asked.flag("on_current_plan")
    asked.finish()
    if current:
        books = account.books(index)
        contracts = [contract for contract in books.agreements.contracts if contract.covers(books.now)]
        used = {stream.product.metric for contract in contracts for stream in contract.streams}
        metrics = [metric for metric in metrics if metric in used]
    return page(request, metrics, limit, customer_metric)


def list_metrics(account: Account, request: Request) -> Page:
    """GET /v1/billable-metrics."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    metrics = _listed(asked)
    asked.finish()
    return page(request, metrics, limit, billable_metric)


def get_metric(_: Account, request: Request) -> Reply:
    """GET /v1/billable-metrics/{billable_metric_id}: archived ones too."""
    metric_id = canonical_uuid(request.path_parameters["billable_metric_id"], "billable_metric_id")
    request.parameters.finish()
    return data(billable_metric(metric_of(metric_id)))


def _listed(asked: Parameters) -> list[Metric]:
    return [*METRICS, *(RETIRED_METRICS if asked.flag("include_archived") else ())]
