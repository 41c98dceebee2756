"""The tables users hold: columns, dtypes, keys, units.

A column keeps the API's own name unless its docstring says otherwise; the names of flattened fields are those of the
vendor's Data Export. Amounts are exact and in the unit of the row's credit type: never add rows of different
`credit_type_id`.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from metronome_analytics.api.wire import billing
from metronome_analytics.tables import columns as c


class Customers(dy.Schema):
    """One row per customer. Key: `id`.

    `archived_at` is null for an active customer. `salesforce_account_id` and `billable_status` are lifted out of
    `customer_config` and `current_billable_status`; the latter may be missing for an account.
    """

    id = c.key()
    name = c.text()
    external_id = c.text()
    ingest_aliases = c.nested(billing.CUSTOMER, "ingest_aliases")
    salesforce_account_id = c.text("customer_config.salesforce_account_id")
    custom_fields = c.mapping()
    created_at = c.instant()
    updated_at = c.instant()
    archived_at = c.instant()
    billable_status = c.text("current_billable_status.value")
    billable_status_effective_at = c.instant("current_billable_status.effective_at")


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
    external_invoice = c.nested(billing.INVOICE, "external_invoice")
    corrected_invoice_id = c.text("correction_record.corrected_invoice_id")
    correction_reason = c.text("correction_record.reason")
    correction_memo = c.text("correction_record.memo")
    corrected_external_invoice = c.nested(billing.INVOICE, "correction_record.corrected_external_invoice")
    regenerated_from_invoice_id = c.text()
    constituent_invoices = c.nested(billing.INVOICE, "constituent_invoices")
    payer_contract_id = c.text("payer.contract_id")
    payer_customer_id = c.text("payer.customer_id")
    billable_status = c.text()
    amendment_id = c.text()
    net_payment_terms_days = c.number()
    netsuite_sales_order_id = c.text()
    salesforce_opportunity_id = c.text()
    revenue_system_invoices = c.nested(billing.INVOICE, "revenue_system_invoices")
    reseller_royalty = c.nested(billing.INVOICE, "reseller_royalty")
    plan_id = c.text()
    plan_name = c.text()
    plan_custom_fields = c.mapping()
    invoice_adjustments = c.nested(billing.INVOICE, "invoice_adjustments")
    custom_fields = c.mapping()
    customer_custom_fields = c.mapping()
    contract_custom_fields = c.mapping()
    line_items = c.nested(billing.INVOICE, "line_items")


class InvoiceBreakdowns(Invoices):
    """One row per invoice and window. Key: `id`, `breakdown_start_timestamp`.

    The same invoice `id` comes once per window; `total` is the window's. For time use the `breakdown_*` columns: a
    line's own `starting_at` and `ending_before` may be the whole invoice period.
    """

    breakdown_start_timestamp = c.instant(primary_key=True)
    breakdown_end_timestamp = c.instant()


# The flatteners put the exploded list into a column named `item`.
_LINE = pl.Struct({"item": billing.LINE_ITEM})


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


class Costs(dy.Schema):
    """Pending daily cost of customers on Plans. Key: `customer_id`, `start_timestamp`, `credit_type_id`.

    Trap: `/costs` is Plans-only; a customer on contracts has no rows here. Use `invoice_breakdowns` for them.
    """

    customer_id = c.key()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    credit_type_id = c.key("credit_types.key")
    credit_type_name = c.text("credit_types.value.name")
    cost = c.amount("credit_types.value.cost")
    line_item_breakdown = c.nested(billing.COST, "credit_types.value.line_item_breakdown")


class CostLines(dy.Schema):
    """One row per line of a daily cost. Key: `customer_id`, `start_timestamp`, `credit_type_id`, `line_index`.

    `line_index` counts from 0 in API order.
    """

    customer_id = c.key()
    start_timestamp = c.instant(primary_key=True)
    end_timestamp = c.instant()
    credit_type_id = c.key()
    credit_type_name = c.text()
    line_index = c.index()
    name = c.text("item.name")
    cost = c.amount("item.cost")
    group_key = c.text("item.group_key")
    group_value = c.text("item.group_value")


class DailyCosts(dy.Schema):
    """One row per customer, UTC day, credit type and product: what was used that day, and what is left to pay of it.

    Key: `customer_id`, `date`, `credit_type_id`, `product_id`, `product_name`, `source`, `pending`. `gross` is before
    commits and credits, `cost` after; `source` is breakdowns (contracts) or costs (Plans, whose product is a line's
    name); `pending` marks what a draft still may change.
    """

    customer_id = c.in_key(c.text())
    date = c.in_key(dy.Date(nullable=True))
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    product_id = c.in_key(c.text())
    product_name = c.in_key(c.text())
    cost = c.amount()
    gross = c.amount()
    source = c.in_key(c.text())
    pending = c.in_key(c.flag())


class Balances(dy.Schema):
    """One row per commit or credit. Key: `customer_id`, `id`. `type` is PREPAID, POSTPAID or CREDIT.

    `balance` is what is accessible now, in the unit of `credit_type_name`: expired and future segments count zero,
    deductions of draft invoices are already off, and it never goes below zero while the ledger may. `contract_id` is
    null for a balance at customer level. `created_at` may be missing for credits. `rolled_over_from_commit_id` and
    `recurring_commit_id` hold the credit's id for credits, as in the Data Export.
    """

    id = c.key()
    customer_id = c.key()
    type = c.text()
    name = c.text()
    description = c.text()
    priority = c.number()
    product_id = c.text("product.id")
    product_name = c.text("product.name")
    contract_id = c.text("contract.id")
    invoice_contract_id = c.text("invoice_contract.id")
    rate_type = c.text()
    credit_type_id = c.text("access_schedule.credit_type.id")
    credit_type_name = c.text("access_schedule.credit_type.name")
    access_type = c.text("access_schedule.access_type")
    amount = c.amount()
    balance = c.amount()
    cost_basis = c.number()
    rollover_fraction = c.number()
    rolled_over_from_commit_id = c.text(("rolled_over_from.commit_id", "rolled_over_from.credit_id"))
    rolled_over_from_contract_id = c.text("rolled_over_from.contract_id")
    recurring_commit_id = c.text(("recurring_commit_id", "recurring_credit_id"))
    subscription_config = c.nested(billing.BALANCE, "subscription_config")
    applicable_product_ids = c.nested(billing.BALANCE, "applicable_product_ids")
    applicable_product_tags = c.nested(billing.BALANCE, "applicable_product_tags")
    applicable_contract_ids = c.nested(billing.BALANCE, "applicable_contract_ids")
    specifiers = c.nested(billing.BALANCE, "specifiers")
    hierarchy_child_access = c.nested(billing.BALANCE, "hierarchy_configuration.child_access")
    spend_tracker_attributes = c.nested(billing.BALANCE, "spend_tracker_attributes")
    uniqueness_key = c.text()
    netsuite_sales_order_id = c.text()
    salesforce_opportunity_id = c.text()
    created_at = c.instant()
    created_by = c.text()
    archived_at = c.instant()
    custom_fields = c.mapping()
    access_schedule = c.nested(billing.BALANCE, "access_schedule")
    invoice_schedule = c.nested(billing.BALANCE, "invoice_schedule")
    ledger = c.nested(billing.BALANCE, "ledger")


class Ledger(dy.Schema):
    """One row per ledger entry. Key: `balance_id`, `entry_index` (from 0, API order: an entry has no id).

    `amount` is signed as the API signs it: grants positive, deductions negative. Traps: a draft invoice's deduction
    is dated in the future; manual entries, postpaid initial balances, true-ups and postpaid expirations carry no
    `segment_id`; `contract_id` is the contract whose invoice drew, not the balance's own.
    """

    customer_id = c.text()
    balance_id = c.key("id")
    balance_type = c.text("type")
    entry_index = c.index()
    type = c.text("item.type")
    timestamp = c.instant("item.timestamp")
    amount = c.amount("item.amount")
    segment_id = c.text("item.segment_id")
    invoice_id = c.text("item.invoice_id")
    contract_id = c.text("item.contract_id")
    new_contract_id = c.text("item.new_contract_id")
    reason = c.text("item.reason")
    credit_type_id = c.text()
    credit_type_name = c.text()


class Segments(dy.Schema):
    """One row per access schedule item. Key: `balance_id`, `segment_id`.

    Access runs from `starting_at` to `ending_before`, exclusive.
    """

    customer_id = c.text()
    balance_id = c.key("id")
    balance_type = c.text("type")
    segment_id = c.key("item.id")
    amount = c.amount("item.amount")
    starting_at = c.instant("item.starting_at")
    ending_before = c.instant("item.ending_before")
    credit_type_id = c.text()
    credit_type_name = c.text()


class NetBalances(dy.Schema):
    """One row per customer. Key: `customer_id`, `credit_type_id`. `balance` is in the unit of that credit type."""

    customer_id = c.key()
    credit_type_id = c.key()
    balance = c.amount()


class Receipts(dy.Schema):
    """One row per load: what was asked, what it cost, and whether it is complete. Key: `load_id`.

    `rows` counts what the API sent; `throttled` the 429 answers; `unknown_fields` the fields the API sent that no
    table holds (see `Account.drift`); `filters` the arguments of the call as JSON.
    """

    load_id = c.key()
    endpoint = c.text()
    customers = c.count()
    requests = c.count()
    pages = c.count()
    rows = c.count()
    bytes = c.count()
    retries = c.count()
    throttled = c.count()
    started_at = c.instant()
    seconds = c.number()
    complete = c.flag()
    unknown_fields = c.count()
    filters = c.text()


class Catalogue(dy.Schema):
    """One row per endpoint we can speak to: which loader reads it into which table. Key: `endpoint`.

    `loader` and `table` are null for a write, `table` and `key` also for what is no table (a PDF). `effect` is read or
    write, `paging` where the cursor travels, `page_limit` the largest page, `status` for whom it answers (current,
    plans only, client-gated).
    """

    endpoint = c.key()
    loader = c.text()
    effect = c.text()
    paging = c.text()
    page_limit = dy.Int64(nullable=True)
    table = c.text()
    key_ = dy.List(dy.String(), nullable=True, alias="key")
    status = c.text()


class Failures(dy.Schema):
    """One row per customer that failed in a load. Key: `customer_id`."""

    customer_id = c.text()
    endpoint = c.text()
    error = c.text()
    status = dy.Int64(nullable=True)


class Drift(dy.Schema):
    """Fields the API sends that no table declares. Key: `endpoint`, `field`."""

    endpoint = c.key()
    field = c.key()
    first_seen_at = c.instant()
