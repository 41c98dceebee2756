"""Altair charts, each of one analysis frame. Imported on first use: it is what brings altair in."""

from typing import TYPE_CHECKING

from metronome_analytics.charts.base import Chart
from metronome_analytics.charts.burn_down import burn_down
from metronome_analytics.charts.costs import costs
from metronome_analytics.charts.files import save
from metronome_analytics.charts.invoices import invoices
from metronome_analytics.charts.portfolio import portfolio
from metronome_analytics.charts.revenue import revenue
from metronome_analytics.charts.showing import offline
from metronome_analytics.charts.statements import aging, deferred_revenue, roll_forward
from metronome_analytics.charts.utilisation import breakage, utilisation
from metronome_analytics.charts.waterfall import explain_invoice, flux
from metronome_analytics.offers import outward

__all__ = [
    "Chart",
    "aging",
    "breakage",
    "burn_down",
    "costs",
    "deferred_revenue",
    "explain_invoice",
    "flux",
    "invoices",
    "offline",
    "portfolio",
    "revenue",
    "roll_forward",
    "save",
    "utilisation",
]

if not TYPE_CHECKING:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = outward(__name__)
