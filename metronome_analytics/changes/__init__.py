"""Guarded writes: plan, confirm, apply, prove, journal, settle. The only holder of a client that can write.

Looking is kept apart from doing: a plan reads, checks everything and changes nothing; `apply` sends one change at a
time, each written to the journal before it is sent and read back from the account after. Each operation is a row of
one table, which `catalogue()` shows; a change is an object of one of the classes here.
"""

from metronome_analytics.changes.access import (
    EndCommit,
    EndCredit,
    ExtendCommit,
    ExtendCredit,
)
from metronome_analytics.changes.archiving import ArchiveCommit, ArchiveCredit
from metronome_analytics.changes.balance_entries import BalanceEntry
from metronome_analytics.changes.balance_plan import BalancePlan
from metronome_analytics.changes.billing_configs import CreateBillingConfig, DeleteBillingConfig
from metronome_analytics.changes.billing_configurations import ArchiveBillingConfigurations, SetBillingConfigurations
from metronome_analytics.changes.charges import AddCharge
from metronome_analytics.changes.customer_settings import SetIngestAliases, UpdateCustomerConfig
from metronome_analytics.changes.customers import ArchiveCustomer, CreateCustomer
from metronome_analytics.changes.granting import CreateCommit, CreateCredit
from metronome_analytics.changes.invoice_changes import RegenerateInvoice, VoidInvoice
from metronome_analytics.changes.operations import catalogue
from metronome_analytics.changes.other_changes import EndContract, ResetAlert, SetCustomerName
from metronome_analytics.changes.plan import Plan
from metronome_analytics.changes.plan_changes import AddPlan, EndPlan
from metronome_analytics.changes.schedules_and_filters import SetUsageFilter, UpdateNamedSchedule

__all__ = [
    "AddCharge",
    "AddPlan",
    "ArchiveBillingConfigurations",
    "ArchiveCommit",
    "ArchiveCredit",
    "ArchiveCustomer",
    "BalanceEntry",
    "BalancePlan",
    "CreateBillingConfig",
    "CreateCommit",
    "CreateCredit",
    "CreateCustomer",
    "DeleteBillingConfig",
    "EndCommit",
    "EndContract",
    "EndCredit",
    "EndPlan",
    "ExtendCommit",
    "ExtendCredit",
    "Plan",
    "RegenerateInvoice",
    "ResetAlert",
    "SetBillingConfigurations",
    "SetCustomerName",
    "SetIngestAliases",
    "SetUsageFilter",
    "UpdateCustomerConfig",
    "UpdateNamedSchedule",
    "VoidInvoice",
    "catalogue",
]
