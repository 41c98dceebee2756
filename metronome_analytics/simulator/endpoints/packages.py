"""Endpoints about packages, which contracts are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.archive_filter import through_archive_filter
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.packages import retired_package, starter_package

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def list_packages(account: Account, request: Request) -> Page:
    """POST /v1/packages/list."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    packages = through_archive_filter(asked, (starter_package(),), (retired_package(),))
    asked.finish()
    return page(request, packages, limit, lambda payload: payload)


def get_package(_: Account, request: Request) -> Reply:
    """POST /v1/packages/get."""
    package_id = request.parameters.required_uuid("package_id")
    request.parameters.finish()
    package = next((item for item in (starter_package(), retired_package()) if item["id"] == package_id), None)
    if package is None:
        raise ApiError(404, f"Package not found: {package_id}")
    return data(package)
