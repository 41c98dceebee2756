"""The routing table: one row per endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from metronome_analytics.simulator.endpoints import (
    account,
    alerts,
    audit_logs,
    balances,
    billing_providers,
    billing_writes,
    breakdowns,
    contracts,
    credit_grants,
    customer_writes,
    customers,
    dashboards,
    events,
    grants,
    invoice_writes,
    invoices,
    invoicing,
    manual_entries,
    metrics,
    named_schedules,
    notifications,
    packages,
    plan_writes,
    plans,
    previews,
    products,
    rates,
    seats,
    signing,
    spend_breakdowns,
    subscriptions,
    usage,
    usage_filters,
)
from metronome_analytics.simulator.endpoints.answers import Answer, ApiError
from metronome_analytics.simulator.endpoints.request import Request
from metronome_analytics.simulator.world.account import Account

Handler = Callable[[Account, Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; `parameters` says where it reads them, and with them its cursor.

    `in_query` names those that an endpoint with a body reads from the query string all the same, `in_cursor` those
    that its cursor carries on, `cursor` is what it calls the cursor in a request.
    """

    method: str
    pattern: str
    handler: Handler
    parameters: Literal["query", "body"] = "query"
    writes: bool = False
    in_query: tuple[str, ...] = ()
    in_cursor: tuple[str, ...] = ()
    cursor: str = "next_page"
    compiled: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern)))


_PAGE = ("limit", "next_page")
_CURSOR = ("next_page",)

# fmt: off
ROUTES = (
    Route("GET", "/v1/customers", customers.list_customers),
    Route("GET", "/v1/customers/{customer_id}", customers.get_customer),
    Route("GET", "/v1/customers/{customer_id}/billable-metrics", metrics.list_customer_metrics),
    Route(
        "GET", "/v1/customers/{customer_id}/billing-config/{billing_provider_type}",
        billing_providers.get_billing_config,
    ),
    Route(
        "POST", "/v1/customers/{customer_id}/billing-config/{billing_provider_type}",
        billing_writes.create_billing_config, "body", writes=True,
    ),
    Route(
        "DELETE", "/v1/customers/{customer_id}/billing-config/{billing_provider_type}",
        billing_writes.delete_billing_config, writes=True,
    ),
    Route("GET", "/v1/customers/{customer_id}/costs", plans.list_costs),
    Route("GET", "/v1/customers/{customer_id}/invoices", invoices.list_invoices),
    Route("GET", "/v1/customers/{customer_id}/invoices/breakdowns", breakdowns.list_breakdowns),
    Route(
        "POST", "/v1/customers/{customer_id}/invoices/spend-breakdowns", spend_breakdowns.list_spend_breakdowns, "body",
        in_query=("include_list_prices",),
    ),
    Route("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}", invoices.get_invoice),
    Route("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf", invoices.get_pdf),
    Route("GET", "/v1/customers/{customer_id}/plans", plans.list_plans),
    Route(
        "GET", "/v1/customers/{customer_id}/plans/{customer_plan_id}/priceAdjustments", plans.list_price_adjustments,
    ),
    Route("POST", "/v1/customers/{customer_id}/previewEvents", previews.preview_events, "body"),
    Route("POST", "/v1/customers/{customer_id}/setName", customers.set_name, "body", writes=True),
    Route("POST", "/v1/customers", customer_writes.create_customer, "body", writes=True),
    Route("POST", "/v1/customers/archive", customer_writes.archive_customer, "body", writes=True),
    Route(
        "POST", "/v1/customers/{customer_id}/setIngestAliases", customer_writes.set_ingest_aliases, "body", writes=True,
    ),
    Route("POST", "/v1/customers/{customer_id}/updateConfig", customer_writes.update_config, "body", writes=True),
    Route("POST", "/v1/customers/{customer_id}/addCharge", plan_writes.add_charge, "body", writes=True),
    Route("POST", "/v1/customers/{customer_id}/plans/add", plan_writes.add_plan, "body", writes=True),
    Route(
        "POST", "/v1/customers/{customer_id}/plans/{customer_plan_id}/end", plan_writes.end_plan, "body", writes=True,
    ),
    Route("POST", "/v1/invoices/void", invoice_writes.void_invoice, "body", writes=True),
    Route("POST", "/v1/invoices/regenerate", invoice_writes.regenerate_invoice, "body", writes=True),
    Route("POST", "/v1/contracts/setUsageFilter", usage_filters.set_usage_filter, "body", writes=True),
    Route(
        "POST", "/v1/customers/updateNamedSchedule", named_schedules.update_customer_schedule, "body", writes=True,
    ),
    Route("POST", "/v1/customers/getNamedSchedule", named_schedules.get_customer_schedule, "body"),
    Route("POST", "/v1/customer-alerts/list", alerts.list_alerts, "body", in_query=_CURSOR),
    Route("POST", "/v1/customer-alerts/get", alerts.get_alert, "body"),
    Route("POST", "/v1/customer-alerts/reset", alerts.reset_alert, "body", writes=True),
    Route("POST", "/v1/getCustomerBillingProviderConfigurations", billing_providers.list_configurations, "body"),
    Route(
        "POST", "/v1/setCustomerBillingProviderConfigurations", billing_writes.set_configurations, "body", writes=True,
    ),
    Route(
        "POST", "/v1/archiveCustomerBillingProviderConfigurations", billing_writes.archive_configurations, "body",
        writes=True,
    ),
    Route("POST", "/v1/listConfiguredBillingProviders", billing_providers.list_providers, "body"),
    Route("POST", "/v1/getCustomerRevenueSystemConfigurations", billing_providers.list_revenue_systems, "body"),
    Route("POST", "/v1/dashboards/getEmbeddableUrl", dashboards.get_embeddable_url, "body"),
    Route("GET", "/v1/customers/{customer_id}/purchasedSeats", seats.list_purchased_seats),
    Route("POST", "/v1/payments/list", billing_providers.list_payments, "body"),
    Route("POST", "/v1/contracts/list", contracts.list_contracts, "body", cursor="cursor"),
    Route("POST", "/v1/contracts/get", contracts.get_contract, "body"),
    Route("POST", "/v2/contracts/list", contracts.list_contracts_v2, "body", cursor="cursor"),
    Route("POST", "/v2/contracts/get", contracts.get_contract_v2, "body"),
    Route("POST", "/v2/contracts/getEditHistory", contracts.get_edit_history, "body"),
    Route("POST", "/v1/contracts/customerCommits/list", balances.list_commits, "body"),
    Route("POST", "/v1/contracts/customerCredits/list", balances.list_credits, "body"),
    Route("POST", "/v1/contracts/customerBalances/list", balances.list_balances, "body"),
    Route("POST", "/v1/contracts/customerBalances/getNetBalance", balances.net_balance, "body"),
    Route("POST", "/v1/contracts/addManualBalanceLedgerEntry", manual_entries.add_entry, "body", writes=True),
    Route("POST", "/v1/contracts/customerCredits/create", grants.create_credit, "body", writes=True),
    Route("POST", "/v1/contracts/customerCommits/create", grants.create_commit, "body", writes=True),
    Route("POST", "/v1/contracts/customerCredits/updateEndDate", grants.end_credit, "body", writes=True),
    Route("POST", "/v1/contracts/customerCommits/updateEndDate", grants.end_commit, "body", writes=True),
    Route("POST", "/v2/contracts/credits/edit", grants.edit_credit, "body", writes=True),
    Route("POST", "/v2/contracts/commits/edit", grants.edit_commit, "body", writes=True),
    Route("POST", "/v2/contracts/credits/archive", grants.archive_credit, "body", writes=True),
    Route("POST", "/v2/contracts/commits/archive", grants.archive_commit, "body", writes=True),
    Route("POST", "/v1/contracts/updateEndDate", contracts.update_end_date, "body", writes=True),
    Route("POST", "/v1/contracts/create", signing.create_contract, "body", writes=True),
    Route("POST", "/v1/contracts/amend", signing.amend_contract, "body", writes=True),
    Route("POST", "/v1/contracts/archive", signing.archive_contract, "body", writes=True),
    Route("POST", "/v2/contracts/edit", signing.edit_contract, "body", writes=True),
    Route("POST", "/v1/contracts/scheduleProServicesInvoice", invoicing.schedule_services, "body", writes=True),
    Route("POST", "/v1/contracts/createHistoricalInvoices", invoicing.create_historical, "body", writes=True),
    Route("POST", "/v1/contracts/getContractRateSchedule", rates.get_contract_rate_schedule, "body", in_query=_PAGE),
    Route("POST", "/v1/contracts/getSubscriptionQuantityHistory", subscriptions.get_quantity_history, "body"),
    Route(
        "POST", "/v1/contracts/getSubscriptionSeatsHistory", subscriptions.get_seats_history, "body", cursor="cursor",
    ),
    Route("POST", "/v1/contracts/seatBalances/list", subscriptions.list_seat_balances, "body", cursor="cursor"),
    Route("POST", "/v1/contracts/getNamedSchedule", named_schedules.get_contract_schedule, "body"),
    Route("POST", "/v1/contracts/listNamedSchedules", named_schedules.list_contract_schedules, "body"),
    Route("POST", "/v1/contract-pricing/products/list", products.list_products, "body", in_query=_PAGE),
    Route("POST", "/v1/contract-pricing/products/get", products.get_product, "body"),
    Route("POST", "/v1/contract-pricing/rate-cards/list", rates.list_rate_cards, "body", in_query=_PAGE),
    Route("POST", "/v1/contract-pricing/rate-cards/get", rates.get_rate_card, "body"),
    Route("POST", "/v1/contract-pricing/rate-cards/getRates", rates.get_rates, "body", in_query=_PAGE),
    Route("POST", "/v1/contract-pricing/rate-cards/getRateSchedule", rates.get_rate_schedule, "body", in_query=_PAGE),
    Route("POST", "/v1/contract-pricing/rate-cards/getNamedSchedule", named_schedules.get_rate_card_schedule, "body"),
    Route("GET", "/v1/billable-metrics", metrics.list_metrics),
    Route("GET", "/v1/billable-metrics/{billable_metric_id}", metrics.get_metric),
    Route("GET", "/v1/credit-types/list", account.list_credit_types),
    Route("POST", "/v1/packages/list", packages.list_packages, "body", in_query=_PAGE),
    Route("POST", "/v1/packages/get", packages.get_package, "body"),
    Route("POST", "/v1/packages/listContractsOnPackage", packages.list_package_contracts, "body", in_query=_PAGE),
    Route("POST", "/v2/notifications/get", notifications.get_notification, "body"),
    Route("POST", "/v2/notifications/offset/list", notifications.list_notifications, "body", cursor="cursor"),
    Route("POST", "/v2/notifications/system/list", notifications.list_system_notifications, "body", cursor="cursor"),
    Route("GET", "/v1/services", account.list_services),
    Route("POST", "/v1/customFields/listKeys", account.list_field_keys, "body", in_query=_CURSOR),
    Route("POST", "/v1/usage", usage.list_usage, "body", in_query=_CURSOR),
    Route("POST", "/v1/usage/groups", usage.list_usage_groups, "body", in_query=_PAGE),
    Route("POST", "/v1/usage/seats", seats.list_seat_usage, "body", in_query=_PAGE),
    Route("POST", "/v1/events/search", events.search_events, "body"),
    Route("POST", "/v1/credits/listGrants", credit_grants.list_grants, "body", in_query=_PAGE),
    Route("POST", "/v1/credits/listEntries", credit_grants.list_grant_entries, "body", in_query=("next_page", "sort")),
    Route("GET", "/v1/auditLogs", audit_logs.list_audit_logs, in_cursor=("starting_on", "ending_before")),
)
"""The first row that fits wins."""
# fmt: on


def find(request: Request) -> Route:
    """The route of a request and file its path parameters. Raises ApiError 404 or 405."""
    known = False
    for route in ROUTES:
        match = route.compiled.fullmatch(request.path)
        if match is None:
            continue
        known = True
        if route.method == request.method:
            request.path_parameters = match.groupdict()
            request.parameters_in = route.parameters
            request.in_query = route.in_query
            request.in_cursor = route.in_cursor
            request.cursor_name = route.cursor
            return route
    raise ApiError(405, "Method not allowed") if known else ApiError(404, "Not found")
