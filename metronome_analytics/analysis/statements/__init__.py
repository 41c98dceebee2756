"""The statements finance asks for, one module each: frames in, frames out, tied to one another."""

from metronome_analytics.analysis.statements.explain import explain_invoice
from metronome_analytics.analysis.statements.flux import flux
from metronome_analytics.analysis.statements.revenue import revenue

__all__ = ["explain_invoice", "flux", "revenue"]
