"""Endpoints about products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.archive_filter import through_archive_filter
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.products import product_list_item
from metronome_analytics.simulator.world import price_list

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def list_products(account: Account, request: Request) -> Page:
    """POST /v1/contract-pricing/products/list."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    products = through_archive_filter(asked, price_list.PRODUCTS, (price_list.RETIRED,))
    asked.finish()
    return page(request, products, limit, product_list_item)


def get_product(_: Account, request: Request) -> Reply:
    """POST /v1/contract-pricing/products/get."""
    product_id = request.parameters.required_uuid("id")
    request.parameters.finish()
    product = next((item for item in (*price_list.PRODUCTS, price_list.RETIRED) if item.id == product_id), None)
    if product is None:
        raise ApiError(404, f"Product not found: {product_id}")
    return data(product_list_item(product))
