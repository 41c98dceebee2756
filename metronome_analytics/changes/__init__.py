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
from metronome_analytics.changes.contract_amendments import AmendContract
from metronome_analytics.changes.contract_archiving import ArchiveContract
from metronome_analytics.changes.contract_changes import CreateContract
from metronome_analytics.changes.contract_edits import EditContract
from metronome_analytics.changes.granting import CreateCommit, CreateCredit
from metronome_analytics.changes.historical_invoices import CreateHistoricalInvoices, UsageLine
from metronome_analytics.changes.operations import catalogue
from metronome_analytics.changes.other_changes import EndContract, ResetAlert, SetCustomerName
from metronome_analytics.changes.plan import Plan
from metronome_analytics.changes.service_invoices import ScheduleProServicesInvoice, ServiceLine
from metronome_analytics.changes.terms import (
    AccessItem,
    ContractCommit,
    ContractCredit,
    InvoiceItem,
    ProfessionalService,
    ScheduledCharge,
)

__all__ = [
    "AccessItem",
    "AmendContract",
    "ArchiveCommit",
    "ArchiveContract",
    "ArchiveCredit",
    "BalanceEntry",
    "BalancePlan",
    "ContractCommit",
    "ContractCredit",
    "CreateCommit",
    "CreateContract",
    "CreateCredit",
    "CreateHistoricalInvoices",
    "EditContract",
    "EndCommit",
    "EndContract",
    "EndCredit",
    "ExtendCommit",
    "ExtendCredit",
    "InvoiceItem",
    "Plan",
    "ProfessionalService",
    "ResetAlert",
    "ScheduleProServicesInvoice",
    "ScheduledCharge",
    "ServiceLine",
    "SetCustomerName",
    "UsageLine",
    "catalogue",
]
