"""Plans, deprecated at the vendor: empty or failing for customers on contracts."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.api.wire import plans as wire
from metronome_analytics.tables import columns as c

__all__ = [
    "BillingConfig",
    "CreditGrantEntries",
    "CreditGrants",
    "PlanPriceAdjustments",
    "Plans",
]


class Plans(dy.Schema):
    """One row per plan of a customer. Key: `customer_id`, `id`. `id` is the customer's plan, `plan_id` the plan."""

    customer_id = c.key()
    id = c.key()
    plan_id = c.text()
    plan_name = c.text()
    plan_description = c.text()
    starting_on = c.instant()
    ending_before = c.instant()
    net_payment_terms_days = c.number()
    trial_info = c.nested(wire.PLAN, "trial_info")
    custom_fields = c.mapping()


class PlanPriceAdjustments(dy.Schema):
    """One row per adjusted charge of a customer's plan. Key: `customer_plan_id`, `charge_id`, `start_period`."""

    customer_plan_id = c.key()
    charge_id = c.key()
    start_period = dy.Float64(primary_key=True)
    customer_id = c.text()
    charge_type = c.text()
    quantity = c.number()
    prices = c.nested(wire.PRICE_ADJUSTMENT, "prices")


class CreditGrants(dy.Schema):
    """One row per credit grant. Key: `id`. Unrelated to the credits of contracts.

    Amounts are in the unit of `credit_type_name`; what was paid has a credit type of its own.
    """

    id = c.key()
    customer_id = c.text()
    name = c.text()
    reason = c.text()
    credit_grant_type = c.text()
    priority = c.number()
    effective_at = c.instant()
    expires_at = c.instant()
    grant_amount = c.amount("grant_amount.amount")
    credit_type_id = c.text("grant_amount.credit_type.id")
    credit_type_name = c.text("grant_amount.credit_type.name")
    paid_amount = c.amount("paid_amount.amount")
    paid_credit_type_id = c.text("paid_amount.credit_type.id")
    paid_credit_type_name = c.text("paid_amount.credit_type.name")
    balance_excluding_pending = c.amount("balance.excluding_pending")
    balance_including_pending = c.amount("balance.including_pending")
    balance_effective_at = c.instant("balance.effective_at")
    deductions = c.nested(wire.CREDIT_GRANT, "deductions")
    pending_deductions = c.nested(wire.CREDIT_GRANT, "pending_deductions")
    products = c.nested(wire.CREDIT_GRANT, "products")
    invoice_id = c.text()
    uniqueness_key = c.text()
    custom_fields = c.mapping()


class CreditGrantEntries(dy.Schema):
    """One row per customer and credit type: the ledger of its grants. Key: `customer_id`, `credit_type_id`.

    `entries` are posted, `pending_entries` are not; amounts are in the unit of `credit_type_name`.
    """

    customer_id = c.key()
    credit_type_id = c.key("ledgers.credit_type.id")
    credit_type_name = c.text("ledgers.credit_type.name")
    starting_balance = c.nested(wire.CREDIT_GRANT_LEDGER, "ledgers.starting_balance")
    ending_balance = c.nested(wire.CREDIT_GRANT_LEDGER, "ledgers.ending_balance")
    entries = c.nested(wire.CREDIT_GRANT_LEDGER, "ledgers.entries")
    pending_entries = c.nested(wire.CREDIT_GRANT_LEDGER, "ledgers.pending_entries")


class BillingConfig(dy.Schema):
    """One row: a customer's billing configuration with one provider. Key: `customer_id`, `billing_provider_type`."""

    customer_id = c.key()
    billing_provider_type = c.key()
    billing_provider_customer_id = c.text()
    stripe_collection_method = c.text()
    aws_product_code = c.text()
    aws_region = c.text()
    aws_expiration_date = c.instant()
    aws_is_subscription_product = c.flag()
    aws_customer_id = c.text()
    aws_customer_account_id = c.text()
    azure_subscription_status = c.text()
    azure_plan_id = c.text()
    azure_start_date = c.instant()
    azure_expiration_date = c.instant()
