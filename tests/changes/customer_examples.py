"""Examples of what is done to customers, to where their invoices go, to invoices, plans, schedules and filters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from metronome_analytics.simulator.endpoints.plan_writes import CHARGE_ID
from metronome_analytics.simulator.world.agreements import PLANS, plan_id
from tests.changes.example import AHEAD, Example, fixed_product

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.plan import Plan

WEEK = timedelta(days=7)


def _credit(account: ma.Account) -> dict[str, Any]:
    return {
        **_customer(account),
        "product_id": fixed_product(account),
        "amount": 10_000,
        "starting_at": account.now.replace(hour=0, minute=0),
        "ending_before": AHEAD,
        "priority": 1,
        "name": "SLA credit",
        "reason": "Outage of 12 November",
    }


def open_contract(account: ma.Account) -> dict[str, Any]:
    """A contract without end."""
    row = account.contracts().filter(pl.col("ending_before").is_null()).row(0, named=True)
    return {"customer_id": row["customer_id"], "contract_id": row["id"]}


def _fields(plan: Plan, *names: str) -> dict[str, Any]:
    return {name: getattr(plan.changes[0].change, name) for name in names}


def _customer(account: ma.Account, place: int = 0) -> dict[str, Any]:
    return {"customer_id": account.customers()["id"][place]}


def _billing(account: ma.Account) -> dict[str, Any]:
    return {
        **_customer(account),
        "billing_provider": "netsuite",
        "configuration": {"netsuite_customer_id": "4711"},
        "delivery_method": "direct_to_billing_provider",
    }


_LEGACY = ("customer_id", "billing_provider_type", "billing_provider_customer_id", "stripe_collection_method")


def _legacy(account: ma.Account) -> dict[str, Any]:
    return dict(zip(_LEGACY, (account.customers()["id"][1], "stripe", "cus_4711", "send_invoice"), strict=True))


def _legacy_made(account: ma.Account) -> dict[str, Any]:
    made = _legacy(account)
    _apply(account, ma.changes.CreateBillingConfig(**made))
    return {name: made[name] for name in _LEGACY[:2]}


def _apply(account: ma.Account, change: Change) -> None:
    plan = account.plan(change)
    assert account.apply(plan, plan.confirmation).ok


def _final(account: ma.Account) -> dict[str, Any]:
    final = account.invoices(status="FINALIZED").filter(pl.col("type") == "USAGE")
    row = final.row(0, named=True)
    return {"customer_id": row["customer_id"], "invoice_id": row["id"]}


def _voided(account: ma.Account) -> dict[str, Any]:
    final = _final(account)
    _apply(account, ma.changes.VoidInvoice(**final))
    return final


def _plan(account: ma.Account) -> dict[str, Any]:
    return {
        **_customer(account, 1),
        "plan_id": plan_id(PLANS[0]),
        "starting_on": account.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
    }


def _plan_made(account: ma.Account) -> dict[str, Any]:
    made = _plan(account)
    _apply(account, ma.changes.AddPlan(**made, ending_before="open"))
    return {
        "customer_id": made["customer_id"],
        "customer_plan_id": account.plans(made["customer_id"]).filter(plan_id=made["plan_id"])["id"][0],
    }


def _charge(account: ma.Account) -> dict[str, Any]:
    return {
        **_plan_made(account),
        "charge_id": CHARGE_ID,
        "description": "Onboarding by hand",
        "invoice_start_timestamp": _plan(account)["starting_on"],
        "price": 12_500,
        "quantity": 2,
    }


def _schedule_set(account: ma.Account) -> dict[str, Any]:
    return {
        **_customer(account),
        "schedule_name": "account-manager",
        "starting_at": AHEAD,
        "ending_before": AHEAD + WEEK,
        "value": {"email": "someone@example.com", "regions": ["us"]},
    }


def _filter(account: ma.Account) -> dict[str, Any]:
    return {**open_contract(account), "group_key": "region", "group_values": ("eu-west",), "starting_at": AHEAD}


def _sent_as(plan: Plan, *names: str) -> dict[str, Any]:
    """Fields as they are sent: what carries a mark of ours, and numbers as JSON has them."""
    return _fields(plan, *names) | {name: value for name, value in plan.call(0).body.items() if name in names}


def customer_examples() -> dict[str, Example]:
    """By operation."""
    return {
        "invoices.void": Example(
            lambda account: ma.changes.VoidInvoice(**_final(account)),
            lambda sdk, plan: sdk.v1.invoices.void(id=plan.changes[0].subject_id),
        ),
        "invoices.regenerate": Example(
            lambda account: ma.changes.RegenerateInvoice(**_voided(account)),
            lambda sdk, plan: sdk.v1.invoices.regenerate(id=plan.changes[0].subject_id),
        ),
        "plans.add": Example(
            lambda account: ma.changes.AddPlan(**_plan(account), ending_before=AHEAD, net_payment_terms_days=30),
            lambda sdk, plan: sdk.v1.customers.plans.add(
                **_fields(plan, "customer_id", "plan_id", "starting_on", "ending_before", "net_payment_terms_days")
            ),
        ),
        "plans.end": Example(
            lambda account: ma.changes.EndPlan(**_plan_made(account), ending_before=AHEAD),
            lambda sdk, plan: sdk.v1.customers.plans.end(
                **_fields(
                    plan, "customer_id", "customer_plan_id", "ending_before", "void_invoices", "void_stripe_invoices"
                )
            ),
            also=lambda account: account.plans(),
        ),
        "invoices.add_charge": Example(
            lambda account: ma.changes.AddCharge(**_charge(account)),
            lambda sdk, plan: sdk.v1.customers.invoices.add_charge(
                **_sent_as(
                    plan,
                    *("customer_id", "customer_plan_id", "charge_id", "description", "invoice_start_timestamp"),
                    *("price", "quantity"),
                )
            ),
        ),
        "named_schedules.update": Example(
            lambda account: ma.changes.UpdateNamedSchedule(**_schedule_set(account)),
            lambda sdk, plan: sdk.v1.customers.named_schedules.update(
                **_fields(plan, "customer_id", "schedule_name", "starting_at", "ending_before", "value")
            ),
            also=lambda account: account.named_schedule("account-manager", customer=account.customers()["id"][0]),
        ),
        "contracts.set_usage_filter": Example(
            lambda account: ma.changes.SetUsageFilter(**_filter(account)),
            lambda sdk, plan: sdk.v1.contracts.set_usage_filter(
                **_fields(plan, "customer_id", "contract_id", "group_key", "group_values", "starting_at")
            ),
        ),
        "customers.create": Example(
            lambda _: ma.changes.CreateCustomer(
                name="Newcomer Ltd", ingest_aliases=("newcomer", "team@newcomer"), custom_fields={"tier": "startup"}
            ),
            lambda sdk, plan: sdk.v1.customers.create(**_fields(plan, "name", "ingest_aliases", "custom_fields")),
            moved=lambda _: ma.changes.CreateCustomer(name="Another Ltd", ingest_aliases=("newcomer",)),
        ),
        "customers.archive": Example(
            lambda account: ma.changes.ArchiveCustomer(**_customer(account)),
            lambda sdk, plan: sdk.v1.customers.archive(id=plan.changes[0].customer_id),
            moved=lambda account: ma.changes.CreateCredit(**_credit(account)),
        ),
        "customers.set_ingest_aliases": Example(
            lambda account: ma.changes.SetIngestAliases(**_customer(account), ingest_aliases=("acme-main", "acme-eu")),
            lambda sdk, plan: sdk.v1.customers.set_ingest_aliases(**_fields(plan, "customer_id", "ingest_aliases")),
        ),
        "customers.update_config": Example(
            lambda account: ma.changes.UpdateCustomerConfig(
                **_customer(account), salesforce_account_id="0015500000000042"
            ),
            lambda sdk, plan: sdk.v1.customers.update_config(**_fields(plan, "customer_id", "salesforce_account_id")),
        ),
        "billing_configurations.set": Example(
            lambda account: ma.changes.SetBillingConfigurations(**_billing(account)),
            lambda sdk, plan: sdk.v1.customers.set_billing_configurations(
                data=[_fields(plan, "customer_id", "billing_provider", "configuration", "delivery_method")]
            ),
            also=lambda account: account.billing_configurations(),
        ),
        "billing_configurations.archive": Example(
            lambda account: ma.changes.ArchiveBillingConfigurations(
                customer_id=account.billing_configurations()["customer_id"][0],
                customer_billing_provider_configuration_ids=(account.billing_configurations()["id"][0],),
            ),
            lambda sdk, plan: sdk.v1.customers.archive_billing_configurations(
                **_fields(plan, "customer_id", "customer_billing_provider_configuration_ids")
            ),
        ),
        "billing_config.create": Example(
            lambda account: ma.changes.CreateBillingConfig(**_legacy(account)),
            lambda sdk, plan: sdk.v1.customers.billing_config.create(**_fields(plan, *_LEGACY)),
        ),
        "billing_config.delete": Example(
            lambda account: ma.changes.DeleteBillingConfig(**_legacy_made(account)),
            lambda sdk, plan: sdk.v1.customers.billing_config.delete(**_fields(plan, *_LEGACY[:2])),
            also=lambda account: account.billing_config(account.customers()["id"][1], "stripe"),
        ),
    }
