"""A stateful account that speaks the Metronome HTTP API: the embedded default and the test double.

It keeps its own books: usage is metered day by day, commits and credits are drawn in the documented order, and
invoices, ledgers, balances and breakdowns are views of the same figures, so they tie out to the last digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.offers import outward
from metronome_analytics.simulator.server.faults import Fault, Faults
from metronome_analytics.simulator.server.serving import running, serve
from metronome_analytics.simulator.server.simulator import AS_OF, Simulator
from metronome_analytics.simulator.world.clock import Clock
from metronome_analytics.simulator.world.switches import Switches

__all__ = ["AS_OF", "Clock", "Fault", "Faults", "Simulator", "Switches", "running", "serve"]

if not TYPE_CHECKING:  # to a type checker a wrong name is an error of its own
    __getattr__, __dir__ = outward(__name__)
