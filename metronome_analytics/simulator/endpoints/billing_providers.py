"""Endpoints about billing providers: configurations, and the payments a provider reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import find, find_invoice, lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.billing_providers import (
    delivery,
    external_invoice,
    payments,
    revenue_system_configuration,
)
from metronome_analytics.simulator.rendering.configurations import configurations, plans_billing
from metronome_analytics.simulator.rendering.scalars import millis_text

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

PAYMENTS_PER_PAGE = 25
CONFIGURED = ("stripe", "aws_marketplace", "netsuite")
"""The billing providers that the account is set up with."""
PROVIDERS = (
    "aws_marketplace", "stripe", "netsuite", "custom", "azure_marketplace", "quickbooks_online", "workday",
    "gcp_marketplace", "metronome",
)  # fmt: skip
_STATUSES = ("pending", "requires_intervention", "paid", "canceled")


def list_configurations(account: Account, request: Request) -> Reply:
    """POST /v1/getCustomerBillingProviderConfigurations: the providers of the contracts, and one given up."""
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    with_archived = asked.flag("include_archived")
    asked.finish()
    index = account.index(customer_id)
    if index is None:
        raise ApiError(400, f"Customer not found: {customer_id}")  # the one status documented here
    contracts = account.books(index).agreements.contracts
    rows = configurations(account.customer(index), contracts, account.history(index))
    return data([row for row in rows if with_archived or row["archived_at"] is None])


def list_providers(account: Account, request: Request) -> Page:
    """POST /v1/listConfiguredBillingProviders: how the account delivers its invoices."""
    request.parameters.finish()
    rows = [delivery(provider) for provider in CONFIGURED]
    return page(request, rows, account.switches.default_page_size, lambda row: row)


def list_revenue_systems(account: Account, request: Request) -> Reply:
    """POST /v1/getCustomerRevenueSystemConfigurations: every fourth customer is in NetSuite, every eighth no more."""
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    asked.choice("provider", ("netsuite",), "netsuite")
    with_archived = asked.flag("include_archived")
    asked.finish()
    index = account.index(customer_id)
    if index is None:
        raise ApiError(400, f"Customer not found: {customer_id}")  # the one status documented here
    who = account.customer(index)
    if index % 4 or (index % 8 == 0 and not with_archived):
        return data([])
    return data(
        [revenue_system_configuration(who) | ({"archived_at": millis_text(who.updated_at)} if index % 8 == 0 else {})]
    )


def get_billing_config(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/billing-config/{billing_provider_type}: customers on Plans only."""
    index = find(account, request)
    provider = request.path_parameters["billing_provider_type"]
    request.parameters.finish()
    if provider not in PROVIDERS:
        raise ApiError(400, f"billing_provider_type must be one of {', '.join(PROVIDERS)}")
    contracts = account.books(index).agreements.contracts
    said = plans_billing(account.customer(index), contracts, account.history(index), provider)
    if said is None:
        raise ApiError(404, f"No {provider} billing configuration")
    return data(said)


def list_payments(account: Account, request: Request) -> Page:
    """POST /v1/payments/list: what Stripe was paid for one invoice; other providers report no payments."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    invoice_id = asked.required_uuid("invoice_id")
    limit = asked.limit(PAYMENTS_PER_PAGE, PAYMENTS_PER_PAGE)
    statuses = asked.strings("statuses", _STATUSES)
    asked.finish()
    books = account.books(index)
    item = find_invoice(books, invoice_id)
    sent = external_invoice(item, books.now) if item.status == "FINALIZED" else None
    rows = [] if sent is None else payments(account.customer(index), item, sent)
    return page(request, [row for row in rows if statuses is None or row["status"] in statuses], limit, lambda row: row)
