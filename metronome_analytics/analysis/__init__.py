"""Questions finance asks, as pure functions: frames in, frames out. No I/O and no clock: `as_of` is an argument."""

from metronome_analytics.analysis.balance_lint import balance_lint
from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.drain_order import drain_order
from metronome_analytics.analysis.forecast import forecast
from metronome_analytics.analysis.invoiced import invoiced
from metronome_analytics.analysis.reconcile import reconcile
from metronome_analytics.analysis.reconciliation import Reconciliation
from metronome_analytics.analysis.statements import (
    accrual,
    aging,
    corrections_register,
    deferred_revenue,
    explain_invoice,
    flux,
    journal_entries,
    revenue,
    roll_forward,
)
from metronome_analytics.analysis.utilisation import utilisation

__all__ = [
    "Reconciliation",
    "accrual",
    "aging",
    "balance_lint",
    "burn_down",
    "corrections_register",
    "deferred_revenue",
    "drain_order",
    "explain_invoice",
    "flux",
    "forecast",
    "invoiced",
    "journal_entries",
    "reconcile",
    "revenue",
    "roll_forward",
    "utilisation",
]
