"""Manual balance entries: plan, confirm, apply, journal. The only holder of a client that can write.

Looking is kept apart from doing: `plan` reads, checks everything and changes nothing; `apply` sends one entry at a
time, each written to the journal before it is sent and read back from the ledger after.
"""

from metronome_analytics.corrections.entries import BalanceEntry
from metronome_analytics.corrections.plan import BalancePlan

__all__ = ["BalanceEntry", "BalancePlan"]
