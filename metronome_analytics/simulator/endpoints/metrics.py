"""Endpoints about billable metrics: what is counted, and how it may be grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import PAGE_MAXIMUM, find
from metronome_analytics.simulator.endpoints.request import (
    ApiError,
    Page,
    Parameters,
    Reply,
    Request,
    canonical_uuid,
    data,
    page,
)
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world import price_list
from metronome_analytics.simulator.world.price_list import RETIRED_AT

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.price_list import Metric

QUANTITY_KEY = "quantity"
"""The event property that SUM metrics add up."""

_METRICS = tuple(product.metric for product in price_list.USAGE_PRODUCTS if product.metric is not None)


def list_customer_metrics(account: Account, request: Request) -> Page:
    """GET /v1/customers/{customer_id}/billable-metrics: every metric, or those of the contracts in force."""
    index = find(account, request)
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    metrics = _metrics(asked)
    current = asked.flag("on_current_plan")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    if current:
        books = account.books(index)
        contracts = [contract for contract in books.agreements.contracts if contract.covers(books.now)]
        used = {stream.product.metric for contract in contracts for stream in contract.streams}
        metrics = [metric for metric in metrics if metric in used]
    return page(request, metrics, limit, _customer_metric)


def list_metrics(account: Account, request: Request) -> Page:
    """GET /v1/billable-metrics."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    metrics = _metrics(asked)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return page(request, metrics, limit, _metric)


def get_metric(account: Account, request: Request) -> Reply:
    """GET /v1/billable-metrics/{billable_metric_id}: archived ones too."""
    metric_id = canonical_uuid(request.path_parameters["billable_metric_id"], "billable_metric_id")
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    return data(_metric(metric_of(metric_id)))


def metric_of(metric_id: str) -> Metric:
    """A metric. Raises ApiError 404."""
    known = (*_METRICS, *([price_list.RETIRED.metric] if price_list.RETIRED.metric else []))
    metric = next((metric for metric in known if metric.id == metric_id), None)
    if metric is None:
        raise ApiError(404, f"Billable metric not found: {metric_id}")
    return metric


def _metrics(asked: Parameters) -> list[Metric]:
    archived = [price_list.RETIRED.metric] if asked.flag("include_archived") and price_list.RETIRED.metric else []
    return [*_METRICS, *archived]


def group_definitions(metric: Metric) -> list[list[str]]:
    """The group keys usage may be grouped by: each alone, and all together."""
    simple = [[key] for key in metric.group_keys]
    return [*simple, list(metric.group_keys)] if len(simple) > 1 else simple


def _metric(metric: Metric) -> Json:
    """A BillableMetricV1."""
    payload: Json = {
        "id": metric.id,
        "name": metric.name,
        "aggregation_type": metric.aggregation,
        "event_type_filter": {"in_values": [metric.event_type]},
        "property_filters": [{"name": key, "exists": True} for key in metric.group_keys],
        "group_keys": group_definitions(metric),
        "custom_fields": {},
    }
    if metric.aggregation == "SUM":
        payload["aggregation_key"] = QUANTITY_KEY
    if metric is price_list.RETIRED.metric:
        payload["archived_at"] = offset_text(RETIRED_AT)
    return payload


def _customer_metric(metric: Metric) -> Json:
    """A metric with the deprecated twins of its fields."""
    payload = _metric(metric)
    payload["aggregate"] = metric.aggregation.lower()
    payload["aggregate_keys"] = [QUANTITY_KEY] if metric.aggregation == "SUM" else []
    payload["filter"] = {"event_type": metric.event_type}
    payload["group_by"] = list(metric.group_keys)
    return payload
