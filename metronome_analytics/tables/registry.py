"""Which table each endpoint fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.tables import catalogue, contracts, plans, schemas
from metronome_analytics.tables.columns import select

if TYPE_CHECKING:
    import dataframely as dy

# What a request knows and its answer does not repeat: whose rows they are.
LABELS = (
    "customer_id",
    "contract_id",
    "subscription_id",
    "rate_card_id",
    "schedule_name",
    "billable_metric_id",
    "customer_plan_id",
    "billing_provider_type",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A schema, and the nested lists of the wire rows that become rows of their own, outermost first.

    `loader` is the method of `Account` that fills it, where that is not the endpoint's own name.
    """

    schema: type[dy.Schema]
    unnest: tuple[str, ...] = ()
    loader: str | None = None

    def shape(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Wire rows as this table."""
        rows = rows.with_columns(
            pl.lit(None, dtype=pl.String).alias(name) for name in LABELS if name not in rows.columns
        )
        for path in self.unnest:
            parent, _, name = path.rpartition(".")
            column = pl.col(parent).struct.field(name) if parent else pl.col(name)
            rows = rows.with_columns(column.alias(name)).explode(name, empty_as_null=False, keep_nulls=False)
        return select(rows, self.schema)


TABLES = {
    "customers": Table(schemas.Customers),
    "customer": Table(schemas.Customers),
    "customer_billable_metrics": Table(catalogue.BillableMetrics, loader="billable_metrics"),
    "alerts": Table(catalogue.Alerts),
    "alert": Table(catalogue.Alerts),
    "billing_configurations": Table(catalogue.BillingConfigurations),
    "billing_config": Table(plans.BillingConfig),
    "customer_named_schedule": Table(contracts.NamedSchedule, loader="named_schedule"),
    "contract_named_schedule": Table(contracts.NamedSchedule, loader="named_schedule"),
    "rate_card_named_schedule": Table(contracts.NamedSchedule, loader="named_schedule"),
    "preview_events": Table(schemas.Invoices),
    "invoices": Table(schemas.Invoices),
    "invoice": Table(schemas.Invoices),
    "invoice_breakdowns": Table(schemas.InvoiceBreakdowns),
    "spend_breakdowns": Table(schemas.InvoiceBreakdowns),
    "payments": Table(catalogue.Payments),
    "costs": Table(schemas.Costs, unnest=("credit_types",)),
    "commits": Table(schemas.Balances),
    "credits": Table(schemas.Balances),
    "balances": Table(schemas.Balances),
    "net_balances": Table(schemas.NetBalances),
    "contracts": Table(contracts.Contracts),
    "contract": Table(contracts.Contracts),
    "contracts_v1": Table(contracts.ContractsV1, loader="contracts"),
    "contract_v1": Table(contracts.ContractsV1, loader="contract"),
    "contract_edits": Table(contracts.ContractEdits),
    "rate_schedule": Table(contracts.RateSchedule),
    "subscription_quantities": Table(contracts.SubscriptionQuantities, unnest=("history", "history.data")),
    "subscription_seats": Table(contracts.SubscriptionSeats),
    "seat_balances": Table(contracts.SeatBalances),
    "products": Table(catalogue.Products),
    "rate_cards": Table(catalogue.RateCards),
    "rates": Table(contracts.Rates),
    "credit_types": Table(catalogue.CreditTypes),
    "packages": Table(catalogue.Packages),
    "custom_field_keys": Table(catalogue.CustomFieldKeys),
    "billable_metrics": Table(catalogue.BillableMetrics),
    "usage": Table(catalogue.Usage),
    "usage_groups": Table(catalogue.UsageGroups),
    "plans": Table(plans.Plans),
    "plan_price_adjustments": Table(plans.PlanPriceAdjustments),
    "credit_grants": Table(plans.CreditGrants),
    "credit_grant_entries": Table(plans.CreditGrantEntries, unnest=("ledgers",)),
    "audit_logs": Table(catalogue.AuditLogs),
}
