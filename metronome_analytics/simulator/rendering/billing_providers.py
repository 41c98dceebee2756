"""Writes what billing providers know: configurations, invoices that were sent to them, payments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import reference
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number
from metronome_analytics.simulator.world.agreements import provider_id
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.ids import digest, make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Invoice
    from metronome_analytics.simulator.world.customers import Customer

_OUTCOME = {"PAID": "paid", "SENT": "pending", "PAYMENT_FAILED": "requires_intervention"}


def provider_configuration(who: Customer, provider: str) -> Json:
    """A CustomerBillingProviderConfiguration."""
    return {
        "id": provider_id(who.id, provider),
        "customer_id": who.id,
        "billing_provider": provider,
        "configuration": provider_details(who, provider),
        "delivery_method": "direct_to_billing_provider",
        "delivery_method_id": make_id("delivery", provider),
        "delivery_method_configuration": {},
        "archived_at": None,
    }


def delivery(provider: str) -> Json:
    """A ConfiguredBillingProvider: how the account delivers invoices to one."""
    return {
        "billing_provider": provider,
        "delivery_method": "direct_to_billing_provider",
        "delivery_method_id": make_id("delivery", provider),
        "delivery_method_configuration": {f"{provider}_account_id": f"acct_{digest('account', provider):016x}"},
    }


def revenue_system_configuration(who: Customer) -> Json:
    """A CustomerRevenueSystemConfiguration."""
    return {
        "id": make_id(who.id, "revenue system", "netsuite"),
        "customer_id": who.id,
        "provider": "netsuite",
        "configuration": {"netsuite_customer_id": str(digest(who.id, "netsuite") % 100_000)},
        "delivery_method": "direct_to_billing_provider",
        "delivery_method_id": make_id("delivery", "netsuite"),
        "delivery_method_configuration": {},
        "archived_at": None,
    }


def provider_details(who: Customer, provider: str) -> Json:
    """What a provider calls the customer."""
    account_id = f"{digest(who.id, provider):016x}"
    if provider == "stripe":
        return {"stripe_customer_id": f"cus_{account_id}", "stripe_collection_method": "send_invoice"}
    if provider == "aws_marketplace":
        return {"aws_customer_id": account_id, "aws_product_code": "prod-simulated", "aws_region": "us-east-1"}
    return {f"{provider}_customer_id": account_id}


def external_invoice(item: Invoice, now: datetime) -> Json | None:
    """The ExternalInvoice of an invoice that was sent to a billing provider."""
    provider, until = item.contract.billing_provider, item.contract.delivered_until
    if provider is None or (until is not None and until <= item.issued_at):
        return None
    chance = digest(item.id, "external")
    if item.total == 0:
        status = "SKIPPED"
    elif item.status == "VOID":
        # Voiding here does not void there: the simulated clerk voided it in both places.
        status = "VOID"
    elif chance % 23 == 0:
        status = "PAYMENT_FAILED"
    else:
        due = item.issued_at + timedelta(days=item.contract.net_terms)
        status = "PAID" if due <= now and item.status == "FINALIZED" else "SENT"
    # A provider bills whole minor units: cents for dollars, hundredths for other currencies.
    minor = SCALE if "(cents)" in item.credit_type.name else SCALE // 100
    billed = (item.total + minor // 2) // minor * minor
    return {
        "billing_provider_type": provider,
        "invoice_id": f"in_{chance:016x}",
        "issued_at_timestamp": millis_text(item.issued_at + timedelta(minutes=chance % 50)),
        "external_status": status,
        "invoiced_total": number(billed),
        "invoiced_sub_total": number(billed),
    }


def payments(who: Customer, item: Invoice, sent: Json) -> list[Json]:
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
        "fiat_credit_type": reference(item.credit_type),
        "payment_gateway": {"type": "stripe", "stripe": {"payment_intent_id": f"pi_{key:016x}"}},
        "created_at": sent["issued_at_timestamp"],
        "updated_at": sent["issued_at_timestamp"],
    }
    if item.contract.plan is None:
        payload["contract_id"] = item.contract.id
    if status == "requires_intervention":
        payload["error_message"] = "The card was declined."
    return payload
