"""Every read of the API as the tests ask for it: the request, how it pages, and what judges its answers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
from metronome.types.v1.credit_grant_list_entries_response import CreditGrantListEntriesResponse
from metronome.types.v1.credit_grant_list_response import CreditGrantListResponse
from metronome.types.v1.customer_list_costs_response import CustomerListCostsResponse
from metronome.types.v1.customers.billing_config_retrieve_response import BillingConfigRetrieveResponse
from metronome.types.v1.customers.plan_list_price_adjustments_response import PlanListPriceAdjustmentsResponse
from metronome.types.v1.customers.plan_list_response import PlanListResponse
from pydantic import BaseModel, TypeAdapter

from metronome_analytics.simulator.endpoints.events import transaction_id_of
from metronome_analytics.simulator.world.seats import SEAT_METRIC
from tests.spec import response_validator

from .support import Api, Json

BOUNDS = {"starting_on": "2026-09-20T00:00:00Z", "ending_before": "2026-12-01T00:00:00Z"}

# What only the vendor's client declares: the Plans family.
ONLY_IN_SDK: Mapping[str, type[BaseModel]] = {
    "/v1/customers/{customer_id}/costs": CustomerListCostsResponse,
    "/v1/customers/{customer_id}/plans": PlanListResponse,
    "/v1/customers/{customer_id}/plans/{customer_plan_id}/priceAdjustments": PlanListPriceAdjustmentsResponse,
    "/v1/credits/listGrants": CreditGrantListResponse,
    "/v1/credits/listEntries": CreditGrantListEntriesResponse,
    "/v1/customers/{customer_id}/billing-config/{billing_provider_type}": BillingConfigRetrieveResponse,
}


@dataclass
class Read:
    """One request: its path template, the values in the path, the query, the body, and the page limit to try."""

    method: str
    template: str
    path: Json = field(default_factory=dict)
    query: Json = field(default_factory=dict)
    body: Json | None = None
    cursor: str | None = None
    """Where the cursor goes and comes from: `query`, `body`, `cursor`, `cursor/next_page`, `cursor/pagination`."""
    limited: bool = True

    def first(self, api: Api, limit: int | None = None) -> httpx.Response:
        """Send the request for the first page."""
        return self._send(api, None, limit)

    def pages(self, api: Api, limit: int | None = None, most: int = 400) -> Iterator[Json]:
        """Yield every page."""
        token: str | None = None
        for _ in range(most):
            response = self._send(api, token, limit)
            assert response.status_code == 200, (self, response.text)
            page: Json = response.json()
            yield page
            token = self._next(page)
            if token is None:
                return
        raise AssertionError(f"{self.template} does not end")

    def rows(self, api: Api, limit: int | None = None) -> list[Json]:
        """Return every row."""
        return [row for page in self.pages(api, limit) for row in page["data"]]

    def _next(self, page: Json) -> str | None:
        if self.cursor is None:
            return None
        if self.cursor == "cursor":
            return page.get("cursor")
        holder = page["pagination"] if self.cursor == "cursor/pagination" else page
        token: str | None = holder["next_page"]
        return token

    def _send(self, api: Api, token: str | None, limit: int | None) -> httpx.Response:
        query, body = dict(self.query), None if self.body is None else dict(self.body)
        asked = {} if limit is None or not self.limited or self.cursor is None else {"limit": limit}
        if self.cursor == "query":
            query |= asked | ({} if token is None else {"next_page": token})
        elif self.cursor is not None and body is not None:
            name = "next_page" if self.cursor == "body" else "cursor"
            body |= asked | ({} if token is None else {name: token})
        return api.send(self.method, self.template.format(**self.path), params=query, json=body)


def judge(template: str, method: str) -> Callable[[Json], object]:
    """Return what checks an answer: the vendor's file where it has the operation, else the vendor's client's model."""
    model = ONLY_IN_SDK.get(template)
    if model is None:
        check: Callable[[Json], object] = response_validator(template, method)
        return check
    adapter: TypeAdapter[Any] = TypeAdapter(model)

    def fits(payload: Json) -> None:
        for row in payload["data"] if isinstance(payload["data"], list) else [payload]:
            adapter.validate_python(row)

    return fits


def account_reads() -> Iterator[Read]:
    """Yield the reads that are about the account."""
    for flag in ({}, {"include_archived": "true"}):
        yield Read("GET", "/v1/billable-metrics", query=flag, cursor="query")
    yield Read("GET", "/v1/credit-types/list", cursor="query")
    yield Read("POST", "/v1/customFields/listKeys", body={}, cursor="query", limited=False)
    for wanted in ("NOT_ARCHIVED", "archived", "ALL"):
        for template in ("/v1/contract-pricing/products/list", "/v1/packages/list"):
            yield Read("POST", template, body={"archive_filter": wanted}, cursor="query")
        yield Read("POST", "/v2/notifications/offset/list", body={"archive_filter": wanted}, cursor="cursor")
    yield Read("POST", "/v1/contract-pricing/rate-cards/list", body={}, cursor="query")
    yield Read("POST", "/v2/notifications/system/list", body={}, cursor="cursor", limited=False)
    yield Read("POST", "/v1/listConfiguredBillingProviders", body={}, cursor="body", limited=False)
    yield Read("POST", "/v1/credits/listGrants", body={}, cursor="query")
    yield Read("POST", "/v1/credits/listEntries", body={}, cursor="query", limited=False)


def found_reads(api: Api) -> Iterator[Read]:
    """Yield the reads of single things that the lists of the account show."""
    for row in Read("GET", "/v1/billable-metrics", query={"include_archived": "true"}, cursor="query").rows(api):
        yield Read("GET", "/v1/billable-metrics/{billable_metric_id}", {"billable_metric_id": row["id"]})
    for row in Read("POST", "/v1/contract-pricing/products/list", body={"archive_filter": "ALL"}).rows(api):
        yield Read("POST", "/v1/contract-pricing/products/get", body={"id": row["id"]})
    for row in Read("POST", "/v1/packages/list", body={"archive_filter": "ALL"}).rows(api):
        yield Read("POST", "/v1/packages/get", body={"package_id": row["id"]})
        on_it = {"package_id": row["id"], "include_archived": True}
        yield Read("POST", "/v1/packages/listContractsOnPackage", body=on_it, cursor="query")
    for row in Read("POST", "/v2/notifications/offset/list", body={"archive_filter": "ALL"}).rows(api):
        yield Read("POST", "/v2/notifications/get", body={"id": row["id"]})
    yield Read("GET", "/v1/services")
    events = [transaction_id_of(customer_id, date(2026, 10, 5).toordinal(), 0) for customer_id in api.customer_ids()]
    yield Read("POST", "/v1/events/search", body={"transactionIds": events[:100]})
    cards = "/v1/contract-pricing/rate-cards"
    for row in Read("POST", f"{cards}/list", body={}).rows(api):
        card = {"rate_card_id": row["id"]}
        when = "2026-11-01T00:00:00Z"
        yield Read("POST", f"{cards}/get", body={"id": row["id"]})
        yield Read("POST", f"{cards}/getRates", body={**card, "at": when}, cursor="query")
        yield Read("POST", f"{cards}/getRateSchedule", body={**card, "starting_at": when}, cursor="query")
        yield Read("POST", f"{cards}/getNamedSchedule", body={**card, "schedule_name": "price-book"})


def customer_reads(customer_id: str) -> Iterator[Read]:
    """Yield the reads that need nothing but a customer."""
    path, body = {"customer_id": customer_id}, {"customer_id": customer_id}
    one = "/v1/customers/{customer_id}"
    everything = {**body, "include_archived": True, "include_balance": True, "include_ledgers": True}
    yield Read("GET", f"{one}/billable-metrics", path, {"on_current_plan": "true"}, cursor="query")
    yield Read("GET", f"{one}/costs", path, BOUNDS, cursor="query")
    yield Read("GET", f"{one}/plans", path, cursor="query")
    yield Read("POST", f"{one}/invoices/spend-breakdowns", path, {"include_list_prices": "true"}, BOUNDS, "body")
    yield Read("POST", f"{one}/invoices/spend-breakdowns", path, {}, {**BOUNDS, "window_size": "none"}, "body")
    yield Read("POST", f"{one}/previewEvents", path, {}, {"events": [{"event_type": "api_calls"}], "mode": "merge"})
    yield Read("POST", "/v1/customers/getNamedSchedule", body={**body, "schedule_name": "account-manager"})
    statuses = {"alert_statuses": ["ENABLED", "Disabled", "archived"]}
    yield Read("POST", "/v1/customer-alerts/list", body={**body, **statuses}, cursor="query", limited=False)
    yield Read("POST", "/v1/getCustomerBillingProviderConfigurations", body={**body, "include_archived": True})
    yield Read("POST", "/v1/getCustomerRevenueSystemConfigurations", body={**body, "include_archived": True})
    yield Read("POST", "/v1/dashboards/getEmbeddableUrl", body={**body, "dashboard": "usage"})
    yield Read("GET", f"{one}/purchasedSeats", path)
    for size, kind in (("DAY", "max"), ("NONE", "LATEST")):
        seats = {**body, **BOUNDS, "seat_metric_id": SEAT_METRIC, "usage_type": kind, "window_size": size}
        yield Read("POST", "/v1/usage/seats", body=seats, cursor="query")
    for version in ("v1", "v2"):
        yield Read("POST", f"/{version}/contracts/list", body=everything, cursor="cursor")
    yield Read("POST", "/v1/contracts/listNamedSchedules", body=body, cursor="body")
    asked = {**BOUNDS, "customer_ids": [customer_id], "window_size": "DAY"}
    yield Read("POST", "/v1/usage", body=asked, cursor="query", limited=False)


def contract_reads(customer_id: str, contract: Json) -> Iterator[Read]:
    """Yield the reads about a contract as the v2 list shows it."""
    body = {"customer_id": customer_id, "contract_id": contract["id"]}
    both = {"include_balance": True, "include_ledgers": True}
    yield Read("POST", "/v1/contracts/get", body={**body, **both})
    yield Read("POST", "/v2/contracts/get", body={**body, **both})
    yield Read("POST", "/v2/contracts/getEditHistory", body=body)
    yield Read("POST", "/v1/contracts/getContractRateSchedule", body=body, cursor="query")
    yield Read("POST", "/v1/contracts/getNamedSchedule", body={**body, "schedule_name": "reserved-capacity"})
    seats = {**body, "include_credits_and_commits": True, "include_ledgers": True}
    yield Read("POST", "/v1/contracts/seatBalances/list", body=seats, cursor="cursor/pagination")
    for subscription in contract["subscriptions"]:
        one = {**body, "subscription_id": subscription["id"]}
        yield Read("POST", "/v1/contracts/getSubscriptionQuantityHistory", body=one)
        if subscription["quantity_management_mode"] == "SEAT_BASED":
            history = "/v1/contracts/getSubscriptionSeatsHistory"
            yield Read("POST", history, body=one, cursor="cursor/next_page")


def nested_reads(api: Api, customer_id: str) -> Iterator[Read]:
    """Yield the reads that need what a list of the customer's shows first."""
    path, body = {"customer_id": customer_id}, {"customer_id": customer_id}
    one = "/v1/customers/{customer_id}"
    for contract in Read("POST", "/v2/contracts/list", body={**body, "include_archived": True}).rows(api):
        yield from contract_reads(customer_id, contract)
    for invoice in api.invoices(customer_id)[::4]:
        yield Read("POST", "/v1/payments/list", body={**body, "invoice_id": invoice["id"]}, cursor="body")
    for plan in Read("GET", f"{one}/plans", path).rows(api):
        adjusted = {**path, "customer_plan_id": plan["id"]}
        yield Read("GET", f"{one}/plans/{{customer_plan_id}}/priceAdjustments", adjusted, cursor="query")
        provider = {**path, "billing_provider_type": "stripe"}
        yield Read("GET", f"{one}/billing-config/{{billing_provider_type}}", provider)
    for alert in Read("POST", "/v1/customer-alerts/list", body=body).rows(api):
        yield Read("POST", "/v1/customer-alerts/get", body={**body, "alert_id": alert["alert"]["id"]})
    for metric in Read("GET", f"{one}/billable-metrics", path, {"on_current_plan": "true"}).rows(api):
        asked = {**body, **BOUNDS, "billable_metric_id": metric["id"], "window_size": "DAY"}
        for keys in (None, *metric["group_keys"]):
            grouped = {**asked, **({} if keys is None else {"group_key": keys})}
            yield Read("POST", "/v1/usage/groups", body=grouped, cursor="query")
