"""Every parameter that the vendor documents for a read can be sent by its loader, and what is sent is valid."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import metronome_analytics as ma
from metronome_analytics.api.endpoints import ENDPOINTS, Endpoint
from tests.api.test_wire import NOT_IN_SPEC, resolved
from tests.fakes import account_of, asked
from tests.spec import request_validator, spec

C, K, S, X = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "abcd")
DAYS: dict[str, Any] = {"starting_on": "2026-10-01", "ending_before": "2026-10-02"}
AT: dict[str, Any] = {"starting_at": "2026-10-01", "effective_before": "2026-10-02"}
BALANCE: dict[str, Any] = {**AT, "covering_date": "2026-10-01", "access_type": "SPEND"}
SELECTORS = [{"product_id": X, "billing_frequency": "MONTHLY"}]
NAMED: dict[str, Any] = {"covering_date": "2026-10-01"}
EVENT = {"event_type": "e", "timestamp": "2026-10-01"}
GROUPED: dict[str, Any] = {"group_key": ["a"], "group_filters": {"a": ["1"]}}

# Calls with every argument, by endpoint; several where arguments exclude each other.
CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "customers": [((), {"customer_ids": C, "ingest_alias": "a", "salesforce_account_ids": "s", "only_archived": True})],
    "customer": [((C,), {})],
    "customer_billable_metrics": [((C,), {"on_current_plan": True, "include_archived": True})],
    "billable_metrics": [((), {"include_archived": True})],
    "billable_metric": [((X,), {})],
    "alerts": [((C,), {"alert_statuses": ["ENABLED"]})],
    "alert": [
        (
            (C, X),
            {
                "plans_or_contracts": "CONTRACTS",
                "group_values": [{"key": "k", "value": "v"}],
                "seat_filter": {"seat_group_key": "k", "seat_group_value": "v"},
            },
        )
    ],
    "notifications": [((), {"archive_filter": "ALL"})],
    "notification": [((X,), {})],
    "system_notifications": [((), {})],
    "billing_configurations": [((C,), {"include_archived": True})],
    "revenue_system_configurations": [((C,), {"provider": "netsuite", "include_archived": True})],
    "dashboard_url": [
        (
            (C, "usage"),
            {
                "dashboard_options": [{"key": "k", "value": "v"}],
                "color_overrides": [{"name": "White", "value": "#fff"}],
                "bm_group_key_overrides": [{"group_key_name": "k", "display_name": "K"}],
            },
        )
    ],
    "preview_historical_invoices": [
        (
            (
                [
                    {
                        "customer_id": C,
                        "contract_id": K,
                        "credit_type_id": K,
                        "inclusive_start_date": "2026-09-01T00:00:00Z",
                        "exclusive_end_date": "2026-10-01T00:00:00Z",
                        "issue_date": "2026-10-01T00:00:00Z",
                        "usage_line_items": [],
                        "breakdown_granularity": "day",
                        "billable_status": "billable",
                        "custom_fields": {"a": "b"},
                    }
                ],
            ),
            {},
        )
    ],
    "preview_events": [((C, [EVENT]), {"mode": "merge", "skip_zero_qty_line_items": True})],
    "invoices": [
        (
            (C,),
            {
                **DAYS,
                "status": "DRAFT",
                "type": "USAGE",
                "contract_id": K,
                "credit_type_id": X,
                "skip_zero_qty_line_items": True,
                "include_historical_commit_invoices": True,
                "webhook_notification_id": X,
                "sort": "date_desc",
            },
        )
    ],
    "invoice": [((C, X), {"skip_zero_qty_line_items": True})],
    "invoice_breakdowns": [
        (
            (C,),
            {
                **DAYS,
                "window_size": "day",
                "status": "DRAFT",
                "credit_type_id": X,
                "skip_zero_qty_line_items": True,
                "sort": "date_desc",
            },
        )
    ],
    "spend_breakdowns": [
        (
            (C,),
            {
                **DAYS,
                "window_size": "day",
                "group_keys": ["k"],
                "group_filters": {"k": ["v"]},
                "credit_type_id": X,
                "skip_zero_qty_line_items": True,
                "include_list_prices": True,
                "sort": "date_desc",
            },
        )
    ],
    "payments": [((C, X), {"statuses": ["paid"]})],
    "commits": [((C,), {**BALANCE, "commit_id": X})],
    "credits": [((C,), {**AT, "covering_date": "2026-10-01", "credit_id": X})],
    "balances": [((C,), {**BALANCE, "id": X, "exclude_zero_balances": True})],
    "net_balances": [
        (
            (C,),
            {
                "credit_type_id": X,
                "filters": [{"balance_types": ["CREDIT"], "ids": [X]}],
                "invoice_inclusion_mode": "FINALIZED",
                "access_type": "SPEND",
            },
        )
    ],
    "contracts": [
        ((C,), {"covering_date": "2026-10-01"}),
        ((C,), {"starting_at": "2026-10-01", "include_ledgers": True}),
    ],
    "contracts_v1": [
        ((C,), {"version": 1, "covering_date": "2026-10-01"}),
        ((C,), {"version": 1, "starting_at": "2026-10-01"}),
    ],
    "contract": [((C, K), {"as_of_date": "2026-10-01"})],
    "contract_v1": [((C, K), {"version": 1})],
    "contract_edits": [((C,), {"contract_id": K})],
    "customer_named_schedule": [(("s",), {"customer": C, **NAMED})],
    "contract_named_schedule": [(("s",), {"customer": C, "contract": K, "properties": {"a": "1"}, **NAMED})],
    "rate_card_named_schedule": [(("s",), {"rate_card": X, **NAMED})],
    "named_schedules": [((C,), {"contract_id": K, "schedule_name": "s", "properties": {"a": "1"}, **NAMED})],
    "rate_schedule": [((C, K), {"at": "2026-10-01", "selectors": SELECTORS})],
    "rate_cards": [((), {})],
    "rate_card": [((X,), {})],
    "rates": [((X,), {"at": "2026-10-01", "selectors": SELECTORS})],
    "rate_card_schedule": [
        ((X,), {"starting_at": "2026-10-01", "ending_before": "2026-10-02", "selectors": SELECTORS})
    ],
    "subscription_quantities": [((C, K, S), {})],
    "subscription_seats": [
        ((C, K, S), {"covering_date": "2026-10-01"}),
        ((C, K, S), {"starting_at": "2026-10-01", "ending_before": "2026-10-02"}),
    ],
    "seat_balances": [
        (
            (C, K),
            {
                "subscription_ids": [S],
                "seat_ids": ["x"],
                "include_credits_and_commits": True,
                "include_ledgers": True,
                "covering_date": "2026-10-01",
                "skip_missing_seat_ids": True,
            },
        ),
        ((C, K), AT),
    ],
    "products": [((), {"archive_filter": "ALL"})],
    "product": [((X,), {})],
    "packages": [((), {"archive_filter": "ALL"})],
    "package": [((X,), {})],
    "package_contracts": [
        ((X,), {"starting_at": "2026-10-01", "include_archived": True}),
        ((X,), {"covering_date": "2026-10-01"}),
    ],
    "usage": [((C,), {**DAYS, "window_size": "hour", "billable_metrics": [{"id": X}]})],
    "usage_groups": [((C, X), {**DAYS, **GROUPED}), ((C, X), {"current_period": True})],
    "seat_usage": [((C, X, "max"), DAYS), ((C, X, "latest"), {"current_period": True})],
    "purchased_seats": [((C,), {})],
    "events": [(("t",), {})],
    "credit_types": [((), {})],
    "custom_field_keys": [((), {"entities": ["customer"]})],
    "configured_billing_providers": [((), {})],
    "services": [((), {})],
    "audit_logs": [((), {**DAYS, "resource_type": "t", "resource_id": "i", "sort": "date_desc"})],
}

# Parameters that the official client knows and the OpenAPI file does not (fact sheet 3.21).
NEWER = {"access_type", "include_historical_commit_invoices", "webhook_notification_id", "skip_missing_seat_ids"}
# Documented parameters that no loader sends, and why.
NOT_SENT = {
    ("usage_groups", "group_by"): "deprecated: group_key says it",
    ("named_schedules", "limit"): "no largest page is documented, so the API's own is taken",
    ("notifications", "limit"): "no largest page is documented, so the API's own is taken",
    # A date filter of the list drops what ends at its end and says nothing of SCHEDULED invoices.
    ("invoices", "starting_on"): "applied by the loader, not by the API",
    ("invoices", "ending_before"): "applied by the loader, not by the API",
}
ROWS = [endpoint for name, endpoint in ENDPOINTS.items() if name in CALLS]


def documented(endpoint: Endpoint) -> set[str]:
    """The parameters of an operation in the vendor's file, those of its path and its cursor left out."""
    operation = spec()["paths"][endpoint.path][endpoint.method.lower()]
    query = {p["name"] for p in map(resolved, operation.get("parameters", [])) if p["in"] == "query"}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
    body = set(resolved(content["schema"]).get("properties", {}))
    return (query | body) - {"next_page", "cursor"}


def sent_by(name: str) -> list[httpx.Request]:
    """What the calls of `name` send; whatever comes back is refused."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, json={"message": "gone"})

    with account_of(handler) as account:
        for positional, keywords in CALLS[name]:
            with pytest.raises(ma.NotFoundError):
                getattr(account, str(ENDPOINTS[name].loader))(*positional, **keywords)
    return seen


def test_every_read_of_the_vendors_file_is_called_here() -> None:
    """No read escapes; a PDF takes nothing but its ids."""
    reads = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.loader}
    assert reads - set(CALLS) == {*NOT_IN_SPEC} & reads | {"invoice_pdf"}


@pytest.mark.parametrize("endpoint", ROWS, ids=lambda e: e.name)
def test_every_documented_parameter_reaches_the_wire(endpoint: Endpoint) -> None:
    """A loader called with all its arguments sends all that the vendor documents, and only that."""
    sent = {name for request in sent_by(endpoint.name) for name in asked(request)}
    left_out = {parameter for name, parameter in NOT_SENT if name == endpoint.name}
    assert documented(endpoint) - sent == left_out
    assert sent - documented(endpoint) <= NEWER


@pytest.mark.parametrize("endpoint", ROWS, ids=lambda e: e.name)
def test_every_request_is_valid(endpoint: Endpoint) -> None:
    """Queries and bodies are what the vendor's request schemas allow, but for what is newer than they."""
    check = request_validator(endpoint.path, endpoint.method)
    for request in sent_by(endpoint.name):
        query = {name: value for name, value in request.url.params.items() if name not in NEWER}
        body = {name: value for name, value in asked(request).items() if name not in {*request.url.params, *NEWER}}
        check(query, body if endpoint.method == "POST" else None)
