"""Questions finance asks, as pure functions: frames in, frames out. No I/O and no clock: `as_of` is an argument."""

from metronome_analytics.analysis.balance_lint import balance_lint
from metronome_analytics.analysis.burn_down import burn_down
from metronome_analytics.analysis.drain_order import drain_order
from metronome_analytics.analysis.forecast import forecast
from metronome_analytics.analysis.invoiced import invoiced
from metronome_analytics.analysis.reconcile import Reconciliation, reconcile
from metronome_analytics.analysis.statements import roll_forward
from metronome_analytics.analysis.utilisation import utilisation

__all__ = [
    "Reconciliation",
    "balance_lint",
    "burn_down",
    "drain_order",
    "forecast",
    "invoiced",
    "reconcile",
    "roll_forward",
    "utilisation",
]
