"""Endpoints about packages, which contracts are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.archive_filter import through_archive_filter
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.packages import package_contract, retired_package, starter_package
from metronome_analytics.simulator.world.days import instant

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


def list_package_contracts(account: Account, request: Request) -> Page:
    """POST /v1/packages/listContractsOnPackage: of every customer."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    package_id = asked.required_uuid("package_id")
    covering, starting_at = asked.instant("covering_date"), asked.instant("starting_at")
    with_archived = asked.flag("include_archived")
    asked.finish()
    if covering is not None and starting_at is not None:
        raise ApiError(400, "covering_date and starting_at exclude each other")
    if not any(item["id"] == package_id for item in (starter_package(), retired_package())):
        raise ApiError(400, f"Package not found: {package_id}", "PackageNotFound")
    rows = [
        package_contract(books, contract)
        for index in (*account.active, *account.archived)
        for books in [account.books(index)]
        for contract in books.contracts()
        if contract.package_id == package_id
        and (with_archived or books.archived_at(contract) is None)
        and (covering is None or contract.covers(covering))
        and (starting_at is None or instant(contract.start) >= starting_at)
    ]
    return page(request, rows, limit, lambda row: row)


def get_package(_: Account, request: Request) -> Reply:
    """POST /v1/packages/get."""
    package_id = request.parameters.required_uuid("package_id")
    request.parameters.finish()
    package = next((item for item in (starter_package(), retired_package()) if item["id"] == package_id), None)
    if package is None:
        raise ApiError(404, f"Package not found: {package_id}")
    return data(package)
