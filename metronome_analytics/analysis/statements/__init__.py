"""The statements finance asks for, one module each: frames in, frames out, tied to one another."""

from metronome_analytics.analysis.statements.accrual import accrual
from metronome_analytics.analysis.statements.aging import aging
from metronome_analytics.analysis.statements.corrections_register import corrections_register
from metronome_analytics.analysis.statements.deferred_revenue import deferred_revenue
from metronome_analytics.analysis.statements.explain import explain_invoice
from metronome_analytics.analysis.statements.flux import flux
from metronome_analytics.analysis.statements.journal_entries import journal_entries
from metronome_analytics.analysis.statements.revenue import revenue
from metronome_analytics.analysis.statements.roll_forward import roll_forward

__all__ = [
    "accrual",
    "aging",
    "corrections_register",
    "deferred_revenue",
    "explain_invoice",
    "flux",
    "journal_entries",
    "revenue",
    "roll_forward",
]
