"""The registry: one row per endpoint we can speak to, with the table it fills and the loader that reads it.

The HTTP verb is no guide to the effect (many reads are POST), so each row says READ or WRITE itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypedDict, Unpack

from metronome_analytics.api.wire import (
    account,
    alerts,
    balances,
    contracts,
    costs,
    customers,
    invoices,
    plans,
    products,
    rates,
    subscriptions,
    usage,
)

if TYPE_CHECKING:
    import polars as pl


class Effect(Enum):
    """What a call does to the account."""

    READ = "read"
    WRITE = "write"


class Cursor(Enum):
    """A paging style: where the request carries the cursor and under which name, and where the answer gives the next."""

    NONE = ("", "", ("next_page",))
    QUERY = ("query", "next_page", ("next_page",))
    BODY = ("body", "next_page", ("next_page",))
    # These three speak of a `cursor` in the request; what the answer calls it differs.
    BODY_CURSOR = ("body", "cursor", ("cursor",))
    BODY_CURSOR_NEXT = ("body", "cursor", ("next_page",))
    BODY_CURSOR_PAGINATION = ("body", "cursor", ("pagination", "next_page"))

    @property
    def place(self) -> str:
        """The part of the request that carries cursor and limit."""
        place: str = self.value[0]
        return place

    @property
    def asked(self) -> str:
        """The name of the cursor in the request."""
        asked: str = self.value[1]
        return asked

    @property
    def answered(self) -> tuple[str, ...]:
        """The path of the next cursor in the answer."""
        answered: tuple[str, ...] = self.value[2]
        return answered


class Status(Enum):
    """For whom an endpoint answers."""

    CURRENT = "current"
    PLANS_ONLY = "plans only"
    CLIENT_GATED = "client-gated"


# Compared by identity: to hash all that one answers takes as long as to read a small answer.
@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One endpoint: how it is called, what it does, how it pages, what it answers, and who makes what of the answer.

    `table` and `loader` are names, of a schema of `tables` and of a method of `Account`: this room knows neither.
    """

    name: str
    method: str
    path: str
    effect: Effect
    cursor: Cursor
    page_limit: int | None  # the largest page the API documents; None where it takes no limit
    wire: pl.Struct | None  # a row of `data`, or the single object; None for an answer that is no JSON
    is_list: bool = True  # whether `data` is a list of rows rather than one object
    table: str | None = None  # None for an answer that is no table
    unnest: tuple[str, ...] = ()  # the nested lists of a wire row that become rows of the table, outermost first
    loader: str | None = None  # None for a write
    status: Status = Status.CURRENT
    bare: bool = False  # whether the answer is the rows (or the object) themselves, without `data` around them
    endless: bool = False  # its cursor never ends: an empty page is the end
    first_page_only: tuple[str, ...] = ()  # parameters that may not come together with a cursor
    windows: bool = False  # whether its rows are of windows of time, those of a part of the time a part of them

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Extras(TypedDict, total=False):
    unnest: tuple[str, ...]
    status: Status
    bare: bool
    endless: bool
    first_page_only: tuple[str, ...]
    windows: bool


def _list(  # noqa: PLR0917  # the columns of a row, in their order
    name: str,
    method: str,
    path: str,
    cursor: Cursor,
    limit: int | None,
    wire: pl.Struct,
    table: str,
    loader: str | None = None,
    **extras: Unpack[_Extras],
) -> Endpoint:
    """A list; its loader has its own name where the row does not name another."""
    return Endpoint(name, method, path, Effect.READ, cursor, limit, wire, table=table, loader=loader or name, **extras)


def _one(  # noqa: PLR0917  # as above
    name: str,
    method: str,
    path: str,
    wire: pl.Struct | None,
    table: str | None,
    loader: str | None = None,
    **extras: Unpack[_Extras],
) -> Endpoint:
    return Endpoint(
        name,
        method,
        path,
        Effect.READ,
        Cursor.NONE,
        None,
        wire,
        is_list=False,
        table=table,
        loader=loader or name,
        **extras,
    )


def _write(name: str, path: str, *, method: str = "POST", status: Status = Status.CURRENT) -> Endpoint:
    return Endpoint(name, method, path, Effect.WRITE, Cursor.NONE, None, None, is_list=False, status=status)


_CUSTOMER = "/v1/customers/{customer_id}"
_PRICING = "/v1/contract-pricing"
_QUERY, _BODY, _NONE = Cursor.QUERY, Cursor.BODY, Cursor.NONE
_PLANS, _GATED = Status.PLANS_ONLY, Status.CLIENT_GATED

# One line a row, so that it reads as the table it is.
# fmt: off
# ruff: noqa: E501
_ROWS = (
    # customers
    _list("customers", "GET", "/v1/customers", _QUERY, 100, customers.CUSTOMER, "Customers"),
    _one("customer", "GET", _CUSTOMER, customers.CUSTOMER, "Customers"),
    _list("billing_configurations", "POST", "/v1/getCustomerBillingProviderConfigurations", _NONE, None, customers.BILLING_CONFIGURATION, "BillingConfigurations"),
    _list("revenue_system_configurations", "POST", "/v1/getCustomerRevenueSystemConfigurations", _NONE, None, customers.REVENUE_SYSTEM_CONFIGURATION, "RevenueSystemConfigurations"),
    _one("dashboard_url", "POST", "/v1/dashboards/getEmbeddableUrl", None, None),
    # invoices
    _list("invoices", "GET", f"{_CUSTOMER}/invoices", _QUERY, 100, invoices.INVOICE, "Invoices"),
    _one("invoice", "GET", f"{_CUSTOMER}/invoices/{{invoice_id}}", invoices.INVOICE, "Invoices"),
    _one("invoice_pdf", "GET", f"{_CUSTOMER}/invoices/{{invoice_id}}/pdf", None, None),
    _list("invoice_breakdowns", "GET", f"{_CUSTOMER}/invoices/breakdowns", _QUERY, 100, invoices.INVOICE_BREAKDOWN, "InvoiceBreakdowns", windows=True),
    _list("spend_breakdowns", "POST", f"{_CUSTOMER}/invoices/spend-breakdowns", _BODY, 100, invoices.INVOICE_BREAKDOWN, "InvoiceBreakdowns", windows=True),
    _list("preview_historical_invoices", "POST", "/v1/contracts/createHistoricalInvoices", _NONE, None, invoices.INVOICE, "Invoices"),
    _list("preview_events", "POST", f"{_CUSTOMER}/previewEvents", _NONE, None, invoices.INVOICE, "Invoices"),
    _list("payments", "POST", "/v1/payments/list", _BODY, 25, invoices.PAYMENT, "Payments"),
    # costs
    _list("costs", "GET", f"{_CUSTOMER}/costs", _QUERY, 100, costs.COST, "Costs", unnest=("credit_types",), status=_PLANS, windows=True),
    # balances
    _list("commits", "POST", "/v1/contracts/customerCommits/list", _BODY, 25, balances.BALANCE, "Balances"),
    _list("credits", "POST", "/v1/contracts/customerCredits/list", _BODY, 25, balances.BALANCE, "Balances"),
    _list("balances", "POST", "/v1/contracts/customerBalances/list", _BODY, 25, balances.BALANCE, "Balances"),
    _one("net_balances", "POST", "/v1/contracts/customerBalances/getNetBalance", balances.NET_BALANCE, "NetBalances"),
    # contracts; the lists are not paged by the OpenAPI file, but a `cursor` is followed where one comes
    _list("contracts", "POST", "/v2/contracts/list", Cursor.BODY_CURSOR, None, contracts.CONTRACT_V2, "Contracts"),
    _one("contract", "POST", "/v2/contracts/get", contracts.CONTRACT_V2, "Contracts"),
    _list("contracts_v1", "POST", "/v1/contracts/list", Cursor.BODY_CURSOR, None, contracts.CONTRACT_V1, "ContractsV1", "contracts"),
    _one("contract_v1", "POST", "/v1/contracts/get", contracts.CONTRACT_V1, "ContractsV1", "contract"),
    _list("contract_edits", "POST", "/v2/contracts/getEditHistory", _NONE, None, contracts.CONTRACT_EDIT, "ContractEdits"),
    _list("contract_named_schedule", "POST", "/v1/contracts/getNamedSchedule", _NONE, None, contracts.NAMED_SCHEDULE_SEGMENT, "NamedSchedule", "named_schedule", status=_GATED),
    _list("customer_named_schedule", "POST", "/v1/customers/getNamedSchedule", _NONE, None, contracts.NAMED_SCHEDULE_SEGMENT, "NamedSchedule", "named_schedule", status=_GATED),
    _list("rate_card_named_schedule", "POST", f"{_PRICING}/rate-cards/getNamedSchedule", _NONE, None, contracts.NAMED_SCHEDULE_SEGMENT, "NamedSchedule", "named_schedule", status=_GATED),
    _list("named_schedules", "POST", "/v1/contracts/listNamedSchedules", _BODY, None, contracts.NAMED_SCHEDULE, "NamedSchedules", unnest=("segments",), status=_GATED),
    # subscriptions
    _one("subscription_quantities", "POST", "/v1/contracts/getSubscriptionQuantityHistory", subscriptions.SUBSCRIPTION_QUANTITIES, "SubscriptionQuantities", unnest=("history", "history.data")),
    _list("subscription_seats", "POST", "/v1/contracts/getSubscriptionSeatsHistory", Cursor.BODY_CURSOR_NEXT, 10, subscriptions.SUBSCRIPTION_SEATS, "SubscriptionSeats"),
    _list("seat_balances", "POST", "/v1/contracts/seatBalances/list", Cursor.BODY_CURSOR_PAGINATION, 100, subscriptions.SEAT_BALANCE, "SeatBalances"),
    # rates
    _list("rate_cards", "POST", f"{_PRICING}/rate-cards/list", _QUERY, 100, rates.RATE_CARD, "RateCards"),
    _one("rate_card", "POST", f"{_PRICING}/rate-cards/get", rates.RATE_CARD, "RateCards"),
    _list("rates", "POST", f"{_PRICING}/rate-cards/getRates", _QUERY, 100, rates.CARD_RATE, "Rates"),
    _list("rate_card_schedule", "POST", f"{_PRICING}/rate-cards/getRateSchedule", _QUERY, 100, rates.CARD_RATE, "Rates"),
    _list("rate_schedule", "POST", "/v1/contracts/getContractRateSchedule", _QUERY, 100, rates.CONTRACT_RATE, "RateSchedule"),
    # products
    _list("products", "POST", f"{_PRICING}/products/list", _QUERY, 100, products.PRODUCT, "Products"),
    _one("product", "POST", f"{_PRICING}/products/get", products.PRODUCT, "Products"),
    _list("packages", "POST", "/v1/packages/list", _QUERY, 100, products.PACKAGE, "Packages"),
    _one("package", "POST", "/v1/packages/get", products.PACKAGE, "Packages"),
    _list("package_contracts", "POST", "/v1/packages/listContractsOnPackage", _QUERY, 100, products.PACKAGE_CONTRACT, "PackageContracts"),
    # usage
    _list("billable_metrics", "GET", "/v1/billable-metrics", _QUERY, 100, usage.BILLABLE_METRIC, "BillableMetrics"),
    _one("billable_metric", "GET", "/v1/billable-metrics/{billable_metric_id}", usage.BILLABLE_METRIC, "BillableMetrics"),
    _list("customer_billable_metrics", "GET", f"{_CUSTOMER}/billable-metrics", _QUERY, 100, usage.BILLABLE_METRIC, "BillableMetrics", "billable_metrics"),
    _list("usage", "POST", "/v1/usage", _QUERY, None, usage.USAGE, "Usage", windows=True),
    _list("usage_groups", "POST", "/v1/usage/groups", _QUERY, 100, usage.USAGE_GROUP, "UsageGroups", windows=True),
    _list("seat_usage", "POST", "/v1/usage/seats", _QUERY, 100, usage.SEAT_USAGE, "SeatUsage", windows=True),
    _list("purchased_seats", "GET", f"{_CUSTOMER}/purchasedSeats", _NONE, None, usage.PURCHASED_SEATS, "PurchasedSeats"),
    _list("events", "POST", "/v1/events/search", _NONE, None, usage.EVENT, "Events", bare=True),
    # alerts
    _list("alerts", "POST", "/v1/customer-alerts/list", _QUERY, None, alerts.CUSTOMER_ALERT, "Alerts"),
    _one("alert", "POST", "/v1/customer-alerts/get", alerts.CUSTOMER_ALERT, "Alerts"),
    _list("notifications", "POST", "/v2/notifications/offset/list", Cursor.BODY_CURSOR, None, alerts.NOTIFICATION, "Notifications"),
    _one("notification", "POST", "/v2/notifications/get", alerts.NOTIFICATION, "Notifications"),
    _list("system_notifications", "POST", "/v2/notifications/system/list", Cursor.BODY_CURSOR, None, alerts.NOTIFICATION, "Notifications"),
    # account; a date filter of the audit log may not come with a cursor, and its cursor has no end
    _list("credit_types", "GET", "/v1/credit-types/list", _QUERY, 100, account.CREDIT_TYPE_ROW, "CreditTypes"),
    _list("custom_field_keys", "POST", "/v1/customFields/listKeys", _QUERY, None, account.CUSTOM_FIELD_KEY, "CustomFieldKeys"),
    _list("configured_billing_providers", "POST", "/v1/listConfiguredBillingProviders", _BODY, None, account.CONFIGURED_BILLING_PROVIDER, "BillingProviders"),
    _one("services", "GET", "/v1/services", account.SERVICES, "Services", unnest=("services",), bare=True),
    _list("audit_logs", "GET", "/v1/auditLogs", _QUERY, 100, account.AUDIT_LOG, "AuditLogs", endless=True, first_page_only=("starting_on", "ending_before")),
    # plans
    _list("plans", "GET", f"{_CUSTOMER}/plans", _QUERY, 100, plans.PLAN, "Plans", status=_PLANS),
    _list("plan_price_adjustments", "GET", f"{_CUSTOMER}/plans/{{customer_plan_id}}/priceAdjustments", _QUERY, 100, plans.PRICE_ADJUSTMENT, "PlanPriceAdjustments", status=_PLANS),
    _list("credit_grants", "POST", "/v1/credits/listGrants", _QUERY, 100, plans.CREDIT_GRANT, "CreditGrants", status=_PLANS),
    _list("credit_grant_entries", "POST", "/v1/credits/listEntries", _QUERY, None, plans.CREDIT_GRANT_LEDGER, "CreditGrantEntries", unnest=("ledgers",), status=_PLANS),
    _one("billing_config", "GET", f"{_CUSTOMER}/billing-config/{{billing_provider_type}}", plans.BILLING_CONFIG, "BillingConfig", status=_PLANS),
    # writes
    _write("add_manual_balance_entry", "/v1/contracts/addManualBalanceLedgerEntry"),
    _write("create_credit", "/v1/contracts/customerCredits/create"),
    _write("create_commit", "/v1/contracts/customerCommits/create"),
    _write("end_credit", "/v1/contracts/customerCredits/updateEndDate"),
    _write("end_commit", "/v1/contracts/customerCommits/updateEndDate"),
    _write("edit_credit", "/v2/contracts/credits/edit"),
    _write("edit_commit", "/v2/contracts/commits/edit"),
    _write("archive_credit", "/v2/contracts/credits/archive"),
    _write("archive_commit", "/v2/contracts/commits/archive"),
    _write("end_contract", "/v1/contracts/updateEndDate"),
    _write("create_contract", "/v1/contracts/create"),
    _write("amend_contract", "/v1/contracts/amend"),
    _write("archive_contract", "/v1/contracts/archive"),
    _write("edit_contract", "/v2/contracts/edit"),
    _write("schedule_pro_services_invoice", "/v1/contracts/scheduleProServicesInvoice"),
    _write("create_historical_invoices", "/v1/contracts/createHistoricalInvoices"),
    _write("set_name", f"{_CUSTOMER}/setName"),
    _write("create_customer", "/v1/customers"),
    _write("archive_customer", "/v1/customers/archive"),
    _write("set_ingest_aliases", f"{_CUSTOMER}/setIngestAliases"),
    _write("update_config", f"{_CUSTOMER}/updateConfig"),
    _write("set_billing_configurations", "/v1/setCustomerBillingProviderConfigurations"),
    _write("archive_billing_configurations", "/v1/archiveCustomerBillingProviderConfigurations"),
    _write("create_billing_config", f"{_CUSTOMER}/billing-config/{{billing_provider_type}}", status=_PLANS),
    _write("delete_billing_config", f"{_CUSTOMER}/billing-config/{{billing_provider_type}}", method="DELETE", status=_PLANS),
    _write("void_invoice", "/v1/invoices/void"),
    _write("regenerate_invoice", "/v1/invoices/regenerate"),
    _write("add_plan", f"{_CUSTOMER}/plans/add", status=_PLANS),
    _write("end_plan", f"{_CUSTOMER}/plans/{{customer_plan_id}}/end", status=_PLANS),
    _write("add_charge", f"{_CUSTOMER}/addCharge", status=_PLANS),
    _write("update_named_schedule", "/v1/customers/updateNamedSchedule", status=_GATED),
    _write("set_usage_filter", "/v1/contracts/setUsageFilter"),
    _write("reset_alert", "/v1/customer-alerts/reset"),
)
# fmt: on

ENDPOINTS = {endpoint.name: endpoint for endpoint in _ROWS}
