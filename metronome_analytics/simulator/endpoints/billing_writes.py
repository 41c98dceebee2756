"""Endpoints that say where a customer's invoices go: configurations of billing providers, and that of plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply, data
from metronome_analytics.simulator.endpoints.billing_providers import CONFIGURED, PROVIDERS
from metronome_analytics.simulator.endpoints.lookups import find
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering.billing_providers import delivery
from metronome_analytics.simulator.rendering.configurations import configurations, plans_billing
from metronome_analytics.simulator.world.happenings import Billed, BillingArchived, PlansBilled
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.rendering.scalars import Json
    from metronome_analytics.simulator.world.account import Account

_ANSWERED = ("billing_provider", "configuration", "delivery_method_id", "tax_provider")
_NOT_DELETED = ("azure_marketplace", "aws_marketplace")


def set_configurations(account: Account, request: Request) -> Reply:
    """POST /v1/setCustomerBillingProviderConfigurations: several of one provider are allowed."""
    asked = request.parameters
    items = [Parameters(item) for item in asked.objects("data") or []]
    asked.finish()
    if not items:
        raise ApiError(400, "data is required")
    made = [_configuration(account, item) for item in items]
    rows = []
    for index, said in made:
        its_id = make_id("configured", index, len(account.happened))
        account.happen(index, Billed(account.clock.now, its_id, said))
        shown = {name: value for name, value in said.items() if name in _ANSWERED}
        rows.append({"id": its_id, "customer_id": account.customer(index).id, **shown})
    return data(rows)


def _configuration(account: Account, item: Parameters) -> tuple[int, Json]:
    index = _known(account, item.required_uuid("customer_id"))
    provider = item.choice("billing_provider", PROVIDERS, "")
    ways = [delivery(each) for each in CONFIGURED if each == provider]
    method_id, method = item.uuid("delivery_method_id"), item.text("delivery_method")
    fits = [
        way
        for way in ways
        if (method_id or method) and method_id in {None, way["delivery_method_id"]}
        if method in {None, way["delivery_method"]}
    ]
    if not fits:
        raise ApiError(400, f"No such delivery method for {provider}")
    tax = item.text("tax_provider")
    return index, {
        "billing_provider": provider,
        "configuration": item.object("configuration") or {},
        "delivery_method": fits[0]["delivery_method"],
        "delivery_method_id": fits[0]["delivery_method_id"],
        "delivery_method_configuration": {},
        **({} if tax is None else {"tax_provider": tax}),
    }


def archive_configurations(account: Account, request: Request) -> Reply:
    """POST /v1/archiveCustomerBillingProviderConfigurations: all of them or none."""
    asked = request.parameters
    index = _known(account, asked.required_uuid("customer_id"))
    ids = asked.uuids("customer_billing_provider_configuration_ids") or []
    asked.finish()
    rows = configurations(account.customer(index), account.books(index).agreements.contracts, account.history(index))
    active = {row["id"] for row in rows if row["archived_at"] is None}
    for id_ in ids:
        if id_ not in active:
            raise ApiError(400, f"Billing provider configuration not found, or archived: {id_}")
    account.happen(index, BillingArchived(account.clock.now, tuple(ids)))
    return data({"customer_id": account.customer(index).id, "customer_billing_provider_configuration_ids": ids})


def _known(account: Account, customer_id: str) -> int:
    index = account.index(customer_id)
    if index is None:
        raise ApiError(400, f"Customer not found: {customer_id}")  # the one status documented here
    return index


def create_billing_config(account: Account, request: Request) -> Reply:
    """POST /v1/customers/{customer_id}/billing-config/{billing_provider_type}: an empty 200; one at a time."""
    index, provider, there = _legacy(account, request)
    asked = request.parameters
    said: Json = {"billing_provider_customer_id": asked.required("billing_provider_customer_id")}
    for name in (
        "stripe_collection_method", "aws_product_code", "aws_region", "aws_customer_id", "aws_customer_account_id",
    ):  # fmt: skip
        value = asked.text(name)
        if value is not None:
            said[name] = value
    asked.finish()
    if there is not None:
        raise ApiError(400, f"There is a {provider} billing configuration already")
    account.happen(index, PlansBilled(account.clock.now, provider, said))
    return Reply()


def delete_billing_config(account: Account, request: Request) -> Reply:
    """DELETE /v1/customers/{customer_id}/billing-config/{billing_provider_type}: none of Azure or AWS Marketplace."""
    index, provider, there = _legacy(account, request)
    request.parameters.finish()
    if provider in _NOT_DELETED:
        raise ApiError(400, f"A {provider} billing configuration cannot be deleted")
    if there is None:
        raise ApiError(404, f"No {provider} billing configuration")
    account.happen(index, PlansBilled(account.clock.now, provider, None))
    return Reply()


def _legacy(account: Account, request: Request) -> tuple[int, str, Json | None]:
    index, provider = find(account, request), request.path_parameters["billing_provider_type"]
    if provider not in PROVIDERS:
        raise ApiError(400, f"billing_provider_type must be one of {', '.join(PROVIDERS)}")
    contracts = account.books(index).agreements.contracts
    return index, provider, plans_billing(account.customer(index), contracts, account.history(index), provider)
