"""Invoices, their breakdowns, lines and payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import invoices as wire
from metronome_analytics.arguments import frame_with
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.flatten import flatten
from metronome_analytics.tables.vocabulary import InvoiceStatus, InvoiceType

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

__all__ = [
    "BreakdownLineItems",
    "InvoiceBreakdowns",
    "Invoices",
    "LineItems",
    "Payments",
    "line_items",
]


class Invoices(dy.Schema):
    """One row per invoice. Key: `id`. `total` is in the unit of `credit_type_name`.

    Traps: VOID invoices, DRAFT true-ups and USAGE_CONSOLIDATED twins are in the list, so a plain sum of `total`
    counts twice. SCHEDULED invoices have no `start_timestamp` and `end_timestamp`. `issued_at` is set on drafts too
    (the expected issue). `billing_provider_*` come from `external_invoice`, which is kept whole as well.
    """

    id = c.key()
    customer_id = c.text()
    contract_id = c.text()
    type = c.text()
    status = c.text()
    credit_type_id = c.text("credit_type.id")
    credit_type_name = c.text("credit_type.name")
    subtotal = c.amount()
    total = c.amount()
    start_timestamp = c.instant()
    end_timestamp = c.instant()
    issued_at = c.instant()
    created_at = c.instant()
    billing_provider_type = c.text("external_invoice.billing_provider_type")
    billing_provider_invoice_id = c.text("external_invoice.invoice_id")
    billing_provider_invoice_external_status = c.text("external_invoice.external_status")
    billing_provider_invoice_issued_at = c.instant("external_invoice.issued_at_timestamp")
    external_invoice = c.nested(wire.INVOICE, "external_invoice")
    corrected_invoice_id = c.text("correction_record.corrected_invoice_id")
    correction_reason = c.text("correction_record.reason")
    correction_memo = c.text("correction_record.memo")
    corrected_external_invoice = c.nested(wire.INVOICE, "correction_record.corrected_external_invoice")
    regenerated_from_invoice_id = c.text()
    constituent_invoices = c.nested(wire.INVOICE, "constituent_invoices")
    payer_contract_id = c.text("payer.contract_id")
    payer_customer_id = c.text("payer.customer_id")
    billable_status = c.text()
    amendment_id = c.text()
    net_payment_terms_days = c.number()
    netsuite_sales_order_id = c.text()
    salesforce_opportunity_id = c.text()
    revenue_system_invoices = c.nested(wire.INVOICE, "revenue_system_invoices")
    reseller_royalty = c.nested(wire.INVOICE, "reseller_royalty")
    plan_id = c.text()
    plan_name = c.text()
    plan_custom_fields = c.mapping()
    invoice_adjustments = c.nested(wire.INVOICE, "invoice_adjustments")
    custom_fields = c.mapping()
    customer_custom_fields = c.mapping()
    contract_custom_fields = c.mapping()
    line_items = c.nested(wire.INVOICE, "line_items")


class InvoiceBreakdowns(Invoices):
    """One row per invoice and window. Key: `id`, `breakdown_start_timestamp`.

    The same invoice `id` comes once per window; `total` is the window's. For time use the `breakdown_*` columns: a
    line's own `starting_at` and `ending_before` may be the whole invoice period.
    """

    breakdown_start_timestamp = c.instant(primary_key=True)
    breakdown_end_timestamp = c.instant()


# The flatteners put the exploded list into a column named `item`.
_LINE = pl.Struct({"item": wire.LINE_ITEM})


class LineItems(dy.Schema):
    """One row per invoice line. Key: `invoice_id`, `line_item_index` (from 0, API order: a line has no id of its own).

    `total` and `unit_price` are in the line's own credit type, which may differ from the invoice's (a custom pricing
    unit). Traps: the lines of an invoice sum to its total only in the invoice's credit type and without applied lines
    of a POSTPAID commit. `commit_id` on a usage line is what was applied; on a fixed product's line, what is paid for.
    Tell credits from prepaid commits by `applied_commit_or_credit_type`, not by `commit_type`.
    """

    invoice_id = c.key("id")
    line_item_index = c.index()
    customer_id = c.text()
    contract_id = c.text()
    invoice_status = c.text("status")
    invoice_type = c.text("type")
    name = c.text("item.name")
    type = c.text("item.type")
    product_id = c.text("item.product_id")
    product_type = c.text("item.product_type")
    product_tags = c.nested(_LINE, "item.product_tags")
    product_custom_fields = c.mapping("item.product_custom_fields")
    quantity = c.number("item.quantity")
    unit_price = c.amount("item.unit_price")
    total = c.amount("item.total")
    credit_type_id = c.text("item.credit_type.id")
    credit_type_name = c.text("item.credit_type.name")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    commit_id = c.text("item.commit_id")
    commit_segment_id = c.text("item.commit_segment_id")
    commit_type = c.text("item.commit_type")
    applied_commit_or_credit_id = c.text("item.applied_commit_or_credit.id")
    applied_commit_or_credit_type = c.text("item.applied_commit_or_credit.type")
    applied_commit_or_credit_access_type = c.text("item.applied_commit_or_credit.access_type")
    postpaid_commit_id = c.text("item.postpaid_commit.id")
    commit_custom_fields = c.mapping("item.commit_custom_fields")
    commit_netsuite_sales_order_id = c.text("item.commit_netsuite_sales_order_id")
    commit_netsuite_item_id = c.text("item.commit_netsuite_item_id")
    netsuite_item_id = c.text("item.netsuite_item_id")
    subscription_id = c.text("item.subscription_id")
    subscription_custom_fields = c.mapping("item.subscription_custom_fields")
    is_prorated = c.flag("item.is_prorated")
    scheduled_charge_id = c.text("item.scheduled_charge_id")
    scheduled_charge_custom_fields = c.mapping("item.scheduled_charge_custom_fields")
    professional_service_id = c.text("item.professional_service_id")
    professional_service_custom_fields = c.mapping("item.professional_service_custom_fields")
    discount_id = c.text("item.discount_id")
    discount_custom_fields = c.mapping("item.discount_custom_fields")
    pricing_group_values = c.mapping("item.pricing_group_values")
    presentation_group_values = c.mapping("item.presentation_group_values")
    tier_level = c.number("item.tier.level")
    tier_starting_at = c.text("item.tier.starting_at")
    tier_size = c.text("item.tier.size")
    list_price = c.nested(_LINE, "item.list_price")
    reseller_type = c.text("item.reseller_type")
    netsuite_invoice_billing_start = c.instant("item.netsuite_invoice_billing_start")
    netsuite_invoice_billing_end = c.instant("item.netsuite_invoice_billing_end")
    metadata = c.text("item.metadata")
    custom_fields = c.mapping("item.custom_fields")
    origin_line_item_id = c.text("item.origin.line_item_id")
    origin_invoice_id = c.text("item.origin.invoice_id")
    origin_customer_id = c.text("item.origin.customer_id")
    origin_contract_id = c.text("item.origin.contract_id")
    quantity_consumed = c.number("item.quantity_consumed")
    group_key = c.text("item.group_key")
    group_value = c.text("item.group_value")
    sub_line_items = c.nested(_LINE, "item.sub_line_items")


class BreakdownLineItems(LineItems):
    """`LineItems` of breakdowns. Key: `invoice_id`, `breakdown_start_timestamp`, `line_item_index`."""

    breakdown_start_timestamp = c.instant(primary_key=True)
    breakdown_end_timestamp = c.instant()


class Payments(dy.Schema):
    """One row per payment of an invoice. Key: `id`. Amounts are in the unit of `fiat_credit_type_name`."""

    id = c.key()
    invoice_id = c.text()
    customer_id = c.text()
    contract_id = c.text()
    status = c.text()
    amount = c.amount()
    amount_paid = c.amount()
    fiat_credit_type_id = c.text("fiat_credit_type.id")
    fiat_credit_type_name = c.text("fiat_credit_type.name")
    payment_gateway = c.text()
    revenue_system_payments = c.text()
    error_message = c.text()
    created_at = c.instant()
    updated_at = c.instant()


def line_items(invoices: Frame) -> Frame:
    """One row per line of `account.invoices()` or `account.invoice_breakdowns()`.

    Returns the columns of `LineItems` (key `invoice_id`, `line_item_index`); of breakdowns those of
    `BreakdownLineItems`, whose key holds the window too. Amounts are in each line's own credit type.
    Raises ArgumentError when the frame has no `line_items`.

    >>> lines = ma.line_items(account.invoices(month="2026-10"))
    >>> lines.select("name", "quantity", "unit_price", "total").row(0)
    ('Prepaid commitment', 1.0, Decimal('1600000.0000000000'), Decimal('1600000.0000000000'))
    """
    names = frame_with(invoices, "invoices", "line_items")
    table = BreakdownLineItems if "breakdown_start_timestamp" in names else LineItems
    return flatten(invoices, table, pl.col("line_items"), index="line_item_index")


def counts_once(status: str = "status", type_: str = "type") -> pl.Expr:
    """Whether what an invoice says is said nowhere else and still stands: neither void nor a consolidated twin."""
    return ~(is_void(status) | is_twin(type_))


def is_void(status: str) -> pl.Expr:
    """Whether an invoice is void: it keeps its total and its lines, and what replaces it is another invoice."""
    return pl.col(status).eq_missing(pl.lit(InvoiceStatus.VOID))


def is_twin(type_: str) -> pl.Expr:
    """Whether an invoice repeats the lines of the invoices it is made of."""
    return pl.col(type_).eq_missing(pl.lit(InvoiceType.USAGE_CONSOLIDATED))
