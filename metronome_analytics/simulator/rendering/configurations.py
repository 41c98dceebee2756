"""Writes a customer's configurations of billing providers: those it had, and what was made of them since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.billing_providers import provider_configuration, provider_details
from metronome_analytics.simulator.rendering.scalars import Json, millis_text
from metronome_analytics.simulator.world.happenings import Billed, BillingArchived, PlansBilled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metronome_analytics.simulator.world.agreements import Contract
    from metronome_analytics.simulator.world.customers import Customer
    from metronome_analytics.simulator.world.happenings import Happening


def configurations(who: Customer, contracts: Iterable[Contract], history: Iterable[Happening]) -> list[Json]:
    """Every CustomerBillingProviderConfiguration: the providers of the contracts, one given up, and later ones."""
    providers = dict.fromkeys(
        item.billing_provider for item in contracts if item.plan is None and item.billing_provider
    )
    rows = [provider_configuration(who, provider) for provider in providers]
    if who.index % 3 == 0 and "quickbooks_online" not in providers:
        rows.append(provider_configuration(who, "quickbooks_online") | {"archived_at": millis_text(who.updated_at)})
    for happening in history:
        match happening:
            case Billed(_, its_id, said):
                rows.append({"id": its_id, "customer_id": who.id, **said, "archived_at": None})
            case BillingArchived(at, ids):
                rows = [row | {"archived_at": millis_text(at)} if row["id"] in ids else row for row in rows]
    return rows


def plans_billing(
    who: Customer, contracts: Iterable[Contract], history: Iterable[Happening], provider: str
) -> Json | None:
    """Where the invoices of a customer's plans go with one provider, None where there is nothing."""
    said: Json | None = None
    if any(item.plan is not None and (item.billing_provider or "stripe") == provider for item in contracts):
        details = provider_details(who, provider)
        said = {"billing_provider_customer_id": next(iter(details.values()))}
        if provider == "stripe":
            said["stripe_collection_method"] = details["stripe_collection_method"]
        if provider == "aws_marketplace":
            said |= {name: details[name] for name in ("aws_product_code", "aws_region")}
    for happening in history:
        if isinstance(happening, PlansBilled) and happening.provider == provider:
            said = None if happening.said is None else dict(happening.said)
    return said
