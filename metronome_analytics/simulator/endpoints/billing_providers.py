"""Endpoints about billing providers: configurations, and the payments a provider reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.customers import find, lookup
from metronome_analytics.simulator.endpoints.request import ApiError, Page, Reply, Request, data, page
from metronome_analytics.simulator.rendering.contracts import provider_id
from metronome_analytics.simulator.rendering.invoices import external
from metronome_analytics.simulator.rendering.scalars import Json, millis_text
from metronome_analytics.simulator.world.ids import digest, make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.customers import Customer

PAYMENTS_PER_PAGE = 25
PROVIDERS = (
    "aws_marketplace", "stripe", "netsuite", "custom", "azure_marketplace", "quickbooks_online", "workday",
    "gcp_marketplace", "metronome",
)  # fmt: skip
_STATUSES = ("pending", "requires_intervention", "paid", "canceled")
_OUTCOME = {"PAID": "paid", "SENT": "pending", "PAYMENT_FAILED": "requires_intervention"}


def list_configurations(account: Account, request: Request) -> Reply:
    """POST /v1/getCustomerBillingProviderConfigurations: the providers of the contracts, and one given up."""
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    with_archived = asked.flag("include_archived")
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    index = account.index(customer_id)
    if index is None:
        raise ApiError(400, f"Customer not found: {customer_id}")  # the one status documented here
    who = account.customer(index)
    contracts = account.books(index).agreements.contracts
    providers = dict.fromkeys(
        item.billing_provider for item in contracts if item.plan is None and item.billing_provider
    )
    rows = [_configuration(who, provider) for provider in providers]
    if with_archived and index % 3 == 0 and "quickbooks_online" not in providers:
        rows.append(_configuration(who, "quickbooks_online") | {"archived_at": millis_text(who.updated_at)})
    return data(rows)


def _configuration(who: Customer, provider: str) -> Json:
    """A CustomerBillingProviderConfiguration."""
    return {
        "id": provider_id(who.id, provider),
        "customer_id": who.id,
        "billing_provider": provider,
        "configuration": _details(who, provider),
        "delivery_method": "direct_to_billing_provider",
        "delivery_method_id": make_id("delivery", provider),
        "delivery_method_configuration": {},
        "archived_at": None,
    }


def _details(who: Customer, provider: str) -> Json:
    account_id = f"{digest(who.id, provider):016x}"
    if provider == "stripe":
        return {"stripe_customer_id": f"cus_{account_id}", "stripe_collection_method": "send_invoice"}
    if provider == "aws_marketplace":
        return {"aws_customer_id": account_id, "aws_product_code": "prod-simulated", "aws_region": "us-east-1"}
    return {f"{provider}_customer_id": account_id}


def get_billing_config(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/billing-config/{billing_provider_type}: customers on Plans only."""
    index = find(account, request)
    provider = request.path_parameters["billing_provider_type"]
    request.parameters.finish(reject_unknown=account.switches.reject_unknown_parameters)
    if provider not in PROVIDERS:
        raise ApiError(400, f"billing_provider_type must be one of {', '.join(PROVIDERS)}")
    plans = [item for item in account.books(index).agreements.contracts if item.plan is not None]
    if not any((item.billing_provider or "stripe") == provider for item in plans):
        raise ApiError(404, f"No {provider} billing configuration")
    details = _details(account.customer(index), provider)
    payload: Json = {"billing_provider_customer_id": next(iter(details.values()))}
    if provider == "stripe":
        payload["stripe_collection_method"] = details["stripe_collection_method"]
    if provider == "aws_marketplace":
        payload |= {name: details[name] for name in ("aws_product_code", "aws_region")}
    return data(payload)


def list_payments(account: Account, request: Request) -> Page:
    """POST /v1/payments/list: what Stripe was paid for one invoice; other providers report no payments."""
    asked = request.parameters
    index = lookup(account, asked.required_uuid("customer_id"))
    invoice_id = asked.required_uuid("invoice_id")
    limit = asked.limit(PAYMENTS_PER_PAGE, PAYMENTS_PER_PAGE)
    statuses = asked.strings("statuses", _STATUSES)
    asked.finish(reject_unknown=account.switches.reject_unknown_parameters)
    books = account.books(index)
    item = next((item for item in books.invoices if item.id == invoice_id), None)
    if item is None:
        raise ApiError(404, f"Invoice not found: {invoice_id}")
    sent = external(item, books.now) if item.status == "FINALIZED" else None
    rows = [] if sent is None else _payments(account.customer(index), item, sent)
    return page(request, [row for row in rows if statuses is None or row["status"] in statuses], limit, lambda row: row)


def _payments(who: Customer, item: Invoice, sent: Json) -> list[Json]:
    """The attempts to pay an invoice: a failed one is canceled and followed by another that needs help."""
    outcome = _OUTCOME.get(str(sent["external_status"]))
    if outcome is None or sent["billing_provider_type"] != "stripe":
        return []
    attempts = ["canceled", outcome] if outcome == "requires_intervention" else [outcome]
    return [_payment(who, item, sent, attempt, status) for attempt, status in enumerate(attempts)]


def _payment(who: Customer, item: Invoice, sent: Json, attempt: int, status: str) -> Json:
    amount = sent["invoiced_total"]
    key = digest(item.id, "payment", attempt)
    payload: Json = {
        "id": make_id(item.id, "payment", attempt),
        "invoice_id": item.id,
        "customer_id": who.id,
        "amount": amount,
        "amount_paid": amount if status == "paid" else 0,
        "status": status,
        "fiat_credit_type": item.credit_type.payload(),
        "payment_gateway": {"type": "stripe", "stripe": {"payment_intent_id": f"pi_{key:016x}"}},
        "created_at": sent["issued_at_timestamp"],
        "updated_at": sent["issued_at_timestamp"],
    }
    if item.contract.plan is None:
        payload["contract_id"] = item.contract.id
    if status == "requires_intervention":
        payload["error_message"] = "The card was declined."
    return payload
